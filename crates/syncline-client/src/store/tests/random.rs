//! Random histories: edits, answers, changes of others, lost answers, kills.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path as FilePath, PathBuf};

use proptest::prelude::*;
use syncline_merge::operation::Effect;
use syncline_model::id::ClientId;
use syncline_protocol::operation::Operation;
use syncline_protocol::predict::predict;

use super::hub::FakeHub;
use super::{edit, key, path, shown};
use crate::store::{Draft, Settled, Store};
use crate::view::value_of;

const RECORDS: [&str; 3] = ["t1", "t2", "t3"];

#[derive(Clone, Debug)]
enum Step {
    /// Adds to the sum of a record.
    Increment(usize, i64),
    /// Types a word at the end of a text.
    Type(usize),
    /// Sets a field.
    Set(usize, i64),
    Delete(usize),
    /// Sends some operations; whether one is refused, and whether the answer arrives.
    Send {
        most: usize,
        refuses: bool,
        arrives: bool,
    },
    /// Somebody else adds to a sum.
    Other(usize, i64),
    /// Changes come in.
    Pull,
    /// Settles the oldest refusal: again, or not.
    Settle {
        again: bool,
    },
    /// The process is killed.
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    let record = 0..RECORDS.len();
    prop_oneof![
        4 => (record.clone(), 1..9_i64).prop_map(|(r, by)| Step::Increment(r, by)),
        3 => record.clone().prop_map(Step::Type),
        2 => (record.clone(), 1..9_i64).prop_map(|(r, value)| Step::Set(r, value)),
        1 => record.clone().prop_map(Step::Delete),
        5 => (1..6_usize, prop::bool::weighted(0.2), prop::bool::weighted(0.7))
            .prop_map(|(most, refuses, arrives)| Step::Send { most, refuses, arrives }),
        2 => (record, 1..9_i64).prop_map(|(r, by)| Step::Other(r, by)),
        3 => Just(Step::Pull),
        1 => any::<bool>().prop_map(|again| Step::Settle { again }),
        2 => Just(Step::Kill),
    ]
}

struct World {
    folder: tempfile::TempDir,
    key: Option<[u8; 32]>,
    store: Option<Store>,
    hub: FakeHub,
    cursor: u64,
    others: u64,
    /// Words that were typed: each is another one.
    typed: u64,
    /// All operations that were ever queued, as they were sent last.
    made: BTreeMap<(ClientId, u64), Operation>,
}

