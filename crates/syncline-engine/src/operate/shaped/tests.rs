//! One writer alone gets what it predicts, whatever it says of a field after whatever else.

use std::collections::BTreeMap;

use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_merge::text::ot::TextOperation;
use syncline_merge::token::Token;
use syncline_model::clock::Clock;
use syncline_model::id::{ClientId, EntityName, OperationId, Position, RecordId, RunId, SiteId};
use syncline_model::json::{Json, Leaf, Number};
use syncline_model::path::{Path, Pattern};
use syncline_model::version::Version;
use syncline_protocol::predict::predict;

use super::super::{Answer, Applied, ClientOperation, Entities, Group, GroupFacts, Rows};
use crate::sync::{RunFacts, Transaction};

type Fields = Vec<(Path, Leaf)>;

/// The rules of an entity in which each shape is named by its field.
fn shapes() -> EntityRules {
    let field = |path: &str, shape: Shape| FieldRules {
        pattern: Pattern::parse(path).unwrap(),
        shape,
        rule: Rule::default(),
    };
    EntityRules {
        fields: vec![
            field("/sum", Shape::Sum { minimum: None }),
            field("/union", Shape::Union),
            field("/keyed", Shape::Keyed { key: "id".into() }),
            field("/append", Shape::Append { keep: 100 }),
            field("/text", Shape::Text),
        ],
        ..EntityRules::default()
    }
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn leaf(text: &str) -> Leaf {
    Leaf::parse(text).unwrap()
}

/// A client alone with a hub.
struct Alone<'a> {
    group: Group<'a>,
    counter: u64,
}

impl<'a> Alone<'a> {
    fn new(entities: &'a Entities, floor: &'a Version) -> Self {
        let facts = GroupFacts { entities, site: SiteId(7), floor, lost: &[] };
        let run = RunFacts { id: RunId::new("run-1").unwrap(), at_ms: 1_000, secret: [9; 32] };
        let transaction = Transaction::new(run, Position(0));
        let group = Group::new(facts, Clock::default(), Rows::new(), transaction);
        Self { group, counter: 0 }
    }

    fn write(&mut self, client: &str, base: Option<Token>, write: Vec<FieldOperation>) -> Applied {
        self.counter += 1;
        let answer = self.group.handle_operation(ClientOperation {
            id: OperationId { client: ClientId::new(client).unwrap(), counter: self.counter },
            entity: EntityName::new("tasks").unwrap(),
            record: RecordId::new("t1").unwrap(),
            base,
            effect: Effect::Write(write),
            edited: Clock::new(self.counter, 0),
            after: Vec::new(),
            event: None,
        });
        match answer {
            Answer::Applied(applied) => *applied,
            other => panic!("{other:?}"),
        }
    }
}

fn entities(rules: EntityRules) -> Entities {
    Entities::only(BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)]))
}

/// Returns fields with arrays in some order of their own. One of which all was removed may be gone.
fn ordered(fields: Option<&Fields>) -> Option<Vec<(String, String)>> {
    let text = |leaf: &Leaf| match leaf.to_json() {
        Json::Array(elements) => {
            let mut elements: Vec<String> = elements
                .iter()
                .map(|one| Leaf::from_json(one).unwrap().canonical().into_owned())
                .collect();
            elements.sort();
            elements.join(",")
        }
        _ => leaf.canonical().into_owned(),
    };
    let fields = fields?.iter().filter(|(_, leaf)| leaf.as_str() != "[]");
    Some(fields.map(|(path, leaf)| (path.to_string(), text(leaf))).collect())
}

