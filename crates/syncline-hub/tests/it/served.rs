//! A served hub: what a push comes to, who is told when, what stands after a restart.

use std::collections::BTreeMap;
use std::path::Path as Folder;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use syncline_engine::operate::Entities;
use syncline_hub::limits::COMMANDS_WAITING_MAX;
use syncline_hub::served::{Limits, Pushed, ServeError, Served, ToldTokens};
use syncline_hub::{Actor, Choice, Hub, HubOptions};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::{ClientId, EntityName, Position, RecordId, Writer};
use syncline_model::json::{Leaf, Number, Object};
use syncline_model::path::{Path, Pattern};
use syncline_policy::view::{Access, AccessRule, Filter, Sight};
use syncline_protocol::change::Content;
use syncline_protocol::delta::Delta;
use syncline_protocol::message::Follow;
use syncline_protocol::operation::Operation;
use syncline_protocol::outcome::{Outcome, Seen, Shown, Status};
use syncline_protocol::token::TokenText;
use syncline_store::memory::MemoryDisk;

use crate::served_client::{Client, push, push_for};
use crate::writer::memory;

fn serve(hub: Hub) -> Served {
    let reviewed = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
    let pattern = Pattern::parse("/views").unwrap();
    let shape = Shape::Sum { minimum: None };
    let views = FieldRules { pattern, shape, rule: Rule::Latest };
    let counted = EntityRules { fields: vec![views], ..EntityRules::default() };
    let named = [("reviewed", reviewed), ("counted", counted)];
    let named = named.map(|(name, rules)| (EntityName::new(name).unwrap(), rules)).into();
    Served::start(hub, Entities::open(named)).unwrap()
}

fn open(folder: &Folder) -> Served {
    let state_folder = folder.to_owned();
    serve(Hub::open(&HubOptions { state_folder, check_store: false }).unwrap())
}

fn entity(name: &str) -> EntityName {
    EntityName::new(name).unwrap()
}

fn record(id: &str) -> RecordId {
    RecordId::new(id).unwrap()
}

fn client(name: &str) -> ClientId {
    ClientId::new(name).unwrap()
}

fn set(counter: u64, of: &str, id: &str, value: &str) -> Operation {
    let (path, value) = (Path::parse("/title").unwrap(), Leaf::string(value));
    Operation {
        counter,
        entity: entity(of),
        id: record(id),
        base: None,
        effect: Effect::Write(vec![FieldOperation::Set { path, value }]),
        deltas: Vec::new(),
        edited_ms: 1_700_000_000_000,
        after: Vec::new(),
    }
}

fn based(operation: Operation, outcome: &Outcome) -> Operation {
    let base = outcome.seen.as_ref().map(|seen| seen.version.clone());
    Operation { base, ..operation }
}

fn one(served: &Served, name: &str, operation: Operation) -> Outcome {
    push(served, &client(name), vec![operation]).unwrap().outcomes.remove(0)
}

fn title(shown: &Shown) -> &str {
    match shown {
        Shown::Record(Some(fields)) => fields[0].1.as_str(),
        other => panic!("not a record: {other:?}"),
    }
}

fn code(outcome: &Outcome) -> &str {
    &outcome.problem.as_ref().unwrap().code
}

