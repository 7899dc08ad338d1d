//! What is told, and when.

use std::collections::{BTreeMap, VecDeque};

use super::measures::{Measures, Readings, Value};
use super::rules::{Kind, Rule, Rules, Severity};

/// Whether something begins, lasts or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has just become too bad for long enough.
    Fired,
    /// It still is, and that is told again.
    Repeated,
    /// It is well again.
    Resolved,
    /// Nobody looks any more: the hub is gone, or the rule is off.
    Ended,
}

impl State {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
            Self::Ended => "ended",
        }
    }

    /// Returns the state of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Fired, Self::Repeated, Self::Resolved, Self::Ended]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// What is told. It holds the name of a hub and numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// The hub.
    pub hub: String,
    /// What is too bad, or was.
    pub kind: Kind,
    /// How grave that is.
    pub severity: Severity,
    /// Whether it is.
    pub state: State,
    /// What was measured last; nothing where nobody looks any more.
    pub value: Option<f64>,
    /// Beyond which it is too bad.
    pub threshold: f64,
    /// Since when it is, or was, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// When this was decided.
    pub at_ms: u64,
}

/// Something that is too bad, as it is remembered over a restart.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    /// The hub.
    pub hub: String,
    /// What.
    pub kind: Kind,
    /// Since when.
    pub since_ms: u64,
    /// When it was told last.
    pub told_ms: u64,
}

/// Something that is too bad now.
#[derive(Clone, Debug, PartialEq)]
pub struct Lit {
    /// The hub.
    pub hub: String,
    /// What.
    pub kind: Kind,
    /// How grave that is.
    pub severity: Severity,
    /// Beyond which it is too bad.
    pub threshold: f64,
    /// Since when it is.
    pub since_ms: u64,
    /// Whether it is so for long enough that it is told.
    pub is_fired: bool,
    /// What was measured last, if that is known.
    pub value: Option<f64>,
    /// Whether that is the latest look; otherwise that could not measure it.
    pub is_current: bool,
}

/// Watches hubs.
///
/// From time to time call [`Alerts::handle_hubs`], then [`Alerts::handle_measures`] for each hub, then
/// [`Alerts::poll_alarm`] until there is none. The time must not go back; if it does, it stands still.
#[derive(Debug)]
pub struct Alerts {
    rules: Rules,
    hubs: BTreeMap<String, Watched>,
    alarms: VecDeque<Alarm>,
}

#[derive(Debug, Default)]
struct Watched {
    readings: Readings,
    now_ms: u64,
    /// Since when a rule is broken, and when that was told.
    broken: BTreeMap<Kind, Broken>,
}

#[derive(Clone, Copy, Debug)]
struct Broken {
    since_ms: u64,
    told_ms: Option<u64>,
    value: Option<f64>,
    is_current: bool,
}

impl Alerts {
    /// Begins to watch.
    ///
    /// - `fired`: what [`Alerts::fired`] answered before a restart: it is not told as if it were new, and told if it
    ///   is over.
    pub fn new(rules: Rules, fired: Vec<Fired>) -> Self {
        let mut hubs: BTreeMap<String, Watched> = BTreeMap::new();
        for Fired { hub, kind, since_ms, told_ms } in fired {
            let told_ms = Some(told_ms);
            let broken = Broken { since_ms, told_ms, value: None, is_current: false };
            hubs.entry(hub).or_default().broken.insert(kind, broken);
        }
        Self { rules, hubs, alarms: VecDeque::new() }
    }

    /// Takes in which hubs there are. What was told of another one is ended.
    pub fn handle_hubs(&mut self, now_ms: u64, hubs: &[&str]) {
        let rules = &self.rules;
        let is_gone = |hub: &String| !hubs.contains(&hub.as_str());
        for (hub, watched) in self.hubs.extract_if(.., |hub, _| is_gone(hub)) {
            let at_ms = watched.now_ms.max(now_ms);
            let told = watched.broken.iter().filter(|(_, broken)| broken.told_ms.is_some());
            self.alarms.extend(told.map(|(kind, broken)| ended(rules, &hub, *kind, broken, at_ms)));
        }
    }

