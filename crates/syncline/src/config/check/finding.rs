//! One finding: its code, how grave it is, where it is, and how to mend it.

use std::fmt;

use super::super::error::{At, Position};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something can be better; nothing is lost.
    Hint,
    /// Something does not do what it seems to say.
    Warning,
    /// A run would fail, lose data or reveal something. `syncline check` exits non-zero, and every
    /// command that reads the domains refuses.
    Error,
}

impl Severity {
    /// Returns the word for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What may be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// The folder of a domain does not exist.
    DomainMissing,
    /// The place of a domain is not a folder, or cannot be listed.
    DomainUnreadable,
    /// A folder that is to be written is read-only.
    DomainUnwritable,
    /// A domain is somewhere else than when it was last synchronised.
    DomainMoved,
    /// Two domains share a folder, or one lies inside the other.
    DomainsOverlap,
    /// A domain is in no link.
    DomainUnlinked,
    /// Other users can look into the state folder.
    StateExposed,
    /// The state folder is a domain's folder.
    StateInDomain,
    /// A link carries an entity that neither of its domains holds.
    EntityNowhere,
    /// No link carries an entity.
    EntityUnlinked,
    /// The file of an entity is larger than one run may read.
    FileTooLarge,
    /// A configuration file lies there and is not read.
    FileIgnored,
    /// A rule for concurrent values of a field that a policy never lets through.
    DeadRule,
    /// A pattern never decides, because an earlier one matches all that it matches.
    RuleShadowed,
    /// A rule for an entity that no link brings to its domain.
    RuleUnused,
    /// A priority names a domain that is not defined.
    PriorityUnknownDomain,
    /// A masked field has a rule that joins the edits of both sides.
    MaskMerged,
    /// A policy keeps the id of records from crossing.
    IdWithheld,
    /// The id or the time of records has a rule that would change it by merging.
    KeyFieldMerged,
    /// Records have no time, and a rule asks which edit is the latest.
    TimeMissing,
    /// Something waits for a person, and nobody is told.
    ReviewUntold,
    /// A mirror may delete everything.
    MirrorUnguarded,
    /// A link writes into a domain that may not be written.
    TargetReadOnly,
    /// A user with permissions is not known on this machine.
    UserUnknown,
    /// What the policy of one domain keeps back reaches a domain behind it.
    LinksLeak,
    /// Links prefer domains to one another in a circle.
    PreferencesCircle,
    /// Nobody has the permissions that a link needs.
    LinkUnusable,
    /// A link chooses its records by a field that a policy withholds.
    FilterWithheld,
    /// A limit is raised beyond what one run can hold in memory.
    LimitExcessive,
    /// A secret stands in the file.
    SecretLiteral,
    /// A file with a secret can be read by others.
    SecretExposed,
    /// Reports are posted without encryption.
    NotifyPlaintext,
    /// A hub is served, and nobody is told when it does badly.
    AlertsUntold,
}

