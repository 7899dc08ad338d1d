//! Why a command failed: a code, what, why, what to do next, and the exit code that follows.

use std::io;
use std::path::PathBuf;

use syncline_engine::sync::RunReport;
use syncline_hub::limits::CONFLICT_DIGITS_MIN;
use syncline_hub::served::ServeError;
use syncline_hub::{HubError, WriterError};
use syncline_model::json::{Json, Object};
use syncline_policy::{Origin, PermissionDenied, SafetyStop};
use syncline_protocol::webhook::verify::VerifyError;
use syncline_server::{OpenError, StartError};
use syncline_store::StoreError;
use syncline_store::backup::BackupError;
use thiserror::Error;

use crate::commands;
use crate::commands::audit::ProofFault;
use crate::commands::backup;
use crate::config::check::{Fault, Finding};
use crate::config::{ConfigError, Profile};
use crate::exit::Exit;
use crate::remote::RemoteError;

/// Why a command failed. It never holds the value of a field.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The configuration is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A user may not do what was asked.
    #[error(transparent)]
    Permission(#[from] PermissionDenied),
    /// The hub could not do it.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The hub's writer has ended before it answered.
    #[error(transparent)]
    Writer(#[from] WriterError),
    /// A guard, a limit, an open conflict, a file or the store ended the run.
    #[error("{stop}")]
    Stopped {
        /// Why.
        stop: HubError,
        /// The record of the run, if the hub has one.
        report: Option<Box<RunReport>>,
        /// The command that shows what was planned.
        look: Box<str>,
    },
    /// The hub is not served.
    #[error(transparent)]
    Serve(#[from] StartError),
    /// The hub that was served was not closed well.
    #[error(transparent)]
    Served(#[from] ServeError),
    /// A hub that is asked over HTTP did not do it.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// What was to be a webhook is not signed as it should be.
    #[error("the signature is not good: {0}")]
    Hook(VerifyError),
    /// A proof of the audit cannot be read or does not hold.
    #[error("{}", if .0.is_readable() { "the proof does not hold" } else { "the proof cannot be read" })]
    Proof(#[from] ProofFault),
    /// The command itself refuses.
    #[error(transparent)]
    Command(#[from] Refusal),
}

/// Why the command itself refuses.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Arguments that do not fit together.
    #[error("{what}")]
    Usage {
        /// What does not fit.
        what: String,
        /// What to write instead.
        next: String,
    },
    /// A domain that is asked for does not exist.
    #[error("{side} domain '{name}' not found")]
    DomainNotFound {
        /// `Source` or `Target`.
        side: &'static str,
        /// What was asked for.
        name: String,
        /// The domains that there are.
        known: Vec<String>,
    },
    /// Source and target are the same domain.
    #[error("source and target are the same domain, '{name}'")]
    DomainsEqual {
        /// The domain.
        name: String,
        /// The domains that there are.
        known: Vec<String>,
    },
    /// A run under this configuration would lose or reveal something.
    #[error("{at} {what}")]
    ConfigUnsafe {
        /// What was found.
        fault: Fault,
        /// The member of the configuration that it is about.
        at: String,
        /// What is wrong with it.
        what: String,
        /// What would come of it.
        why: &'static str,
        /// How to mend it.
        mend: String,
    },
    /// An entity that is asked for is not known.
    #[error("entity '{name}' is not supported")]
    EntityUnsupported {
        /// What was asked for.
        name: String,
        /// The entities that there are.
        known: Vec<String>,
    },
    /// There is no link of that name, or more than one to choose from.
    #[error("{what}")]
    LinkUnknown {
        /// What is wrong.
        what: String,
        /// The links that there are.
        known: Vec<String>,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried: `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file exists and would be overwritten.
    #[error("{} exists already", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// A plan file is no plan.
    #[error("{} is not a plan: {reason}", path.display())]
    PlanInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file holds no types of events.
    #[error("{} holds no types of events: {reason}", path.display())]
    EventTypesInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file holds no schema of an entity.
    #[error("{} holds no schema: {reason}", path.display())]
    SchemaInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of decisions cannot be taken.
    #[error("decision {index} cannot be taken: {reason}")]
    DecisionInvalid {
        /// Number of the decision in the file, from 1.
        index: usize,
        /// What is wrong.
        reason: String,
    },
    /// A question that nobody can answer.
    #[error("this needs a yes, and nobody can be asked")]
    ConfirmationNeeded,
    /// The person said no.
    #[error("not confirmed; nothing was changed")]
    Declined,
    /// A program tells no secret. What it printed is nowhere in this.
    #[error("the program `{program}` tells no secret: {reason}")]
    Secret {
        /// The program, without its arguments.
        program: String,
        /// What it did instead.
        reason: String,
    },
    /// There is no profile of that name.
    #[error("profile `{}` not found", .0.name)]
    ProfileUnknown(Box<Profile>),
    /// Nothing says where the folders of the user are.
    #[error("{variable} names no folder{}", if *variable == "HOME" { "" } else { ", nor does HOME" })]
    HomeUnknown {
        /// The variable of the environment that would.
        variable: &'static str,
    },
    /// There is no hub yet.
    #[error("there is no state in {}", folder.display())]
    NoState {
        /// The folder of the state.
        folder: PathBuf,
    },
    /// The state was taken away while a watch had it open.
    #[error("the state in {} is gone, or another one is in its place", folder.display())]
    StateGone {
        /// The folder of the state.
        folder: PathBuf,
    },
    /// The configuration was changed while a hub was served under it.
    #[error("the configuration has changed; the hub is served under the one before")]
    ServeReconfigured,
    /// The process that serves the hub is of another version than this one.
    #[error("the hub is served by syncline {theirs}, and this is syncline {ours}")]
    ServedByOtherVersion {
        /// The version of that process.
        theirs: String,
        /// The version of this one.
        ours: String,
    },
    /// The keys of an issuer are fetched from an address, and none came.
    #[error("the keys of the issuer {issuer} could not be fetched: {reason}")]
    IssuerKeys {
        /// Whose keys.
        issuer: String,
        /// Why not.
        reason: String,
    },
    /// A notice could not be sent.
    #[error("the notice could not be sent: {reason}")]
    Notice {
        /// Why.
        reason: String,
    },
    /// Somebody who is to be told of alerts cannot be told so.
    #[error("nobody can be told of alerts by `{name}`: {reason}")]
    AlertReceiver {
        /// What the receiver is called.
        name: String,
        /// Why; it names no secret.
        reason: String,
    },
    /// Watching the folders failed.
    #[error("the folders cannot be watched")]
    Watch {
        /// What the system said.
        #[source]
        source: notify::Error,
    },
}

impl From<Finding> for Refusal {
    fn from(finding: Finding) -> Self {
        let Finding { fault, at, what, why, mend, .. } = finding;
        Self::ConfigUnsafe { fault, at, what, why, mend }
    }
}

impl Refusal {
    /// Builds a refusal of arguments.
    pub fn usage(what: impl Into<String>, next: impl Into<String>) -> Self {
        let (what, next) = (what.into(), next.into());
        Self::Usage { what, next }
    }

    /// Returns the stable code, which has a page in `docs/errors/`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Usage { .. } => "USAGE_INVALID",
            Self::DomainNotFound { .. } => "DOMAIN_NOT_FOUND",
            Self::DomainsEqual { .. } => "DOMAINS_EQUAL",
            Self::ConfigUnsafe { fault, .. } => fault.code(),
            Self::EntityUnsupported { .. } => "ENTITY_TYPE_UNSUPPORTED",
            Self::LinkUnknown { .. } => "LINK_UNKNOWN",
            Self::File { .. } => "FILE_UNUSABLE",
            Self::FileExists { .. } => "FILE_EXISTS",
            Self::PlanInvalid { .. } => "PLAN_INVALID",
            Self::SchemaInvalid { .. } | Self::EventTypesInvalid { .. } => "SCHEMA_MALFORMED",
            Self::DecisionInvalid { .. } => "DECISION_INVALID",
            Self::ConfirmationNeeded => "CONFIRMATION_NEEDED",
            Self::Declined => "DECLINED",
            Self::Secret { .. } => "SECRET_UNAVAILABLE",
            Self::ProfileUnknown(_) => "PROFILE_UNKNOWN",
            Self::HomeUnknown { .. } => "HOME_UNKNOWN",
            Self::NoState { .. } => "STATE_MISSING",
            Self::StateGone { .. } => "STATE_GONE",
            Self::ServeReconfigured => "SERVE_RECONFIGURED",
            Self::ServedByOtherVersion { .. } => "SERVED_BY_OTHER_VERSION",
            Self::IssuerKeys { .. } => "ISSUER_KEYS_INVALID",
            Self::Notice { .. } => "NOTICE_FAILED",
            Self::AlertReceiver { .. } => "ALERT_RECEIVER_INVALID",
            Self::Watch { .. } => "WATCH_FAILED",
        }
    }

    /// Returns the exit code that follows.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. }
            | Self::DomainsEqual { .. }
            | Self::EntityUnsupported { .. }
            | Self::LinkUnknown { .. }
            | Self::FileExists { .. }
            | Self::PlanInvalid { .. }
            | Self::SchemaInvalid { .. }
            | Self::EventTypesInvalid { .. }
            | Self::DecisionInvalid { .. }
            | Self::ConfirmationNeeded
            | Self::Declined => Exit::Usage,
            // Met only before a run: afterwards a notice that fails is warned about.
            Self::Notice { .. }
            | Self::AlertReceiver { .. }
            | Self::DomainNotFound { .. }
            | Self::ConfigUnsafe { .. }
            | Self::Secret { .. }
            | Self::ProfileUnknown(_)
            | Self::HomeUnknown { .. }
            | Self::NoState { .. } => Exit::Config,
            // A path that is not there will not be there a little later.
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::NotFound
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::PermissionDenied => Exit::Config,
                _ => Exit::Transient,
            },
            Self::ServedByOtherVersion { .. } => Exit::Locked,
            Self::IssuerKeys { .. } => Exit::Transient,
            Self::StateGone { .. } | Self::ServeReconfigured | Self::Watch { .. } => {
                Exit::Transient
            }
        }
    }

    fn why(&self) -> String {
        match self {
            Self::Usage { .. } => "what is not understood is never guessed".to_owned(),
            Self::DomainNotFound { known, .. } | Self::DomainsEqual { known, .. } => {
                format!("valid domains: {}", known.join(", "))
            }
            Self::ConfigUnsafe { why, .. } => (*why).to_owned(),
            Self::EntityUnsupported { known, .. } => {
                format!("supported entities: {}", known.join(", "))
            }
            Self::LinkUnknown { known, .. } if known.is_empty() => {
                "the configuration has no link".to_owned()
            }
            Self::LinkUnknown { known, .. } => format!("known links: {}", known.join(", ")),
            Self::File { source, .. } => source.to_string(),
            Self::FileExists { .. } => "nothing that you wrote is overwritten".to_owned(),
            Self::PlanInvalid { .. } => "a plan is applied as it was saved, or not".to_owned(),
            Self::SchemaInvalid { .. } => "all types are written, or none".to_owned(),
            Self::EventTypesInvalid { .. } => "all types are compared, or none".to_owned(),
            Self::DecisionInvalid { .. } => "all decisions are taken, or none".to_owned(),
            Self::ConfirmationNeeded => "there is no terminal, or --no-input was given".to_owned(),
            Self::Declined => "the answer was not yes".to_owned(),
            Self::ProfileUnknown(profile) => {
                let folder = profile.folder().display();
                match profile.known() {
                    known if known.is_empty() => format!("there is none in {folder}"),
                    known => format!("profiles in {folder}: {}", known.join(", ")),
                }
            }
            Self::HomeUnknown { .. } => "a profile is kept in the folders of its user".to_owned(),
            Self::NoState { .. } => "nothing was ever synchronised here".to_owned(),
            Self::StateGone { .. } => {
                "without it nobody knows what was synchronised before".to_owned()
            }
            Self::ServeReconfigured => {
                "its folders are not synchronised until the hub is served under the new one"
                    .to_owned()
            }
            Self::IssuerKeys { .. } => {
                "without keys its tokens cannot be told from forged ones".to_owned()
            }
            Self::ServedByOtherVersion { .. } => {
                "the two might not mean the same by what is stored".to_owned()
            }
            Self::Notice { .. } | Self::Secret { .. } => {
                "the run itself is not affected".to_owned()
            }
            Self::AlertReceiver { .. } => "a hub that does badly would do so unnoticed".to_owned(),
            Self::Watch { source } => source.to_string(),
        }
    }

    fn next(&self) -> String {
        let text = match self {
            Self::Usage { next, .. } => return next.clone(),
            Self::ConfigUnsafe { mend, .. } => return mend.clone(),
            Self::ProfileUnknown(profile) => {
                let known = if profile.known().is_empty() { "" } else { "name one of them, or " };
                return format!("{known}make it: syncline init --profile {}", profile.name);
            }
            Self::HomeUnknown { variable } => {
                return format!("set {variable} to a whole path, or use --config");
            }
            Self::DomainNotFound { .. } => "name a valid domain, or create its folder",
            Self::DomainsEqual { .. } => "name two different domains",
            Self::EntityUnsupported { .. } => "name supported entities, or define it",
            Self::LinkUnknown { .. } => "name one with --link, or --source and --target",
            Self::File { .. } => "check the path, who may use it, and the room on the disk",
            Self::FileExists { .. } => {
                "choose another name, move it aside, or replace it with --force where the command takes that"
            }
            Self::PlanInvalid { .. } => "save a new one: syncline plan -o plan.json",
            Self::SchemaInvalid { .. } => "name a file with a JSON Schema, as ENTITY=FILE",
            Self::EventTypesInvalid { .. } => {
                "name a file with {\"type\":…,\"schema\":…} or {\"eventTypes\":[…]}, a folder of such files, or `hub`"
            }
            Self::DecisionInvalid { .. } => "export again: syncline conflicts export -o f.json",
            Self::ConfirmationNeeded => "add --yes",
            Self::Declined => "run it again and answer y, or add --yes",
            Self::NoState { .. } => "syncline sync",
            Self::StateGone { .. } => "bring it back, and start the watch again",
            Self::ServeReconfigured => "start `syncline serve` again, or take the change back",
            Self::ServedByOtherVersion { .. } => {
                "use the program of that version, or start `syncline serve` again with this one"
            }
            Self::Secret { .. } => "try the program by hand",
            Self::IssuerKeys { .. } => {
                "check the address in `keys`, and that this machine reaches it"
            }
            Self::Notice { .. } => "check the command or address of --notify",
            Self::AlertReceiver { .. } => "correct it under [[alerts.to]]",
            Self::Watch { .. } => "run `syncline sync` from a timer instead",
        };
        text.to_owned()
    }
}

impl Failure {
    /// Returns the stable code, which has a page in `docs/errors/`.
    pub fn code(&self) -> &str {
        match self {
            Self::Config(error) => error.code(),
            Self::Permission(error) => error.code(),
            Self::Hub(error) | Self::Stopped { stop: error, .. } => error.code(),
            Self::Writer(error) => error.code(),
            Self::Serve(error) => error.code(),
            Self::Served(error) => error.code(),
            Self::Remote(error) => error.code(),
            Self::Hook(error) => error.code(),
            Self::Proof(error) => error.code(),
            Self::Command(error) => error.code(),
        }
    }

    /// Returns the exit code that follows.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::Permission(_) => Exit::Config,
            Self::Hub(error) | Self::Stopped { stop: error, .. } => hub_exit(error),
            Self::Serve(error) => serve_exit(error),
            Self::Served(_) | Self::Writer(_) => Exit::Unexpected,
            Self::Remote(error) => error.exit(),
            Self::Hook(_) | Self::Proof(_) => Exit::Integrity,
            Self::Command(error) => error.exit(),
        }
    }

    /// Returns whether the same may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Hub(error) if error.is_transient())
    }

    /// Returns why, in one sentence.
    pub fn why(&self) -> String {
        match self {
            Self::Config(error) => error.why(),
            Self::Permission(_) => "whatever is not granted is refused".to_owned(),
            Self::Hub(error) | Self::Stopped { stop: error, .. } => hub_why(error),
            Self::Serve(error) => serve_why(error),
            Self::Served(_) => "all that was acknowledged is on disk".to_owned(),
            Self::Writer(_) => "the part that works on the state failed within a run".to_owned(),
            Self::Remote(error) => error.why(),
            Self::Hook(_) => "nobody knows who has written it".to_owned(),
            Self::Proof(error) => error.to_string(),
            Self::Command(error) => error.why(),
        }
    }

    /// Returns what to do next, in one sentence or command.
    pub fn next(&self) -> String {
        match self {
            Self::Config(error) => error.next(),
            Self::Permission(_) => "ask who keeps the configuration for a grant".to_owned(),
            Self::Hub(error) => hub_next(error).to_owned(),
            Self::Stopped { stop, look, .. } => hub_next(stop).replace(LOOK, look),
            Self::Serve(error) => serve_next(error),
            Self::Served(_) | Self::Writer(_) => "syncline doctor    then run it again".to_owned(),
            Self::Remote(error) => error.next(),
            Self::Hook(error) => hook_next(error.code()).to_owned(),
            Self::Proof(error) => error.next().to_owned(),
            Self::Command(error) => error.next(),
        }
    }

    /// Returns the failure as a JSON document.
    pub fn to_json(&self) -> Object {
        let mut object = Object::new();
        object.insert("schema", "error/1");
        object.insert("code", self.code());
        object.insert("what", self.to_string());
        object.insert("why", self.why());
        object.insert("next", self.next());
        object.insert("exit", Json::Number(u64::from(self.exit().number()).into()));
        object
    }
}

/// Returns the exit code that follows from an error of the hub.
pub(crate) fn hub_exit(error: &HubError) -> Exit {
    match error {
        HubError::Store(error) | HubError::Backup(BackupError::Store(error)) => store_exit(error),
        HubError::Backup(error) => backup::exit(error),
        HubError::Safety(SafetyStop::Time { .. })
        | HubError::Random
        | HubError::StateFolder { .. } => Exit::Transient,
        HubError::Safety(_)
        | HubError::StalePlan
        | HubError::NotUndoable { .. }
        | HubError::WroteElsewhere { .. }
        | HubError::ConflictStale { .. } => Exit::Safety,
        HubError::File { transient, code, .. } => match *transient || is_of_storage(code) {
            true => Exit::Transient,
            false => Exit::Config,
        },
        HubError::DomainNotFound { .. } | HubError::ApprovalNeeded { .. } => Exit::Config,
        HubError::WouldConflict { .. } => Exit::Conflicts,
        HubError::RunNotFound { .. }
        | HubError::ChangeNotFound { .. }
        | HubError::ConflictNotFound { .. }
        | HubError::ConflictIdShort { .. }
        | HubError::ConflictIdShared { .. }
        | HubError::DecisionUnfit { .. } => Exit::Usage,
        HubError::Cancelled => Exit::Interrupted,
        HubError::Damaged { .. }
        | HubError::Row { .. }
        | HubError::Audit { .. }
        | HubError::ClockExhausted => Exit::Integrity,
        _ => Exit::Unexpected,
    }
}

/// Tells whether a code of a file is about its disk, not about what the file holds.
pub(crate) fn is_of_storage(code: &str) -> bool {
    code.starts_with("STORAGE")
}

fn serve_exit(error: &StartError) -> Exit {
    match error {
        StartError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
            Exit::Transient
        }
        StartError::Open(OpenError::Hub(error)) => hub_exit(error),
        StartError::Open(OpenError::ReceiverSecret(_)) => Exit::Config,
        StartError::Open(_) => Exit::Transient,
        _ => Exit::Config,
    }
}

fn serve_why(error: &StartError) -> String {
    match error {
        StartError::Unsafe(_) => {
            "what is unsafe is done only if it is asked for by name".to_owned()
        }
        StartError::Listen { source, .. } => source.to_string(),
        StartError::Open(OpenError::Hub(error)) => hub_why(error),
        StartError::Open(OpenError::ReceiverSecret(_)) => {
            "what one of two receivers with one secret has taken could be sent to the other"
                .to_owned()
        }
        _ => "nothing is served".to_owned(),
    }
}

fn serve_next(error: &StartError) -> String {
    let text = match error {
        StartError::Unsafe(error) => error.next(),
        StartError::Listen { .. } => {
            "stop what listens there, or choose another: --listen 127.0.0.1:0"
        }
        StartError::Tls(_) => "look at both files; they belong together and are of the PEM format",
        StartError::Open(OpenError::Hub(error)) => hub_next(error),
        StartError::Open(OpenError::ReceiverSecret(_)) => {
            "start without WEBHOOK_SECRET or with another one, and make the receiver again with a secret of its own"
        }
        _ => "check the folder of the state, who may use it, and the room on the disk",
    };
    text.to_owned()
}

const fn store_exit(error: &StoreError) -> Exit {
    match error {
        StoreError::Locked { .. } => Exit::Locked,
        StoreError::TooNew { .. } => Exit::Config,
        StoreError::Damaged { .. } => Exit::Integrity,
        StoreError::KeyRange { .. } | StoreError::TooLarge { .. } => Exit::Unexpected,
        _ => Exit::Transient,
    }
}

fn store_why(error: &StoreError) -> String {
    match error {
        StoreError::Locked { path, holder } => match commands::serve::address(path, holder) {
            Some(address) => format!(
                "a hub is served here, at {address}: that process may do this itself (`serve --watch`, `serve --backup-to`)"
            ),
            None => "one process at a time works on the state".to_owned(),
        },
        StoreError::Full => "a run is committed as a whole or not at all".to_owned(),
        other => std::error::Error::source(other)
            .map_or_else(|| "the hub cannot go on with its store".to_owned(), ToString::to_string),
    }
}

fn hub_why(error: &HubError) -> String {
    match error {
        HubError::Store(error) | HubError::Backup(BackupError::Store(error)) => store_why(error),
        HubError::Backup(error) => std::error::Error::source(error).map_or_else(
            || "what cannot be trusted is not restored".to_owned(),
            ToString::to_string,
        ),
        HubError::Safety(SafetyStop::Emptied { origin, .. }) => match origin {
            Origin::Holds => "not one of the records that are there would stay",
            Origin::Emptied => "a list is emptied by a failed export more often than by its owner",
            Origin::Missing => "a disk that is not mounted looks like that more often than a wish",
        }
        .to_owned(),
        HubError::Safety(SafetyStop::Deletes { .. } | SafetyStop::Changes { .. }) => {
            "so much at once is an accident more often than work".to_owned()
        }
        HubError::Safety(SafetyStop::NotClean { .. }) => {
            "`--require-clean` was asked for".to_owned()
        }
        HubError::Safety(_) => "every run has bounds".to_owned(),
        HubError::File { code: "STORAGE_FULL", .. } => {
            "a new file is written beside the old one before it takes its place".to_owned()
        }
        HubError::File { code: "STORAGE_DENIED", .. } => {
            "a file is replaced by a new one in its folder, and the system lets you write none there"
                .to_owned()
        }
        HubError::File { code: "STORAGE_ERROR" | "STORAGE_READ_ONLY", .. } => {
            "the system refused; a file is replaced whole or not at all".to_owned()
        }
        HubError::File { .. } => {
            "a file that is not read whole is never taken for a list".to_owned()
        }
        HubError::DomainNotFound { .. } => "its folder does not exist".to_owned(),
        HubError::ChangeNotFound { .. } => "only what a run has changed can be proved".to_owned(),
        HubError::ConflictIdShared { .. } => {
            "what names more than one conflict decides none".to_owned()
        }
        HubError::ConflictIdShort { .. } => format!(
            "the first {CONFLICT_DIGITS_MIN} characters of an id are needed, so that nothing else is taken for one"
        ),
        HubError::ApprovalNeeded { .. } => {
            "the field has an `approval`: the others may propose values, not settle them".to_owned()
        }
        HubError::StalePlan => "a plan is applied only to what it was made of".to_owned(),
        HubError::WouldConflict { .. } => "`--on-conflict fail` was asked for".to_owned(),
        HubError::Cancelled => "Ctrl-C".to_owned(),
        HubError::Audit { .. } => {
            "an entry is never changed once it is written; somebody or the disk did".to_owned()
        }
        other => std::error::Error::source(other)
            .map_or_else(|| "nothing was changed".to_owned(), ToString::to_string),
    }
}

/// The command that shows what would be done, where nothing is known of its arguments.
const LOOK: &str = "syncline plan";

fn hub_next(error: &HubError) -> &'static str {
    match error {
        HubError::Store(error) => error.remedy(),
        HubError::Backup(error) => error.remedy(),
        HubError::Safety(SafetyStop::Emptied { origin: Origin::Missing, .. }) => {
            "put the file back    if it is meant: --allow-emptied --max-delete 100%"
        }
        HubError::Safety(SafetyStop::Emptied { .. }) => {
            "look: syncline plan    allow once: --allow-emptied --max-delete 100%"
        }
        HubError::Safety(SafetyStop::Deletes { .. }) => {
            "look: syncline plan    allow once: --max-delete <number>"
        }
        HubError::Safety(SafetyStop::Changes { .. }) => {
            "look: syncline plan    allow once: --max-change <number>"
        }
        HubError::Safety(SafetyStop::Items { .. }) => "raise it: --max-items <number>",
        HubError::Safety(SafetyStop::Bytes { .. }) => "raise it: --max-bytes <size>",
        HubError::Safety(SafetyStop::NotClean { .. }) => {
            "look: syncline conflicts list    and: syncline show latest    or leave out --require-clean"
        }
        HubError::Safety(_) => "run it again; raise it: --timeout 10m",
        HubError::File { code: "STORAGE_FULL", .. } => {
            "free some room on that disk, then run again; nothing was written"
        }
        HubError::File { code: "STORAGE_READ_ONLY", .. } => {
            "mount that disk so that it can be written, or set `writable = false`; nothing was written"
        }
        HubError::File { code: "STORAGE_DENIED", .. } => {
            "get the right to write in that folder, or set `writable = false`; nothing was written"
        }
        HubError::File { code: "STORAGE_ERROR", .. } => {
            "check the disk and who may write there, then run again; nothing was written"
        }
        HubError::File { .. } => "mend the file, then run again; nothing was written",
        HubError::DomainNotFound { .. } => "create its folder, or correct its path",
        HubError::StalePlan => "make a new one: syncline plan -o plan.json",
        HubError::WouldConflict { .. } => "look: syncline plan    or leave out --on-conflict fail",
        HubError::RunNotFound { .. } => "list them: syncline log",
        HubError::ChangeNotFound { .. } => "look: syncline diff <entity> <id>",
        HubError::NotUndoable { .. } => "look: syncline show <run>",
        HubError::WroteElsewhere { .. } => {
            "set `path`, or the link, back to where it wrote, undo, then correct it; nothing was written"
        }
        HubError::ConflictIdShared { .. } => {
            "give more of the id: syncline conflicts list --status all"
        }
        HubError::ConflictIdShort { .. } => {
            "list them: syncline conflicts list    or by record: syncline conflicts resolve --record <id>"
        }
        HubError::ConflictNotFound { .. } | HubError::ConflictStale { .. } => {
            "list them: syncline conflicts list"
        }
        HubError::DecisionUnfit { .. } => "look: syncline conflicts show <id>",
        HubError::ApprovalNeeded { .. } => {
            "ask one of them to decide it; whoever may read it can look"
        }
        HubError::Cancelled => "run it again when it suits",
        HubError::Random => "run it again",
        _ => "syncline doctor",
    }
}

/// Returns what to do about a webhook that does not verify, by its code.
fn hook_next(code: &str) -> &'static str {
    match code {
        "WEBHOOK_TIMESTAMP_OUTSIDE" => {
            "compare the clocks; verify one that came before as of then: --now SECONDS"
        }
        "WEBHOOK_UNSIGNED" => {
            "name the headers that came with it: -H 'webhook-signature: …', webhook-id and webhook-timestamp, or x-webhook-signature"
        }
        "WEBHOOK_HEADER_MALFORMED" => "copy the headers as they came, each of them once",
        _ => "check the secret, and that the body is byte for byte what came",
    }
}
