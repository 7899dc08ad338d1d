//! Telling somebody of new conflicts that wait for a person, while hubs are served.
//!
//! What waits is compared with what was told before, which a file of the state keeps: so nothing that
//! arose shortly before a crash is forgotten, and at worst something is told twice. A conflict that a
//! run of folders found is left to the notice of that run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use syncline_engine::conflicts::ConflictRow;
use syncline_hub::served::{ServeError, Served};
use syncline_merge::rules::{Approver, Rule};
use syncline_model::id::RunId;
use syncline_model::json::{Json, Object, parse};

use super::super::sync::NOTICE_SCHEMA;
use crate::exit::Exit;
use crate::failure::Refusal;
use crate::run::Context;
use crate::run::notice::{Receivers, Waiting};

/// Where it is noted what was told, within the state's folder.
const FILE: &str = "told-conflicts.json";
/// How often it is looked whether something was written.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often at most somebody is told of one hub: conflicts come in swarms.
const PAUSE: Duration = Duration::from_secs(10);
/// Longest pause after receivers that could not be told.
const PAUSE_MAX: Duration = Duration::from_mins(10);
/// How many conflicts are read at once.
const PAGE: usize = 500;

/// The hubs that are served now, with their names; the default hub has none.
type Hubs = Vec<(Option<String>, Served)>;

/// Somebody who is told of new conflicts.
pub(super) struct Notices {
    receivers: Receivers,
    file: PathBuf,
    /// The open conflicts of each hub that were told; the default hub's name is empty.
    told: BTreeMap<String, BTreeSet<String>>,
    /// Where each hub stood when it was looked at, and when it may be looked at again.
    looked: BTreeMap<String, Looked>,
}

struct Looked {
    position: u64,
    again: Instant,
    pause: Duration,
}

/// The open conflicts of a hub.
struct Open {
    ids: BTreeSet<String>,
    new: Vec<ConflictRow>,
}

impl Notices {
    /// Reads what was told; nothing is told if there is nobody to tell.
    pub(super) fn begin(receivers: Receivers, state: &Path) -> Option<Self> {
        let file = state.join(FILE);
        let told = fs::read(&file).ok().and_then(|bytes| read_told(&bytes)).unwrap_or_default();
        let notices = Self { receivers, file, told, looked: BTreeMap::new() };
        (!notices.receivers.is_empty()).then_some(notices)
    }

    /// Tells of what is new, in a thread of its own, as long as the process lives.
    pub(super) fn keep(mut self, context: &Context, hubs: impl Fn() -> Hubs + Send + 'static) {
        let context = context.clone();
        thread::spawn(move || {
            loop {
                for (name, served) in hubs() {
                    let name = name.unwrap_or_default();
                    for problem in self.look(&name, &served, Instant::now()) {
                        context.output.warn(&problem);
                    }
                }
                thread::sleep(LOOK_AGAIN);
            }
        });
    }

    /// Looks whether a hub has new conflicts and tells of them; answers what went wrong.
    fn look(&mut self, name: &str, served: &Served, now: Instant) -> Vec<String> {
        let position = served.position().0;
        let looked = self.looked.get(name);
        if looked.is_some_and(|looked| looked.position == position || now < looked.again) {
            return Vec::new();
        }
        let told = self.told.remove(name).unwrap_or_default();
        let open = match open(served, &told) {
            Ok(open) => open,
            // A hub that ends is looked at again by the next process.
            Err(_) => {
                self.told.insert(name.to_owned(), told);
                return Vec::new();
            }
        };
        let problems = self.tell(name, served, &open.new);
        let is_told = problems.len() < self.receivers.len() || open.new.is_empty();
        let pause = match (is_told, looked) {
            (false, Some(looked)) => (looked.pause * 2).min(PAUSE_MAX),
            _ => PAUSE,
        };
        // What could not be told is new again once it is looked at, which is soon.
        let position = if is_told { position } else { u64::MAX };
        self.looked.insert(name.to_owned(), Looked { position, again: now + pause, pause });
        let has_changed = is_told && open.ids != told;
        self.told.insert(name.to_owned(), if is_told { open.ids } else { told });
        let saved = if has_changed { self.save() } else { Ok(()) };
        let unsaved = saved
            .err()
            .map(|error| format!("{}: {error}; conflicts may be told twice", self.file.display()));
        problems.into_iter().chain(unsaved).collect()
    }

