//! Clients that delete or change too much: what passes, what waits for an operator, what is told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use syncline_engine::audit::Details;
use syncline_engine::operate::Entities;
use syncline_hub::Actor;
use syncline_hub::served::{Served, Serving};
use syncline_merge::fault::{Fault, plant};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::id::{ClientId, EntityName, RecordId, Writer};
use syncline_model::json::{Leaf, Number};
use syncline_model::path::Path;
use syncline_policy::{PushLimits, Threshold};
use syncline_protocol::operation::Operation;
use syncline_protocol::outcome::{Outcome, Status};
use syncline_store::Store;
use syncline_store::memory::{MemoryDisk, MemoryStore};

use crate::loan::Blind;
use crate::served_client::push;
use crate::writer::on;

fn serve(disk: &MemoryDisk) -> Served {
    serve_on(Box::new(MemoryStore::open(disk)))
}

fn serve_on(store: Box<dyn Store>) -> Served {
    let max_delete = Threshold { count: 10, percent: 20 };
    let max_change = Threshold { count: 20, percent: 50 };
    let pushes = PushLimits { max_delete, max_change, ..PushLimits::default() };
    Served::start_with(
        on(store),
        Entities::open(BTreeMap::new()),
        Serving { pushes, ..Serving::default() },
    )
    .unwrap()
}

fn tasks() -> EntityName {
    EntityName::new("tasks").unwrap()
}

fn client(name: &str) -> ClientId {
    ClientId::new(name).unwrap()
}

fn record(number: u64) -> RecordId {
    RecordId::new(&format!("t{number:03}")).unwrap()
}

fn operation(counter: u64, number: u64, effect: Effect) -> Operation {
    Operation {
        counter,
        entity: tasks(),
        id: record(number),
        base: None,
        effect,
        deltas: Vec::new(),
        edited_ms: 1_700_000_000_000,
        after: Vec::new(),
    }
}

fn write(counter: u64, number: u64) -> Operation {
    let (path, value) = (Path::parse("/title").unwrap(), Leaf::string("some"));
    operation(counter, number, Effect::Write(vec![FieldOperation::Set { path, value }]))
}

fn send(served: &Served, name: &str, operations: &[Operation]) -> Vec<Outcome> {
    push(served, &client(name), operations.to_vec()).unwrap().outcomes
}

fn is_held(outcome: &Outcome) -> bool {
    let code = outcome.problem.as_ref().map(|problem| (&*problem.code, problem.is_retryable));
    outcome.status == Status::Behind && code == Some(("PUSH_HELD", true))
}

/// Fills the hub, and returns deletions of one client, each with what the hub said of the record.
fn deletions(served: &Served, count: u64) -> Vec<Operation> {
    let made = send(served, "maker", &(1..=100).map(|n| write(n, n)).collect::<Vec<_>>());
    let base = |n: u64| made[n as usize - 1].seen.as_ref().map(|seen| seen.version.clone());
    let delete = |n| Operation { base: base(n), ..operation(n, n, Effect::Delete) };
    (1..=count).map(delete).collect()
}

/// Sends operations in pushes of five; answers which were held.
fn held_of(served: &Served, name: &str, operations: &[Operation]) -> BTreeSet<u64> {
    let outcomes = operations.chunks(5).flat_map(|five| send(served, name, five));
    outcomes.filter(is_held).map(|outcome| outcome.counter).collect()
}

fn there(served: &Served) -> usize {
    let viewer = Writer::new("viewer").unwrap();
    let fields = |n| served.record(&tasks(), &record(n), &viewer).unwrap();
    (1..=100).filter(|n| fields(*n).is_some_and(|now| now.fields.is_some())).count()
}

