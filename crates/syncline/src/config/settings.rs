//! The configuration as the rest of the program uses it: typed, complete, checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use syncline_engine::alert::{Rules, Severity};
use syncline_merge::rules::Approver;
use syncline_model::id::{DomainName, EntityName};
use syncline_model::path::{Path, Pattern};
use syncline_policy::view::Access;
use syncline_policy::{Condition, DomainPolicy, Expression, Guard, Limits, Permissions};
use syncline_server::{IssuerSettings, MailTls, MetricsNames, Period};

/// Everything that a run needs to know before it reads a record.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of the hub's state; relative paths were joined with the configuration's folder.
    pub state: PathBuf,
    /// All domains, in the order in which they are written.
    pub domains: Vec<Domain>,
    /// All entities, in the order in which they are written.
    pub entities: Vec<Entity>,
    /// All links, in the order in which they are written.
    pub links: Vec<Link>,
    /// Who may read and write what.
    pub permissions: Permissions,
    /// Others whose access tokens a hub that is served takes; relative paths of keys were joined with
    /// the configuration's folder.
    pub issuers: Vec<Issuer>,
    /// The views of a hub that is served, and who may see and write what of its records.
    pub access: Access,
    /// The users who have each role.
    pub roles: BTreeMap<String, Vec<String>>,
    /// What one run may read and how long it may take.
    pub limits: Limits,
    /// What stops a run before it writes.
    pub guard: Guard,
    /// Who is told when a run fails or something waits for a person.
    pub notify: Notify,
    /// Who is told that a hub that is served does badly, and of what.
    pub alerts: Alerts,
    /// What the figures of a hub that is served are called.
    pub metrics: MetricsNames,
    /// Whether the source wins where a link says nothing of it, as in the spelling of spec 001.
    pub is_source_first: bool,
    /// Whether it says what a hub that is served needs, and names no domain and no link.
    pub is_only_served: bool,
}

/// A named place that holds records.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Its name.
    pub name: DomainName,
    /// What kind of place it is.
    pub kind: DomainKind,
    /// Its folder; relative paths were joined with the configuration's folder.
    pub path: PathBuf,
    /// Whether anything may be written into it.
    pub writable: bool,
    /// What may cross between it and the hub.
    pub policy: DomainPolicy,
    /// How many of the policy's rules were written; those behind them keep ids crossing.
    pub(super) policy_rules_written: usize,
    /// Fields that have another name in this domain, by entity.
    pub renames: BTreeMap<EntityName, Vec<Rename>>,
}

/// The kinds of domain that this build knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomainKind {
    /// A folder with one JSON file per entity.
    Files,
}

/// A field that has another name in one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// Its path in the hub.
    pub hub: Path,
    /// Its path in the domain.
    pub domain: Path,
}

/// A named type of record.
#[derive(Clone, Debug)]
pub struct Entity {
    /// Its name.
    pub name: EntityName,
    /// The name of its file in a folder; never a path.
    pub file: String,
    /// Where a record holds its id.
    pub id: Path,
    /// Where a record holds the time of its last edit, if it does.
    pub time: Option<Path>,
    /// Fields by which a record is recognised under another id, the strongest first.
    pub identify: Vec<Path>,
    /// What happens when one side deletes what the other edits.
    pub deletion: Deletion,
    /// How concurrent values become one; the first pattern that matches a path decides, and a field
    /// that none matches is a register under `latest`.
    pub fields: Vec<FieldRule>,
}

/// How the concurrent values of the fields under a pattern become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRule {
    /// The fields.
    pub pattern: Pattern,
    /// How their state is kept.
    pub shape: Shape,
    /// Which of a register's values is shown; [`Rule::Latest`] for every other shape.
    pub rule: Rule,
    /// Who must approve what the rule shows of different values; nobody if empty.
    pub approval: Vec<Approver>,
}

/// How the state of a field is kept. Changing it later is a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One value.
    Register,
    /// A number whose increments add up.
    Sum,
    /// An array as a set.
    Union,
    /// An array of objects, told apart by one member.
    Keyed {
        /// The member that names an object.
        key: String,
    },
    /// An array that only grows at its end.
    Append {
        /// How many of the newest elements are kept; all if `None`.
        keep: Option<u32>,
    },
    /// A text that is merged by characters.
    Text,
}

