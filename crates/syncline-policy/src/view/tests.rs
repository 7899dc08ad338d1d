use proptest::prelude::*;
use syncline_model::id::EntityName;
use syncline_model::json::{Json, Leaf, Object, fields, parse};
use syncline_model::path::{Path, Pattern};

use super::*;

fn record(text: &str) -> Vec<Field> {
    fields::flatten(text.as_bytes()).unwrap()
}

fn object(text: &str) -> Object {
    match parse(text.as_bytes()).unwrap() {
        Json::Object(object) => object,
        other => panic!("not an object: {other:?}"),
    }
}

fn view(filter: &str) -> View {
    let entity = EntityName::new("tasks").unwrap();
    View::everything(entity, Filter::compile(filter).unwrap_or_else(|e| panic!("{filter}: {e}")))
}

fn bound(filter: &str) -> BoundFilter {
    let claims = object(r#"{"sub":"ann","teams":["red","blue"],"org":{"id":7}}"#);
    view(filter).bind(&claims, &Object::new()).unwrap()
}

#[test]
fn a_record_is_in_a_view_if_its_filter_says_yes() {
    let task = record(
        r#"{"owner":"ann","team":"red","state":"open","count":3,"done":false,"tags":["a","b"],
            "address":{"city":"Linz"},"full-name":"Ann B","nothing":null,"empty":{}}"#,
    );
    #[rustfmt::skip]
    let cases = [
        ("record.owner == claims.sub",                             true),
        ("claims.sub == record.owner",                             true),
        ("record.owner != claims.sub",                             false),
        ("record.team in claims.teams",                            true),
        ("record.team in ['green']",                               false),
        ("'a' in record.tags",                                     true),
        ("claims.sub in record.tags",                              false),
        ("record.count > 2 && record.count <= 3",                  true),
        ("record.count == 3.0",                                    true),
        ("record.count >= -1",                                     true),
        ("record.count == '3'",                                    false),
        ("record.address.city == 'Linz'",                          true),
        ("record['full-name'].startsWith('Ann')",                  true),
        ("record['full-name'].endsWith('B') && record.owner.contains('n')", true),
        ("has(record.address) && has(record.empty)",               true),
        ("has(record.addr)",                                       false),
        ("record.nothing == null",                                 true),
        ("!record.done",                                           true),
        ("record.done",                                            false),
        ("size(record.tags) == 2 && record.owner.size() == 3",     true),
        ("claims.org.id == 7",                                     true),
        ("true",                                                   true),
        // What has no answer is no, unless the other side decides.
        ("record.missing == 'x'",                                  false),
        ("!(record.missing == 'x')",                               false),
        ("record.missing != 'x'",                                  false),
        ("record.missing == 'x' || record.owner == 'ann'",         true),
        ("record.owner == 'ann' || record.missing == 'x'",         true),
        ("!(record.missing == 'x' && record.owner == 'bob')",      true),
        ("record.count < 'x'",                                     false),
        ("record.address == 'Linz'",                               false),
        ("record.owner",                                           false),
        ("!has(record.addr)",                                      true),
        ("!has(record.addr) || record.addr in ['a']",              true),
        ("record.team in ['red', 'blue'] && (!has(record.addr) || record.addr in ['a'])", true),
    ];
    for (filter, expected) in cases {
        assert_eq!(bound(filter).matches(&task), expected, "case: {filter}");
    }
}

#[test]
fn what_a_filter_cannot_ask_is_refused_with_a_reason() {
    let long = format!("record.a == '{}'", "x".repeat(5_000));
    let wide = format!("record.a == 1{}", " || record.a == 1".repeat(200));
    #[rustfmt::skip]
    let cases: &[(&str, &str)] = &[
        ("",                                     "is no expression"),
        ("record.a ==",                          "is no expression"),
        ("owner == 'x'",                         "the name `owner`"),
        ("record.a + 1 == 2",                    "arithmetic"),
        ("record.tags.exists(t, t == 'a')",      "a loop"),
        ("record.a.matches('x*')",               "calls `matches`"),
        ("record.a == now()",                    "calls `now`"),
        ("record.tags[0] == 'a'",                "a place in a list"),
        ("params.team.id == 1",                  "a member of a parameter"),
        ("has(claims.sub)",                      "`has`"),
        ("record.a == {'b': 1}",                 "a map"),
        (&long,                                  "bytes"),
        (&wide,                                  "parts"),
    ];
    for (filter, said) in cases {
        let error = Filter::compile(filter).expect_err(filter).to_string();
        assert!(error.contains(said), "case: {filter}: {error}");
    }
}

