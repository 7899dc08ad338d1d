//! What is refused, at which member and line.

use super::*;

/// One row per refusal: the text, the line and column, the member, and a part of what is said.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("domians = {}",                                         "1:1",  "", "unknown field `domians`"),
    ("[limits]\nmax_deletes = 1",                            "2:1",  "", "unknown field `max_deletes`"),
    ("state = \"a",                                          "1:",   "", ""),
    ("a = 1\na = 2",                                         "2:1",  "", "duplicate"),
    ("state = 7",                                            "1:9",  "", "expected"),
    ("[domains.\"../x\"]\npath = \"a\"",                     "1:10", "domains.\"../x\"", "name of a domain"),
    ("[domains.a]\nkind = \"postgres\"\npath = \"a\"",       "2:1",  "domains.a.kind", "unknown kind"),
    ("[domains.a]\npath = \"\"",                             "2:1",  "domains.a.path", "empty"),
    ("[domains.a]",                                          "1:1",  "", "missing field `path`"),
    ("[entities.a]\nfile = \"../b.json\"",                   "2:1",  "entities.a.file", "plain file name"),
    ("[entities.a]\nfile = \"x\"\n[entities.b]\nfile = \"x\"", "4:1", "entities.b.file", "shares its file"),
    ("[entities.a]\nid = \"id\"",                            "2:1",  "entities.a.id", "begins with"),
    ("[entities.a]\nid = \"\"",                              "2:1",  "entities.a.id", "root"),
    ("[entities.a]\ndeletion = \"never\"",                   "2:1",  "entities.a.deletion", "unknown deletion"),
    ("[entities.a.fields]\n\"/x\" = \"newest\"",             "2:1",  "entities.a.fields.\"/x\"", "unknown shape or rule"),
    ("[entities.a.fields]\n\"/x\" = \"custom\"",             "2:1",  "entities.a.fields.\"/x\"", "needs an expression"),
    ("[entities.a.fields]\n\"/x\" = { rule = \"custom\", expression = \"values[\" }", "2:27", "entities.a.fields.\"/x\".expression", "no expression at line 1"),
    ("[entities.a.fields]\n\"/x\" = { rule = \"custom\", expression = \"now()\" }", "2:27", "entities.a.fields.\"/x\".expression", "calls `now`"),
    ("[entities.a.fields]\n\"/x\" = { rule = \"max\", expression = \"values[0]\" }", "2:24", "entities.a.fields.\"/x\".expression", "does not belong"),
    ("[entities.a.fields]\n\"/x\" = \"keyed\"",              "2:1",  "entities.a.fields.\"/x\"", "needs a key"),
    ("[entities.a.fields]\n\"/x\" = \"priority\"",           "2:1",  "entities.a.fields.\"/x\"", "needs a list"),
    ("[entities.a.fields]\n\"/x\" = {}",                     "2:1",  "entities.a.fields.\"/x\"", "neither"),
    ("[entities.a.fields]\n\"/x\" = { shape = \"sum\", rule = \"max\" }", "2:1", "entities.a.fields.\"/x\"", "no such rule"),
    ("[entities.a.fields]\n\"/x\" = { rule = \"max\", keep = 1 }", "2:24", "entities.a.fields.\"/x\".keep", "does not belong"),
    ("[entities.a.fields]\n\"/x\" = { shape = \"append\", keep = 0 }", "2:28", "entities.a.fields.\"/x\".keep", "between"),
    ("[entities.a.fields]\n\"/x\" = { priority = [\"a\", \"a\"] }", "2:27", "entities.a.fields.\"/x\".priority[1]", "twice"),
    ("[entities.a.fields]\n\"/x\" = { rule = \"max\", approval = [] }", "2:24", "entities.a.fields.\"/x\".approval", "names nobody"),
    ("[entities.a.fields]\n\"/x\" = { rule = \"max\", approval = [\"b\", \"b\"] }", "2:41", "entities.a.fields.\"/x\".approval[1]", "twice"),
    ("[entities.a.fields]\n\"/x\" = { rule = \"review\", approval = [\"b\"] }", "2:27", "entities.a.fields.\"/x\".approval", "does not belong"),
    ("[entities.a.fields]\n\"/x\" = { rule = \"concat\", approval = [\"b\"] }", "2:27", "entities.a.fields.\"/x\".approval", "does not belong"),
    ("[entities.a.fields]\n\"/x\" = { shape = \"sum\", approval = [\"b\"] }", "2:25", "entities.a.fields.\"/x\".approval", "does not belong"),
    ("[entities.a.fields]\n\"/x\" = { approval = [\"b\"] }", "2:1", "entities.a.fields.\"/x\"", "neither"),
    ("[roles]\n\"a b\" = [\"c\"]",                            "2:1",  "roles.\"a b\"", "name of a role"),
    ("[roles]\na = []",                                         "2:1",  "roles.a", "names nobody"),
    ("[roles]\na = [\"\"]",                                     "2:6",  "roles.a[0]", "empty"),
    ("[[issuers]]\nname = \"i\"\naudience = \"a\"\nkeys = \"http://k\"", "4:1", "issuers[0].keys", "is fetched without encryption"),
    ("[[issuers]]\nname = \"i\"\naudience = \"a\"\nkeys = \"ftp://k\"", "4:1", "issuers[0].keys", "is no such address"),
    ("[[issuers]]\nname = \"i\"\naudience = \"\"\nkeys = \"k\"", "3:1", "issuers[0].audience", "is empty"),
    ("[[issuers]]\nname = \"i\"\naudience = \"a\"\nkeys = \"k\"\nroles = [\"root\"]", "5:10", "issuers[0].roles[0]", "unknown role"),
    ("[views.\"a b\"]\nentity = \"tasks\"",                "1:8",  "views.\"a b\"", "name of a view"),
    ("[entities.a]\n[views.v]\nentity = \"b\"",            "3:1", "views.v.entity", "no entity is called `b`"),
    ("[views.v]\nentity = \"a\"\nfilter = \"owner\"",    "3:1", "views.v.filter", "the name `owner`"),
    ("[views.v]\nentity = \"a\"\nfilter = \"record.x == params.y\"", "3:1", "views.v.filter", "the parameter `y`"),
    ("[[access]]\nroles = [\"client\"]",                    "1:1",  "access[0]", "allows nothing"),
    ("[[access]]\nroles = [\"client\"]\nread = \"record.a == params.b\"", "3:1", "access[0].read", "asks for a parameter"),
    ("[[access]]\nroles = [\"client\"]\nread = \"true\"\ncreate = true", "4:1", "access[0].create", "without `write`"),
    ("[entities.a.fields]\n\"/**/x\" = \"max\"",             "2:1",  "entities.a.fields.\"/**/x\"", "only at the end"),
    ("[links.l]\nsource = \"personal\"\ntarget = \"home\"",  "3:1",  "links.l.target", "no domain is called `home`"),
    ("[links.l]\nsource = \"personal\"\ntarget = \"personal\"", "3:1", "links.l.target", "source as well"),
    ("[links.l]\nsource = \"personal\"\ntarget = \"business\"\nentities = [\"x\"]", "4:13", "links.l.entities[0]", "no entity"),
    ("[links.l]\nsource = \"personal\"\ntarget = \"business\"\nentities = []", "4:1", "links.l.entities", "empty"),
    ("[links.l]\nsource = \"personal\"\ntarget = \"business\"\ndirection = \"up\"", "4:1", "links.l.direction", "unknown direction"),
    ("[links.l]\nsource = \"personal\"\ntarget = \"business\"\non_conflict = \"x\"", "4:1", "links.l.on_conflict", "unknown preference"),
    ("[links.l]\nsource = \"personal\"\ntarget = \"business\"\nfilter = [{ path = \"/x\" }]", "4:11", "links.l.filter[0]", "not a condition"),
    ("[domains.a]\npath = \"a\"\npolicy.default = \"ask\"",  "3:8",  "domains.a.policy.default", "unknown default"),
    ("[domains.a]\npath = \"a\"\npolicy.mask = \"\"",        "3:8",  "domains.a.policy.mask", "mask"),
    ("[domains.a]\npath = \"a\"\npolicy.fields = [{ path = \"/x\", action = \"hide\" }]", "3:33", "domains.a.policy.fields[0].action", "unknown action"),
    ("[domains.a]\npath = \"a\"\npolicy.fields = [{ entity = \"x\", path = \"/x\", action = \"deny\" }]", "3:20", "domains.a.policy.fields[0].entity", "no entity"),
    ("[domains.a]\npath = \"a\"\npolicy.records = [{ path = \"/id\", equals = \"x\" }]", "3:21", "domains.a.policy.records[0].path", "names the id"),
    ("[domains.a]\npath = \"a\"\npolicy.records = [{ path = \"/tags/*\", equals = \"x\" }]", "3:21", "domains.a.policy.records[0].path", "has a `*`"),
    ("[domains.a]\npath = \"a\"\npolicy.records = [{ path = \"/tel\", equals = \"x\" }]\nrename.contacts = { \"/phone\" = \"/tel\" }", "3:21", "domains.a.policy.records[0].path", "it is /phone"),
    ("[domains.a]\npath = \"a\"\npolicy.fields = [{ path = \"/tel/x\", action = \"deny\" }]\nrename.contacts = { \"/phone\" = \"/tel\" }", "3:20", "domains.a.policy.fields[0].path", "it is /phone"),
    ("[links.l]\nsource = \"personal\"\ntarget = \"business\"\nfilter = [{ path = \"/id\", equals = \"x\" }]", "4:13", "links.l.filter[0].path", "names the id"),
    ("[domains.a]\npath = \"a\"\nrename.contacts = { \"/id\" = \"/key\" }", "3:21", "domains.a.rename.contacts.\"/id\"", "names the id"),
    ("[domains.a]\npath = \"a\"\nrename.contacts = { \"/key\" = \"/id\" }", "3:21", "domains.a.rename.contacts.\"/key\"", "names the id"),
    ("[domains.a]\npath = \"a\"\nrename.contacts = { \"/x\" = \"/z\", \"/x/y\" = \"/w\" }", "3:34", "domains.a.rename.contacts.\"/x/y\"", "lies in a field"),
    ("[domains.a]\npath = \"a\"\nrename.contacts = { \"/x\" = \"/z\", \"/y\" = \"/z\" }", "3:34", "domains.a.rename.contacts.\"/y\"", "taken"),
    ("[[permissions]]\nuser = \"\"\nallow = []",             "2:1",  "permissions[0].user", "empty"),
    ("[[permissions]]\nuser = \"a\"\nallow = [\"own\"]",     "3:10", "permissions[0].allow[0]", "unknown permission"),
    ("[[permissions]]\nuser = \"a\"\ndomain = \"x\"\nallow = []", "3:1", "permissions[0].domain", "no domain"),
    ("[limits]\nbytes_per_run = \"many\"",                   "2:1",  "limits.bytes_per_run", "not a limit"),
    ("[limits]\nrun_time = \"0s\"",                          "2:1",  "limits.run_time", "not a limit"),
    ("[limits]\nmax_delete = \"120%\"",                      "2:1",  "limits.max_delete", "100%"),
    ("[limits]\nmax_delete = -1",                            "2:14", "", "negative"),
    ("[notify]\nurl = \"ftp://x\"",                          "2:1",  "notify.url", "address"),
    ("[notify]\nlink = \"https://x/conflicts\"",              "2:1",  "notify.link", "not an address of a conflict"),
    ("[notify]\nlink = \"file:{id}\"",                        "2:1",  "notify.link", "not an address of a conflict"),
    ("[notify]\ncommand = [\"\"]",                           "2:12", "notify.command[0]", "empty"),
    ("[metrics]\nprefix = \"rdap-sync\"",                     "2:1",  "metrics.prefix", "no beginning of a name"),
    ("[alerts.rules.lag]\nthreshold = -1.0",                   "2:1",  "alerts.rules.lag.threshold", "no threshold"),
    ("[alerts.rules.error_rate]\nthreshold = 10",             "2:1",  "alerts.rules.error_rate.threshold", "no threshold"),
    ("[alerts.rules.lag]\nfor = \"long\"",                     "2:1",  "alerts.rules.lag.for", "no time"),
    ("[alerts.rules.weather]\noff = true",                    "1:",   "alerts.rules.weather", "unknown alert"),
    ("[[alerts.to]]\nkind = \"pigeon\"",                      "2:1",  "alerts.to[0].kind", "unknown kind"),
    ("[[alerts.to]]\nkind = \"webhook\"\nurl = \"https://x\"", "1:",   "alerts.to[0]", "no `secret`"),
    ("[[alerts.to]]\nkind = \"slack\"\nname = \"a\"\nurl = \"https://x\"\n[[alerts.to]]\nkind = \"slack\"\nname = \"a\"\nurl = \"https://x\"", "5:1", "alerts.to[1]", "name of another"),
    ("[[alerts.to]]\nkind = \"slack\"",                       "1:",   "alerts.to[0]", "no `url`"),
    ("[alerts]\nreport_hour = 24",                             "2:1",  "alerts.report_hour", "no hour"),
    ("[[alerts.to]]\nkind = \"slack\"\nurl = \"https://x\"\nreports = [\"daily\"]", "4:1", "alerts.to[0].reports", "not for this kind"),
    ("[[alerts.to]]\nkind = \"email\"\nurl = \"smtps://x\"\nfrom = \"a@b\"\nto = [\"c@d\"]\nreports = [\"hourly\"]", "6:1", "alerts.to[0].reports", "unknown report"),
    ("[[alerts.to]]\nkind = \"email\"\nurl = \"https://x\"",   "3:1",  "alerts.to[0].url", "no mail server"),
    ("[[alerts.to]]\nkind = \"email\"\nurl = \"smtps://x\"\nfrom = \"a@b\"", "1:", "alerts.to[0]", "no `to`"),
    ("[metrics]\nregion = \"a\\nb\"",                         "2:1",  "metrics.region", "no name of a region"),
];

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    for (text, place, member, said) in REFUSED {
        let error = Config::parse(text, Path::new(".")).map(drop).expect_err(text);
        assert_eq!(error.code(), "CONFIG_INVALID", "case: {text}");
        assert!(!error.why().is_empty() && !error.next().is_empty(), "case: {text}");
        let ConfigError::Invalid(invalid) = error else { panic!("case: {text}") };
        assert!(invalid.what.contains(*said), "case: {text}: {}", invalid.what);
        assert_eq!(invalid.at, *member, "case: {text}");
        let position = invalid.position.map(|at| format!("{}:{}", at.line, at.column));
        let position = position.unwrap_or_default();
        let exact = !place.ends_with(':');
        assert!(
            position == *place || !exact && position.starts_with(*place),
            "case: {text}: {position}"
        );
    }
}

#[test]
fn an_error_never_quotes_a_value() {
    let texts = [
        "permissions = \"canary-7c1\"",
        "[notify]\ncommand = \"canary-7c1\"\n",
        "limits = \"canary-7c1\"",
    ];
    for text in texts {
        let error = Config::parse(text, Path::new(".")).map(drop).expect_err(text);
        let shown = format!("{error} {} {}", error.why(), error.next());
        assert!(!shown.contains("canary"), "case: {text}: {shown}");
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let comment = "# x\n".repeat(limits::FILE_BYTES_MAX as usize / 4 + 1);
    std::fs::write(dir.path().join(FILE), comment).unwrap();
    let error = Config::load(dir.path(), None).unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    /// Whatever is written, it is understood or refused.
    #[test]
    fn no_text_makes_the_reader_panic(
        text in "(\\[{1,2}(domains|entities|links|limits|permissions)(\\.[a-z\"./]{0,4})?\\]{1,2}\n|[a-z\"/*]{1,6} = ([0-9]{1,3}|\"[a-z/%*]{0,5}\"|\\[\\]|\\{\\})\n){0,6}",
    ) {
        let _ = Config::parse(&text, Path::new("."));
    }
}
