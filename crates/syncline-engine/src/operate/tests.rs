//! Tests of what the hub's own tests cannot see: the order of answers and the rows of one group.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_merge::fault::{Fault, with_fault};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::clock::Clock;
use syncline_model::id::{
    ClientId, EntityName, EventId, EventType, OperationId, Position, RecordId, RunId, SiteId,
};
use syncline_model::json::{Leaf, Number, Object};
use syncline_model::path::{Path, Pattern};
use syncline_model::version::Version;
use syncline_policy::view::{AccessRule, Filter, Permit, Sight};

use super::{Answer, ClientOperation, Decided, Entities, Group, GroupFacts, Rejection, Rows};
use crate::conflicts::ConflictRow;
use crate::event::{Event, data_of, head_of};
use crate::log::LogEntry;
use crate::rows::{Key, Table};
use crate::sync::{RunFacts, Transaction};

fn operation(client: &str, counter: u64, record: &str, value: &str) -> ClientOperation {
    ClientOperation {
        id: OperationId { client: ClientId::new(client).unwrap(), counter },
        entity: EntityName::new("tasks").unwrap(),
        record: RecordId::new(record).unwrap(),
        base: None,
        effect: Effect::Write(vec![FieldOperation::Set {
            path: Path::parse("/title").unwrap(),
            value: Leaf::string(value),
        }]),
        edited: Clock(0),
        after: Vec::new(),
        event: None,
    }
}

fn tasks_only() -> Entities {
    let tasks = EntityName::new("tasks").unwrap();
    Entities::only(BTreeMap::from([(tasks, EntityRules::default())]))
}

fn run() -> RunFacts {
    RunFacts { id: RunId::new("run-1").unwrap(), at_ms: 1_000, secret: [9; 32] }
}

fn decide(rows: Rows, operations: Vec<ClientOperation>) -> (Vec<Answer>, Decided) {
    decide_at(Clock::default(), Position(0), rows, operations)
}

fn decide_at(
    clock: Clock,
    position: Position,
    rows: Rows,
    operations: Vec<ClientOperation>,
) -> (Vec<Answer>, Decided) {
    let entities = tasks_only();
    let floor = Version::new();
    let facts = GroupFacts { entities: &entities, site: SiteId(7), floor: &floor, lost: &[] };
    let mut group = Group::new(facts, clock, rows, Transaction::new(run(), position));
    let operations = operations.into_iter();
    let answers = operations.map(|operation| group.handle_operation(operation));
    let answers = answers.collect();
    (answers, group.finish())
}

#[test]
fn a_record_changed_twice_is_saved_once_and_logged_twice() {
    let operations = vec![
        operation("a", 1, "t1", "one"),
        operation("a", 1, "t1", "one"),
        operation("a", 2, "t1", "two"),
    ];
    let (answers, decided) = decide(Rows::new(), operations);
    let words: Vec<&str> = answers.iter().map(Answer::as_str).collect();
    assert_eq!(words, ["applied", "duplicate", "applied"]);
    let rows = |table| {
        let batch = decided.transaction.batch.iter();
        batch.filter(|(key, _)| key.table() == table).count()
    };
    assert_eq!(rows(Table::Records), 1);
    assert_eq!((rows(Table::Log), rows(Table::Results)), (2, 2));
    assert_eq!(decided.transaction.position, Position(2));
    assert_eq!(decided.transaction.commitments.size(), 2);
    assert_eq!(decided.applied, 2);
}

#[test]
fn a_group_cut_in_two_answers_as_one_does() {
    let operations: Vec<ClientOperation> = (1..=6)
        .map(|counter| operation(["a", "b"][counter as usize % 2], counter, "t1", "v"))
        .collect();
    let (whole, _) = decide(Rows::new(), operations.clone());
    let (first, decided) = decide(Rows::new(), operations[..3].to_vec());
    let mut rows = Rows::new();
    for (key, value) in decided.transaction.batch.writes() {
        match (key, value) {
            (Key::Record { entity, id }, Some(state)) => {
                rows.add_record(entity.clone(), id.clone(), Some(state.to_vec()));
            }
            (Key::Conflict { .. }, Some(row)) => {
                rows.add_conflict(ConflictRow::decode(row).unwrap());
            }
            _ => {}
        }
    }
    for (client, results) in decided.clients.clone() {
        rows.add_client(client, results);
    }
    let (clock, position) = (decided.clock, decided.transaction.position);
    let (second, _) = decide_at(clock, position, rows, operations[3..].to_vec());
    let words = |answers: &[Answer]| answers.iter().map(Answer::as_str).collect::<Vec<_>>();
    assert_eq!([words(&first), words(&second)].concat(), words(&whole));
}