impl Fault {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::DomainMissing,
        Self::DomainUnreadable,
        Self::DomainUnwritable,
        Self::DomainMoved,
        Self::DomainsOverlap,
        Self::DomainUnlinked,
        Self::StateExposed,
        Self::StateInDomain,
        Self::EntityNowhere,
        Self::EntityUnlinked,
        Self::FileTooLarge,
        Self::FileIgnored,
        Self::DeadRule,
        Self::RuleShadowed,
        Self::RuleUnused,
        Self::PriorityUnknownDomain,
        Self::MaskMerged,
        Self::IdWithheld,
        Self::KeyFieldMerged,
        Self::TimeMissing,
        Self::ReviewUntold,
        Self::MirrorUnguarded,
        Self::TargetReadOnly,
        Self::UserUnknown,
        Self::LinksLeak,
        Self::PreferencesCircle,
        Self::LinkUnusable,
        Self::FilterWithheld,
        Self::LimitExcessive,
        Self::SecretLiteral,
        Self::SecretExposed,
        Self::NotifyPlaintext,
        Self::AlertsUntold,
    ];

    /// Returns the stable code, which has a page `docs/errors/<CODE>.md`; codes are never renamed.
    pub const fn code(self) -> &'static str {
        match self {
            Self::DomainMissing => "CHECK_DOMAIN_MISSING",
            Self::DomainUnreadable => "CHECK_DOMAIN_UNREADABLE",
            Self::DomainUnwritable => "CHECK_DOMAIN_UNWRITABLE",
            Self::DomainMoved => "CHECK_DOMAIN_MOVED",
            Self::DomainsOverlap => "CHECK_DOMAINS_OVERLAP",
            Self::DomainUnlinked => "CHECK_DOMAIN_UNLINKED",
            Self::StateExposed => "CHECK_STATE_EXPOSED",
            Self::StateInDomain => "CHECK_STATE_IN_DOMAIN",
            Self::EntityNowhere => "CHECK_ENTITY_NOWHERE",
            Self::EntityUnlinked => "CHECK_ENTITY_UNLINKED",
            Self::FileTooLarge => "CHECK_FILE_TOO_LARGE",
            Self::FileIgnored => "CHECK_FILE_IGNORED",
            Self::DeadRule => "CHECK_DEAD_RULE",
            Self::RuleShadowed => "CHECK_RULE_SHADOWED",
            Self::RuleUnused => "CHECK_RULE_UNUSED",
            Self::PriorityUnknownDomain => "CHECK_PRIORITY_UNKNOWN_DOMAIN",
            Self::MaskMerged => "CHECK_MASK_MERGED",
            Self::IdWithheld => "CHECK_ID_WITHHELD",
            Self::KeyFieldMerged => "CHECK_KEY_FIELD_MERGED",
            Self::TimeMissing => "CHECK_TIME_MISSING",
            Self::ReviewUntold => "CHECK_REVIEW_UNTOLD",
            Self::MirrorUnguarded => "CHECK_MIRROR_UNGUARDED",
            Self::TargetReadOnly => "CHECK_TARGET_READ_ONLY",
            Self::UserUnknown => "CHECK_USER_UNKNOWN",
            Self::LinksLeak => "CHECK_LINKS_LEAK",
            Self::PreferencesCircle => "CHECK_PREFERENCES_CIRCLE",
            Self::LinkUnusable => "CHECK_LINK_UNUSABLE",
            Self::FilterWithheld => "CHECK_FILTER_WITHHELD",
            Self::LimitExcessive => "CHECK_LIMIT_EXCESSIVE",
            Self::SecretLiteral => "CHECK_SECRET_LITERAL",
            Self::SecretExposed => "CHECK_SECRET_EXPOSED",
            Self::NotifyPlaintext => "CHECK_NOTIFY_PLAINTEXT",
            Self::AlertsUntold => "CHECK_ALERTS_UNTOLD",
        }
    }

    /// Returns how grave it is.
    pub const fn severity(self) -> Severity {
        match self {
            Self::EntityUnlinked | Self::FileIgnored | Self::UserUnknown => Severity::Hint,
            Self::DomainMoved
            | Self::DomainUnlinked
            | Self::StateExposed
            | Self::EntityNowhere
            | Self::DeadRule
            | Self::RuleShadowed
            | Self::RuleUnused
            | Self::MaskMerged
            | Self::TimeMissing
            | Self::ReviewUntold
            | Self::TargetReadOnly
            | Self::LinkUnusable
            | Self::LimitExcessive
            | Self::NotifyPlaintext
            | Self::AlertsUntold => Severity::Warning,
            Self::DomainMissing
            | Self::DomainUnreadable
            | Self::DomainUnwritable
            | Self::DomainsOverlap
            | Self::StateInDomain
            | Self::FileTooLarge
            | Self::PriorityUnknownDomain
            | Self::IdWithheld
            | Self::KeyFieldMerged
            | Self::LinksLeak
            | Self::PreferencesCircle
            | Self::FilterWithheld
            | Self::MirrorUnguarded
            | Self::SecretLiteral
            | Self::SecretExposed => Severity::Error,
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub fault: Fault,
    /// How grave it is.
    pub severity: Severity,
    /// The member that it is about, such as `links.work.direction`.
    pub at: String,
    /// Where that member stands in `syncline.toml`, if it does.
    pub position: Option<Position>,
    /// What was found, in one sentence without values.
    pub what: String,
    /// What comes of it.
    pub why: &'static str,
    /// How to mend it.
    pub mend: String,
}

impl Finding {
    /// Returns the stable code of what was found.
    pub const fn code(&self) -> &'static str {
        self.fault.code()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.severity.as_str(), self.code())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// The findings so far, with the text that gives them their lines.
pub(super) struct Findings<'a> {
    pub(super) found: Vec<Finding>,
    text: Option<&'a str>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(text: Option<&'a str>) -> Self {
        Self { found: Vec::new(), text }
    }

    pub(super) fn add(
        &mut self,
        fault: Fault,
        at: &At,
        what: impl Into<String>,
        why: &'static str,
        mend: impl Into<String>,
    ) {
        self.found.push(Finding {
            fault,
            severity: fault.severity(),
            at: at.to_string(),
            position: self.text.and_then(|text| super::super::locate::position(text, at)),
            what: what.into(),
            why,
            mend: mend.into(),
        });
    }
}