#[test]
fn a_push_is_answered_in_order_with_what_the_client_could_not_know() {
    let served = serve(memory(&MemoryDisk::new()));
    let answer = push(
        &served,
        &client("a"),
        vec![set(1, "tasks", "t1", "one"), set(2, "tasks", "t1", "two"), set(3, "any", "x", "y")],
    );
    let answer = answer.unwrap();
    let statuses: Vec<Status> = answer.outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(statuses, [Status::Applied; 3], "an entity without rules is taken, too");
    assert!(answer.outcomes.iter().all(|outcome| outcome.shown == Shown::AsPredicted));
    assert_eq!((answer.position, served.position()), (Position(3), Position(3)));

    // The times are the same, and the second edit of one writer is later than its first.
    let blind = one(&served, "b", set(1, "tasks", "t1", "three"));
    assert_eq!((blind.status, title(&blind.shown)), (Status::Conflict, "\"two\""));
    assert_eq!((blind.conflicts.len(), &*blind.open), (1, &[][..]), "a rule has settled it");
    let seen = one(&served, "b", based(set(2, "tasks", "t1", "four"), &blind));
    assert_eq!((seen.status, seen.shown), (Status::Applied, Shown::AsPredicted));
    let again = one(&served, "a", set(2, "tasks", "t1", "two"));
    assert_eq!((again.status, title(&again.shown)), (Status::Duplicate, "\"four\""));
    let other = one(&served, "a", set(2, "tasks", "t9", "two"));
    assert_eq!((other.status, code(&other)), (Status::Rejected, "OPERATION_COUNTER_REUSED"));
    assert_eq!(push(&served, &client("a"), Vec::new()).unwrap().outcomes, []);
    served.stop().unwrap();
    let late = push(&served, &client("a"), vec![set(9, "tasks", "t1", "late")]).unwrap_err();
    assert_eq!((late.code(), late.is_retryable()), ("WRITER_STOPPED", true));
    assert!(served.record(&entity("tasks"), &record("t1"), &Writer::new("a").unwrap()).is_err());
}

#[test]
fn under_review_each_writer_is_shown_its_own_value_by_results_and_by_pages() {
    let served = serve(memory(&MemoryDisk::new()));
    let first = one(&served, "a", set(1, "reviewed", "r", "first"));
    let mine = one(&served, "a", based(set(2, "reviewed", "r", "mine"), &first));
    assert_eq!(mine.status, Status::Applied);
    let yours = one(&served, "b", based(set(1, "reviewed", "r", "yours"), &first));
    assert_eq!((yours.status, title(&yours.shown)), (Status::Conflict, "\"yours\""));
    for (name, expected) in [("a", "\"mine\""), ("b", "\"yours\"")] {
        let viewer = Writer::new(name).unwrap();
        let paged = served.page(&Follow::default(), &viewer, Limits::default()).unwrap();
        let Content::Record(fields) = &paged.page.changes[0].content else { panic!("{paged:?}") };
        assert_eq!(fields[0].1.as_str(), expected);
        assert_eq!((paged.is_for_all, paged.page.changes[0].conflicts.len()), (false, 1));
        let now = served.record(&entity("reviewed"), &record("r"), &viewer).unwrap().unwrap();
        assert_eq!(now.seen, paged.page.changes[0].seen);
    }
    let open = served.open_conflicts(Some(&entity("reviewed")), None, 10).unwrap().conflicts;
    let told = yours.open.iter().map(|waits| (waits.id.to_string(), waits.path.as_str()));
    assert_eq!(told.collect::<Vec<_>>(), [(open[0].conflict_id(), "/title")]);
    assert_eq!(served.open_conflicts(None, None, 10).unwrap().conflicts, open);
    assert_eq!(open, served.conflicts(None, 10).unwrap().conflicts);
    let id = open[0].conflict_id();
    assert_eq!(served.conflict(&id[..8]).unwrap(), open[0]);
    let settled = Choice::Value(Some(Leaf::string("both")));
    served.resolve(&id, settled, Actor::default()).unwrap();
    assert_eq!(served.position(), Position(4));
    assert_eq!(served.open_conflicts(Some(&entity("reviewed")), None, 10).unwrap().conflicts, []);
    served.stop().unwrap();
}

#[test]
fn what_follows_an_operation_that_waits_on_its_record_waits_as_well() {
    let served = serve(memory(&MemoryDisk::new()));
    let waits = Operation { after: vec![9], ..set(1, "tasks", "t1", "one") };
    let sent = vec![waits, set(2, "tasks", "t1", "two"), set(3, "tasks", "t2", "three")];
    let statuses = |sent: &[Operation]| -> Vec<Status> {
        let answer = push(&served, &client("a"), sent.to_vec()).unwrap();
        answer.outcomes.iter().map(|outcome| outcome.status).collect()
    };
    assert_eq!(statuses(&sent), [Status::Behind, Status::Behind, Status::Applied]);
    assert_eq!(statuses(&[set(9, "tasks", "t3", "nine")]), [Status::Applied]);
    assert_eq!(statuses(&sent), [Status::Applied, Status::Applied, Status::Duplicate]);
    let now = served.record(&entity("tasks"), &record("t1"), &Writer::new("a").unwrap());
    assert_eq!(now.unwrap().unwrap().fields.unwrap()[0].1.as_str(), "\"two\"");
    served.stop().unwrap();
}

