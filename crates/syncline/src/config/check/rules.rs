//! Rules of fields and of policies: dead, shadowed, unused, or at odds with each other.

use syncline_model::id::{DomainName, EntityName};
use syncline_model::path::Pattern;
use syncline_policy::{Action, Crossing, Direction};

use super::super::error::At;
use super::super::settings::{Config, Domain, Entity, FieldRule, Rule, Shape};
use super::finding::{Fault, Findings};
use super::shadow::shadows;

/// Looks at the rules of fields.
pub(super) fn fields(config: &Config, findings: &mut Findings<'_>) {
    for entity in &config.entities {
        for (index, rule) in entity.fields.iter().enumerate() {
            let at = rule_at(entity, rule);
            field_rule(config, entity, rule, &at, findings);
            let earlier = entity.fields.iter().take(index);
            let earlier = earlier.map(|other| &other.pattern);
            shadowed(earlier, &rule.pattern, false, &at, findings);
        }
    }
}

/// Looks at the policies of domains.
pub(super) fn policies(config: &Config, findings: &mut Findings<'_>) {
    for domain in &config.domains {
        policy(config, domain, findings);
        ids(config, domain, findings);
    }
}

fn rule_at(entity: &Entity, rule: &FieldRule) -> At {
    At::new("entities").key(entity.name.as_str()).key("fields").key(rule.pattern.as_str())
}

/// Reports a pattern that never decides.
fn shadowed<'p>(
    mut earlier: impl Iterator<Item = &'p Pattern>,
    later: &Pattern,
    inside: bool,
    at: &At,
    findings: &mut Findings<'_>,
) {
    if let Some(pattern) = earlier.find(|pattern| shadows(pattern, later, inside)) {
        let what = format!("never applies: `{pattern}` stands before it and matches all of it");
        let mend = "put the narrower rule first, or leave one of them out";
        findings.add(Fault::RuleShadowed, at, what, "the first rule that matches decides", mend);
    }
}

fn field_rule(
    config: &Config,
    entity: &Entity,
    rule: &FieldRule,
    at: &At,
    findings: &mut Findings<'_>,
) {
    if let Rule::Priority(order) = &rule.rule {
        for name in order.iter().filter(|name| config.domain(name.as_str()).is_none()) {
            let what = format!("names the domain `{name}`, which is not defined");
            let why = "the order does not say what it seems to say";
            let mend = "correct the name, or define the domain";
            findings.add(Fault::PriorityUnknownDomain, &at.key("priority"), what, why, mend);
        }
    }
    let is_plain =
        rule.shape == Shape::Register && rule.rule == Rule::Latest && rule.approval.is_empty();
    let of_record = [Some(&entity.id), entity.time.as_ref()];
    if !is_plain && of_record.into_iter().flatten().any(|path| rule.pattern.matches(path)) {
        let what = "matches the id or the time of the records";
        let why = "two ids or two times joined into one name a record that is nowhere";
        let mend = "use a pattern that leaves it out, or put `\"<path>\" = \"latest\"` before it";
        findings.add(Fault::KeyFieldMerged, at, what, why, mend);
    }
    dead(config, entity, rule, at, findings);
    let masked = masking(config, entity, &rule.pattern);
    if let Some(domain) = masked.filter(|_| !is_plain) {
        let what = format!("joins the edits of both sides, and `{domain}` masks the field");
        let why = "edits of a masked field are not taken, so there is only one side to join";
        let mend = "leave the rule out, or use `deny` in place of `mask`";
        findings.add(Fault::MaskMerged, at, what, why, mend);
    }
    if entity.time.is_none() && rule.rule == Rule::Latest && rule.shape == Shape::Register {
        let why = "without a time of their own, concurrent values wait for a person";
        let mend = "set `time` to the field that holds the time of the last edit";
        let what = "asks for the latest edit, and records have no time (`time = \"none\"`)";
        findings.add(Fault::TimeMissing, at, what, why, mend);
    }
}

/// Returns the action that the policy of a domain has for exactly this pattern of an entity.
fn action_on(domain: &Domain, entity: &EntityName, pattern: &Pattern) -> Option<Action> {
    let rules = domain.policy.rules().iter();
    let mut rules = rules.filter(|rule| rule.entity.as_ref().is_none_or(|name| name == entity));
    rules.find(|rule| shadows(&rule.pattern, pattern, true)).map(|rule| rule.action)
}