    /// Tells all receivers of new conflicts; answers why some could not be told.
    fn tell(&self, name: &str, served: &Served, new: &[ConflictRow]) -> Vec<String> {
        if new.is_empty() {
            return Vec::new();
        }
        let waiting: Vec<_> = new.iter().map(|row| waiting(served, row)).collect();
        let mut notice = Object::new();
        notice.insert("schema", NOTICE_SCHEMA);
        notice.insert("code", "conflicts");
        notice.insert("exit", Json::Number(u64::from(Exit::Conflicts.number()).into()));
        if !name.is_empty() {
            notice.insert("hub", name);
        }
        self.receivers.name(&mut notice, &waiting);
        let failed = self.receivers.tell(&notice);
        failed.map(|error: Refusal| format!("{}: {error}", error.code())).collect()
    }

    /// Puts the file in place whole.
    fn save(&self) -> io::Result<()> {
        let mut hubs = Object::new();
        for (name, told) in &self.told {
            let told = told.iter().map(|id| Json::from(id.as_str()));
            hubs.insert(name.as_str(), Json::Array(told.collect()));
        }
        let new = self.file.with_extension("new");
        fs::write(&new, Json::Object(hubs).to_compact_string())?;
        fs::rename(&new, &self.file)
    }
}

/// Returns what was told; nothing of a file that is damaged.
fn read_told(bytes: &[u8]) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let Json::Object(hubs) = parse(bytes).ok()? else { return None };
    let ids = |told: &Json| {
        let told = told.as_array()?.iter().map(|id| id.as_str().map(str::to_owned));
        told.collect::<Option<BTreeSet<_>>>()
    };
    hubs.iter().map(|(name, told)| Some((name.to_owned(), ids(told)?))).collect()
}

/// Returns the conflicts of a hub that wait, and which of them are new.
fn open(served: &Served, told: &BTreeSet<String>) -> Result<Open, ServeError> {
    let (mut open, mut after) = (Open { ids: BTreeSet::new(), new: Vec::new() }, None);
    loop {
        let page = served.open_conflicts(None, after.as_ref(), PAGE)?;
        for row in page.conflicts {
            let id = row.conflict_id();
            if !told.contains(&id) && !is_of_run(served, row.found.as_ref())? {
                open.new.push(row);
            }
            open.ids.insert(id);
        }
        after = page.next;
        if after.is_none() {
            return Ok(open);
        }
    }
}

/// Returns whether a run of folders has found it, which tells of it by itself.
fn is_of_run(served: &Served, found: Option<&RunId>) -> Result<bool, ServeError> {
    found.map_or(Ok(false), |found| served.has_run(found))
}

fn waiting(served: &Served, row: &ConflictRow) -> Waiting {
    let rules = served.entities().rules(&row.entity);
    let rule = rules.filter(|_| !row.conflict.path.is_root());
    let approvers = rule.and_then(|rules| Rule::approvers(rules.rule(&row.conflict.path)));
    let names = approvers.into_iter().flat_map(|approvers| approvers.iter().map(Approver::name));
    Waiting {
        conflict: row.conflict_id(),
        entity: row.entity.to_string(),
        approvers: names.map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_damaged_says_that_nothing_was_told() {
        let whole = br#"{"":["a","b"],"shop":[]}"#;
        let told = read_told(whole).unwrap();
        assert_eq!(told[""], BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert_eq!(told["shop"], BTreeSet::new());
        for damaged in [&b""[..], b"[]", b"{\"\":1}", b"{\"\":[1]}", &whole[..9]] {
            assert_eq!(read_told(damaged), None);
        }
    }
}
