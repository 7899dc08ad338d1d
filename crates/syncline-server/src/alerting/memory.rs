//! What was told, what has still to be told to whom, and which reports were sent, as it is remembered over a restart.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
/// Most bytes that are read of it.
const BYTES_MAX: u64 =
    ((HUBS_MAX * Kind::ALL.len() + ALERT_RECEIVERS_MAX * ALERTS_QUEUED_MAX) * ROW_BYTES_MAX) as u64;

/// What is remembered, and the file of it.
#[derive(Debug)]
pub(super) struct Memory {
    file: PathBuf,
    facts: Mutex<Facts>,
}

/// An alarm that somebody has still to be told of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Untold {
    /// The name of who is to be told.
    pub(super) receiver: String,
    /// Of what.
    pub(super) alarm: Alarm,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Facts {
    fired: Vec<Fired>,
    untold: VecDeque<Untold>,
    /// When the latest report was due that each receiver was sent, or was not owed.
    reports: BTreeMap<(String, Period), u64>,
    /// Whether reports were sent that are in no file yet.
    is_changed: bool,
}

impl Memory {
    /// Reads what was told and is not over, and what was still to be told; nothing of a file that is damaged: then it
    /// is told once more.
    pub(super) fn open(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let is_short = fs::metadata(&file).is_ok_and(|facts| facts.len() <= BYTES_MAX);
        let bytes = if is_short { fs::read(&file).unwrap_or_default() } else { Vec::new() };
        Self { file, facts: Mutex::new(facts_of(&bytes).unwrap_or_default()) }
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
        facts.fired = fired;
        is_new
    }

    /// Writes it down; blocks. Where that fails a restart tells once more what was told since.
    pub(super) fn save(&self) {
        // Held while it is written: what is older never takes the place of what is newer.
        let mut facts = self.lock();
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
        let text = Json::Object(document).to_compact_string();
        let _ = replace(&self.file, text.as_bytes());
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
    row.insert("value", Json::Number(number(alarm.value)));
    row.insert("threshold", Json::Number(number(alarm.threshold)));
    row.insert("since", alarm.since_ms);
    row.insert("at", alarm.at_ms);
    Json::Object(row)
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
        is_changed: false,
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
        value: number("value")?,
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
                value: 0.9995,
                threshold: 0.999,
                since_ms: 7,
                at_ms: 9,
            },
        };
        assert!(memory.set_fired(told.clone()) && !memory.set_fired(told.clone()));
        ["a", "b", "gone"].map(untold).into_iter().for_each(|untold| memory.begin(untold));
        memory.end("a", &untold("a").alarm);
        memory.keep_receivers(&["a", "b"]);
        let owes = |memory: &Memory, due_ms| memory.owes_report("b", Period::Day, due_ms);
        assert!(!owes(&memory, 5) && !owes(&memory, 5) && owes(&memory, 6));
        assert!(memory.has_reports_unsaved());
        memory.save();
        assert!(!memory.has_reports_unsaved());
        let again = Memory::open(folder.path());
        assert_eq!((again.fired(), again.untold()), (told, vec![untold("b")]));
        assert!(!owes(&again, 5) && owes(&again, 6));
        again.report_sent("b", Period::Day, 6);
        assert!(!owes(&again, 6) && owes(&again, 7));
        for damaged in ["", "{}", "[1]", r#"{"fired":[{"hub":"a"}],"untold":[],"reports":[]}"#] {
            fs::write(folder.path().join(FILE), damaged).unwrap();
            let memory = Memory::open(folder.path());
            assert_eq!((memory.fired(), memory.untold()), (vec![], vec![]), "{damaged}");
        }
    }
}
