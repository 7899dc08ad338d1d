//! The copies that clients hold: of which it is known that they are what the hub shows, and of which not.
//!
//! A copy is what one client follows. What is known of it is what came of its latest comparison by a
//! checksum; where there was none, or long ago, nothing is known, and that is said. Copies are remembered
//! beside the store, so that one that does not come back after a restart is missed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use syncline_model::id::ClientId;
use syncline_model::json::{Json, Object, parse};
use syncline_protocol::message::Follow;

use crate::access::replace;
use crate::limits::{REPLICA_FORGOTTEN_MS, REPLICA_FRESH_MS, REPLICAS_MAX, REPLICAS_NOTED_MS};

/// The name of the file.
const FILE: &str = "replicas.json";
/// The version of its format.
const VERSION: u64 = 1;
/// Most bytes that are read of it.
const BYTES_MAX: u64 = (REPLICAS_MAX * 1_024) as u64;

/// A copy: what one client follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replica {
    /// Who holds it.
    pub client: ClientId,
    /// What it follows, in words.
    pub follows: Box<str>,
}

impl Replica {
    /// Returns the copy of a client.
    pub fn of(client: &ClientId, follow: &Follow) -> Self {
        let names = follow.entities.iter().map(|entity| entity.as_str());
        let follows = match &follow.view {
            None => names.collect::<Vec<_>>().join(","),
            Some(view) if view.params.is_empty() => view.name.to_string(),
            // Parameters may be values of records.
            Some(view) => {
                let params = Json::Object(view.params.clone()).to_canonical_string();
                let digest = blake3::hash(params.as_bytes()).to_hex();
                format!("{}#{}", view.name, digest.get(..8).unwrap_or_default())
            }
        };
        Self { client: client.clone(), follows: follows.into() }
    }
}

/// What is known of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// When its holder was there last.
    pub seen_ms: u64,
    /// Whether it was what the hub shows when that was compared last, and when that was.
    pub checked: Option<(bool, u64)>,
}

impl Known {
    /// Returns the word for it: `equal`, `different` or `unknown`.
    pub const fn word(&self, now_ms: u64) -> &'static str {
        match self.checked {
            Some((_, at_ms)) if now_ms.saturating_sub(at_ms) > REPLICA_FRESH_MS => "unknown",
            Some((true, _)) => "equal",
            Some((false, _)) => "different",
            None => "unknown",
        }
    }
}

/// How many copies of a hub that clients hold are known to be what the hub shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consistency {
    /// So many are.
    pub equal: u64,
    /// So many are not.
    pub different: u64,
    /// Of so many nothing is known.
    pub unknown: u64,
    /// The oldest of the comparisons that count was so long ago.
    pub age_ms: Option<u64>,
}

impl Consistency {
    /// Counts the copies of the hub of a folder, as a process that serves it has noted them a moment ago. Where
    /// none does nothing is known of any; `None` if there are none.
    pub fn of_folder(folder: &Path, now_ms: u64) -> Option<Self> {
        let noted = read(&folder.join(FILE)).filter(|noted| !noted.copies.is_empty())?;
        let is_of_now = now_ms.saturating_sub(noted.at_ms) <= REPLICAS_NOTED_MS;
        let known = noted.copies.values().map(|known| match is_of_now {
            true => *known,
            false => Known { checked: None, ..*known },
        });
        Some(Self::of(known, now_ms))
    }

    /// Counts what is known of copies.
    fn of(copies: impl Iterator<Item = Known>, now_ms: u64) -> Self {
        let mut count = Self::default();
        for known in copies {
            match known.word(now_ms) {
                "equal" => count.equal += 1,
                "different" => count.different += 1,
                _ => {
                    count.unknown += 1;
                    continue;
                }
            }
            let age_ms = known.checked.map(|(_, at_ms)| now_ms.saturating_sub(at_ms));
            count.age_ms = count.age_ms.max(age_ms);
        }
        count
    }

    /// Returns the share of copies that are what the hub shows, of those of which something is known.
    pub fn ratio(&self) -> Option<f64> {
        let known = self.equal + self.different;
        (known > 0).then(|| self.equal as f64 / known as f64)
    }
}

/// The copies of one hub.
pub struct Replicas {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: BTreeMap<Replica, Known>,
    is_changed: bool,
    saved_ms: u64,
}