impl World {
    fn new(is_sealed: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = is_sealed.then_some([7; 32]);
        let store = Store::open(&folder.path().join("app.db"), None, key.as_ref()).unwrap();
        let (store, hub, made) = (Some(store), FakeHub::new(), BTreeMap::new());
        Self { folder, key, store, hub, cursor: 0, others: 0, typed: 0, made }
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Increment(at, by) => {
                edit(self.store(), RECORDS[*at], |r| r.increment("/sum", *by));
            }
            Step::Type(at) => {
                self.typed += 1;
                let typed = self.typed;
                edit(self.store(), RECORDS[*at], |r| {
                    let old = r.get("/text").and_then(|text| text.as_str().map(str::to_owned));
                    let text = format!("{}w{typed} ", old.unwrap_or_default());
                    r.text("/text", &text)
                });
            }
            Step::Set(at, value) => {
                edit(self.store(), RECORDS[*at], |r| r.set("/field", *value));
            }
            Step::Delete(at) => {
                let key = key(RECORDS[*at]);
                let draft = Draft { key, effect: Effect::Delete, priority: false };
                self.store().enqueue(vec![draft], 1_000).unwrap();
            }
            Step::Send { most, refuses, arrives } => self.send(*most, *refuses, *arrives),
            Step::Other(at, by) => self.other(RECORDS[*at], *by),
            Step::Pull => {
                let page = self.hub.changes_since(self.cursor);
                self.store().handle_page(0, &page, false).unwrap();
                self.cursor = self.hub.position;
            }
            Step::Settle { again } => {
                let aside = self.store().rows().aside().unwrap();
                if let Some(first) = aside.first() {
                    let (client, counter) = (first.client.clone(), first.operation.counter);
                    let id = syncline_model::id::OperationId { client, counter };
                    self.made.remove(&(id.client.clone(), counter));
                    if *again {
                        self.store().retry(&id, 2_000).unwrap();
                    } else {
                        self.store().discard(&id).unwrap();
                    }
                }
            }
            Step::Kill => self.kill(),
        }
        for queued in self.store().rows().pending(10_000).unwrap() {
            let id = (queued.client, queued.operation.counter);
            self.made.insert(id, queued.operation);
        }
    }

    fn send(&mut self, most: usize, refuses: bool, arrives: bool) {
        let Some(client) = self.store().rows().oldest_client().unwrap() else { return };
        let waiting = self.store().rows().waiting(&client, 0, most).unwrap();
        for queued in &waiting {
            self.store().note_handed(&client, queued.operation.counter);
        }
        let mut settled = Vec::new();
        for (at, queued) in waiting.iter().enumerate() {
            let outcome = self.hub.handle(&client, &queued.operation, refuses && at == 0);
            let operation = Box::new(queued.operation.clone());
            settled.push(Settled::Outcome { operation, outcome, asked: Vec::new() });
        }
        if arrives {
            self.store().handle_settled(&client, &settled, None).unwrap();
        }
    }

    fn other(&mut self, id: &str, by: i64) {
        self.others += 1;
        let (entity, id) = key(id);
        let effect = Effect::Write(vec![syncline_merge::operation::FieldOperation::Increment {
            path: path("/sum"),
            by: by.into(),
        }]);
        let operation = Operation {
            counter: self.others,
            entity,
            id,
            base: None,
            effect,
            deltas: Vec::new(),
            edited_ms: 0,
            after: Vec::new(),
        };
        self.hub.handle(&ClientId::new("other").unwrap(), &operation, false);
    }

    /// Kills the process: what is on disk at this moment is what the next one finds.
    fn kill(&mut self) {
        let files = files(self.folder.path());
        self.store = None;
        for (path, bytes) in files {
            fs::write(path, bytes).unwrap();
        }
        let file = self.folder.path().join("app.db");
        self.store = Some(Store::open(&file, None, self.key.as_ref()).unwrap());
    }

    /// What is shown is what is confirmed with what waits.
    fn check(&mut self) {
        for id in RECORDS {
            let kept = self.store().rows().kept(&key(id)).unwrap();
            let mut expected = kept.confirmed.as_ref().and_then(|c| c.fields.clone());
            for queued in kept.queued.iter().filter(|queued| queued.refusal.is_none()) {
                expected = predict(expected.as_ref(), &queued.operation.effect);
            }
            let shown = kept.shown();
            let without_text = |fields: Option<Vec<_>>| {
                let fields = fields.into_iter().flatten();
                fields.filter(|(known, _)| *known != path("/text")).collect::<Vec<_>>()
            };
            assert_eq!(without_text(shown), without_text(expected));
        }
    }

    /// Everything is sent and fetched: the client shows what the hub holds.
    fn settle(&mut self) {
        for _ in 0..100 {
            while !self.store().rows().aside().unwrap().is_empty() {
                self.take(&Step::Settle { again: false });
            }
            if self.store().rows().oldest_client().unwrap().is_none() {
                break;
            }
            self.take(&Step::Send { most: 100, refuses: false, arrives: true });
        }
        self.take(&Step::Pull);
        assert_eq!(self.store().counts(), (0, 0));
        for id in RECORDS {
            let held = self.hub.records.get(&key(id)).and_then(|(record, _)| record.clone());
            let held = held.map(|fields| syncline_protocol::long::write_record(&fields));
            assert_eq!(shown(self.store(), id), held, "record {id}");
        }
        for id in self.made.keys() {
            assert!(self.hub.answered.contains_key(id), "{id:?} was lost");
        }
    }
}

fn files(folder: &FilePath) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    };
    entries.map(read).collect()
}

/// How often the text of a record names a word.
fn words(hub: &FakeHub, id: &str) -> Vec<String> {
    let record = hub.records.get(&key(id)).and_then(|(record, _)| record.as_ref());
    let text = record.and_then(|fields| value_of(fields, &path("/text")));
    let text = text.and_then(|leaf| leaf.as_string().map(String::from)).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nothing_is_lost_and_nothing_is_done_twice(
        steps in prop::collection::vec(step(), 1..40),
        is_sealed in any::<bool>(),
    ) {
        let mut world = World::new(is_sealed);
        for step in &steps {
            world.take(step);
            world.check();
        }
        world.settle();
        for id in RECORDS {
            let mut words = words(&world.hub, id);
            let count = words.len();
            words.sort();
            words.dedup();
            prop_assert_eq!(words.len(), count, "a word was typed twice");
        }
    }
}