#[test]
fn a_push_that_finds_no_room_leaves_nothing_and_all_that_was_taken_is_answered() {
    let served = serve(memory(&MemoryDisk::new()));
    let (open, gate) = channel::<()>();
    let (began, begun) = channel::<()>();
    let holding = served.clone();
    let held = std::thread::spawn(move || {
        holding.with_hub(move |_| began.send(()).is_ok() && gate.recv().is_ok())
    });
    begun.recv().unwrap();
    let (tell, told) = channel();
    let (mut counter, mut taken) = (0, 0);
    loop {
        let operations = (0..100).map(|_| {
            counter += 1;
            set(counter, "tasks", &format!("t{counter}"), "x")
        });
        let tell = tell.clone();
        let done = move |pushed: Result<_, ServeError>| drop(tell.send(pushed.map(drop)));
        served.push(&client("a"), operations.collect(), Box::new(done));
        match told.try_recv() {
            Ok(Err(error)) => {
                assert_eq!((error.code(), error.is_retryable()), ("HUB_BUSY", true));
                break;
            }
            _ => taken += 100,
        }
    }
    assert_eq!(taken, COMMANDS_WAITING_MAX / 100 * 100, "all of a push or nothing of it");
    open.send(()).unwrap();
    assert!(held.join().unwrap().unwrap());
    served.stop().unwrap();
    drop(tell);
    assert_eq!(told.iter().map(Result::unwrap).count() * 100, taken);
}

#[test]
fn pushes_take_no_more_memory_than_there_is_for_them() {
    let served = serve(memory(&MemoryDisk::new()));
    let (open, gate) = channel::<()>();
    let (began, begun) = channel::<()>();
    let holding = served.clone();
    let held = std::thread::spawn(move || {
        holding.with_hub(move |_| began.send(()).is_ok() && gate.recv().is_ok())
    });
    begun.recv().unwrap();
    let value = "x".repeat(1 << 20);
    let (tell, told) = channel();
    let (mut counter, mut refused) = (0, None);
    while refused.is_none() {
        counter += 1;
        let tell = tell.clone();
        let done = move |pushed: Result<_, ServeError>| drop(tell.send(pushed.map(drop)));
        // It waits for one that never comes: nothing of it is written.
        let sent = Operation { after: vec![999], ..set(counter, "tasks", "t", &value) };
        served.push(&client("a"), vec![sent], Box::new(done));
        refused = told.try_recv().ok().map(|told| told.unwrap_err().code().to_owned());
    }
    assert_eq!((refused.as_deref(), counter), (Some("HUB_BUSY"), 64));
    open.send(()).unwrap();
    assert!(held.join().unwrap().unwrap());
    served.stop().unwrap();
    drop(tell);
    assert_eq!(told.iter().map(Result::unwrap).count(), 63);
}

