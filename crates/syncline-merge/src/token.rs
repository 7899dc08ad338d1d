//! What a writer had seen: the causality token, and the context of an operation.

use std::collections::BTreeMap;

use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::Number;
use syncline_model::path::Path;
use syncline_model::version::Version;

use crate::display::{self, is_visible};
use crate::dots::Dots;
use crate::fault::{Fault, is_planted};
use crate::rules::{EntityRules, Rule};
use crate::state::{Body, Record, nearest};

/// What a writer had seen of a record when it was given the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Token {
    /// Every change of the record, per site.
    pub version: Version,
    /// What was seen of a path, where that differs.
    pub exceptions: BTreeMap<Path, Version>,
    /// Whether the record was not visible: a write with this token creates it anew.
    pub invisible: bool,
    /// The values shown of fields under review, or whose conflict is open, and the text shown where
    /// there are several: a write replaces these and no others.
    pub shown: BTreeMap<Path, Dots>,
    /// The additions seen of each sum: what a reset or a new creation takes away.
    pub sums: BTreeMap<Path, BTreeMap<SiteId, (Clock, Number)>>,
}

impl Token {
    /// Returns what a writer has seen that is shown `record` now, but for the paths in `withheld`.
    ///
    /// `viewer` is the writer, where it sees its own values while a conflict is open.
    pub fn of(
        record: &Record,
        rules: &EntityRules,
        viewer: Option<&Writer>,
        withheld: &[Path],
    ) -> Self {
        let mut token = Self {
            version: record.version.clone(),
            exceptions: record.exceptions.clone(),
            invisible: !is_visible(record, rules.deletion),
            ..Self::default()
        };
        for path in withheld {
            token
                .exceptions
                .retain(|inner, _| !path.is_prefix_of(inner));
            token.exceptions.insert(path.clone(), Version::new());
        }
        token.look_at(&record.body, &Path::root(), rules, viewer);
        token
    }

    fn look_at(
        &mut self,
        body: &Body,
        within: &Path,
        rules: &EntityRules,
        viewer: Option<&Writer>,
    ) {
        for (path, register) in &body.registers {
            let full = within.join(path);
            let rule = rules.rule(&full);
            let Some(shown) = display::shown(register, rule, viewer) else {
                continue;
            };
            if matches!(rule, Rule::Review) || shown.open {
                self.shown.insert(full, shown.dots);
            }
        }
        for (path, texts) in body.texts.iter().filter(|(_, texts)| texts.len() > 1) {
            if let Some(birth) = display::shown_text(texts) {
                self.shown.insert(within.join(path), Dots::one(birth));
            }
        }
        for (path, sum) in &body.sums {
            self.sums.insert(within.join(path), sum.adds.clone());
        }
        for (path, members) in &body.keyed {
            for (key, member) in members {
                let full = within.join(path).within_key(key);
                self.look_at(&member.body, &full, rules, viewer);
            }
        }
    }

    /// Returns what was seen of `path`.
    pub fn effective(&self, path: &Path) -> &Version {
        nearest(&self.exceptions, path).unwrap_or(&self.version)
    }

    /// Cuts the clocks of a site that was declared lost to what `record` has of it.
    pub fn cut_to(&mut self, site: SiteId, record: &Record) {
        self.version.cut(site, record.version.get(site));
        for (path, version) in &mut self.exceptions {
            version.cut(site, record.effective(path).get(site));
        }
    }
}

/// What an operation may replace: what its writer had seen, and the writer's own earlier changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// The token; `None` for a writer that had seen nothing.
    pub base: Option<Token>,
    /// Stamps of the same writer's earlier operations on the record.
    pub own: Dots,
}

impl Context {
    /// Returns whether the writer had seen the change `stamp` of `path`.
    pub fn covers(&self, path: &Path, stamp: Stamp) -> bool {
        self.is_own(stamp)
            || self
                .base
                .as_ref()
                .is_some_and(|token| token.effective(path).covers(stamp))
    }

    /// Returns whether the writer had seen the change `stamp` of the record's existence.
    pub fn covers_record(&self, stamp: Stamp) -> bool {
        self.is_own(stamp)
            || self
                .base
                .as_ref()
                .is_some_and(|token| token.version.covers(stamp))
    }

    /// Returns whether `stamp` is an earlier change of the same writer.
    pub(crate) fn is_own(&self, stamp: Stamp) -> bool {
        self.own.contains(stamp) && !is_planted(Fault::OwnOperationsConflict)
    }

    /// Returns whether the writer had seen nothing of the record.
    pub fn is_blind(&self) -> bool {
        self.base
            .as_ref()
            .is_none_or(|token| token.version.is_empty())
    }

    /// Returns whether `version` holds all that the writer had seen of `path`.
    pub fn is_within(&self, path: &Path, version: &Version) -> bool {
        self.base
            .as_ref()
            .is_none_or(|token| version.includes(token.effective(path)))
            && self
                .own
                .as_slice()
                .iter()
                .all(|stamp| version.covers(*stamp))
    }

    /// Returns whether the writer saw the record as not existing.
    pub fn creates(&self) -> bool {
        self.base.as_ref().is_some_and(|token| token.invisible)
    }
}
