//! From the rules of the configuration to those of the merge.

use std::sync::Arc;

use syncline_merge::rules::{
    CustomRule, Deletion as MergeDeletion, EntityRules, FieldRules, Rule as MergeRule,
    Shape as MergeShape,
};
use syncline_model::id::{DomainName, Writer};
use syncline_policy::Expression;

use crate::config::{Config, Deletion, Entity, Link, OnConflict, Rule, Shape};

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

    /// Returns the rule that takes the place of the one of a field.
    fn rule(&self, of_field: MergeRule) -> MergeRule {
        match self {
            Self::Fields => of_field,
            Self::Side(domain) => MergeRule::Priority(Arc::from([Writer::from(domain)])),
            Self::Ranked(ranks, rest) => {
                let writers = |rank: &Vec<DomainName>| rank.iter().map(Writer::from).collect();
                let ranks = ranks.iter().map(writers).collect();
                MergeRule::Ranked { ranks, rest: Arc::new(rest.rule(of_field)) }
            }
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

/// Returns the rules of an entity. A decider other than the fields replaces the rule of every
/// register, unless what is written for a field comes first; shapes that merge without a winner stay
/// as they are.
pub(crate) fn rules(entity: &Entity, decider: &Decider, fields_first: bool) -> EntityRules {
    let of_field = |of: &Rule| if fields_first { rule(of) } else { decider.rule(rule(of)) };
    let fields = entity.fields.iter().map(|field| FieldRules {
        pattern: field.pattern.clone(),
        shape: shape(&field.shape),
        rule: of_field(&field.rule),
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