#[test]
fn watchers_are_told_of_what_is_on_disk_and_of_no_more_once_they_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let served = open(folder.path());
    let last = Arc::new(AtomicU64::new(0));
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let (noted, found, reader) = (last.clone(), wrong.clone(), served.clone());
    let watch = served.watch(move |position| {
        noted.store(position.0, Ordering::SeqCst);
        // What it is told of can be read, and is the end.
        let history = reader.history(&entity("tasks"), &record("t"), None, 1).unwrap();
        if history.changes.first().map(|change| change.position) < Some(position) {
            found.lock().unwrap().push(position);
        }
    });
    for counter in 1..=20 {
        let (tell, told) = channel();
        let done = move |pushed: Result<_, ServeError>| drop(tell.send(pushed.map(drop)));
        let sent =
            vec![set(2 * counter, "tasks", "t", "x"), set(2 * counter + 1, "tasks", "t", "y")];
        served.push(&client("a"), sent, Box::new(done));
        if counter % 3 == 0 {
            told.recv().unwrap().unwrap();
            assert!(served.position().0 >= 2 * counter, "the end is told before the answer");
        }
    }
    served.with_hub(|_| ()).unwrap();
    assert_eq!((last.load(Ordering::SeqCst), served.position()), (40, Position(40)));
    assert_eq!(*wrong.lock().unwrap(), []);
    drop(watch);
    one(&served, "b", set(1, "tasks", "u", "z"));
    served.with_hub(|_| ()).unwrap();
    assert_eq!(last.load(Ordering::SeqCst), 40);
    served.stop().unwrap();
}

#[test]
fn a_cursor_of_another_life_or_from_ahead_is_refused_and_a_copy_is_another_life() {
    let folder = tempfile::tempdir().unwrap();
    let (live, copy) = (folder.path().join("live"), folder.path().join("copy"));
    let served = open(&live);
    let first = one(&served, "a", set(1, "tasks", "t", "one"));
    let here = served.cursor(served.position());
    let ahead = served.cursor(Position(7));
    let viewer = Writer::new("a").unwrap();
    let page = |served: &Served, cursor| {
        let follow = Follow::default().at(Some(cursor));
        served.page(&follow, &viewer, Limits::default())
    };
    assert_eq!(page(&served, ahead).unwrap_err().code(), "CURSOR_AHEAD");
    served.stop().unwrap();
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(&live).unwrap().flatten() {
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
    }
    let again = open(&live);
    assert_eq!(page(&again, here.clone()).unwrap().page.changes, []);
    let kept = one(&again, "a", based(set(2, "tasks", "t", "two"), &first));
    assert_eq!(kept.status, Status::Applied, "tokens are good after a restart");
    again.stop().unwrap();

    let other = open(&copy);
    assert_eq!(page(&other, here).unwrap_err().code(), "CURSOR_OTHER_INCARNATION");
    // What the copy lacks counts as not seen; what it has is replaced, and the client is told all of it.
    let since = one(&other, "a", based(set(3, "tasks", "t", "three"), &kept));
    assert_eq!((since.status, title(&since.shown)), (Status::Merged, "\"three\""));
    let before = one(&other, "b", based(set(1, "tasks", "t", "four"), &first));
    assert_eq!(before.status, Status::Conflict, "the third was not seen");
    let now = one(&other, "b", based(set(2, "tasks", "t", "five"), &before));
    assert_eq!(now.status, Status::Applied, "this life gave the base out");
    let stranger = open(&folder.path().join("stranger"));
    let foreign = one(&stranger, "a", based(set(2, "tasks", "t", "two"), &first));
    assert_eq!((foreign.status, code(&foreign)), (Status::Rebase, "BASE_FOREIGN"));
    stranger.stop().unwrap();
    let known = one(&other, "a", based(set(1, "tasks", "t", "one"), &first));
    assert_eq!(known.status, Status::Duplicate, "what was applied is not made anew");
    let token = TokenText::new("AAAA").unwrap();
    let bad = one(&other, "a", Operation { base: Some(token), ..set(9, "tasks", "t", "x") });
    assert_eq!((bad.status, code(&bad)), (Status::Rebase, "BASE_MALFORMED"));
    other.stop().unwrap();
}