#[test]
fn a_sweep_in_small_pushes_waits_for_an_operator_and_nothing_of_it_is_lost() {
    let disk = MemoryDisk::new();
    let served = serve(&disk);
    let deletions = deletions(&served, 60);
    assert_eq!(held_of(&served, "phone", &deletions), (21..=60).collect(), "a fifth passes");
    assert_eq!(there(&served), 80);

    // The rest of what it does goes on, and so do others.
    assert_eq!(held_of(&served, "phone", &[write(101, 90), write(102, 101)]), BTreeSet::new());
    assert_eq!(held_of(&served, "desk", &[operation(1, 99, Effect::Delete)]), BTreeSet::new());
    let other_name =
        [Operation { base: deletions[59].base.clone(), ..operation(1, 60, Effect::Delete) }];
    assert_eq!(
        held_of(&served, "phone~2", &other_name),
        [1].into(),
        "another name of the same client"
    );
    // What follows on a record of which something is held waits with it.
    let mixed = [deletions[59].clone(), write(103, 60)];
    assert!(send(&served, "phone", &mixed).iter().all(|one| one.status == Status::Behind));
    assert_eq!(held_of(&served, "phone", &deletions), (21..=60).collect(), "sent again");

    let told = |served: &Served| {
        let held = served.held().unwrap();
        held.iter().map(|one| (one.client.clone(), one.records, one.allowed)).collect::<Vec<_>>()
    };
    assert_eq!(told(&served), [(client("phone"), 25, 20)]);
    served.stop().unwrap();
    let served = serve(&disk);
    assert_eq!(told(&served), [(client("phone"), 25, 20)], "also after a restart");
    assert_eq!(held_of(&served, "phone", &deletions), (21..=60).collect());

    let actor = Actor { user: Some("olga".to_owned()), ..Actor::default() };
    let released = served.release(&client("phone"), Some(&tasks()), actor).unwrap();
    assert_eq!((released.len(), told(&served)), (1, Vec::new()));
    let outcomes = send(&served, "phone", &deletions);
    let statuses: Vec<Status> = outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(
        (&statuses[..20], &statuses[20..]),
        (&[Status::Duplicate; 20][..], &[Status::Applied; 40][..])
    );
    assert_eq!(there(&served), 40);

    let entries = served.audit_entries(0, 1_000).unwrap();
    let details = entries.iter().filter_map(|entry| entry.details());
    let details: Vec<&str> = details.map(Details::as_json).collect();
    let held =
        r#""held":[{"client":"phone","entity":"tasks","deed":"delete","records":25,"allowed":20}]"#;
    assert_eq!(details.iter().filter(|text| text.contains(held)).count(), 1, "{details:?}");
    let released = entries.iter().find(|entry| entry.facts().action == "PUSH_RELEASED").unwrap();
    assert_eq!(released.actor().and_then(|actor| actor.user()), Some("olga"));
}

#[test]
fn rewriting_most_of_a_list_waits_and_making_one_does_not() {
    let served = serve(&MemoryDisk::new());
    let _ = deletions(&served, 0);
    let writes: Vec<Operation> = (1..=60).map(|n| write(n, n)).collect();
    assert_eq!(held_of(&served, "phone", &writes), (51..=60).collect());
    let made: Vec<Operation> = (201..=400).map(|n| write(n, n)).collect();
    let edited: Vec<Operation> = (201..=400).map(|n| write(n + 1_000, n)).collect();
    assert_eq!(held_of(&served, "phone", &made), BTreeSet::new());
    assert_eq!(held_of(&served, "desk", &made), (351..=400).collect(), "half of what is there");
    // What it has made itself it may change: but it is held now.
    assert_eq!(held_of(&served, "other", &edited[..5]), BTreeSet::new());
}

/// A client that was refused a record has not made it, and adds nothing to what is there.
#[test]
fn what_a_client_could_not_make_counts_when_it_changes_it() {
    let served = serve(&MemoryDisk::new());
    let (path, by) = (Path::parse("/sum").unwrap(), Number::parse(&"9".repeat(1_000)).unwrap());
    let too_much = FieldOperation::Increment { path, by };
    let refused = operation(1, 900, Effect::Write(vec![too_much.clone(), too_much]));
    let after = (1..=100).map(|n| Operation { after: vec![1], ..write(n + 1, n) });
    let outcomes = send(&served, "phone", &[refused].into_iter().chain(after).collect::<Vec<_>>());
    assert!(outcomes.iter().all(|one| one.status == Status::Rejected), "{outcomes:?}");

    let _ = deletions(&served, 0);
    let writes: Vec<Operation> = (1..=60).map(|n| write(n + 200, n)).collect();
    assert_eq!(held_of(&served, "phone", &writes), (251..=260).collect());
}

/// What is neither stored nor in the audit was not said.
#[test]
fn who_could_not_be_let_go_on_is_held() {
    let disk = MemoryDisk::new();
    let (store, _, is_full) = Blind::open(&disk);
    let served = serve_on(Box::new(store));
    let deletions = deletions(&served, 60);
    assert_eq!(held_of(&served, "phone", &deletions), (21..=60).collect());
    is_full.store(true, Ordering::SeqCst);
    let refused = served.release(&client("phone"), None, Actor::default());
    assert_eq!(refused.unwrap_err().code(), "STORE_FULL");
    is_full.store(false, Ordering::SeqCst);
    assert_eq!(served.held().unwrap().len(), 1);
    assert_eq!(held_of(&served, "phone", &deletions), (21..=60).collect());
    assert_eq!(served.release(&client("phone"), None, Actor::default()).unwrap().len(), 1);
    assert_eq!(held_of(&served, "phone", &deletions), BTreeSet::new());
}

/// The suite sees a guard that does not add up what comes in small pushes.
#[test]
fn a_guard_that_counts_each_push_alone_is_found_out() {
    let served = serve(&MemoryDisk::new());
    served.with_hub(|_| plant(Some(Fault::PushesCountedAlone))).unwrap();
    let deletions = deletions(&served, 60);
    assert_eq!(
        held_of(&served, "phone", &deletions),
        BTreeSet::new(),
        "the fault lets all through"
    );
}
