//! Three domains, two links, one hub in the middle: what a domain withholds by now goes over none of the
//! links, and its rules are nobody else's affair.

use syncline_engine::conflicts::Status;
use syncline_engine::link::LinkedDomain;
use syncline_hub::{Silent, SyncRequest};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::DomainName;
use syncline_model::path::Pattern;
use syncline_policy::{Action, DomainPolicy};

use crate::desk::{Desk, entity};
use crate::hunt_kit::{keep_back, no_guard, policy};

const CANARY: &str = "990017";

/// A field of each shape that holds the canary.
const FIELDS: [(&str, &str); 6] = [
    ("/name", r#""990017""#),
    ("/tags", r#"["990017"]"#),
    ("/log", r#"["990017"]"#),
    ("/text", r#""990017 and more""#),
    ("/k", r#"[{"t":"m","v":"990017"}]"#),
    ("/sum", "990017"),
];

/// Domains in a star: home is linked with each of the two others.
const DOMAINS: [&str; 3] = ["personal", "business", "third"];

/// Three domains, of which the first is linked with each of the others.
pub(crate) struct Star {
    pub(crate) desk: Desk,
    policies: [DomainPolicy; 3],
    /// Whether a link knows of the domain that it does not join.
    asks_all: bool,
}

impl Star {
    pub(crate) fn new() -> Self {
        let mut desk = Desk::new();
        desk.request.guard = no_guard();
        desk.request.entities = vec![entity("contacts", shaped())];
        std::fs::create_dir(desk.path("third")).unwrap();
        let star = Self { desk, policies: std::array::from_fn(|_| policy(&[])), asks_all: true };
        DOMAINS.iter().for_each(|domain| star.hold(domain, &[]));
        star
    }

    /// Returns the request of the link between home and another domain.
    fn link(&self, to: usize) -> SyncRequest {
        let domain = |at: usize| LinkedDomain {
            policy: self.policies[at].clone(),
            ..LinkedDomain::open(DomainName::new(DOMAINS[at]).unwrap())
        };
        let mut request = self.desk.request.clone();
        request.source.domain = domain(0);
        request.target.domain = domain(to);
        request.target.folder = self.desk.path(DOMAINS[to]);
        request.others = self.asks_all.then(|| domain(3 - to)).into_iter().collect();
        request
    }

    pub(crate) fn set(&mut self, at: usize, rule: Option<(&str, Action)>) {
        self.policies[at] = policy(rule.as_slice());
    }

    /// Writes the contacts of a domain beside one that everybody keeps.
    pub(crate) fn hold(&self, domain: &str, items: &[&str]) {
        let items: Vec<&str> = items.iter().copied().chain([r#"{"id":"z"}"#]).collect();
        self.desk.contacts(domain, &items);
    }

    /// Synchronises both links twice, the first one first or last.
    pub(crate) fn sync(&self, order: [usize; 2]) {
        order.into_iter().cycle().take(4).for_each(|to| self.sync_once(to));
    }

    pub(crate) fn sync_once(&self, to: usize) {
        self.desk.hub().sync(&self.link(to), &mut Silent).unwrap();
    }

    /// Returns what a domain holds of the contact `a`; nothing where it lacks it.
    pub(crate) fn held(&self, domain: &str) -> String {
        let items = self.desk.held(domain);
        items.into_iter().find(|item| item.contains(r#""id":"a""#)).unwrap_or_default()
    }

    fn assert_same(&self, expected: &str, story: &str) {
        for domain in &DOMAINS[..2] {
            assert_eq!(self.held(domain), expected, "{domain}: {story}");
        }
    }
}

pub(crate) fn shaped() -> EntityRules {
    let field = |pattern: &str, shape| FieldRules {
        pattern: Pattern::parse(pattern).unwrap(),
        shape,
        rule: Rule::Latest,
    };
    let fields = vec![
        field("/tags", Shape::Union),
        field("/log", Shape::Append { keep: 100 }),
        field("/text", Shape::Text),
        field("/k", Shape::Keyed { key: "t".into() }),
        field("/sum", Shape::Sum { minimum: None }),
    ];
    EntityRules { fields, ..EntityRules::default() }
}

fn item(path: &str, value: &str) -> String {
    format!(r#"{{"id":"a","{}":{value}}}"#, &path[1..])
}

/// What the hub took in while nobody else was given it, and whether anybody is given it once its domain
/// withholds it; then, without that rule, whether all are who may.
fn withheld_afterwards(
    (path, value): (&str, &str),
    [at_home, at_business]: [Action; 2],
    (third_keeps_out, order, asks_all): (bool, [usize; 2], bool),
) -> bool {
    let story = format!("{path} {at_home:?} {at_business:?} {third_keeps_out} {order:?}");
    let mut star = Star { asks_all, ..Star::new() };
    star.set(0, Some((path, at_home)));
    star.set(2, Some((path, Action::Deny)));
    star.hold("business", &[&item(path, value)]);
    star.sync([1, 2]);
    star.set(0, None);
    star.set(1, Some((path, at_business)));
    if !third_keeps_out {
        star.set(2, None);
    }
    star.sync(order);
    let is_leaked = ["personal", "third"].iter().any(|of| star.held(of).contains(CANARY));
    star.set(1, None);
    star.sync(order);
    assert!(star.held("personal").contains(CANARY), "given again: {story}");
    assert_eq!(star.held("third").contains(CANARY), !third_keeps_out, "{story}");
    is_leaked
}

#[test]
fn what_a_domain_withholds_by_now_goes_over_no_link() {
    let rules = [
        [Action::Deny, Action::InOnly],
        [Action::OutOnly, Action::Deny],
        [Action::Mask, Action::Mask],
    ];
    for field in FIELDS {
        for rules in rules {
            for (third_keeps_out, order) in [(true, [2, 1]), (false, [2, 1]), (false, [1, 2])] {
                let leaks = withheld_afterwards(field, rules, (third_keeps_out, order, true));
                assert!(!leaks, "{} {rules:?} {third_keeps_out} {order:?}", field.0);
            }
        }
    }
}

/// The test of the tester: a link that asks only the policies of its own domains gives it away.
#[test]
fn a_link_that_asks_only_its_own_domains_is_found_out() {
    for field in FIELDS {
        let rules = [Action::OutOnly, Action::Deny];
        assert!(withheld_afterwards(field, rules, (false, [2, 1], false)), "{}", field.0);
    }
}

#[test]
fn a_record_that_a_domain_keeps_back_by_now_goes_over_no_link() {
    let mut star = Star::new();
    let mut private = policy(&[]);
    keep_back(&mut private, "/c", r#""x""#);
    star.policies[0] = private.clone();
    star.policies[2] = private.clone();
    star.hold("business", &[r#"{"id":"a","c":"x","p":"990017"}"#]);
    star.sync([1, 2]);
    assert_eq!(star.held("personal"), "");
    (star.policies[0], star.policies[1], star.policies[2]) = (policy(&[]), private, policy(&[]));
    star.sync([2, 1]);
    assert_eq!(star.held("personal"), "");
    assert_eq!(star.held("third"), "");
    star.policies[1] = policy(&[]);
    star.sync([2, 1]);
    for domain in ["personal", "third"] {
        assert!(star.held(domain).contains(CANARY), "{domain}");
    }
}

/// A copy is its holder's: what a domain was given before a rule came it may hand on.
#[test]
fn what_a_domain_holds_it_hands_on() {
    for (path, value) in FIELDS {
        let mut star = Star::new();
        star.hold("business", &[&item(path, value)]);
        star.set(2, Some((path, Action::Deny)));
        star.sync([1, 2]);
        star.set(1, Some((path, Action::Deny)));
        star.set(2, None);
        star.sync([2, 1]);
        assert!(star.held("third").contains(CANARY), "{path}");
    }
}

/// Two edits of a field, one of each side, and what becomes of them.
const EDITS: [(&str, [&str; 3], &str); 5] = [
    ("/tags", [r#"["0"]"#, r#"["0","P"]"#, r#"["0","B"]"#], r#"["0","P","B"]"#),
    ("/log", [r#"["0"]"#, r#"["0","P"]"#, r#"["0","B"]"#], r#"["0","P","B"]"#),
    (
        "/text",
        [r#""one two three""#, r#""one P two three""#, r#""one two B three""#],
        r#""one P two B three""#,
    ),
    (
        "/k",
        [
            r#"[{"t":"m","v":"0","w":"0"}]"#,
            r#"[{"t":"m","v":"P","w":"0"}]"#,
            r#"[{"t":"m","v":"0","w":"B"}]"#,
        ],
        r#"[{"t":"m","v":"P","w":"B"}]"#,
    ),
    ("/sum", ["1", "11", "101"], "111"),
];

#[test]
fn a_rule_at_one_rim_is_nothing_to_the_two_others() {
    let actions = [Action::Deny, Action::InOnly, Action::Mask, Action::OutOnly];
    for (path, [first, at_home, at_business], merged) in EDITS {
        for action in actions {
            // What third types under a rule never leaves it.
            for (third_typed, is_late) in [(false, false), (false, true), (true, true)] {
                let story = format!("{path} {action:?} typed {third_typed} late {is_late}");
                let mut star = Star::new();
                if !is_late {
                    star.set(2, Some((path, action)));
                }
                let typist = if third_typed { "third" } else { "personal" };
                star.hold(typist, &[&item(path, first)]);
                star.sync([2, 1]);
                star.set(2, Some((path, action)));
                star.hold("personal", &[&item(path, at_home)]);
                star.hold("business", &[&item(path, at_business)]);
                star.sync([1, 2]);
                star.assert_same(&sorted(&item(path, merged)), &story);
            }
        }
    }
}

/// What it is not shown since it does not edit; what it was shown before it has seen.
#[test]
fn edits_of_a_domain_that_only_gives_merge_with_those_that_it_is_not_shown() {
    for (path, [first, at_home, at_business], merged) in EDITS {
        let mut star = Star::new();
        star.hold("personal", &[&item(path, first)]);
        star.sync([1, 2]);
        star.set(1, Some((path, Action::OutOnly)));
        star.hold("personal", &[&item(path, at_home)]);
        star.sync([1, 2]);
        star.hold("business", &[&item(path, at_business)]);
        star.sync([1, 2]);
        assert!(star.desk.listed(Status::Open).is_empty(), "{path}");
        assert_eq!(star.held("personal"), sorted(&item(path, merged)), "{path}");
        assert_eq!(star.held("third"), sorted(&item(path, merged)), "{path}");
        assert_eq!(star.held("business"), sorted(&item(path, at_business)), "{path}");
    }
}

/// A removal that it is not shown is one that it has not seen.
#[test]
fn an_edit_of_a_domain_that_only_gives_does_not_undo_a_removal_unasked() {
    for synced_between in [false, true] {
        let mut star = Star::new();
        DOMAINS.iter().for_each(|domain| star.hold(domain, &[&item("/name", r#""0""#)]));
        star.sync([1, 2]);
        star.set(1, Some(("/name", Action::OutOnly)));
        star.sync([1, 2]);
        star.hold("personal", &[r#"{"id":"a"}"#]);
        if synced_between {
            star.sync([1, 2]);
        }
        star.hold("business", &[&item("/name", r#""B""#)]);
        star.sync([1, 2]);
        assert_eq!(star.desk.listed(Status::Open).len(), 1, "{synced_between}");
        assert_eq!(star.held("personal"), r#"{"id":"a"}"#, "{synced_between}");
    }
}

/// A field, and what it holds after an edit.
type Kind<'a> = (&'a str, &'a dyn Fn(&str) -> String);

/// Whoever is not to see a list: it is its editor's, edit after edit, and anybody's who may.
#[test]
fn edits_under_a_rule_of_another_domain_are_no_question() {
    let members = |v: &str| format!(r#"[{{"t":"m","v":"{v}"}},{{"t":"w","v":"0"}}]"#);
    let values = |v: &str| format!(r#"["0","{v}"]"#);
    let text = |v: &str| format!(r#""one {v} two""#);
    let plain = |v: &str| format!(r#""{v}""#);
    let kinds: [Kind<'_>; 4] =
        [("/k", &members), ("/tags", &values), ("/text", &text), ("/name", &plain)];
    for (path, value) in kinds {
        for action in [Action::Deny, Action::InOnly, Action::Mask, Action::OutOnly] {
            for ruled in 0..3 {
                for (editor, name) in DOMAINS.iter().enumerate() {
                    let gives = action == Action::OutOnly;
                    if !(gives || (path == "/k" && editor != ruled)) {
                        continue;
                    }
                    let story = format!("{path} {action:?} at {ruled}, edited at {editor}");
                    let mut star = Star::new();
                    star.set(ruled, Some((path, action)));
                    let first = item(path, &value("E0"));
                    DOMAINS.iter().for_each(|domain| star.hold(domain, &[&first]));
                    star.sync([1, 2]);
                    for edit in ["E1", "E2", "E3"] {
                        star.hold(name, &[&item(path, &value(edit))]);
                        let order = if editor == 2 { [2, 1] } else { [1, 2] };
                        order.into_iter().for_each(|to| star.sync_once(to));
                        let asked = star.desk.listed(Status::Open);
                        assert!(asked.is_empty(), "{story}: {edit}");
                    }
                    let last = sorted(&item(path, &value("E3")));
                    // Home is between the two others, and hands on nothing that it may not have.
                    let reached = |at: usize| at == editor || (at != ruled && ruled != 0);
                    for at in (0..3).filter(|at| reached(*at)) {
                        assert_eq!(star.held(DOMAINS[at]), last, "{}: {story}", DOMAINS[at]);
                    }
                }
            }
        }
    }
}

/// A list that is full is cut in its editor's file too, and goes on to all who may have it.
#[test]
fn a_full_list_under_a_rule_is_cut_and_handed_on() {
    for action in [Action::Deny, Action::InOnly, Action::Mask, Action::OutOnly] {
        let mut star = Star::new();
        let mut rules = shaped();
        rules.fields.insert(
            0,
            FieldRules {
                pattern: Pattern::parse("/log").unwrap(),
                shape: Shape::Append { keep: 3 },
                rule: Rule::Latest,
            },
        );
        star.desk.request.entities = vec![entity("contacts", rules)];
        star.set(1, Some(("/log", action)));
        DOMAINS.iter().for_each(|domain| star.hold(domain, &[&item("/log", "[0,1,2]")]));
        star.sync([1, 2]);
        star.hold("personal", &[&item("/log", "[0,1,2,3]")]);
        star.sync([1, 2]);
        star.hold("third", &[&item("/log", "[1,2,3,4]")]);
        star.sync([1, 2]);
        for domain in ["personal", "third"] {
            assert_eq!(star.held(domain), item("/log", "[2,3,4]"), "{domain}, {action:?}");
        }
    }
}

/// Returns an object with its keys in order, as the desk tells what is held.
fn sorted(item: &str) -> String {
    syncline_model::json::parse(item.as_bytes()).unwrap().to_canonical_string()
}
