//! What is watched, and from when on it is too bad.

/// What is watched of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The share of operations that were refused, of those of the last five minutes.
    ErrorRate,
    /// How old the oldest event is that has still to be delivered, in seconds.
    Lag,
    /// How many events have still to be delivered.
    Backlog,
    /// How many endpoints are disabled, or cannot be read.
    EndpointsDisabled,
    /// For how long all deliveries have stood still, in seconds.
    DeliveriesStopped,
    /// How many deliveries were given up within the last hour.
    DeadLetters,
    /// The share of the clients' copies that are what the hub shows; too low is too bad.
    Consistency,
    /// For how long the oldest conflict waits for a person, in seconds.
    Conflicts,
    /// How old the first change is that is in no backup, in seconds.
    Backup,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ErrorRate,
        Self::Lag,
        Self::Backlog,
        Self::EndpointsDisabled,
        Self::DeliveriesStopped,
        Self::DeadLetters,
        Self::Consistency,
        Self::Conflicts,
        Self::Backup,
    ];

    /// Returns the word for it, as in the configuration and in what is told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::Lag => "lag",
            Self::Backlog => "backlog",
            Self::EndpointsDisabled => "endpoints_disabled",
            Self::DeliveriesStopped => "deliveries_stopped",
            Self::DeadLetters => "dead_letters",
            Self::Consistency => "consistency",
            Self::Conflicts => "conflicts",
            Self::Backup => "backup",
        }
    }

    /// Returns the kind of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Returns whether it is a share, from 0 to 1.
    pub const fn is_share(self) -> bool {
        matches!(self, Self::ErrorRate | Self::Consistency)
    }
}

/// How grave an alarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody should look today.
    Warning,
    /// Somebody should look now.
    Critical,
}

impl Severity {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Returns the severity of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Warning, Self::Critical].into_iter().find(|severity| severity.as_str() == word)
    }
}

/// From when on something is too bad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Beyond this it is, in the unit of its kind; at it, it is not yet.
    pub threshold: f64,
    /// For how long it has to be so, without a break, before somebody is told, in milliseconds.
    pub for_ms: u64,
    /// How grave that is.
    pub severity: Severity,
}

/// The rules of a hub; kinds without one are not watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    rules: Vec<(Kind, Rule)>,
    /// How long it is until the same is told again while it lasts, in milliseconds.
    pub repeat_ms: u64,
}

/// How long it is until the same is told again, unless another time is given: four hours, as Alertmanager has it.
const REPEAT_MS: u64 = 4 * 3_600_000;

/// Names, thresholds and times of spec 002's alerts, with 99.9 % for consistency, and the like for the rest.
impl Default for Rules {
    fn default() -> Self {
        let rule =
            |threshold, for_s: u64, severity| Rule { threshold, for_ms: for_s * 1_000, severity };
        let rules = vec![
            (Kind::ErrorRate, rule(0.1, 300, Severity::Warning)),
            (Kind::Lag, rule(300.0, 60, Severity::Warning)),
            (Kind::Backlog, rule(1_000.0, 120, Severity::Critical)),
            (Kind::EndpointsDisabled, rule(0.0, 0, Severity::Warning)),
            (Kind::DeliveriesStopped, rule(30.0, 0, Severity::Critical)),
            (Kind::DeadLetters, rule(0.0, 0, Severity::Warning)),
            (Kind::Consistency, rule(0.999, 600, Severity::Critical)),
            (Kind::Conflicts, rule(86_400.0, 300, Severity::Warning)),
            (Kind::Backup, rule(60.0, 300, Severity::Critical)),
        ];
        Self { rules, repeat_ms: REPEAT_MS }
    }
}

impl Rules {
    /// Returns the rule of a kind.
    pub fn get(&self, kind: Kind) -> Option<&Rule> {
        self.rules.iter().find(|(known, _)| *known == kind).map(|(_, rule)| rule)
    }

    /// Puts a rule in the place of the one of its kind; nothing there watches it no more.
    pub fn set(&mut self, kind: Kind, rule: Option<Rule>) {
        let place = self.rules.iter().position(|(known, _)| *known == kind);
        match (place, rule) {
            (Some(place), Some(rule)) => self.rules[place] = (kind, rule),
            (Some(place), None) => drop(self.rules.remove(place)),
            (None, rule) => self.rules.extend(rule.map(|rule| (kind, rule))),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Kind, Rule)> {
        self.rules.iter().copied()
    }
}

impl Rule {
    /// Returns whether a value is too bad.
    pub(super) fn is_broken(&self, kind: Kind, value: f64) -> bool {
        match kind {
            Kind::Consistency => value < self.threshold,
            _ => value > self.threshold,
        }
    }

    /// Returns whether a value is well again: an alarm does not come and go with what swings about the threshold. Of a
    /// number above 0 a tenth less is, of a consistency nothing but the threshold.
    pub(super) fn is_well(&self, kind: Kind, value: f64) -> bool {
        match kind {
            Kind::Consistency => value >= self.threshold,
            _ => value <= self.threshold * 0.9,
        }
    }
}
