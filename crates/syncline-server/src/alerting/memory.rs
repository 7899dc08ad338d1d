//! What was told, what has still to be told to whom, and which reports were sent, as it is remembered over a restart.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use syncline_engine::alert::{Alarm, Fired, Kind, Severity, State};
use syncline_model::json::{Json, Object, parse};

use super::message::number;
use crate::access::replace;
use crate::limits::{ALERT_RECEIVERS_MAX, ALERTS_QUEUED_MAX, HUBS_MAX};
use crate::reporting::Period;

/// The name of the file, in the folder of the server's state.
const FILE: &str = "alerts.json";
/// Most bytes of one row of it: two names of 64 bytes at most, words and numbers.
const ROW_BYTES_MAX: usize = 512;
/// Most alerts that are lit at once.
const LIT_MAX: usize = HUBS_MAX * Kind::ALL.len();
/// Most bytes that are read of it: what is lit, who was told of each, and what is still to be told.
const BYTES_MAX: u64 = ((LIT_MAX * (1 + ALERT_RECEIVERS_MAX)
    + ALERT_RECEIVERS_MAX * ALERTS_QUEUED_MAX)
    * ROW_BYTES_MAX) as u64;

/// What is remembered, and the file of it.
#[derive(Debug)]
pub(super) struct Memory {
    file: PathBuf,
    facts: Mutex<Facts>,
    /// Held while it is written: what is older never takes the place of what is newer, and a disk that hangs holds up
    /// one writer and nobody who tells or asks.
    writing: Mutex<()>,
}

/// An alarm that somebody has still to be told of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Untold {
    /// The name of who is to be told.
    pub(super) receiver: String,
    /// Of what.
    pub(super) alarm: Alarm,
}

/// Something that is too bad, as the server of a folder has noted it.
#[derive(Clone, Debug, PartialEq)]
pub struct NotedAlert {
    /// The hub.
    pub hub: String,
    /// What, as the configuration calls it.
    pub alert: &'static str,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

impl NotedAlert {
    /// Returns what the server of a folder has found too bad and not over: as of its latest look, also where it has
    /// ended since.
    pub fn of_folder(folder: &Path) -> Vec<Self> {
        let noted =
            |Fired { hub, kind, since_ms, .. }| Self { hub, alert: kind.as_str(), since_ms };
        Memory::open(folder).fired().into_iter().map(noted).collect()
    }
}

/// How it went to tell somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It waits its turn, or is tried again.
    Waiting,
    /// It was told, at this time in milliseconds since the Unix epoch.
    At(u64),
    /// It was given up then.
    Failed(u64),
    /// The receiver is told of graver ones only.
    TooMild,
    /// The receiver was none yet when others were told: it is told with the next time.
    Later,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Facts {
    fired: Vec<Fired>,
    untold: VecDeque<Untold>,
    /// Who was told last, and how that went, of what is in `fired`: hub, kind and receiver.
    told: BTreeMap<(String, Kind, String), Told>,
    /// When the latest report was due that each receiver was sent, or was not owed.
    reports: BTreeMap<(String, Period), u64>,
    /// Whether reports were sent that are in no file yet.
    is_changed: bool,
    /// Whether somebody has asked for it to be written since it was.
    is_unwritten: bool,
}

impl Memory {
    /// Reads what was told and is not over, and what was still to be told; nothing of a file that is damaged: then it
    /// is told once more.
    pub(super) fn open(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let is_short = fs::metadata(&file).is_ok_and(|facts| facts.len() <= BYTES_MAX);
        let bytes = if is_short { fs::read(&file).unwrap_or_default() } else { Vec::new() };
        let facts = Mutex::new(facts_of(&bytes).unwrap_or_default());
        Self { file, facts, writing: Mutex::default() }
    }

    pub(super) fn fired(&self) -> Vec<Fired> {
        self.lock().fired.clone()
    }

    pub(super) fn untold(&self) -> Vec<Untold> {
        self.lock().untold.iter().cloned().collect()
    }

    /// Somebody is to be told; it is on disk with the next [`Memory::save`].
    pub(super) fn begin(&self, untold: Untold) {
        self.lock().untold.push_back(untold);
    }

