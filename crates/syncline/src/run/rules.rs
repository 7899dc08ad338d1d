//! From the rules of the configuration to those of the merge.

use std::sync::Arc;

use syncline_merge::rules::{
    CustomRule, Deletion as MergeDeletion, EntityRules, FieldRules, Rule as MergeRule,
    Shape as MergeShape,
};
use syncline_model::id::{DomainName, EntityName, Writer};
use syncline_policy::Expression;

use crate::config::{Config, Deletion, Entity, FieldRule, Link, OnConflict, Rule, Shape};

/// What stands between two values that are shown as one text.
const BOTH_SEPARATOR: &str = " / ";

/// What decides where both sides changed a field to different values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decider {
    /// The rule of the field.
    Fields,
    /// This side comes first.
    Side(DomainName),
    /// Domains that come before others, group by group; within a group, the other decider.
    Ranked(Vec<Vec<DomainName>>, Box<Decider>),
    /// The one edited last.
    Newer,
    /// Both are shown.
    Both,
    /// A person.
    Person,
}

impl Decider {
    /// Returns who decides in an entity over a link, as it is configured.
    pub(super) fn configured(config: &Config, link: &Link, entity: &Entity) -> Self {
        // A circle is refused before; then nobody comes first.
        let preference = config.preference(link, &entity.name).unwrap_or_default();
        let Some(preference) = preference else {
            return Self::of(link.on_conflict.unwrap_or_default(), link);
        };
        let rest = Self::of(preference.rest, link);
        match preference.ranks.as_slice() {
            [] | [_] => rest,
            _ => Self::Ranked(preference.ranks, Box::new(rest)),
        }
    }

    fn of(preference: OnConflict, link: &Link) -> Self {
        match preference {
            OnConflict::Merge => Self::Fields,
            OnConflict::Source => Self::Side(link.source.clone()),
            OnConflict::Target => Self::Side(link.target.clone()),
            OnConflict::Newer => Self::Newer,
            OnConflict::Review => Self::Person,
        }
    }

    /// Returns the rule that takes the place of the one of a field. What must be approved still must
    /// be: another value is shown until then.
    fn rule(&self, of_field: MergeRule) -> MergeRule {
        match of_field {
            MergeRule::Approval { provisional, approvers } => {
                let provisional = self.provisional((*provisional).clone()).into();
                MergeRule::Approval { provisional, approvers }
            }
            of_field => self.instead(of_field),
        }
    }

    /// Returns which value is shown until it is approved.
    fn provisional(&self, of_field: MergeRule) -> MergeRule {
        match self {
            // A person is asked anyway, and a text of both values is nobody's value.
            Self::Person | Self::Both => of_field,
            Self::Ranked(ranks, rest) => ranked(ranks, rest.provisional(of_field)),
            _ => self.instead(of_field),
        }
    }

    fn instead(&self, of_field: MergeRule) -> MergeRule {
        match self {
            Self::Fields => of_field,
            Self::Side(domain) => MergeRule::Priority(Arc::from([Writer::from(domain)])),
            Self::Ranked(ranks, rest) => ranked(ranks, rest.instead(of_field)),
            Self::Newer => MergeRule::Latest,
            Self::Both => MergeRule::Concat { separator: BOTH_SEPARATOR.into() },
            Self::Person => MergeRule::Review,
        }
    }

    fn asks(&self) -> bool {
        match self {
            Self::Person => true,
            Self::Ranked(_, rest) => rest.asks(),
            _ => false,
        }
    }
}

fn ranked(ranks: &[Vec<DomainName>], rest: MergeRule) -> MergeRule {
    let writers = |rank: &Vec<DomainName>| rank.iter().map(Writer::from).collect();
    MergeRule::Ranked { ranks: ranks.iter().map(writers).collect(), rest: Arc::new(rest) }
}

/// Returns the rules of an entity as they are configured, over the first link that carries it.
pub fn configured(config: &Config, entity: &EntityName) -> Option<EntityRules> {
    let entity = config.entity(entity.as_str())?;
    let link = config.links.iter().find(|link| link.entities.contains(&entity.name));
    let link = link.and_then(|link| config.link_for(link.source.as_str(), link.target.as_str()));
    Some(match link {
        Some(link) => rules(entity, &Decider::configured(config, &link, entity), link.fields_first),
        None => rules(entity, &Decider::Fields, false),
    })
}

/// Returns the rules of an entity. A decider other than the fields replaces the rule of every
/// register, unless what is written for a field comes first; shapes that merge without a winner stay
/// as they are.
pub(crate) fn rules(entity: &Entity, decider: &Decider, fields_first: bool) -> EntityRules {
    let of_field = |of: &FieldRule| match fields_first {
        true => field_rule(of),
        false => decider.rule(field_rule(of)),
    };
    let fields = entity.fields.iter().map(|field| FieldRules {
        pattern: field.pattern.clone(),
        shape: shape(&field.shape),
        rule: of_field(field),
    });
    EntityRules {
        fields: fields.collect(),
        rule_default: decider.rule(MergeRule::default()),
        deletion: match (decider.asks(), entity.deletion) {
            (true, _) | (_, Deletion::Review) => MergeDeletion::Review,
            (_, Deletion::EditWins) => MergeDeletion::EditWins,
            (_, Deletion::DeleteWins) => MergeDeletion::DeleteWins,
        },
    }
}

fn shape(shape: &Shape) -> MergeShape {
    match shape {
        Shape::Register => MergeShape::Register,
        Shape::Sum => MergeShape::Sum { minimum: None },
        Shape::Union => MergeShape::Union,
        Shape::Keyed { key } => MergeShape::Keyed { key: key.as_str().into() },
        Shape::Append { keep } => MergeShape::Append { keep: keep.unwrap_or(u32::MAX) },
        Shape::Text => MergeShape::Text,
    }
}

fn field_rule(field: &FieldRule) -> MergeRule {
    let rule = rule(&field.rule);
    match field.approval.as_slice() {
        [] => rule,
        approvers => MergeRule::Approval { provisional: rule.into(), approvers: approvers.into() },
    }
}

fn rule(rule: &Rule) -> MergeRule {
    match rule {
        Rule::Latest => MergeRule::Latest,
        Rule::Max => MergeRule::Max,
        Rule::Min => MergeRule::Min,
        Rule::Priority(domains) => MergeRule::Priority(domains.iter().map(Writer::from).collect()),
        Rule::Concat { separator } => MergeRule::Concat { separator: separator.as_str().into() },
        Rule::Custom(expression) => MergeRule::Custom(custom(expression)),
        Rule::Review => MergeRule::Review,
    }
}

/// Returns a computed rule. Its name is the whole text, so that another text is another rule.
fn custom(expression: &Expression) -> CustomRule {
    let compiled = expression.clone();
    CustomRule::new(expression.as_str(), move |values| compiled.evaluate(values))
}
