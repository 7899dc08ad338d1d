//! What `syncline audit` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use syncline_engine::audit::limits::TREE_LEAVES_MAX;
use syncline_engine::audit::tree::HeadTextError;
use syncline_engine::audit::{Hash, HashTextError, Head};

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Prove that no entry was changed, moved or removed; with --proof, check a proof of one change
    Verify(Verify),
    /// Print every entry, one JSON document per line, or one document of all with --json
    Export(AuditExport),
    /// Prove that a record was part of a run
    Prove(Prove),
}

/// What is verified: the log, or a proof against it or against a head that somebody was given.
#[derive(Args, Clone, Debug, Default)]
pub struct Verify {
    /// Check this proof, as `audit prove` prints it; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub proof: Option<PathBuf>,
    /// Against this head, as `audit verify` prints it, and no state [default: the log of the state]
    #[arg(long, value_name = "HEAD", requires = "proof", value_parser = head)]
    pub head: Option<Head>,
    /// Against the head of this root, 64 hexadecimal digits, and no state
    #[arg(long, value_name = "HEX", requires_all = ["proof", "size"], conflicts_with = "head")]
    #[arg(value_parser = root)]
    pub root: Option<Hash>,
    /// How many entries the log has under that root
    #[arg(long, value_name = "N", requires_all = ["proof", "root"])]
    #[arg(value_parser = clap::value_parser!(u64).range(..=TREE_LEAVES_MAX))]
    pub size: Option<u64>,
}

impl Verify {
    /// Returns the head that was given, if any.
    pub fn given_head(&self) -> Option<Head> {
        self.head.or_else(|| Some(Head { size: self.size?, root: self.root? }))
    }
}

fn head(text: &str) -> Result<Head, String> {
    text.parse().map_err(|error: HeadTextError| error.to_string())
}

fn root(text: &str) -> Result<Hash, String> {
    text.parse().map_err(|error: HashTextError| error.to_string())
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