#[test]
fn what_was_sent_before_a_kill_is_answered_as_a_duplicate_or_applied_once() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, copy) = (folder.path().join("live"), folder.path().join("killed"));
    let served = open(&disk);
    let operations = |from: u64| (from..from + 50).map(|counter| set(counter, "tasks", "t", "x"));
    push(&served, &client("a"), operations(1).collect()).unwrap();
    let (tell, told) = channel();
    let done = move |pushed: Result<_, ServeError>| drop(tell.send(pushed.map(drop)));
    served.push(&client("a"), operations(51).collect(), Box::new(done));
    // The files as they are while a push may be under way.
    std::fs::create_dir(&copy).unwrap();
    for name in ["syncline.db-wal", "syncline.db"] {
        std::fs::copy(disk.join(name), copy.join(name)).unwrap();
    }
    told.recv().unwrap().unwrap();
    served.stop().unwrap();
    let killed = open(&copy);
    let answer = push(&killed, &client("a"), operations(1).chain(operations(51)).collect());
    let statuses: Vec<Status> = answer.unwrap().outcomes.iter().map(|one| one.status).collect();
    assert_eq!(statuses[..50], [Status::Duplicate; 50]);
    assert!(statuses[50..].is_sorted_by_key(|status| *status != Status::Duplicate));
    assert_eq!(killed.position(), Position(100));
    killed.stop().unwrap();
}