/// Which of a register's concurrent values is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The one that was edited last.
    Latest,
    /// The greatest.
    Max,
    /// The least.
    Min,
    /// That of the domain that stands first.
    Priority(Vec<DomainName>),
    /// All of them in one text.
    Concat {
        /// What stands between two values.
        separator: String,
    },
    /// What an expression makes of all of them.
    Custom(Expression),
    /// None: a person decides.
    Review,
}

/// What happens when one side deletes what the other edits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletion {
    /// The edit keeps the record.
    #[default]
    EditWins,
    /// The record goes.
    DeleteWins,
    /// A person decides.
    Review,
}

/// What flows between two domains through the hub.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// The domain that is called the source.
    pub source: DomainName,
    /// The domain that is called the target.
    pub target: DomainName,
    /// What flows; each of them is in [`Config::entities`].
    pub entities: Vec<EntityName>,
    /// In which direction.
    pub direction: Direction,
    /// Which side wins a true conflict; `None` if nothing is written of it.
    pub on_conflict: Option<OnConflict>,
    /// Whether a rule that is written for a field comes before the preference of the link, as in the
    /// files and the spelling of spec 001.
    pub fields_first: bool,
    /// Whether nobody has written which of its domains is the source, as in the files of spec 001: the
    /// one that is asked for.
    pub is_unordered: bool,
    /// Which records take part: those that meet every condition for their entity.
    pub filter: Vec<Filter>,
}

/// One condition on the records that take part in a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The entity; `None` is every entity of the link.
    pub entity: Option<EntityName>,
    /// What a record must meet.
    pub condition: Condition,
}

/// The direction of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both sides take what the other has.
    #[default]
    Bidirectional,
    /// The target becomes a mirror of the source.
    SourceToTarget,
    /// The source becomes a mirror of the target.
    TargetToSource,
}

impl Direction {
    /// Returns the same flow with source and target exchanged.
    pub const fn reversed(self) -> Self {
        match self {
            Self::Bidirectional => Self::Bidirectional,
            Self::SourceToTarget => Self::TargetToSource,
            Self::TargetToSource => Self::SourceToTarget,
        }
    }
}

/// Which side wins where both changed one field to different values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The rule of the field decides.
    #[default]
    Merge,
    /// The source; the loser is kept in the conflict.
    Source,
    /// The target; the loser is kept in the conflict.
    Target,
    /// The one edited last; the loser is kept in the conflict.
    Newer,
    /// A person decides.
    Review,
}

impl OnConflict {
    /// Returns the same preference with source and target exchanged.
    pub const fn reversed(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target => Self::Source,
            other => other,
        }
    }
}

/// What stands for the id of a conflict in a link.
pub const CONFLICT_ID: &str = "{id}";

/// Who is told when a run fails or something waits for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// A program and its arguments, started without a shell; empty if none.
    pub command: Vec<String>,
    /// Where a report is posted to. `env:NAME`, `file:PATH` and `cmd:PROGRAM` name where
    /// the address is found.
    pub url: Option<String>,
    /// Where a conflict can be looked at: an address with [`CONFLICT_ID`] in it.
    pub link: Option<String>,
}

impl Notify {
    /// Returns whether anybody is told.
    pub fn is_set(&self) -> bool {
        !self.command.is_empty() || self.url.is_some()
    }
}

impl Link {
    /// Returns the same link asked for from its target to its source.
    fn turned(&self) -> Self {
        let mut turned =
            Self { source: self.target.clone(), target: self.source.clone(), ..self.clone() };
        if !self.is_unordered {
            turned.direction = self.direction.reversed();
            turned.on_conflict = self.on_conflict.map(OnConflict::reversed);
        }
        turned
    }
}

impl Config {
    /// Returns the domain of this name.
    pub fn domain(&self, name: &str) -> Option<&Domain> {
        self.domains.iter().find(|domain| domain.name.as_str() == name)
    }