    /// Takes in what is measured of a hub.
    pub fn handle_measures(&mut self, hub: &str, now_ms: u64, measures: &Measures) {
        let watched = self.hubs.entry(hub.to_owned()).or_default();
        watched.now_ms = watched.now_ms.max(now_ms);
        let now_ms = watched.now_ms;
        let values = watched.readings.values(now_ms, measures);
        let rules = &self.rules;
        let is_off = |kind: &Kind| rules.get(*kind).is_none();
        for (kind, broken) in watched.broken.extract_if(.., |kind, _| is_off(kind)) {
            if broken.told_ms.is_some() {
                self.alarms.push_back(ended(rules, hub, kind, &broken, now_ms));
            }
        }
        for (kind, rule) in self.rules.iter() {
            let value = values.iter().find(|(known, _)| *known == kind).map(|(_, value)| *value);
            let before = watched.broken.get(&kind).copied();
            let (after, state) = judge(kind, &rule, value, before, (now_ms, self.rules.repeat_ms));
            match after {
                Some(broken) => drop(watched.broken.insert(kind, broken)),
                None => drop(watched.broken.remove(&kind)),
            }
            let since_ms = after.or(before).map_or(now_ms, |broken| broken.since_ms);
            self.alarms.extend(state.map(|state| Alarm {
                hub: hub.to_owned(),
                kind,
                severity: rule.severity,
                state,
                value: value.map(|known| known.value),
                threshold: rule.threshold,
                since_ms,
                at_ms: now_ms,
            }));
        }
    }

    /// Returns what is to be told next.
    pub fn poll_alarm(&mut self) -> Option<Alarm> {
        self.alarms.pop_front()
    }

    /// Returns all that is too bad and was told, by hub and kind.
    pub fn fired(&self) -> Vec<Fired> {
        let of_hub = |(hub, watched): (&String, &Watched)| {
            let fired = watched.broken.iter().filter_map(|(kind, broken)| {
                let (since_ms, told_ms) = (broken.since_ms, broken.told_ms?);
                Some(Fired { hub: hub.clone(), kind: *kind, since_ms, told_ms })
            });
            fired.collect::<Vec<_>>()
        };
        self.hubs.iter().flat_map(of_hub).collect()
    }

    /// Returns all that is too bad, also what is not told yet, by hub and kind.
    pub fn lit(&self) -> Vec<Lit> {
        let of_hub = |(hub, watched): (&String, &Watched)| {
            let lit = watched.broken.iter().filter_map(|(kind, broken)| {
                let rule = self.rules.get(*kind)?;
                Some(Lit {
                    hub: hub.clone(),
                    kind: *kind,
                    severity: rule.severity,
                    threshold: rule.threshold,
                    since_ms: broken.since_ms,
                    is_fired: broken.told_ms.is_some(),
                    value: broken.value,
                    is_current: broken.is_current,
                })
            });
            lit.collect::<Vec<_>>()
        };
        self.hubs.iter().flat_map(of_hub).collect()
    }
}

/// Returns that nobody looks any more at what was told.
fn ended(rules: &Rules, hub: &str, kind: Kind, broken: &Broken, at_ms: u64) -> Alarm {
    let usual = Rules::default();
    // A rule that is off says no more how grave it was.
    let rule = rules.get(kind).or_else(|| usual.get(kind));
    Alarm {
        hub: hub.to_owned(),
        kind,
        severity: rule.map_or(Severity::Critical, |rule| rule.severity),
        state: State::Ended,
        value: None,
        threshold: rule.map_or(0.0, |rule| rule.threshold),
        since_ms: broken.since_ms,
        at_ms,
    }
}

/// Returns since when a rule is broken, and what is told of it.
fn judge(
    kind: Kind,
    rule: &Rule,
    value: Option<Value>,
    before: Option<Broken>,
    (now_ms, repeat_ms): (u64, u64),
) -> (Option<Broken>, Option<State>) {
    // Of what nothing is known nothing is told, and nothing is over: it stays until it is known to be well.
    let is_telling = |known: &Value| !known.is_least || rule.is_broken(kind, known.value);
    let Some(Value { value, .. }) = value.filter(is_telling) else {
        return (before.map(|broken| Broken { is_current: false, ..broken }), None);
    };
    let before = before.map(|broken| Broken { value: Some(value), is_current: true, ..broken });
    let broken = match before {
        Some(Broken { told_ms: Some(_), .. }) if rule.is_well(kind, value) => {
            return (None, Some(State::Resolved));
        }
        Some(broken @ Broken { told_ms: Some(_), .. }) => broken,
        Some(_) if !rule.is_broken(kind, value) => return (None, None),
        Some(broken) => broken,
        None if !rule.is_broken(kind, value) => return (None, None),
        None => Broken { since_ms: now_ms, told_ms: None, value: Some(value), is_current: true },
    };
    let told = Broken { told_ms: Some(now_ms), ..broken };
    match broken.told_ms {
        None if now_ms - broken.since_ms >= rule.for_ms => (Some(told), Some(State::Fired)),
        Some(told_ms) if now_ms.saturating_sub(told_ms) >= repeat_ms => {
            (Some(told), Some(State::Repeated))
        }
        _ => (Some(broken), None),
    }
}
