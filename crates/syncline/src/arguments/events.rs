//! What `syncline events` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::hooks::RemoteHub;

/// What to do with types of events.
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Look for changes of schemas that break emitters or receivers of events
    Check(Box<EventsCheck>),
}

/// Which types of events are compared.
#[derive(Args, Clone, Debug)]
pub struct EventsCheck {
    /// A type, types, or a folder with files of such: what `GET /v1/event-types` answers, or what it is put with
    /// and its `type`
    #[arg(value_name = "FILE|FOLDER")]
    pub types: PathBuf,
    /// As they are now: `hub`, or a file or a folder
    #[arg(long, value_name = "hub|FILE|FOLDER")]
    pub against: PathBuf,
    /// Say what breaks, and end as if nothing did
    #[arg(long)]
    pub force: bool,
    /// Which hub.
    #[command(flatten)]
    pub at: RemoteHub,
}