#[test]
fn the_past_of_a_record_is_read_from_the_log() {
    let served = serve(memory(&MemoryDisk::new()));
    let (tasks, id) = (entity("tasks"), record("t"));
    let mut times = Vec::new();
    for counter in 1..=4 {
        let operation = match counter {
            3 => Operation { effect: Effect::Delete, ..set(3, "tasks", "t", "") },
            _ => set(counter, "tasks", "t", &format!("v{counter}")),
        };
        one(&served, "a", operation);
        one(&served, "b", set(counter, "other", "o", "noise"));
        let latest = served.history(&tasks, &id, None, 1).unwrap();
        times.push(latest.changes[0].at_ms);
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    let mut before = None;
    let mut positions = Vec::new();
    loop {
        let history = served.history(&tasks, &id, before, 1).unwrap();
        positions.extend(history.changes.iter().map(|change| change.position.0));
        before = history.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(positions, [7, 5, 3, 1]);
    let shown = |at_ms| {
        let fields = served.record_at(&tasks, &id, at_ms).unwrap();
        fields.map(|fields| fields[0].1.as_str().to_owned())
    };
    assert_eq!(shown(times[0] - 1), None);
    let expected = [Some("\"v1\""), Some("\"v2\""), None, Some("\"v4\"")];
    for (at_ms, expected) in times.iter().zip(expected) {
        assert_eq!(shown(*at_ms).as_deref(), expected);
    }
    served.stop().unwrap();
}

#[test]
fn whoever_reads_while_others_write_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let served = open(folder.path());
    let writers: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|name| {
            let served = served.clone();
            std::thread::spawn(move || {
                for batch in 0..12 {
                    let counters = batch * 10 + 1..=batch * 10 + 10;
                    let operation =
                        |counter| set(counter, "tasks", &format!("t{}", counter % 37), name);
                    push(&served, &client(name), counters.map(operation).collect()).unwrap();
                }
            })
        })
        .collect();
    let mut reader = Client::new("reader");
    let limits = Limits { changes: 7, ..Limits::default() };
    while !writers.iter().all(|writer| writer.is_finished()) {
        reader.pull(&served, limits).unwrap();
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    while reader.pull(&served, limits).unwrap() {}
    let list = served.records(&entity("tasks"), None, 1_000, &reader.writer()).unwrap();
    assert_eq!((list.records.len(), reader.held.len(), reader.unfit), (37, 37, 0));
    for now in list.records {
        let held = &reader.held[&(entity("tasks"), now.id.clone())];
        assert_eq!((&held.fields, &held.token), (&now.fields, &now.seen.version), "{:?}", now.id);
    }
    served.stop().unwrap();
}

fn increment(counter: u64, id: &str, outcome: Option<&Outcome>) -> Operation {
    let (path, by) = (Path::parse("/views").unwrap(), Number::parse("1").unwrap());
    let effect = Effect::Write(vec![FieldOperation::Increment { path, by }]);
    let base = outcome.and_then(|outcome| outcome.seen.as_ref()).map(|seen| seen.version.clone());
    Operation { base, effect, ..set(counter, "counted", id, "") }
}

fn short(operation: Operation) -> Operation {
    let base = operation.base.map(|base| base.short());
    assert!(base.as_ref().is_some_and(TokenText::is_short));
    Operation { base, ..operation }
}

/// What only one of several has seen is never claimed by a base that leaves something out.
#[test]
fn a_short_base_is_completed_as_long_as_the_details_stand() {
    let served = serve(memory(&MemoryDisk::new()));
    let first = one(&served, "a", increment(1, "c", None));
    let title = one(&served, "a", short(based(set(2, "counted", "c", "one"), &first)));
    assert_eq!((title.status, &title.shown), (Status::Applied, &Shown::AsPredicted));
    // Another title is no other detail, another amount is.
    let late = one(&served, "b", short(based(set(1, "counted", "c", "two"), &first)));
    assert_eq!(late.status, Status::Conflict, "the title was not seen");
    let counted = one(&served, "b", increment(2, "c", Some(&late)));
    assert_eq!(counted.status, Status::Applied);
    let refused = one(&served, "a", short(based(set(3, "counted", "c", "three"), &title)));
    assert_eq!((refused.status, code(&refused)), (Status::Behind, "BASE_SHORT"));
    // What follows it on the same record waits with it; other records do not.
    let together = vec![
        short(based(set(3, "counted", "c", "three"), &title)),
        set(4, "counted", "c", "four"),
        set(5, "counted", "d", "five"),
    ];
    let answered = push(&served, &client("a"), together).unwrap().outcomes;
    let statuses: Vec<Status> = answered.iter().map(|outcome| outcome.status).collect();
    assert_eq!(statuses, [Status::Behind, Status::Behind, Status::Applied]);
    let full = one(&served, "a", based(set(3, "counted", "c", "three"), &title));
    assert_eq!(full.status, Status::Conflict, "the second title was not seen");
    // Applied is applied, whatever the base of the second try lacks.
    let again = one(&served, "a", short(based(set(2, "counted", "c", "one"), &first)));
    assert_eq!(again.status, Status::Duplicate);
    let nobody = TokenText::new("~AAAA").unwrap();
    let unknown =
        one(&served, "a", Operation { base: Some(nobody), ..set(6, "counted", "e", "x") });
    assert_eq!((unknown.status, code(&unknown)), (Status::Behind, "BASE_SHORT"));
    served.stop().unwrap();
}

/// Who holds the same fields with other details would add these to a short token.
#[test]
fn what_is_held_with_other_details_is_told_anew() {
    let served = serve(memory(&MemoryDisk::new()));
    let first = one(&served, "a", increment(1, "c", None));
    let mut reader = Client::new("reader");
    while reader.pull(&served, Limits::default()).unwrap() {}
    let anew = |reader: &mut Client| {
        reader.begin_anew();
        reader.say_held(&served);
        let page = reader.page(&served, Limits::default()).unwrap().page;
        (page.same.is_some(), page.changes.len())
    };
    assert_eq!(anew(&mut reader), (true, 0));
    let more = one(&served, "a", increment(2, "c", Some(&first)));
    let (path, by) = (Path::parse("/views").unwrap(), Number::parse("-1").unwrap());
    let effect = Effect::Write(vec![FieldOperation::Increment { path, by }]);
    one(&served, "a", Operation { effect, ..increment(3, "c", Some(&more)) });
    assert_eq!(anew(&mut reader), (false, 1));
    served.stop().unwrap();
}

#[test]
fn a_result_tells_a_short_token_where_only_the_clock_is_another() {
    let served = serve(memory(&MemoryDisk::new()));
    let pushed = |operation| {
        let (done, answered) = channel();
        let done = Box::new(move |pushed| drop(done.send(pushed)));
        served.push(&client("a"), vec![operation], done);
        let pushed: Result<Pushed, ServeError> = answered.recv().unwrap();
        pushed.unwrap().short_answer().outcomes.remove(0)
    };
    let first = pushed(increment(1, "c", None));
    let whole = first.seen.as_ref().unwrap().version.clone();
    assert!(whole.details().is_some(), "there was no base");
    let title = pushed(based(set(2, "counted", "c", "one"), &first));
    let version = title.seen.as_ref().unwrap().version.clone();
    assert!(version.is_short());
    let version = version.with_details_of(Some(&whole)).unwrap();
    let title = Outcome { seen: Some(Seen { position: Position(2), version }), ..title };
    let counted = pushed(increment(3, "c", Some(&title)));
    assert_eq!(counted.status, Status::Applied);
    assert!(!counted.seen.unwrap().version.is_short(), "it counts, which is a detail");
    served.stop().unwrap();
}

#[test]
fn a_feed_tells_short_tokens_only_to_who_holds_their_details() {
    let served = serve(memory(&MemoryDisk::new()));
    let audience = served.audience(Sight::everything(&[]));
    let viewer = Writer::new("feed").unwrap();
    let mut told = ToldTokens::default();
    let mut outcome = one(&served, "a", increment(1, "c", None));
    let mut counter = 1;
    let mut read = Position(0);
    let steps: [(&str, &[&str], bool, bool); 6] = [
        ("the record is new", &[], false, false),
        ("a title", &["set"], false, true),
        ("an amount", &["inc"], false, false),
        ("two titles at once", &["set", "set"], false, false),
        ("a title again", &["set"], false, true),
        ("a title, after something was told to each by itself", &["set"], true, false),
    ];
    for (name, deeds, forgets, is_short) in steps {
        for deed in deeds {
            counter += 1;
            let operation = match *deed {
                "set" => based(set(counter, "counted", "c", &format!("t{counter}")), &outcome),
                _ => increment(counter, "c", Some(&outcome)),
            };
            outcome = one(&served, "a", operation);
            assert_eq!(outcome.status, Status::Applied);
        }
        if forgets {
            told.forget();
        }
        let paged = served.with_stretch(read, false, |stretch| {
            stretch.prepare()?;
            let paged = stretch.page(&audience, &viewer, Limits::default())?;
            read = stretch.reached();
            Ok::<_, ServeError>(paged)
        });
        let paged = paged.unwrap().unwrap();
        let shorter = told.shorten(&paged);
        assert_eq!(shorter.is_some(), is_short, "{name}");
        if let Some(page) = shorter {
            assert!(page.changes[0].seen.version.is_short(), "{name}");
        }
    }
    served.stop().unwrap();
}

/// A large text that says its number.
fn body(number: u64) -> String {
    format!("{number}{}", "What follows is the same. ".repeat(300))
}

/// An operation that sets a text by what differs from another one.
fn by_delta(counter: u64, id: &str, held: &str, text: &str) -> Operation {
    let delta = Delta::between(&Leaf::string(held), &Leaf::string(text)).unwrap();
    let deltas = vec![(Path::parse("/title").unwrap(), delta)];
    Operation { effect: Effect::Write(Vec::new()), deltas, ..set(counter, "any", id, "") }
}

#[test]
fn a_text_that_is_told_by_what_differs_is_made_of_what_the_client_was_shown() {
    let served = serve(memory(&MemoryDisk::new()));
    let first = one(&served, "a", set(1, "any", "t1", &body(1)));
    // Each builds on the one before it.
    let together = vec![
        based(by_delta(2, "t1", &body(1), &body(2)), &first),
        based(by_delta(3, "t1", &body(2), &body(3)), &first),
    ];
    let answered = push(&served, &client("a"), together).unwrap().outcomes;
    assert!(answered.iter().all(|outcome| outcome.status == Status::Applied), "{answered:?}");
    let now = |id: &str| {
        let viewer = Writer::from(&client("a"));
        let now = served.record(&entity("any"), &record(id), &viewer).unwrap();
        now.and_then(|now| now.fields).map(|fields| fields[0].1.clone())
    };
    assert_eq!(now("t1"), Some(Leaf::string(&body(3))));
    let end = served.position();
    let good = || based(by_delta(4, "t1", &body(3), &body(4)), &answered[1]);
    let altered = |alter: &dyn Fn(&mut Delta)| {
        let mut operation = good();
        alter(&mut operation.deltas[0].1);
        operation
    };
    let longer = format!("{}{}", body(2), "y".repeat(100));
    let bad = [
        ("another text", based(by_delta(4, "t1", &longer, &body(4)), &answered[1])),
        ("no record", by_delta(4, "t2", &body(3), &body(4))),
        ("another digest", altered(&|delta| delta.digest ^= 1)),
        ("it grows further", altered(&|delta| delta.bytes -= 1)),
        ("it is cut", altered(&|delta| delta.frame = delta.frame[..9].into())),
    ];
    for (name, operation) in bad {
        let refused = one(&served, "a", operation);
        assert_eq!(
            (refused.status, code(&refused)),
            (Status::Behind, "DELTA_DOES_NOT_FIT"),
            "{name}"
        );
        assert!(refused.problem.as_ref().unwrap().is_retryable);
    }
    assert_eq!((served.position(), now("t1")), (end, Some(Leaf::string(&body(3)))));
    assert_eq!(one(&served, "a", good()).status, Status::Applied);
    // Applied is applied: what was said once more makes no other text.
    assert_eq!(one(&served, "a", good()).status, Status::Duplicate);
    served.stop().unwrap();
}

/// Whether a guess is right says what the text is.
#[test]
fn what_is_not_shown_is_no_base_of_a_delta() {
    let served = serve(memory(&MemoryDisk::new()));
    let first = one(&served, "a", set(1, "any", "t1", &body(1)));
    let rule = AccessRule {
        roles: vec!["blind".into()],
        entities: None,
        read: Some(Filter::compile("record.state == 'open'").unwrap()),
        read_fields: None,
        write: Some(Filter::compile("true").unwrap()),
        write_fields: None,
        create: true,
        delete: true,
    };
    let access = Access { views: BTreeMap::new(), rules: vec![rule] };
    let permit = Arc::new(access.permit("blind", &Object::new()));
    let blind = Arc::new(Sight::of_entities(permit, &[]));
    let guess = based(by_delta(1, "t1", &body(1), &body(2)), &first);
    let answered = push_for(&served, &blind, &client("b"), vec![guess]).unwrap().outcomes;
    assert_ne!(answered[0].status, Status::Applied);
    assert_eq!(code(&answered[0]), "DELTA_DOES_NOT_FIT");
    served.stop().unwrap();
}

#[test]
fn a_reader_of_deltas_is_told_what_differs_from_what_it_holds() {
    let served = serve(memory(&MemoryDisk::new()));
    let mut last = one(&served, "a", set(1, "any", "t1", &body(1)));
    let mut reader = Client::new("reader");
    while reader.pull(&served, Limits::default()).unwrap() {}
    last = one(&served, "a", based(set(2, "any", "t1", &body(2)), &last));
    let paged = reader.page(&served, Limits::default()).unwrap();
    let held = Some(vec![(Path::parse("/title").unwrap(), Leaf::string(&body(1)))]);
    let expected = Some(vec![(Path::parse("/title").unwrap(), Leaf::string(&body(2)))]);
    assert_eq!(paged.page.changes[0].content.apply(held.clone()), Ok(expected.clone()), "whole");
    let page = paged.differing();
    let Content::Fields { set: whole, deltas, .. } = &page.changes[0].content else {
        panic!("{page:?}");
    };
    assert_eq!((whole.len(), deltas.len()), (0, 1));
    assert_eq!(page.changes[0].content.apply(held), Ok(expected.clone()));
    assert!(page.changes[0].content.apply(expected.clone()).is_ok(), "it is there already");
    // Of a record that changed twice nobody knows what the reader holds: a result may have told the first.
    one(&served, "a", based(set(3, "any", "t1", &body(3)), &last));
    let page = reader.page(&served, Limits::default()).unwrap().differing();
    let is_whole = match &page.changes[0].content {
        Content::Fields { deltas, .. } => deltas.is_empty(),
        content => matches!(content, Content::Record(_)),
    };
    assert!(is_whole, "{page:?}");
    served.stop().unwrap();
}
