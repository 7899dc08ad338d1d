//! Spec 001's spelling of a sync.

use clap::{Args, Parser};

use super::command::Global;
use super::run::DirectionWord;
use crate::exit::Exit;

/// Sync two domains as spec 001 spells it: the source wins conflicts unless the configuration says
/// otherwise, and the other value is kept.
#[derive(Clone, Debug, Parser)]
#[command(name = "cross_domain_sync", version, after_long_help = Exit::table())]
pub struct CrossDomainProgram {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What spec 001 names.
    #[command(flatten)]
    pub options: CrossDomain,
}

/// What spec 001 names.
#[derive(Args, Clone, Debug)]
pub struct CrossDomain {
    /// The source domain
    #[arg(long, value_name = "DOMAIN")]
    pub source: String,
    /// The target domain
    #[arg(long, value_name = "DOMAIN")]
    pub target: String,
    /// Which entities, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub entities: Vec<String>,
    /// Which way changes flow [default: that of the configuration, else bidirectional]
    #[arg(long, value_name = "DIRECTION")]
    pub direction: Option<DirectionWord>,
}