#[test]
fn a_damaged_record_rejects_its_own_operations_only() {
    let mut rows = Rows::new();
    let (entity, id) = (EntityName::new("tasks").unwrap(), RecordId::new("t1").unwrap());
    rows.add_record(entity, id, Some(vec![0xff]));
    let operations = vec![operation("a", 1, "t1", "x"), operation("a", 2, "t2", "x")];
    let (answers, decided) = decide(rows, operations);
    let codes: Vec<&str> = answers
        .iter()
        .map(|answer| match answer {
            Answer::Rejected(why) => why.code(),
            other => other.as_str(),
        })
        .collect();
    assert_eq!(codes, ["RECORD_DAMAGED", "applied"]);
    assert_eq!(decided.rejected, BTreeMap::from([("RECORD_DAMAGED", 1)]));
    let saved = decided.transaction.batch.iter();
    let damaged = |key: &Key| matches!(key, Key::Record { id, .. } if id.as_str() == "t1");
    assert_eq!(saved.filter(|(key, _)| damaged(key)).count(), 0, "it is left as it is");
}

#[test]
fn a_field_that_is_unset_takes_what_its_writer_saw_below_it_along() {
    let path = |text: &str| Path::parse(text).unwrap();
    let set = |at: &str| FieldOperation::Set { path: path(at), value: Leaf::string("v") };
    let write = |client, counter, operations: Vec<FieldOperation>| ClientOperation {
        effect: Effect::Write(operations),
        ..operation(client, counter, "t1", "")
    };
    let operations = vec![
        write("a", 1, vec![set("/a/b"), set("/a/c/d"), set("/ab")]),
        write("b", 1, vec![set("/a/unseen")]),
        write("a", 2, vec![FieldOperation::Unset { path: path("/a") }]),
    ];
    let (answers, _) = decide(Rows::new(), operations);
    let Some(Answer::Applied(applied)) = answers.last() else { panic!("{answers:?}") };
    let left = applied.after.iter().flat_map(|fields| fields.iter());
    let left: Vec<&str> = left.map(|(path, _)| path.as_str()).collect();
    assert_eq!(left, ["/a/unseen", "/ab"]);
}

/// Returns the sight of who sees what is open.
fn sight_of_open() -> Sight {
    let filter = |text| Some(Filter::compile(text).unwrap());
    let rule = AccessRule {
        roles: vec!["client".into()],
        entities: None,
        read: filter("record.title == 'open'"),
        read_fields: None,
        write: filter("true"),
        write_fields: None,
        create: true,
        delete: true,
    };
    let permit = Permit::bind(&[rule], "client", &Object::new());
    Sight::of_entities(Arc::new(permit), &[])
}

fn set(path: &str, value: &str) -> FieldOperation {
    FieldOperation::Set { path: Path::parse(path).unwrap(), value: Leaf::string(value) }
}

fn write(client: &str, counter: u64, record: &str, fields: Vec<FieldOperation>) -> ClientOperation {
    ClientOperation {
        effect: Effect::Write(fields),
        edited: Clock(counter << 16),
        ..operation(client, counter, record, "")
    }
}

/// Who does not see everything, and never saw a record, writes to it after it was deleted.
#[test]
fn a_deleted_record_is_brought_back_by_nobody_who_had_not_seen_it() {
    let shown = || {
        let (entities, floor, sight) = (tasks_only(), Version::new(), sight_of_open());
        let facts = GroupFacts { entities: &entities, site: SiteId(7), floor: &floor, lost: &[] };
        let transaction = Transaction::new(run(), Position(0));
        let mut group = Group::new(facts, Clock::default(), Rows::new(), transaction);
        let hidden = vec![set("/title", "hidden"), set("/pay", "secret")];
        group.handle_operation(write("a", 1, "deleted", hidden));
        let delete = ClientOperation { effect: Effect::Delete, ..operation("a", 2, "deleted", "") };
        group.handle_operation(delete);
        [(3, "deleted"), (4, "never")].map(|(counter, id)| {
            let operation = write("b", counter, id, vec![set("/title", "open")]);
            match group.handle_operation_for(&sight, operation) {
                Answer::Applied(applied) => (applied.after.clone(), applied.had_seen_all),
                other => panic!("{other:?}"),
            }
        })
    };
    let [deleted, never] = shown();
    assert_eq!(deleted, never);
    let [deleted, never] = with_fault(Fault::DeletedBroughtBack, shown);
    assert_ne!(deleted, never, "nobody would notice");
}

