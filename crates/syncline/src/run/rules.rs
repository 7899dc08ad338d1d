//! From the rules of the configuration to those of the merge.

use std::sync::Arc;

use syncline_merge::rules::{
    CustomRule, Deletion as MergeDeletion, EntityRules, FieldRules, Rule as MergeRule,
    Shape as MergeShape,
};
use syncline_model::id::{DomainName, Writer};
use syncline_policy::Expression;

use crate::config::{Deletion, Entity, OnConflict, Rule, Shape};

/// What stands between two values that are shown as one text.
const BOTH_SEPARATOR: &str = " / ";

/// What decides where both sides changed a field to different values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decider {
    /// The rule of the field.
    Fields,
    /// This side comes first.
    Side(DomainName),
    /// The one edited last.
    Newer,
    /// Both are shown.
    Both,
    /// A person.
    Person,
}

impl Decider {
    /// Returns who decides for a preference of a link.
    pub(super) fn of(preference: OnConflict, source: &DomainName, target: &DomainName) -> Self {
        match preference {
            OnConflict::Merge => Self::Fields,
            OnConflict::Source => Self::Side(source.clone()),
            OnConflict::Target => Self::Side(target.clone()),
            OnConflict::Newer => Self::Newer,
            OnConflict::Review => Self::Person,
        }
    }

    fn rule(&self) -> Option<MergeRule> {
        Some(match self {
            Self::Fields => return None,
            Self::Side(domain) => MergeRule::Priority(Arc::from([Writer::from(domain)])),
            Self::Newer => MergeRule::Latest,
            Self::Both => MergeRule::Concat { separator: BOTH_SEPARATOR.into() },
            Self::Person => MergeRule::Review,
        })
    }
}

/// Returns the rules of an entity. A decider other than the fields replaces the rule of every
/// register, unless what is written for a field comes first; shapes that merge without a winner stay
/// as they are.
pub(super) fn rules(entity: &Entity, decider: &Decider, fields_first: bool) -> EntityRules {
    let preferred = decider.rule();
    let replacing = preferred.clone().filter(|_| !fields_first);
    let fields = entity.fields.iter().map(|field| FieldRules {
        pattern: field.pattern.clone(),
        shape: shape(&field.shape),
        rule: replacing.clone().unwrap_or_else(|| rule(&field.rule)),
    });
    EntityRules {
        fields: fields.collect(),
        rule_default: preferred.unwrap_or_default(),
        deletion: match (decider, entity.deletion) {
            (Decider::Person, _) | (_, Deletion::Review) => MergeDeletion::Review,
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