    /// Somebody was told, or nobody tries any more; as [`Memory::begin`].
    pub(super) fn tried(&self, receiver: &str, alarm: &Alarm, is_told: bool, at_ms: u64) {
        self.end(receiver, alarm);
        if matches!(alarm.state, State::Fired | State::Repeated) {
            let mut facts = self.lock();
            let told = if is_told { Told::At(at_ms) } else { Told::Failed(at_ms) };
            let key = (alarm.hub.clone(), alarm.kind, receiver.to_owned());
            if facts.fired.iter().any(|fired| (&fired.hub, fired.kind) == (&key.0, key.1)) {
                facts.told.insert(key, told);
            }
        }
    }

    /// Returns who is told of an alert that lasts, and how that went.
    pub(super) fn told_of(&self, hub: &str, kind: Kind) -> Vec<(String, Told)> {
        let facts = self.lock();
        let told = facts.told.iter().filter(|((of, what, _), _)| of == hub && *what == kind);
        let mut told: BTreeMap<&str, Told> =
            told.map(|((_, _, receiver), told)| (receiver.as_str(), *told)).collect();
        let is_it = |alarm: &Alarm| {
            let lasts = matches!(alarm.state, State::Fired | State::Repeated);
            lasts && alarm.hub == hub && alarm.kind == kind
        };
        let waiting = facts.untold.iter().filter(|untold| is_it(&untold.alarm));
        told.extend(waiting.map(|untold| (untold.receiver.as_str(), Told::Waiting)));
        told.into_iter().map(|(receiver, told)| (receiver.to_owned(), told)).collect()
    }

    /// Nobody is told of an alarm that was to be; as [`Memory::begin`].
    pub(super) fn end(&self, receiver: &str, alarm: &Alarm) {
        let mut facts = self.lock();
        let is_it = |untold: &Untold| untold.receiver == receiver && untold.alarm == *alarm;
        if let Some(place) = facts.untold.iter().position(is_it) {
            facts.untold.remove(place);
        }
    }

    /// Forgets who is no receiver any more; as [`Memory::begin`].
    pub(super) fn keep_receivers(&self, names: &[&str]) {
        let mut facts = self.lock();
        facts.untold.retain(|untold| names.contains(&untold.receiver.as_str()));
        facts.reports.retain(|(name, _), _| names.contains(&name.as_str()));
        facts.told.retain(|(_, _, name), _| names.contains(&name.as_str()));
    }

    /// Returns whether a receiver has still to be sent the report that was due at a time. Nothing from before is owed
    /// to a new one.
    pub(super) fn owes_report(&self, receiver: &str, period: Period, due_ms: u64) -> bool {
        let mut facts = self.lock();
        match facts.reports.get(&(receiver.to_owned(), period)) {
            Some(sent_ms) => *sent_ms < due_ms,
            None => {
                facts.reports.insert((receiver.to_owned(), period), due_ms);
                facts.is_changed = true;
                false
            }
        }
    }

    /// A receiver was sent the report that was due at a time, or nobody tries any more; as [`Memory::begin`].
    pub(super) fn report_sent(&self, receiver: &str, period: Period, due_ms: u64) {
        let mut facts = self.lock();
        facts.reports.insert((receiver.to_owned(), period), due_ms);
        facts.is_changed = true;
    }

    /// Returns whether reports were sent since it was written down.
    pub(super) fn has_reports_unsaved(&self) -> bool {
        self.lock().is_changed
    }

    /// Takes in what is too bad, and answers whether that is new.
    pub(super) fn set_fired(&self, fired: Vec<Fired>) -> bool {
        let mut facts = self.lock();
        let is_new = facts.fired != fired;
        let is_lit = |hub: &str, kind| fired.iter().any(|one| one.hub == hub && one.kind == kind);
        facts.told.retain(|(hub, kind, _), _| is_lit(hub, *kind));
        facts.fired = fired;
        is_new
    }

