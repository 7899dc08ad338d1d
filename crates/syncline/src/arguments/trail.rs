//! What `syncline audit` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Prove that no entry was changed, moved or removed
    Verify,
    /// Print every entry, one JSON document per line, or one document of all with --json
    Export(AuditExport),
    /// Prove that a record was part of a run
    Prove(Prove),
}

/// Where entries are written.
#[derive(Args, Clone, Debug)]
pub struct AuditExport {
    /// Write into this file instead
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Which record is proved.
#[derive(Args, Clone, Debug)]
pub struct Prove {
    /// The entity
    pub entity: String,
    /// The record
    pub id: String,
    /// The run [default: the latest that changed the record]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
}
