//! What `syncline backup`, `restore` and `verify` take.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use syncline_store::backup::At;

use super::value::Since;

/// What to do with a backup.
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Write a snapshot of the state, and what was committed since the one before
    Create(BackupCreate),
}

/// Where a backup is written.
#[derive(Args, Clone, Debug)]
pub struct BackupCreate {
    /// Write into this folder; it is made where it does not exist
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
    /// Back this state up [default: that of the configuration]
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
}

/// What is restored, and where.
#[derive(Args, Clone, Debug)]
pub struct Restore {
    /// Read the backup in this folder
    #[arg(long, value_name = "FOLDER")]
    pub from: PathBuf,
    /// The state of then: an RFC 3339 time, 2d, 12h, 30m before now, or a commit [default: the latest]
    #[arg(long, value_name = "TIME|COMMIT", value_parser = moment)]
    pub at: Option<At>,
    /// Make the state in this folder, which is empty or does not exist
    #[arg(long, value_name = "FOLDER")]
    pub state: PathBuf,
    /// Show what would be restored, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Which backup is verified.
#[derive(Args, Clone, Debug)]
pub struct VerifyBackup {
    /// Read the backup in this folder
    #[arg(long, value_name = "FOLDER")]
    pub from: PathBuf,
    /// Restore it on trial as well, compare its snapshots and verify its audit; says how long it took
    #[arg(long)]
    pub deep: bool,
}

fn moment(text: &str) -> Result<At, String> {
    match text.parse() {
        Ok(number) => Ok(At::Commit(number)),
        Err(_) => Since::parse(text).map(|since| At::Time(since.ms)),
    }
}
