//! A link: what flows between two domains and the hub, and by which rules.

use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::{DomainName, EntityName, Writer};
use syncline_model::path::{Path, Pattern};
use syncline_policy::DomainPolicy;

/// Which of a link's domains give changes and which take them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both give and take.
    #[default]
    Bidirectional,
    /// The target becomes a mirror of the source.
    SourceToTarget,
    /// The source becomes a mirror of the target.
    TargetToSource,
    /// The target takes what the source holds, and keeps what it holds besides.
    Copy,
}

/// One of the two domains of a link.
#[derive(Clone, Debug)]
pub struct LinkedDomain {
    /// The domain.
    pub name: DomainName,
    /// Its name as a writer of changes.
    pub writer: Writer,
    /// Whether the hub may write to it.
    pub writable: bool,
    /// What may cross between it and the hub.
    pub policy: DomainPolicy,
}

impl LinkedDomain {
    /// Builds a writable domain whose gate lets everything pass.
    pub fn open(name: DomainName) -> Self {
        let writer = Writer::from(&name);
        Self { name, writer, writable: true, policy: DomainPolicy::default() }
    }
}

/// How the records of one entity are read and merged.
#[derive(Clone, Debug)]
pub struct LinkedEntity {
    /// The entity.
    pub name: EntityName,
    /// Shapes and rules of its fields.
    pub rules: EntityRules,
    /// Where a record says what its id is; not a field of the record.
    pub id_path: Path,
    /// Where a record says when it was edited.
    pub time_path: Option<Path>,
}

impl LinkedEntity {
    /// Builds an entity. Where nobody says otherwise, the time of a record is the latest, whatever
    /// the rules of its other fields are: nobody is asked about a time.
    pub fn new(
        name: EntityName,
        mut rules: EntityRules,
        id_path: Path,
        time_path: Option<Path>,
    ) -> Self {
        if let Some(path) = &time_path {
            let names = |field: &FieldRules| field.pattern.as_path().as_ref() == Some(path);
            if !rules.fields.iter().any(names) {
                let pattern = Pattern::exactly(path);
                rules
                    .fields
                    .insert(0, FieldRules { pattern, shape: Shape::Register, rule: Rule::Max });
            }
        }
        Self { name, rules, id_path, time_path }
    }
}

/// Position of a domain in a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The first domain.
    Source,
    /// The second domain.
    Target,
}

impl Side {
    /// Both sides, in the order in which they are read.
    pub const BOTH: [Self; 2] = [Self::Source, Self::Target];

    /// Returns the position in an array of both.
    pub const fn index(self) -> usize {
        match self {
            Self::Source => 0,
            Self::Target => 1,
        }
    }

    /// Returns the other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target => Self::Source,
        }
    }
}

impl Direction {
    /// Returns whether changes of `side` are taken.
    pub const fn gives(self, side: Side) -> bool {
        !matches!(
            (self, side),
            (Self::SourceToTarget | Self::Copy, Side::Target)
                | (Self::TargetToSource, Side::Source)
        )
    }

    /// Returns whether `side` is written to.
    pub const fn takes(self, side: Side) -> bool {
        !matches!(
            (self, side),
            (Self::SourceToTarget | Self::Copy, Side::Source)
                | (Self::TargetToSource, Side::Target)
        )
    }

    /// Returns whether `side` only takes what the other holds: its own edits give way.
    pub const fn mirrors(self, side: Side) -> bool {
        !self.gives(side)
    }

    /// Returns whether records of `side` are removed that the other does not hold, or deleted.
    pub const fn removes(self, side: Side) -> bool {
        self.takes(side) && !matches!(self, Self::Copy)
    }

    /// Returns the word for it, as in configurations and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bidirectional => "bidirectional",
            Self::SourceToTarget | Self::Copy => "source_to_target",
            Self::TargetToSource => "target_to_source",
        }
    }
}