impl Replicas {
    /// Returns the copies that are remembered in a hub's folder. What cannot be read is begun anew: nothing
    /// hangs on it but figures.
    pub fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let mut known = read(&path).unwrap_or_default().copies;
        // What was compared before may have changed since.
        known.values_mut().for_each(|known| known.checked = None);
        Self { path, state: Mutex::new(State { known, ..State::default() }) }
    }

    /// The holder of a copy is there.
    pub fn seen(&self, replica: &Replica, now_ms: u64) {
        let mut state = self.state();
        if let Some(known) = state.known.get_mut(replica) {
            known.seen_ms = now_ms;
            return;
        }
        if state.known.len() >= REPLICAS_MAX {
            let oldest = state.known.iter().min_by_key(|(_, known)| known.seen_ms);
            let oldest = oldest.map(|(replica, _)| replica.clone());
            if let Some(oldest) = oldest {
                state.known.remove(&oldest);
            }
        }
        state.known.insert(replica.clone(), Known { seen_ms: now_ms, checked: None });
        state.is_changed = true;
    }

    /// A copy was compared.
    pub fn checked(&self, replica: &Replica, is_equal: bool, now_ms: u64) {
        self.seen(replica, now_ms);
        if let Some(known) = self.state().known.get_mut(replica) {
            known.checked = Some((is_equal, now_ms));
        }
    }

    /// Returns the copies and what is known of each.
    pub fn list(&self) -> Vec<(Replica, Known)> {
        self.state().known.iter().map(|(replica, known)| (replica.clone(), *known)).collect()
    }

    /// Counts them.
    pub fn count(&self, now_ms: u64) -> Consistency {
        Consistency::of(self.state().known.values().copied(), now_ms)
    }

    /// Writes down what is known of each, for a command of this machine that asks now.
    pub(crate) fn note(&self, now_ms: u64) {
        let state = self.state();
        let document = document(&state.known, Some(now_ms));
        drop(state);
        // Without the file the command knows nothing of copies.
        let _ = replace(&self.path, document.to_compact_string().as_bytes());
    }

    /// Writes down which there are, and forgets those that have not been there for long.
    pub fn save(&self, now_ms: u64) {
        let mut state = self.state();
        let before = state.known.len();
        let is_alive = |known: &Known| now_ms.saturating_sub(known.seen_ms) < REPLICA_FORGOTTEN_MS;
        state.known.retain(|_, known| is_alive(known));
        state.is_changed |= state.known.len() != before;
        // Who was there is written rarely.
        let is_old = now_ms.saturating_sub(state.saved_ms) > REPLICA_FRESH_MS;
        state.is_changed |= is_old && !state.known.is_empty();
        if !std::mem::take(&mut state.is_changed) {
            return;
        }
        state.saved_ms = now_ms;
        let document = document(&state.known, None);
        drop(state);
        // Without the file a restart misses nobody.
        let _ = replace(&self.path, document.to_compact_string().as_bytes());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands in the file.
#[derive(Default)]
struct Noted {
    copies: BTreeMap<Replica, Known>,
    /// When it was noted what is known of them; 0 if it was not.
    at_ms: u64,
}

/// Describes copies.
///
/// - `noted_ms`: the time, to note what is known of them; `None` to note which there are.
fn document(known: &BTreeMap<Replica, Known>, noted_ms: Option<u64>) -> Json {
    let rows = known.iter().map(|(replica, known)| {
        let mut row = Object::new();
        row.insert("client", replica.client.as_str());
        row.insert("follows", &*replica.follows);
        row.insert("seen", known.seen_ms);
        if let (Some((is_equal, at_ms)), Some(_)) = (known.checked, noted_ms) {
            row.insert("equal", is_equal);
            row.insert("compared", at_ms);
        }
        row.into()
    });
    let rows = Json::Array(rows.collect());
    let mut document = Object::new();
    document.insert("version", VERSION);
    if let Some(noted_ms) = noted_ms {
        document.insert("noted", noted_ms);
    }
    document.insert("replicas", rows);
    document.into()
}

fn read(path: &Path) -> Option<Noted> {
    if fs::metadata(path).ok()?.len() > BYTES_MAX {
        return None;
    }
    let document = parse(&fs::read(path).ok()?).ok()?;
    let document = document.as_object()?;
    let number = |object: &Object, key: &str| {
        let number = object.get(key)?.as_number()?.to_i64()?;
        u64::try_from(number).ok()
    };
    if number(document, "version")? != VERSION {
        return None;
    }
    let one = |row: &Json| {
        let row = row.as_object()?;
        let client = ClientId::new(row.get("client")?.as_str()?).ok()?;
        let follows = row.get("follows")?.as_str()?.into();
        let is_equal = row.get("equal").and_then(Json::as_bool);
        let checked = is_equal.zip(number(row, "compared"));
        let known = Known { seen_ms: number(row, "seen")?, checked };
        Some((Replica { client, follows }, known))
    };
    let rows = document.get("replicas")?.as_array()?.iter().take(REPLICAS_MAX);
    let copies = rows.map(one).collect::<Option<_>>()?;
    Some(Noted { copies, at_ms: number(document, "noted").unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(client: &str) -> Replica {
        Replica { client: ClientId::new(client).unwrap(), follows: "tasks".into() }
    }

    fn counts(replicas: &Replicas, now_ms: u64) -> (u64, u64, u64, Option<u64>) {
        let Consistency { equal, different, unknown, age_ms } = replicas.count(now_ms);
        (equal, different, unknown, age_ms)
    }

    /// Beside a hub that is served a command sees what is known; at rest it is not known whether that still holds.
    #[test]
    fn a_command_is_told_what_is_known_a_moment_ago_and_nothing_at_rest() {
        let folder = tempfile::tempdir().unwrap();
        let told = |now_ms| Consistency::of_folder(folder.path(), now_ms);
        assert_eq!(told(5), None);
        let replicas = Replicas::open(folder.path());
        replicas.note(5);
        assert_eq!(told(5), None, "there are none");
        replicas.checked(&replica("a"), true, 10);
        replicas.checked(&replica("b"), false, 20);
        replicas.seen(&replica("c"), 20);
        replicas.note(30);
        let known = Consistency { equal: 1, different: 1, unknown: 1, age_ms: Some(20) };
        assert_eq!(told(30), Some(known));
        let unknown = Consistency { unknown: 3, ..Consistency::default() };
        assert_eq!(told(31 + REPLICAS_NOTED_MS), Some(unknown));
        replicas.note(40);
        replicas.state().is_changed = true;
        replicas.save(50);
        assert_eq!(told(50), Some(unknown), "it was stopped");
        assert_eq!(unknown.ratio(), None);
        replicas.note(60);
        assert_eq!(Replicas::open(folder.path()).count(60), unknown, "it was started again");
    }

    #[test]
    fn what_is_not_known_is_said_to_be_unknown_and_never_counted_as_equal() {
        let folder = tempfile::tempdir().unwrap();
        let replicas = Replicas::open(folder.path());
        assert_eq!((counts(&replicas, 5), replicas.count(5).ratio()), ((0, 0, 0, None), None));
        replicas.seen(&replica("a"), 10);
        assert_eq!((counts(&replicas, 10), replicas.count(10).ratio()), ((0, 0, 1, None), None));
        replicas.checked(&replica("a"), true, 20);
        replicas.checked(&replica("b"), true, 30);
        replicas.checked(&replica("c"), false, 30);
        replicas.checked(&replica("d"), true, 30);
        assert_eq!(counts(&replicas, 40), (3, 1, 0, Some(20)));
        assert_eq!(replicas.count(40).ratio(), Some(0.75));
        replicas.checked(&replica("c"), true, 50);
        assert_eq!(replicas.count(50).ratio(), Some(1.0));
        let late_ms = 30 + REPLICA_FRESH_MS + 1;
        assert_eq!(counts(&replicas, late_ms), (1, 0, 3, Some(late_ms - 50)));

        replicas.save(60);
        let again = Replicas::open(folder.path());
        assert_eq!((counts(&again, 70), again.count(70).ratio()), ((0, 0, 4, None), None));
        again.seen(&replica("a"), REPLICA_FORGOTTEN_MS);
        again.save(REPLICA_FORGOTTEN_MS + 40);
        assert_eq!(counts(&again, REPLICA_FORGOTTEN_MS + 40), (0, 0, 2, None), "two are given up");
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(counts(&Replicas::open(folder.path()), 0), (0, 0, 0, None));
    }
}