/// The same of a member of an array, which was removed before its record came into sight.
#[test]
fn a_removed_member_is_brought_back_by_nobody_who_had_not_seen_it() {
    let items = || Path::parse("/items").unwrap();
    let put = |fields| FieldOperation::PutMember {
        path: items(),
        key: "x".into(),
        create: false,
        fields,
    };
    let shown = |sight: &Sight| {
        let rule = FieldRules {
            pattern: Pattern::parse("/items").unwrap(),
            shape: Shape::Keyed { key: "id".into() },
            rule: Rule::Latest,
        };
        let rules = EntityRules { fields: vec![rule], ..EntityRules::default() };
        let tasks = EntityName::new("tasks").unwrap();
        let entities = Entities::only(BTreeMap::from([(tasks, rules)]));
        let floor = Version::new();
        let facts = GroupFacts { entities: &entities, site: SiteId(7), floor: &floor, lost: &[] };
        let transaction = Transaction::new(run(), Position(0));
        let mut group = Group::new(facts, Clock::default(), Rows::new(), transaction);
        let owed = FieldOperation::Increment {
            path: Path::parse("/owed").unwrap(),
            by: Number::from(777_i64),
        };
        let remove = FieldOperation::RemoveMember { path: items(), key: "x".into() };
        let history =
            [vec![set("/title", "open"), put(vec![set("/why", "secret"), owed])], vec![remove]];
        for (counter, fields) in (1..).zip(history) {
            let answer = group.handle_operation(write("a", counter, "t1", fields));
            assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
        }
        let owes = FieldOperation::Increment {
            path: Path::parse("/owed").unwrap(),
            by: Number::from(1_i64),
        };
        let operation = write("b", 3, "t1", vec![put(vec![owes])]);
        match group.handle_operation_for(sight, operation) {
            Answer::Applied(applied) => format!("{:?}", applied.after),
            other => panic!("{other:?}"),
        }
    };
    let told = shown(&sight_of_open());
    assert!(told.contains("items") && !told.contains("secret") && !told.contains("778"), "{told}");
    // To who sees everything it is an edit beside a removal, and the edit wins.
    let told = shown(&Sight::everything(&[]));
    assert!(told.contains("secret") && told.contains("778"), "{told}");
    let told = with_fault(Fault::DeletedBroughtBack, || shown(&sight_of_open()));
    assert!(told.contains("secret"), "nobody would notice: {told}");
}

#[test]
fn who_sees_less_of_a_record_than_before_is_told_all_that_it_still_sees() {
    let filter = || Some(Filter::compile("true").unwrap());
    let sight = |fields: Option<&[&str]>| {
        let rule = AccessRule {
            roles: vec!["client".into()],
            entities: None,
            read: filter(),
            read_fields: fields
                .map(|some| some.iter().map(|text| Pattern::parse(text).unwrap()).collect()),
            write: filter(),
            write_fields: None,
            create: true,
            delete: true,
        };
        let permit = Permit::bind(&[rule], "client", &Object::new());
        Sight::of_entities(Arc::new(permit), &[])
    };
    let (whole, part) = (sight(None), sight(Some(&["/title"])));
    let (entities, floor) = (tasks_only(), Version::new());
    let facts = GroupFacts { entities: &entities, site: SiteId(7), floor: &floor, lost: &[] };
    let transaction = Transaction::new(run(), Position(0));
    let mut group = Group::new(facts, Clock::default(), Rows::new(), transaction);
    let mut pay = operation("a", 1, "t1", "one");
    pay.effect = Effect::Write(vec![
        FieldOperation::Set { path: Path::parse("/title").unwrap(), value: Leaf::string("one") },
        FieldOperation::Set { path: Path::parse("/pay").unwrap(), value: Leaf::from(5_i64) },
    ]);
    let Answer::Applied(first) = group.handle_operation_for(&whole, pay) else { panic!("refused") };
    let mut answers = Vec::new();
    let mut base = Some(first.token);
    // Seen with all fields, then without one; from then on it is told what it changes.
    for (counter, sight) in [(2, &whole), (3, &part), (4, &part), (5, &whole)] {
        let edit = ClientOperation { base: base.take(), ..operation("a", counter, "t1", "x") };
        let Answer::Applied(applied) = group.handle_operation_for(sight, edit) else {
            panic!("refused")
        };
        let shown = applied.after.as_ref().map_or(0, |fields| fields.len());
        answers.push((applied.had_seen_all, shown));
        base = Some(applied.token);
    }
    assert_eq!(answers, [(true, 2), (false, 1), (true, 1), (false, 2)]);
}

