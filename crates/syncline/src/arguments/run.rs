//! What a run is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use syncline_model::id::RecordId;
use syncline_policy::Threshold;

use super::value;
use super::value::{Only, Since};

/// What `syncline sync` takes.
#[derive(Args, Clone, Debug)]
pub struct Sync {
    /// What to bring together.
    #[command(flatten)]
    pub options: SyncOptions,
    /// Show what would be done, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run: exit 10 if changes are pending
    #[arg(long, requires = "dry_run")]
    pub exit_code: bool,
    /// Write the sync record into this file too
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Tell somebody if the run fails: a command, or an http address
    #[arg(long, value_name = "COMMAND|URL")]
    pub notify: Option<String>,
}

/// Which records are brought together, and by which rules.
#[derive(Args, Clone, Debug, Default)]
pub struct SyncOptions {
    /// The domain that is called the source
    #[arg(long, value_name = "DOMAIN", requires = "target")]
    pub source: Option<String>,
    /// The domain that is called the target
    #[arg(long, value_name = "DOMAIN", requires = "source")]
    pub target: Option<String>,
    /// Links of the configuration, by name, separated by commas [default: all of them]
    #[arg(long, value_name = "LINKS", value_delimiter = ',', conflicts_with_all = ["source", "target"])]
    pub link: Vec<String>,
    /// Which entities, separated by commas [default: all of the link]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub entities: Vec<String>,
    /// Which way changes flow [default: that of the link]
    #[arg(long, value_name = "DIRECTION")]
    pub direction: Option<DirectionWord>,
    /// `merge` both sides, make the target a `mirror` of the source, or `copy` to it and delete nothing
    #[arg(long, conflicts_with = "direction")]
    pub mode: Option<Mode>,
    /// Only the record of this id, in every entity or in one; may be repeated
    #[arg(long = "id", value_name = "ID|ENTITY:ID", value_parser = value::id)]
    pub ids: Vec<RecordId>,
    /// Only these records: an id, or 'entity:field=value'; may be repeated
    #[arg(long, value_name = "RECORDS", value_parser = Only::parse)]
    pub only: Vec<Only>,
    /// Only records edited since then: an RFC 3339 time, or 2d, 12h, 30m before now
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    pub since: Option<Since>,
    /// Most records that may be deleted, per entity and side: 99 or 20%
    #[arg(long, value_name = "N|P%")]
    pub max_delete: Option<Threshold>,
    /// Most records that may be rewritten, per entity and side: 99 or 50%
    #[arg(long, value_name = "N|P%")]
    pub max_change: Option<Threshold>,
    /// Let a side that was emptied empty the other
    #[arg(long)]
    pub allow_emptied: bool,
    /// Most records per entity and side
    #[arg(long, value_name = "N")]
    pub max_items: Option<u64>,
    /// Most bytes read by the run: 100MB, 8GB
    #[arg(long, value_name = "SIZE", value_parser = value::bytes)]
    pub max_bytes: Option<u64>,
    /// What becomes of fields that both sides changed [default: the rules of the fields]
    #[arg(long, value_name = "WHAT")]
    pub on_conflict: Option<Preference>,
    /// At a first meeting, let records that `twins` pairs without doubt become one, under the source's id
    #[arg(long = "match")]
    pub match_twins: bool,
    /// Refuse to run while conflicts are open, or records failed in the latest run
    #[arg(long)]
    pub require_clean: bool,
}

/// Which way changes flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum DirectionWord {
    /// Both sides take what the other has.
    Bidirectional,
    /// The target becomes a mirror of the source.
    SourceToTarget,
    /// The source becomes a mirror of the target.
    TargetToSource,
}

/// How the two sides meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Both take what the other has.
    Merge,
    /// The target becomes what the source is.
    Mirror,
    /// The target takes what the source has, and keeps what it has besides.
    Copy,
}

/// What becomes of fields that both sides changed to different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preference {
    /// Leave them to a person.
    #[value(alias = "review", alias = "manual")]
    Ask,
    /// Take the source's; the other is kept in the conflict.
    Source,
    /// Take the target's; the other is kept in the conflict.
    Target,
    /// Take the one edited last; the other is kept in the conflict.
    Newer,
    /// Show both in one text.
    Both,
    /// Follow the rules, and write nothing at all if a person would be needed.
    Fail,
}

/// What `syncline plan` takes.
#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// What to bring together.
    #[command(flatten)]
    pub options: SyncOptions,
    /// Save the plan, for `syncline apply`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Exit 10 if changes are pending
    #[arg(long)]
    pub exit_code: bool,
}

/// What `syncline apply` takes.
#[derive(Args, Clone, Debug)]
pub struct Apply {
    /// The plan that `syncline plan -o` saved
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
}

/// What `syncline diff` takes.
#[derive(Args, Clone, Debug)]
pub struct Diff {
    /// The entity
    pub entity: String,
    /// The record; without it every record that differs
    pub id: Option<String>,
    /// Between which domains.
    #[command(flatten)]
    pub options: SyncOptions,
}

/// What `syncline twins` takes.
#[derive(Args, Clone, Debug)]
pub struct Twins {
    /// Of which link and which entities.
    #[command(flatten)]
    pub options: SyncOptions,
}

/// What `syncline status` takes.
#[derive(Args, Clone, Debug)]
pub struct Status {
    /// Of which link.
    #[command(flatten)]
    pub options: SyncOptions,
    /// Show it again whenever something changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}

/// What `syncline log` takes.
#[derive(Args, Clone, Debug)]
pub struct Log {
    /// How many runs
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

/// What `syncline undo` takes.
#[derive(Args, Clone, Debug)]
pub struct Undo {
    /// The run: its sync id, such as sync-20260112-100530, or `latest`
    pub run: String,
    /// Show what would be restored, and write nothing
    #[arg(long)]
    pub plan: bool,
}

/// What `syncline watch` takes.
#[derive(Args, Clone, Debug)]
pub struct Watch {
    /// What to bring together.
    #[command(flatten)]
    pub options: SyncOptions,
    /// Tell somebody if a run fails: a command, or an http address
    #[arg(long, value_name = "COMMAND|URL")]
    pub notify: Option<String>,
    /// Look at the files so often, even if the system reports no change
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = value::millis)]
    pub poll: u64,
}