    /// Returns the entity of this name.
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.iter().find(|entity| entity.name.as_str() == name)
    }

    /// Returns the roles that a user has, by name.
    pub fn roles_of(&self, user: &str) -> Vec<String> {
        let has = |users: &[String]| users.iter().any(|known| known == user);
        let roles = self.roles.iter().filter(|(_, users)| has(users));
        roles.map(|(role, _)| role.clone()).collect()
    }

    /// Returns the configuration as spec 001's spelling takes it: the source wins conflicts where
    /// nothing else is written, neither for the field nor for the link.
    #[must_use]
    pub fn with_source_first(mut self) -> Self {
        self.is_source_first = true;
        self.links.iter_mut().for_each(|link| link.fields_first = true);
        self
    }

    /// Returns the link between two domains, turned so that its source is `source`.
    ///
    /// A link that is written the other way round is found too: its direction and its preference
    /// are then exchanged, so that what is asked for on the command line means the same; but for a link
    /// of which nobody has written which domain is the source. A link written in the asked order wins
    /// over one that has to be turned.
    pub fn link_for(&self, source: &str, target: &str) -> Option<Link> {
        let joins =
            |link: &&Link, a: &str, b: &str| link.source.as_str() == a && link.target.as_str() == b;
        let asked = self.links.iter().find(|link| joins(link, source, target)).cloned();
        let turned =
            || self.links.iter().find(|link| joins(link, target, source)).map(Link::turned);
        let mut link = asked.or_else(turned)?;
        link.on_conflict = self.preferred(&link);
        Some(link)
    }

    /// Returns which side of a link wins a true conflict; `None` if nothing says so.
    pub(super) fn preferred(&self, link: &Link) -> Option<OnConflict> {
        link.on_conflict.or(self.is_source_first.then_some(OnConflict::Source))
    }
}

/// Who is told that a hub does badly, and of what.
#[derive(Clone, Debug, Default)]
pub struct Alerts {
    /// What is too bad.
    pub rules: Rules,
    /// Who is told.
    pub receivers: Vec<AlertReceiver>,
    /// At which hour of the day reports are sent, by UTC, if another one than the usual is given.
    pub report_hour: Option<u8>,
}

/// Somebody who is told.
#[derive(Clone, Debug)]
pub struct AlertReceiver {
    /// What it is called.
    pub name: String,
    /// How it is told.
    pub channel: AlertChannel,
    /// It is told of what is at least so grave.
    pub severity_min: Severity,
    /// Which reports it is sent.
    pub reports: Vec<Period>,
}

/// How somebody is told. Every text may name where it is found: `env:NAME`, `file:PATH` or `cmd:PROGRAM`.
#[derive(Clone, Debug)]
pub enum AlertChannel {
    /// A signed webhook.
    Webhook {
        /// Where it is posted to.
        url: String,
        /// What it is signed with.
        secret: String,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Where it is posted to.
        url: String,
    },
    /// PagerDuty's Events API.
    PagerDuty {
        /// Where it is posted to.
        url: String,
        /// The key of the integration.
        key: String,
    },
    /// A project of Sentry.
    Sentry {
        /// Its DSN.
        dsn: String,
    },
    /// An e-mail.
    Mail(MailPlace),
}

/// The mail server, and who writes to whom.
#[derive(Clone, Debug)]
pub struct MailPlace {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: MailTls,
    /// User and password.
    pub login: Option<(String, String)>,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
}

impl AlertChannel {
    /// Returns its secrets as they are written, by the names of their members.
    pub(super) fn secrets(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Webhook { url, secret } => vec![("url", url), ("secret", secret)],
            Self::Slack { url } => vec![("url", url)],
            Self::PagerDuty { key, .. } => vec![("secret", key)],
            Self::Sentry { dsn } => vec![("url", dsn)],
            Self::Mail(mail) => {
                mail.login.iter().map(|(_, password)| ("secret", password.as_str())).collect()
            }
        }
    }
}

/// Another issuer of access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What a server knows of it; without a file of keys where they are fetched.
    pub settings: IssuerSettings,
    /// Where its keys are fetched from.
    pub address: Option<String>,
}