fn event(id: &str) -> Option<Box<Event>> {
    let data = syncline_model::json::parse(br#"{"status":"active","empty":{}}"#).unwrap();
    let kind = EventType::new("enrollment.created").unwrap();
    Some(Box::new(Event::new(EventId::new(id).unwrap(), kind, data).unwrap()))
}

fn entries(decided: &Decided) -> Vec<LogEntry> {
    let rows = decided.transaction.batch.iter();
    let entries = rows.filter(|(key, _)| matches!(key, Key::Log(_)));
    entries.map(|(_, value)| LogEntry::decode(value.unwrap()).unwrap()).collect()
}

/// An event alone touches no record, and emitted again it is the same; one with a change is in its transaction.
fn empty_event(id: &str, kind: &str) -> Event {
    let (id, kind) = (EventId::new(id).unwrap(), EventType::new(kind).unwrap());
    Event::new(id, kind, Object::new().into()).unwrap()
}

#[test]
fn an_event_is_an_entry_of_the_log_beside_the_change_it_speaks_of() {
    let (entities, floor) = (tasks_only(), Version::new());
    let facts = GroupFacts { entities: &entities, site: SiteId(7), floor: &floor, lost: &[] };
    let transaction = Transaction::new(run(), Position(0));
    let mut group = Group::new(facts, Clock(0), Rows::new(), transaction);
    let alone = ClientOperation {
        event: event("alone"),
        effect: Effect::Write(Vec::new()),
        entity: EntityName::new("enrollment").unwrap(),
        ..operation("app", 1, "e1", "")
    };
    let Answer::Applied(applied) = group.handle_operation(alone.clone()) else { panic!("applied") };
    assert_eq!((applied.event, &applied.after), (Some(Position(1)), &None));
    assert!(matches!(group.handle_operation(alone.clone()), Answer::Duplicate(_)));
    let mut other = alone;
    other.event = Some(Box::new(empty_event("alone", "enrollment.deleted")));
    let reused = group.handle_operation(other);
    assert!(matches!(reused, Answer::Rejected(Rejection::EventReused)), "{reused:?}");
    let with = ClientOperation { event: event("with"), ..operation("app", 2, "t1", "one") };
    let Answer::Applied(applied) = group.handle_operation(with) else { panic!("applied") };
    assert_eq!((applied.position, applied.event), (Position(2), Some(Position(3))));
    // It is no change of the record that its writer would have to have seen.
    let next = ClientOperation { base: Some(applied.token), ..operation("app", 3, "t1", "two") };
    assert!(
        matches!(group.handle_operation(next), Answer::Applied(applied) if applied.had_seen_all)
    );
    // Told by an event of its own type, a change is no second one.
    let told = ClientOperation {
        event: Some(Box::new(empty_event("told", "tasks.updated"))),
        ..operation("app", 4, "t1", "three")
    };
    assert!(matches!(group.handle_operation(told), Answer::Applied(_)));
    let decided = group.finish();
    let entries = entries(&decided);
    assert!(entries[4].kind.is_a_write() && entries[4].kind.as_str() == "write");
    let heads: Vec<(String, String)> = (1..)
        .zip(&entries)
        .filter_map(|(position, entry)| head_of(Position(position), entry))
        .map(|head| (head.id.to_string(), head.kind.to_string()))
        .collect();
    let named = |id: &str, kind: &str| (id.to_owned(), kind.to_owned());
    let change = |at: u64| {
        let clock = entries[usize::try_from(at).unwrap() - 1].stamp.clock.0;
        format!("chg_0000000000000007_{clock:x}_{at}")
    };
    assert_eq!(
        heads,
        [
            named("alone", "enrollment.created"),
            named(&change(2), "tasks.created"),
            named("with", "enrollment.created"),
            named(&change(4), "tasks.updated"),
            named("told", "tasks.updated"),
        ]
    );
    let data = data_of(&entries[2]).unwrap();
    assert_eq!(data.to_canonical_string(), r#"{"empty":{},"status":"active"}"#);
    assert!(data_of(&entries[1]).is_none());
    let records = decided.transaction.batch.iter();
    let records = records.filter(|(key, _)| matches!(key, Key::Record { .. })).count();
    assert_eq!(records, 1, "an event alone makes no record");
}

#[test]
fn who_does_not_see_everything_emits_nothing() {
    let (entities, floor, sight) = (tasks_only(), Version::new(), sight_of_open());
    let facts = GroupFacts { entities: &entities, site: SiteId(7), floor: &floor, lost: &[] };
    let transaction = Transaction::new(run(), Position(0));
    let mut group = Group::new(facts, Clock(0), Rows::new(), transaction);
    let emits = ClientOperation { event: event("e"), ..operation("app", 1, "t1", "open") };
    let answer = group.handle_operation_for(&sight, emits);
    assert!(matches!(answer, Answer::Rejected(Rejection::EventDenied)));
    // The id is still there for who may emit.
    let emits = ClientOperation { event: event("e"), ..operation("app", 1, "t1", "open") };
    assert!(matches!(group.handle_operation(emits), Answer::Applied(_)));
    assert_eq!(entries(&group.finish()).len(), 2, "the change, and its event");
}
