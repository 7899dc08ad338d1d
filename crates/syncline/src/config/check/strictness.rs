//! Whether one domain lets through no more than another.

use std::collections::BTreeSet;

use syncline_model::json::{Kind, Leaf};
use syncline_model::path::{Path, Pattern};
use syncline_policy::{Action, Condition, Crossing, Direction, EntityGate};

use super::super::limits::FIELD_KINDS_MAX;
use super::super::settings::{Domain, Entity};

/// A rule of a policy that keeps something from crossing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Closing {
    /// What it does, to be followed by an entity.
    pub(super) what: String,
    /// The rule as it would be written.
    pub(super) rule: String,
}

/// Returns the closing rules of `strict` that `other` does not have, or not as strictly, for an
/// entity.
pub(super) fn lacking(other: &Domain, strict: &Domain, entity: &Entity) -> BTreeSet<Closing> {
    let mut lacking = records_lacking(other, strict, entity);
    let gate = strict.policy.gate(&entity.name);
    if gate.passes_every_field() {
        return lacking;
    }
    let other_gate = other.policy.gate(&entity.name);
    let rules = strict.policy.rules().iter().chain(other.policy.rules());
    let rules = rules.filter(|rule| rule.entity.as_ref().is_none_or(|own| *own == entity.name));
    let Some(paths) = paths_apart(rules.map(|rule| &rule.pattern)) else {
        // Too many to look at each: what cannot be shown to be safe is not.
        lacking.insert(default_deny());
        return lacking;
    };
    for path in &paths {
        for kind in [Kind::Null, Kind::Array] {
            let (shown, closed) = (openness(&other_gate, path, kind), openness(&gate, path, kind));
            if shown.0 > closed.0 || shown.1 > closed.1 {
                lacking.insert(closing(&gate, path, kind));
            }
        }
    }
    lacking
}

/// Returns how far a field crosses: out of the domain, and into it.
fn openness(gate: &EntityGate, path: &Path, kind: Kind) -> (u8, u8) {
    let judge = |direction| match gate.judge_value(path, kind, direction) {
        Crossing::Withhold => 0,
        Crossing::Mask(_) => 1,
        Crossing::Pass => 2,
    };
    (judge(Direction::FromDomain), judge(Direction::ToDomain))
}

/// Returns the rule that closes a field.
fn closing(gate: &EntityGate, path: &Path, kind: Kind) -> Closing {
    let Some((pattern, action)) = gate.rule_for(path, kind) else {
        return default_deny();
    };
    let (does, word) = match action {
        Action::Deny => ("denies", "deny"),
        Action::Mask => ("masks", "mask"),
        Action::OutOnly => ("only gives out", "out_only"),
        Action::InOnly => ("only takes in", "in_only"),
        Action::Allow => ("allows", "allow"),
    };
    let what = format!("{does} `{pattern}`");
    Closing { what, rule: format!("{{ path = \"{pattern}\", action = \"{word}\" }}") }
}

fn default_deny() -> Closing {
    let what = "denies every field that no rule allows".to_owned();
    Closing { what, rule: "`default = \"deny\"` with no more rules that allow".to_owned() }
}

/// Returns the rules for whole records that the other domain lacks: it has one if it keeps back all
/// records that the rule keeps back.
fn records_lacking(other: &Domain, strict: &Domain, entity: &Entity) -> BTreeSet<Closing> {
    let of = |domain: &Domain| {
        let rules = domain.policy.record_rules().iter();
        let own = rules.filter(|rule| rule.entity.as_ref().is_none_or(|own| *own == entity.name));
        own.map(|rule| rule.condition.clone()).collect::<Vec<_>>()
    };
    let others = of(other);
    let keeps = |condition: &Condition, value: &Leaf| {
        others.iter().any(|other| other.path == condition.path && other.one_of.contains(value))
    };
    let keeps_all =
        |condition: &Condition| condition.one_of.iter().all(|value| keeps(condition, value));
    let closing = |path: &Path| Closing {
        what: format!("keeps back records by `{path}`"),
        rule: format!("the same `records` rule by `{path}`"),
    };
    let lacking = of(strict).into_iter().filter(|condition| !keeps_all(condition));
    lacking.map(|condition| closing(&condition.path)).collect()
}

/// Returns a path of every kind that patterns tell apart, in order: two paths that are covered by
/// the same patterns are of one kind. `None` if there are too many kinds.
fn paths_apart<'p>(patterns: impl Iterator<Item = &'p Pattern>) -> Option<BTreeSet<Path>> {
    let patterns: Vec<Vec<&str>> = patterns.map(steps).collect();
    let mut meets: BTreeSet<Vec<&str>> = BTreeSet::from([Vec::new()]);
    for pattern in &patterns {
        let more: Vec<_> = meets.iter().filter_map(|known| meet(known, pattern)).collect();
        meets.extend(more);
        if meets.len() > FIELD_KINDS_MAX {
            return None;
        }
    }
    let longest = patterns.iter().flatten().map(|step| step.len()).max().unwrap_or_default();
    let unnamed = "x".repeat(longest + 1);
    let mut paths = BTreeSet::new();
    for steps in meets {
        let keys = steps.iter().map(|step| if *step == "*" { unnamed.as_str() } else { step });
        let text: String = keys.chain([unnamed.as_str()]).flat_map(|key| ["/", key]).collect();
        let inner = Path::parse(&text.replace("~2", "*")).ok()?;
        let around: Vec<Path> = inner.ancestors().filter(|path| !path.is_root()).collect();
        paths.extend(around);
        paths.insert(inner);
    }
    Some(paths)
}

/// Returns the steps of a pattern of a policy. A rule holds for everything inside of a field, so
/// that `/**` at its end says no more than `/*`.
fn steps(pattern: &Pattern) -> Vec<&str> {
    let steps = pattern.as_str().split('/').skip(1);
    steps.map(|step| if step == "**" { "*" } else { step }).collect()
}

/// Returns the pattern of what two patterns cover, if they have anything in common.
fn meet<'p>(a: &[&'p str], b: &[&'p str]) -> Option<Vec<&'p str>> {
    let step = |index: usize| match (a.get(index).copied(), b.get(index).copied()) {
        (Some("*"), Some(other)) | (Some(other), Some("*") | None) | (None, Some(other)) => {
            Some(other)
        }
        (Some(one), Some(other)) => (one == other).then_some(one),
        (None, None) => None,
    };
    (0..a.len().max(b.len())).map(step).collect()
}
