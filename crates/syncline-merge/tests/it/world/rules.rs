//! The rules of the world: shapes are fixed, what is shown is drawn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use syncline_merge::rules::{Approver, CustomRule, Deletion, EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::Writer;
use syncline_model::json::Leaf;
use syncline_model::path::Pattern;

use super::World;
use super::random::Random;
use crate::oracle::KEEP;

/// Draws the rules of registers and deletions.
pub(crate) fn draw(random: &mut Random) -> EntityRules {
    let mut fields = vec![entry("/v", Shape::Register, review_or_other(random))];
    fields.push(entry("/r", Shape::Register, rule(random)));
    fields.push(entry("/k/*/n", Shape::Sum { minimum: None }, Rule::Latest));
    fields.push(entry("/k/*/x", Shape::Register, rule(random)));
    fields.push(entry("/n", Shape::Sum { minimum: None }, Rule::Latest));
    fields.push(entry("/u", Shape::Union, Rule::Latest));
    fields.push(entry("/k", Shape::Keyed { key: "id".into() }, Rule::Latest));
    fields.push(entry("/l", Shape::Append { keep: KEEP }, Rule::Latest));
    fields.push(entry("/t", Shape::Text, Rule::Latest));
    let deletion = random.pick(&[Deletion::EditWins, Deletion::DeleteWins, Deletion::Review]);
    EntityRules { fields, rule_default: Rule::Latest, deletion }
}

fn entry(pattern: &str, shape: Shape, rule: Rule) -> FieldRules {
    FieldRules { pattern: Pattern::parse(pattern).unwrap(), shape, rule }
}

fn review_or_other(random: &mut Random) -> Rule {
    if random.chance(70) { Rule::Review } else { rule(random) }
}

fn rule(random: &mut Random) -> Rule {
    match random.below(8) {
        0 => Rule::Max,
        1 => Rule::Min,
        2 => Rule::Priority([Writer::new("client-1").unwrap()].into()),
        3 => Rule::Concat { separator: "; ".into() },
        4 => Rule::Custom(CustomRule::new("first", |values| Some((**values.first()?).clone()))),
        5 => Rule::Custom(CustomRule::new("undecided", |_| None)),
        6 => Rule::Review,
        _ => Rule::Latest,
    }
}

/// A rule under which a person has to approve what is shown.
fn approval(random: &mut Random) -> Rule {
    let provisional = match random.below(6) {
        0 | 1 => Rule::Max,
        2 | 3 => Rule::Min,
        4 => Rule::Latest,
        _ => Rule::Priority([Writer::new("client-1").unwrap()].into()),
    };
    let approvers = [Approver::Role("manager".into())].into();
    Rule::Approval { provisional: provisional.into(), approvers }
}

/// A rule that counts numbers, and fails where it is given anything else; or for all values, at times.
fn failing(fails: &Arc<AtomicBool>) -> Rule {
    let fails = Arc::clone(fails);
    Rule::Custom(CustomRule::new("failing", move |values| {
        let is_well = !fails.load(Ordering::Relaxed)
            && values.iter().all(|value| value.as_number().is_some());
        is_well.then(|| Leaf::from(values.len() as u64))
    }))
}

impl World {
    /// Some registers are shown by a rule that may fail, at every hub.
    pub(super) fn rules_may_fail(&mut self, random: &mut Random) {
        let rule = failing(&self.fails);
        let fields = self.hubs[0].rules.fields.iter().enumerate();
        let registers = fields.filter(|(_, field)| matches!(field.shape, Shape::Register));
        let registers: Vec<usize> = registers.map(|(at, _)| at).collect();
        for at in registers.into_iter().filter(|_| random.chance(60)) {
            self.hubs.iter_mut().for_each(|hub| hub.rules.fields[at].rule = rule.clone());
        }
        self.note(|| "rules are given that may fail".into());
    }

    /// Rules that may fail do from now on, or no longer; or others may.
    pub(super) fn rules_fail(&mut self, random: &mut Random) {
        if random.chance(40) {
            return self.rules_may_fail(random);
        }
        let fails = !self.fails.fetch_xor(true, Ordering::Relaxed);
        self.count("changes of rules that fail");
        self.note(|| format!("rules fail: {fails}"));
    }

    /// Some registers wait for approval, at every hub or at one.
    pub(super) fn rules_ask_for_approval(&mut self, random: &mut Random, everywhere: bool) {
        let one = (!everywhere && random.chance(30)).then(|| random.below(self.hubs.len()));
        let fields = self.hubs[0].rules.fields.iter().enumerate();
        let registers = fields.filter(|(_, field)| matches!(field.shape, Shape::Register));
        let registers: Vec<usize> = registers.map(|(at, _)| at).collect();
        for at in registers {
            if !random.chance(60) {
                continue;
            }
            let rule = approval(random);
            for (index, hub) in self.hubs.iter_mut().enumerate() {
                if one.is_none_or(|one| one == index) {
                    hub.rules.fields[at].rule = rule.clone();
                }
            }
        }
        self.count("times that fields are put under approval");
        self.note(|| format!("approval is asked for at {one:?}"));
    }

    /// No rule fails any more but for what it is given.
    pub(super) fn rules_work(&mut self) {
        self.fails.store(false, Ordering::Relaxed);
    }

    /// One hub, or all of them, show by other rules from now on.
    pub(super) fn rules_change(&mut self, random: &mut Random) -> Result<(), String> {
        let rules = draw(random);
        let one = random.chance(50).then(|| random.below(self.hubs.len()));
        for (index, hub) in self.hubs.iter_mut().enumerate() {
            if one.is_none_or(|one| one == index) {
                hub.rules = rules.clone();
            }
        }
        self.note(|| format!("rules of {one:?} change"));
        Ok(())
    }
}
