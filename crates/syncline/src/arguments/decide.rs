//! What `syncline conflicts` takes.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

/// What to do with conflicts.
#[derive(Debug, Subcommand)]
pub enum ConflictsCommand {
    /// List conflicts; those that wait for a decision unless a status is given
    List(ListFilter),
    /// Show one conflict with everything that is known
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Decide conflicts
    Resolve(Resolve),
    /// Write conflicts into a file, to be decided there
    Export(Export),
    /// Take the decisions of an exported file: all of them, or none
    Import(Import),
}

/// Which conflicts.
#[derive(Args, Clone, Debug, Default)]
pub struct ListFilter {
    /// Only of this entity
    #[arg(long, value_name = "ENTITY")]
    pub entity: Option<String>,
    /// Only with this status [default: open]
    #[arg(long, value_name = "STATUS")]
    pub status: Option<StatusWord>,
    /// Only of this field, such as /email, and what is inside of it
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Only of this record
    #[arg(long, value_name = "ID")]
    pub record: Option<String>,
}

/// What became of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusWord {
    /// It waits for a person.
    Open,
    /// A rule has settled it.
    Settled,
    /// A person has decided.
    Resolved,
    /// Later edits have replaced it.
    Closed,
    /// Any of them.
    All,
}

/// How conflicts are decided.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("decision").required(true).args(["take", "value", "keep", "delete"]))]
pub struct Resolve {
    /// Its id, or the beginning of it
    #[arg(required_unless_present_any = ["all", "entity", "path", "record", "status"])]
    pub id: Option<String>,
    /// Every conflict that the filters leave
    #[arg(long, conflicts_with = "id")]
    pub all: bool,
    /// Which ones.
    #[command(flatten)]
    pub filter: ListFilter,
    /// Take what this domain says; `source`, `target` and `both` work too
    #[arg(long, value_name = "DOMAIN|both")]
    pub take: Option<String>,
    /// Take this value, as JSON; `null` is the value null
    #[arg(long, value_name = "JSON")]
    pub value: Option<String>,
    /// Keep the record that one side deleted
    #[arg(long)]
    pub keep: bool,
    /// Delete the record, or remove the field
    #[arg(long)]
    pub delete: bool,
    /// What stands between the two texts of `--take both`
    #[arg(long, value_name = "TEXT", default_value = "\n")]
    pub separator: String,
}

/// Where conflicts are written.
#[derive(Args, Clone, Debug)]
pub struct Export {
    /// Which ones.
    #[command(flatten)]
    pub filter: ListFilter,
    /// The file
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Write over a file that is there, with the decisions in it
    #[arg(long)]
    pub force: bool,
}

/// Where decisions are read.
#[derive(Args, Clone, Debug)]
pub struct Import {
    /// The file
    pub file: PathBuf,
}