#[test]
fn an_operation_takes_along_what_was_said_of_the_field_in_another_shape() {
    use FieldOperation as Op;
    let set = |at: &str, value: &str| Op::Set { path: path(at), value: leaf(value) };
    let inc = |at: &str, by: i64| Op::Increment { path: path(at), by: Number::from(by) };
    let add = |at: &str, element: &str| Op::Add { path: path(at), element: leaf(element) };
    let append =
        |at: &str, value: &str| Op::Append { path: path(at), value: leaf(value), id: None };
    let put = |at: &str, fields| Op::PutMember {
        path: path(at),
        key: "k1".into(),
        create: false,
        fields,
    };
    let text = |at: &str, before: &str, after: &str| Op::EditText {
        path: path(at),
        edit: TextOperation::from_diff(before, after).unwrap(),
    };
    let members = r#"[{"id":"k1","n":1},{"id":"k2","n":2}]"#;
    #[rustfmt::skip]
    let cases: Vec<(&str, Vec<Op>, &str)> = vec![
        ("/sum",    vec![set("/sum", "1"), inc("/sum", 1)],                              "2"),
        ("/sum",    vec![inc("/sum", 5), set("/sum", "100"), inc("/sum", 1)],            "101"),
        ("/sum",    vec![set("/sum", "7"), Op::Reset { path: path("/sum") }],            "0"),
        ("/sum",    vec![set("/sum", r#""a""#), inc("/sum", 1)],                         r#""a""#),
        ("/union",  vec![set("/union", r#"["a","b"]"#), add("/union", r#""c""#)],        r#"["a","b","c"]"#),
        ("/union",  vec![add("/union", "1"), set("/union", "[2,3]"), add("/union", "4")], "[2,3,4]"),
        ("/union",  vec![set("/union", "[1,2]"), Op::Remove { path: path("/union"), element: leaf("1") }], "[2]"),
        ("/append", vec![set("/append", r#"["a"]"#), append("/append", r#""b""#)],       r#"["a","b"]"#),
        ("/keyed",  vec![set("/keyed", members), put("/keyed", vec![inc("/n", 1)])],     r#"[{"id":"k1","n":2},{"id":"k2","n":2}]"#),
        ("/keyed",  vec![set("/keyed", members), put("/keyed", vec![set("/n", "5")]), put("/keyed", vec![inc("/n", 1)])], r#"[{"id":"k1","n":6},{"id":"k2","n":2}]"#),
        ("/keyed",  vec![set("/keyed", members), Op::RemoveMember { path: path("/keyed"), key: "k1".into() }], r#"[{"id":"k2","n":2}]"#),
        ("/text",   vec![set("/text", r#""abc""#), text("/text", "abc", "abcd")],        r#""abcd""#),
        ("/text",   vec![Op::BeginText { path: path("/text"), text: "abc".into() }, set("/text", r#""xbc""#), text("/text", "xbc", "xbcd")], r#""xbcd""#),
    ];
    for (rules, is_chained) in [
        (EntityRules::default(), false),
        (shapes(), false),
        (EntityRules::default(), true),
        (shapes(), true),
    ] {
        for (at, operations, expected) in &cases {
            let (entities, floor) = (entities(rules.clone()), Version::new());
            let mut alone = Alone::new(&entities, &floor);
            let mut base = None;
            let mut last = None;
            for operation in operations {
                let applied = alone.write("phone", base.clone(), vec![operation.clone()]);
                assert!(
                    applied.conflicts.is_empty(),
                    "{at} {operations:?}: {:?}",
                    applied.conflicts
                );
                if !is_chained {
                    base = Some(applied.token.clone());
                }
                last = applied.after;
            }
            let expected = vec![(path(at), leaf(expected))];
            let shown = ordered(last.as_deref());
            assert_eq!(
                shown,
                ordered(Some(&expected)),
                "{} rules, {is_chained}: {operations:?}",
                rules.fields.len()
            );
        }
    }
}

#[test]
fn two_who_count_on_from_one_plain_number_both_count() {
    let (entities, floor) = (entities(EntityRules::default()), Version::new());
    let mut alone = Alone::new(&entities, &floor);
    let set = FieldOperation::Set { path: path("/likes"), value: leaf("5") };
    let base = Some(alone.write("web", None, vec![set]).token);
    let like = || vec![FieldOperation::Increment { path: path("/likes"), by: Number::from(1_i64) }];
    alone.write("anna", base.clone(), like());
    let both = alone.write("bela", base, like());
    assert_eq!(ordered(both.after.as_deref()), ordered(Some(&vec![(path("/likes"), leaf("7"))])));
    assert!(both.conflicts.is_empty());
}

/// Draws numbers below a bound.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn value(&mut self, at: &str) -> Leaf {
        let n = self.below(4);
        let text = match at {
            "/sum" => format!("{n}"),
            "/union" => ["[1]", "[1,2]", "[3]", "[2,3]"][n as usize].to_owned(),
            "/append" => format!("[{n}]"),
            "/keyed" => [
                r#"[{"id":"a","n":1}]"#,
                r#"[{"id":"b","n":2}]"#,
                r#"[{"id":"a","n":3},{"id":"b","n":4}]"#,
                r#"[{"id":"c"}]"#,
            ][n as usize]
                .to_owned(),
            _ => format!("\"t{n}\""),
        };
        leaf(&text)
    }

    /// Returns an operation on a field, of any kind that works on its value, or is any value.
    fn operation(&mut self, at: &str, known: Option<&Leaf>) -> FieldOperation {
        use FieldOperation as Op;
        let field = path(at);
        match (self.below(6), at) {
            (0, _) => Op::Unset { path: field },
            (1 | 2, "/append") if known.is_some() => {
                Op::Append { path: field, value: leaf("9"), id: None }
            }
            (1 | 2, _) => Op::Set { path: field, value: self.value(at) },
            (_, "/sum") => Op::Increment { path: field, by: Number::from(self.below(9) as i64) },
            (3, "/union") => Op::Remove { path: field, element: leaf(&self.below(4).to_string()) },
            (_, "/union") => Op::Add { path: field, element: leaf(&self.below(4).to_string()) },
            (_, "/append") => {
                Op::Append { path: field, value: leaf(&self.below(4).to_string()), id: None }
            }
            (3, "/keyed") => Op::RemoveMember { path: field, key: "a".into() },
            (_, "/keyed") => {
                let key = ["a", "b"][self.below(2) as usize];
                let inside = match self.below(2) {
                    0 => Op::Set { path: path("/n"), value: leaf(&self.below(9).to_string()) },
                    _ => Op::Increment { path: path("/n"), by: Number::from(self.below(9) as i64) },
                };
                let name = Op::Set { path: path("/id"), value: Leaf::string(key) };
                Op::PutMember {
                    path: field,
                    key: key.into(),
                    create: !known
                        .is_some_and(|leaf| leaf.as_str().contains(&format!("\"id\":\"{key}\""))),
                    fields: vec![name, inside],
                }
            }
            (3, _) => Op::BeginText { path: field, text: format!("b{}", self.below(9)) },
            _ => match known.and_then(Leaf::as_string) {
                Some(text) => {
                    let after = format!("{text}{}", self.below(9));
                    Op::EditText {
                        path: field,
                        edit: TextOperation::from_diff(&text, &after).unwrap(),
                    }
                }
                None => Op::Set { path: field, value: self.value(at) },
            },
        }
    }
}

/// Returns whether an operation takes away what was counted: of that a writer takes what its base had
/// seen, and not what it added since.
fn takes_counts(operation: &FieldOperation) -> bool {
    match operation {
        FieldOperation::Unset { path } => matches!(path.as_str(), "/sum" | "/keyed"),
        FieldOperation::RemoveMember { .. } => true,
        FieldOperation::Set { path, .. } => path.as_str() == "/keyed",
        _ => false,
    }
}

#[test]
fn one_writer_alone_gets_what_it_predicts() {
    for seed in 1..=400_u64 {
        for rules in [EntityRules::default(), shapes()] {
            let names = rules.fields.len();
            let (entities, floor) = (entities(rules), Version::new());
            let mut alone = Alone::new(&entities, &floor);
            let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
            let mut latest: Option<Token> = None;
            let (mut base, mut held): (Option<Token>, Option<Fields>) = (None, None);
            let mut story = Vec::new();
            for _ in 0..12 {
                let at = ["/sum", "/union", "/append", "/keyed", "/text"][dice.below(5) as usize];
                let known = held.iter().flatten().find(|(field, _)| field.as_str() == at);
                let operation = dice.operation(at, known.map(|(_, leaf)| leaf));
                story.push(operation.clone());
                if takes_counts(&operation) {
                    base = latest.clone();
                }
                let predicted = predict(held.as_ref(), &Effect::Write(vec![operation.clone()]));
                let applied = alone.write("phone", base.clone(), vec![operation]);
                let shown = applied.after.as_deref();
                assert_eq!(
                    ordered(shown),
                    ordered(predicted.as_ref()),
                    "seed {seed}, {names} rules: {story:#?}"
                );
                assert!(applied.conflicts.is_empty(), "seed {seed}, {names} rules: {story:#?}");
                latest = Some(applied.token.clone());
                // Several in a row bear the same base.
                if dice.below(2) == 0 {
                    base = Some(applied.token.clone());
                }
                held = shown.cloned();
            }
        }
    }
}