    /// Writes it down; blocks. Whoever writes at this moment writes that as well. Where that fails a restart tells once
    /// more what was told since.
    pub(super) fn save(&self) {
        self.lock().is_unwritten = true;
        loop {
            let writing = match self.writing.try_lock() {
                Ok(writing) => writing,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            while let Some(text) = self.unwritten() {
                let _ = replace(&self.file, text.as_bytes());
            }
            drop(writing);
            // Somebody may have asked who still found it taken.
            if !self.lock().is_unwritten {
                return;
            }
        }
    }

    /// Returns what is to be written, if anything is.
    fn unwritten(&self) -> Option<String> {
        let mut facts = self.lock();
        if !std::mem::take(&mut facts.is_unwritten) {
            return None;
        }
        facts.is_changed = false;
        let mut document = Object::new();
        document.insert("fired", Json::Array(facts.fired.iter().map(fired_row).collect()));
        document.insert("untold", Json::Array(facts.untold.iter().map(untold_row).collect()));
        let reports = facts.reports.iter().map(|((receiver, period), due_ms)| {
            let mut row = Object::new();
            row.insert("to", receiver.as_str());
            row.insert("period", period.as_str());
            row.insert("due", *due_ms);
            Json::Object(row)
        });
        document.insert("reports", Json::Array(reports.collect()));
        document.insert("told", Json::Array(facts.told.iter().map(told_row).collect()));
        Some(Json::Object(document).to_compact_string())
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fired_row(fired: &Fired) -> Json {
    let mut row = Object::new();
    row.insert("hub", fired.hub.as_str());
    row.insert("alert", fired.kind.as_str());
    row.insert("since", fired.since_ms);
    row.insert("told", fired.told_ms);
    Json::Object(row)
}

fn untold_row(Untold { receiver, alarm }: &Untold) -> Json {
    let mut row = Object::new();
    row.insert("to", receiver.as_str());
    row.insert("hub", alarm.hub.as_str());
    row.insert("alert", alarm.kind.as_str());
    row.insert("severity", alarm.severity.as_str());
    row.insert("state", alarm.state.as_str());
    if let Some(value) = alarm.value {
        row.insert("value", Json::Number(number(value)));
    }
    row.insert("threshold", Json::Number(number(alarm.threshold)));
    row.insert("since", alarm.since_ms);
    row.insert("at", alarm.at_ms);
    Json::Object(row)
}

fn told_row((key, told): (&(String, Kind, String), &Told)) -> Json {
    let ((hub, kind, receiver), mut row) = (key, Object::new());
    row.insert("hub", hub.as_str());
    row.insert("alert", kind.as_str());
    row.insert("to", receiver.as_str());
    match told {
        Told::Waiting | Told::TooMild | Told::Later => {}
        Told::At(at_ms) => drop(row.insert("at", *at_ms)),
        Told::Failed(at_ms) => drop(row.insert("failed", *at_ms)),
    }
    Json::Object(row)
}

fn told_of_row(row: &Object) -> Option<((String, Kind, String), Told)> {
    let word = |name: &str| row.get(name)?.as_str();
    let key = (word("hub")?.to_owned(), Kind::from_word(word("alert")?)?, word("to")?.to_owned());
    let failed = || whole(row, "failed").map(Told::Failed);
    Some((key, whole(row, "at").map(Told::At).or_else(failed)?))
}

fn facts_of(bytes: &[u8]) -> Option<Facts> {
    let document = parse(bytes).ok()?;
    let rows = |name: &str| document.as_object()?.get(name)?.as_array();
    Some(Facts {
        fired: rows("fired")?
            .iter()
            .map(|row| fired_of(row.as_object()?))
            .collect::<Option<_>>()?,
        untold: rows("untold")?
            .iter()
            .map(|row| untold_of(row.as_object()?))
            .collect::<Option<_>>()?,
        reports: rows("reports")?
            .iter()
            .map(|row| report_of(row.as_object()?))
            .collect::<Option<_>>()?,
        // A file of an older server has none.
        told: rows("told")
            .into_iter()
            .flatten()
            .map(|row| told_of_row(row.as_object()?))
            .collect::<Option<_>>()?,
        is_changed: false,
        is_unwritten: false,
    })
}

fn report_of(row: &Object) -> Option<((String, Period), u64)> {
    let period = Period::from_word(row.get("period")?.as_str()?)?;
    Some(((row.get("to")?.as_str()?.to_owned(), period), whole(row, "due")?))
}

fn whole(row: &Object, name: &str) -> Option<u64> {
    u64::try_from(row.get(name)?.as_number()?.to_i64()?).ok()
}

fn fired_of(row: &Object) -> Option<Fired> {
    Some(Fired {
        hub: row.get("hub")?.as_str()?.to_owned(),
        kind: Kind::from_word(row.get("alert")?.as_str()?)?,
        since_ms: whole(row, "since")?,
        told_ms: whole(row, "told")?,
    })
}

fn untold_of(row: &Object) -> Option<Untold> {
    let word = |name: &str| row.get(name)?.as_str();
    let number = |name: &str| row.get(name)?.as_number()?.as_str().parse().ok();
    let alarm = Alarm {
        hub: word("hub")?.to_owned(),
        kind: Kind::from_word(word("alert")?)?,
        severity: Severity::from_word(word("severity")?)?,
        state: State::from_word(word("state")?)?,
        value: number("value"),
        threshold: number("threshold")?,
        since_ms: whole(row, "since")?,
        at_ms: whole(row, "at")?,
    };
    Some(Untold { receiver: word("to")?.to_owned(), alarm })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_hangs_holds_up_nobody_who_tells_and_what_is_newer_is_written_behind() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::open(folder.path());
        let hangs = memory.writing.lock().unwrap();
        let fired = Fired { hub: "shop".into(), kind: Kind::Lag, since_ms: 7, told_ms: 9 };
        assert!(memory.set_fired(vec![fired.clone()]));
        memory.save();
        assert_eq!(memory.told_of("shop", Kind::Lag), []);
        assert_eq!(Memory::open(folder.path()).fired(), []);
        drop(hangs);
        memory.save();
        assert_eq!(Memory::open(folder.path()).fired(), [fired]);
    }

    #[test]
    fn what_was_told_and_what_is_still_to_be_told_is_read_again_and_what_is_damaged_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::open(folder.path());
        assert_eq!((memory.fired(), memory.untold()), (vec![], vec![]));
        let fired = |kind| Fired { hub: "shop".into(), kind, since_ms: 7, told_ms: 9 };
        let told = vec![fired(Kind::Lag), fired(Kind::Backup)];
        let untold = |receiver: &str| Untold {
            receiver: receiver.to_owned(),
            alarm: Alarm {
                hub: "shop".into(),
                kind: Kind::Consistency,
                severity: Severity::Critical,
                state: State::Resolved,
                value: Some(0.9995),
                threshold: 0.999,
                since_ms: 7,
                at_ms: 9,
            },
        };
        assert!(memory.set_fired(told.clone()) && !memory.set_fired(told.clone()));
        ["a", "b", "gone"].map(untold).into_iter().for_each(|untold| memory.begin(untold));
        memory.tried("a", &untold("a").alarm, true, 11);
        let lasts = Alarm { kind: Kind::Lag, state: State::Fired, ..untold("a").alarm };
        memory.begin(Untold { receiver: "b".to_owned(), alarm: lasts.clone() });
        assert_eq!(memory.told_of("shop", Kind::Lag), [("b".to_owned(), Told::Waiting)]);
        memory.tried("b", &lasts, true, 12);
        memory.tried("a", &lasts, false, 13);
        memory.tried("gone", &lasts, true, 14);
        memory.keep_receivers(&["a", "b"]);
        let owes = |memory: &Memory, due_ms| memory.owes_report("b", Period::Day, due_ms);
        assert!(!owes(&memory, 5) && !owes(&memory, 5) && owes(&memory, 6));
        assert!(memory.has_reports_unsaved());
        memory.save();
        assert!(!memory.has_reports_unsaved());
        let again = Memory::open(folder.path());
        assert_eq!((again.fired(), again.untold()), (told, vec![untold("b")]));
        let noted = NotedAlert::of_folder(folder.path());
        let lag = NotedAlert { hub: "shop".into(), alert: "lag", since_ms: 7 };
        assert_eq!((noted.len(), &noted[0]), (2, &lag));
        let known = [("a".to_owned(), Told::Failed(13)), ("b".to_owned(), Told::At(12))];
        assert_eq!(again.told_of("shop", Kind::Lag), known);
        assert_eq!(again.told_of("shop", Kind::Consistency), [], "it is over");
        assert_eq!(again.told_of("other", Kind::Lag), []);
        assert!(!owes(&again, 5) && owes(&again, 6));
        again.report_sent("b", Period::Day, 6);
        assert!(!owes(&again, 6) && owes(&again, 7));
        for damaged in ["", "{}", "[1]", r#"{"fired":[{"hub":"a"}],"untold":[],"reports":[]}"#] {
            fs::write(folder.path().join(FILE), damaged).unwrap();
            let memory = Memory::open(folder.path());
            assert_eq!((memory.fired(), memory.untold()), (vec![], vec![]), "{damaged}");
        }
        let older =
            r#"{"fired":[{"hub":"a","alert":"lag","since":1,"told":2}],"untold":[],"reports":[]}"#;
        fs::write(folder.path().join(FILE), older).unwrap();
        assert_eq!(Memory::open(folder.path()).fired().len(), 1, "a file of an older server");
        again.set_fired(Vec::new());
        assert_eq!(again.told_of("shop", Kind::Lag), [], "it is over");
    }
}
