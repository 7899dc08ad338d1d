//! What `syncline types` takes.

use std::path::PathBuf;

use clap::Args;

/// From which schemas types are written, and where.
#[derive(Args, Clone, Debug)]
pub struct Types {
    /// Read these schemas: `tasks.json` is that of `tasks`, `tasks=other.json` too [default: those that are
    /// registered with the hub]
    #[arg(value_name = "[ENTITY=]FILE")]
    pub files: Vec<String>,
    /// Write into this file; it is left alone where nothing changes
    #[arg(short, long, visible_alias = "out", value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Read the schemas of this hub; with files as well, a file counts for its entity [default: `state` of
    /// the configuration]
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Write every number as `number`, also one that the platform's numbers may not hold exactly
    #[arg(long)]
    pub plain_numbers: bool,
}
