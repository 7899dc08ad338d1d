//! What `syncline report` takes.

use clap::Args;

use super::hooks::RemoteHub;

/// Which report.
#[derive(Args, Clone, Debug)]
pub struct Report {
    /// Which hub.
    #[command(flatten)]
    pub at: RemoteHub,
    /// Of the latest 24 hours; so it is without either
    #[arg(long, conflicts_with = "weekly")]
    pub daily: bool,
    /// Of the latest seven days
    #[arg(long)]
    pub weekly: bool,
    /// Print a table in Markdown
    #[arg(long)]
    pub markdown: bool,
}