/// Returns the two domains of every link that carries this entity.
fn pairs<'c>(
    config: &'c Config,
    entity: &'c EntityName,
) -> impl Iterator<Item = [&'c Domain; 2]> + 'c {
    let links = config.links.iter().filter(|link| link.entities.contains(entity));
    links.filter_map(|link| {
        Some([config.domain(link.source.as_str())?, config.domain(link.target.as_str())?])
    })
}

/// Reports a rule for values that never meet: on every link one side never lets the field through.
fn dead(config: &Config, entity: &Entity, rule: &FieldRule, at: &At, findings: &mut Findings<'_>) {
    let denies =
        |domain: &Domain| action_on(domain, &entity.name, &rule.pattern) == Some(Action::Deny);
    let mut on_links = pairs(config, &entity.name).map(|pair| pair.into_iter().any(denies));
    let is_dead = on_links.next().is_some_and(|first| first && on_links.all(|next| next));
    if is_dead {
        let why = "the values of this field never meet, so there is nothing to merge";
        let mend = "leave the rule out, or let the field through";
        let what = "is a rule for a field that a policy denies on every link";
        findings.add(Fault::DeadRule, at, what, why, mend);
    }
}

/// Returns a domain that masks these fields.
fn masking<'c>(config: &'c Config, entity: &Entity, pattern: &Pattern) -> Option<&'c DomainName> {
    let masks = |domain: &&Domain| action_on(domain, &entity.name, pattern) == Some(Action::Mask);
    config.domains.iter().find(masks).map(|domain| &domain.name)
}

/// Looks at the rules of one domain's policy that were written, in their order.
fn policy(config: &Config, domain: &Domain, findings: &mut Findings<'_>) {
    let at = At::new("domains").key(domain.name.as_str()).key("policy");
    let reaches = |name: &Option<EntityName>| {
        let links = config.links.iter();
        let mut links =
            links.filter(|link| link.source == domain.name || link.target == domain.name);
        links.any(|link| name.as_ref().is_none_or(|name| link.entities.contains(name)))
    };
    let unused = |at: &At, findings: &mut Findings<'_>| {
        let what = "is for an entity that no link brings to this domain";
        let why = "the rule never applies";
        findings.add(Fault::RuleUnused, at, what, why, "correct the entity, or leave the rule out");
    };
    let written = domain.policy.rules().iter().take(domain.policy_rules_written);
    for (index, rule) in written.clone().enumerate() {
        let at = at.key("fields").index(index);
        if !reaches(&rule.entity) {
            unused(&at, findings);
        }
        let earlier = written.clone().take(index);
        let same = |name: &Option<EntityName>| name.is_none() || *name == rule.entity;
        let earlier = earlier.filter(|o| same(&o.entity)).map(|other| &other.pattern);
        shadowed(earlier, &rule.pattern, true, &at, findings);
    }
    for (index, rule) in domain.policy.record_rules().iter().enumerate() {
        if !reaches(&rule.entity) {
            unused(&at.key("records").index(index), findings);
        }
    }
    for name in domain.renames.keys().filter(|name| !reaches(&Some((*name).clone()))) {
        let at = At::new("domains").key(domain.name.as_str()).key("rename").key(name.as_str());
        unused(&at, findings);
    }
}

/// Reports a policy that keeps the ids of records from crossing.
fn ids(config: &Config, domain: &Domain, findings: &mut Findings<'_>) {
    for entity in &config.entities {
        let gate = domain.policy.gate(&entity.name);
        let crosses = |direction| gate.judge(&entity.id, direction) == Crossing::Pass;
        if crosses(Direction::FromDomain) && crosses(Direction::ToDomain) {
            continue;
        }
        let at = At::new("domains").key(domain.name.as_str()).key("policy").key("fields");
        let what = format!("keeps the id of `{}` ({}) from crossing", entity.name, entity.id);
        let why = "the copies of a record find each other by the id";
        let mend = "put a rule with `action = \"allow\"` for the id first";
        findings.add(Fault::IdWithheld, &at, what, why, mend);
    }
}