#[test]
fn a_view_is_bound_with_declared_parameters_and_present_claims_only() {
    let mut view = view("record.team == params.team && record.owner == claims.sub");
    view.params.insert("team".into(), Parameter::Text);
    let claims = object(r#"{"sub":"ann"}"#);
    let bind = |claims: &Object, params: &str| view.bind(claims, &object(params));
    let filter = bind(&claims, r#"{"team":"red"}"#).unwrap();
    assert!(filter.matches(&record(r#"{"team":"red","owner":"ann"}"#)));
    assert!(!filter.matches(&record(r#"{"team":"blue","owner":"ann"}"#)));
    let code = |params| bind(&claims, params).unwrap_err().code();
    assert_eq!(code("{}"), "VIEW_PARAMETER_INVALID");
    assert_eq!(code(r#"{"team":7}"#), "VIEW_PARAMETER_INVALID");
    assert_eq!(code(r#"{"team":"red","sub":"bob"}"#), "VIEW_PARAMETER_INVALID");
    let nobody = bind(&Object::new(), r#"{"team":"red"}"#).unwrap_err();
    assert_eq!(nobody.code(), "VIEW_CLAIM_MISSING");
}

#[test]
fn a_change_moves_a_record_in_out_or_within() {
    let filter = bound("record.owner == claims.sub");
    let (mine, others) = (record(r#"{"owner":"ann"}"#), record(r#"{"owner":"bob"}"#));
    let cases = [
        (None, Some(&mine[..]), Movement::In),
        (Some(&others[..]), Some(&mine[..]), Movement::In),
        (Some(&mine[..]), Some(&mine[..]), Movement::Within),
        (Some(&mine[..]), Some(&others[..]), Movement::Out),
        (Some(&mine[..]), None, Movement::Out),
        (Some(&others[..]), None, Movement::Outside),
    ];
    for (before, after, expected) in cases {
        assert_eq!(filter.movement(before, after), expected, "{before:?} to {after:?}");
    }
}

#[test]
fn a_view_shows_its_fields_with_what_is_inside_them() {
    let mut view = view("true");
    view.fields =
        Some(vec![Pattern::parse("/name").unwrap(), Pattern::parse("/lines/*/n").unwrap()]);
    let all = record(r#"{"name":{"first":"A"},"salary":5,"lines":{"x":{"n":1,"p":2}}}"#);
    let shown: Vec<String> =
        view.part_of(&all).iter().map(|(path, _)| path.as_str().to_owned()).collect();
    assert_eq!(shown, ["/lines/x/n", "/name/first"]);
}

#[test]
fn ten_thousand_views_that_do_not_match_are_not_asked() {
    let entity = EntityName::new("tasks").unwrap();
    let mut index = Index::default();
    let owned = |n: u32| {
        let claims = object(&format!(r#"{{"sub":"user-{n}"}}"#));
        view("record.owner == claims.sub").bind(&claims, &Object::new()).unwrap()
    };
    for n in 0..10_000 {
        index.insert(n, &entity, &owned(n));
    }
    let of = |n: u32| record(&format!(r#"{{"owner":"user-{n}"}}"#));
    let found = index.concerned(&entity, Some(&of(3)[..]), Some(&of(8_000)[..]));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [3, 8_000]);
    for n in 0..10_000 {
        index.remove(&n, &entity, &owned(n));
    }
    assert!(index.concerned(&entity, Some(&of(3)[..]), None).is_empty());
    assert!(index.is_empty(), "nothing of a removed filter stays");
}

fn rule(read: Option<&str>, fields: &[&str]) -> AccessRule {
    AccessRule {
        roles: vec!["client".into()],
        entities: None,
        read: read.map(|read| Filter::compile(read).unwrap()),
        read_fields: (!fields.is_empty())
            .then(|| fields.iter().map(|field| Pattern::parse(field).unwrap()).collect()),
        write: None,
        write_fields: None,
        create: false,
        delete: false,
    }
}

fn access(rules: Vec<AccessRule>) -> Access {
    let mut open = view("record.state == params.state");
    open.params.insert("state".into(), Parameter::Text);
    let mut titles = view("true");
    titles.fields = Some(vec![Pattern::parse("/title").unwrap()]);
    let views = [("of-a-state", open), ("titles", titles)];
    Access { views: views.map(|(name, view)| (name.into(), view)).into(), rules }
}

fn paths(fields: &[Field]) -> Vec<&str> {
    fields.iter().map(|(path, _)| path.as_str()).collect()
}

#[test]
fn a_reader_is_told_what_its_permit_shows_of_what_it_follows() {
    let own = rule(Some("record.owner == claims.sub"), &[]);
    let all = rule(Some("true"), &["/title", "/state"]);
    let access = access(vec![own, all]);
    let claims = object(r#"{"sub":"ann"}"#);
    let permit = std::sync::Arc::new(access.permit("client", &claims));
    let tasks = EntityName::new("tasks").unwrap();
    let mine = record(r#"{"owner":"ann","title":"a","state":"open"}"#);
    let other = record(r#"{"owner":"bob","title":"b","state":"late"}"#);
    let look = |sight: &Sight, fields: &[Field]| {
        sight.look(&tasks, fields).map(|lens| {
            let shown = lens.shown(fields);
            paths(&shown).join(" ")
        })
    };
    let whole = Sight::of_entities(permit.clone(), &[]);
    assert_eq!(look(&whole, &mine).as_deref(), Some("/owner /state /title"));
    assert_eq!(look(&whole, &other).as_deref(), Some("/state /title"));
    let notes = Sight::of_entities(permit.clone(), &[EntityName::new("notes").unwrap()]);
    assert_eq!(look(&notes, &mine), None);
    let open = access.view("of-a-state", &claims, &object(r#"{"state":"open"}"#)).unwrap();
    let open = Sight::of_view(permit.clone(), open);
    assert_eq!(look(&open, &mine).as_deref(), Some("/owner /state /title"));
    assert_eq!(look(&open, &other), None);
    let titles = access.view("titles", &claims, &Object::new()).unwrap();
    let sight = Sight::of_view(permit.clone(), titles.clone());
    assert_eq!(look(&sight, &mine).as_deref(), Some("/title"));
    let client = |views, entities| Sight::of_client(permit.clone(), views, entities);
    let results = client(vec![titles.clone()], None).unwrap();
    assert_eq!(look(&results, &mine).as_deref(), Some("/title"));
    let of_notes = results.look(&EntityName::new("notes").unwrap(), &mine).unwrap();
    assert!(of_notes.is_all(), "of a type without a view it is told what the permit shows");
    assert_eq!(client(vec![titles.clone()], Some(&[])).unwrap_err().code(), "VIEWS_DIFFER");
    let open = access.view("of-a-state", &claims, &object(r#"{"state":"open"}"#)).unwrap();
    assert_eq!(client(vec![titles, open], None).unwrap_err().code(), "VIEWS_DIFFER");
    assert_eq!(access.view("none", &claims, &claims).unwrap_err().code(), "VIEW_UNKNOWN");
    let nobody = Sight::of_entities(std::sync::Arc::new(access.permit("admin", &claims)), &[]);
    assert!(!nobody.names(&tasks) && look(&nobody, &mine).is_none());
}

#[test]
fn a_rule_that_allows_all_keeps_nothing_from_anybody() {
    let all = AccessRule {
        write: Some(Filter::everything()),
        create: true,
        delete: true,
        ..rule(Some("true"), &[])
    };
    let permit = |rule: AccessRule| Permit::bind(&[rule], "client", &Object::new());
    assert!(permit(all.clone()).allows_everything());
    assert!(!permit(AccessRule { delete: false, ..all.clone() }).allows_everything());
    let some = Some(vec![Pattern::parse("/a").unwrap()]);
    assert!(!permit(AccessRule { read_fields: some, ..all.clone() }).allows_everything());
    let most = Some(Filter::compile("has(record.a)").unwrap());
    assert!(!permit(AccessRule { read: most, ..all }).allows_everything());
    assert!(Access::default().permit("client", &Object::new()).allows_everything());
}

fn a_value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("1".to_owned()),
        Just("1.0".to_owned()),
        Just("2".to_owned()),
        Just("true".to_owned()),
        Just("'a'".to_owned()),
        Just("'b'".to_owned()),
        Just("null".to_owned()),
    ]
}

fn a_filter() -> impl Strategy<Value = String> {
    let field = prop_oneof![Just("record.x"), Just("record.y"), Just("record.l")];
    let leaf = (field, "(==|!=|<|in|has|truth|has-element)", a_value(), a_value());
    let leaf = leaf.prop_map(|(field, kind, a, b)| match kind.as_str() {
        "in" => format!("{field} in [{a}, {b}]"),
        "has" => format!("has({field})"),
        "truth" => field.to_owned(),
        "has-element" => format!("{a} in {field}"),
        sign => format!("{field} {sign} {a}"),
    });
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

fn a_record() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("1"),
        Just("2"),
        Just("true"),
        Just("\"a\""),
        Just("null"),
        Just("[1,\"a\"]"),
        Just("{}"),
    ];
    let field = prop::option::of(value);
    (field.clone(), field.clone(), field).prop_map(|(x, y, l)| {
        let members = [("x", x), ("y", y), ("l", l)];
        let members = members.iter().filter_map(|(k, v)| v.map(|v| format!("\"{k}\":{v}")));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The index leaves out no filter that a change concerns.
    #[test]
    fn the_index_finds_every_filter_that_a_record_passes(
        filters in prop::collection::vec(a_filter(), 1..8),
        before in prop::option::of(a_record()),
        after in prop::option::of(a_record()),
    ) {
        let entity = EntityName::new("tasks").unwrap();
        let (before, after) = (before.map(|r| record(&r)), after.map(|r| record(&r)));
        let mut index = Index::default();
        let bound: Vec<BoundFilter> = filters.iter().map(|text| bound(text)).collect();
        for (id, filter) in bound.iter().enumerate() {
            index.insert(id, &entity, filter);
        }
        let found = index.concerned(&entity, before.as_deref(), after.as_deref());
        for (id, filter) in bound.iter().enumerate() {
            let movement = filter.movement(before.as_deref(), after.as_deref());
            prop_assert!(movement == Movement::Outside || found.contains(&id), "{}", filters[id]);
        }
    }

    /// The index of sights leaves out none that shows a record before or after a change.
    #[test]
    fn the_index_finds_every_sight_that_shows_a_record(
        rules in prop::collection::vec((a_filter(), any::<bool>()), 0..3),
        filters in prop::collection::vec(a_filter(), 1..4),
        before in prop::option::of(a_record()),
        after in prop::option::of(a_record()),
    ) {
        let tasks = EntityName::new("tasks").unwrap();
        let rules = rules.iter().map(|(filter, is_named)| AccessRule {
            entities: is_named.then(|| vec![tasks.clone()]),
            ..rule(Some(filter), &[])
        });
        let access = Access { rules: rules.collect(), ..Access::default() };
        let permit = std::sync::Arc::new(access.permit("client", &Object::new()));
        let mut sights = vec![
            Sight::of_entities(permit.clone(), &[]),
            Sight::of_entities(permit.clone(), std::slice::from_ref(&tasks)),
            Sight::of_entities(permit.clone(), &[EntityName::new("notes").unwrap()]),
        ];
        for filter in &filters {
            let mut access = access.clone();
            access.views.insert("v".into(), view(filter));
            let view = access.view("v", &Object::new(), &Object::new()).unwrap();
            sights.push(Sight::of_view(permit.clone(), view));
        }
        let mut index = SightIndex::default();
        (0..).zip(&sights).for_each(|(id, sight)| index.insert(&id, sight));
        let (before, after) = (before.map(|r| record(&r)), after.map(|r| record(&r)));
        let found = index.concerned(&tasks, before.as_deref(), after.as_deref());
        for (id, sight) in (0..).zip(&sights) {
            let mut images = before.iter().chain(&after);
            let is_shown = images.any(|fields| sight.look(&tasks, fields).is_some());
            prop_assert!(!is_shown || found.contains(&id), "{}", sight.describe());
        }
        (0..).zip(&sights).for_each(|(id, sight)| index.remove(&id, sight));
        prop_assert!(index.is_empty());
    }

    /// No text makes it panic, and what it takes says the same twice.
    #[test]
    fn any_text_is_a_filter_or_refused(
        text in "(record|claims|params|\\.x|\\.sub|\\['a b'\\]| == | in |!|\\(|\\)| && |'a'|1|-|\\[|\\]|,|has|size|é){0,14}",
    ) {
        if let Ok(filter) = Filter::compile(&text) {
            let again = Filter::compile(filter.as_str()).unwrap();
            prop_assert_eq!(again.tree, filter.tree);
        }
    }
}

#[test]
fn numbers_are_compared_exactly() {
    let fields = vec![(Path::parse("/n").unwrap(), Leaf::parse("9007199254740993").unwrap())];
    assert!(bound("record.n > 9007199254740992").matches(&fields));
    assert!(!bound("record.n == 9007199254740992").matches(&fields));
}
