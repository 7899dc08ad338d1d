//! The commands, and what holds for all of them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use super::backup::{Backup, Restore, VerifyBackup};
use super::cross_domain::CrossDomain;
use super::decide::ConflictsCommand;
use super::events::EventsCommand;
use super::hooks::HooksCommand;
use super::report::Report;
use super::run::{Apply, Diff, Log, Plan, Status, Sync, Twins, Undo, Watch};
use super::serve::Serve;
use super::trail::Audit;
use super::typescript::Types;
use super::value;
use crate::config::Profile;
use crate::exit::Exit;

/// Keeps records the same wherever they live.
#[derive(Debug, Parser)]
#[command(
    name = "syncline",
    version,
    about = "Keeps records the same wherever they live",
    long_about = "Keeps records the same wherever they live: merges edits of both sides field by field, \
leaves to you only what no rule can decide, and proves afterwards what happened.",
    after_long_help = Exit::table(),
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands that only look: no guard stops them.
const LOOKING: [&str; 3] = ["diff", "status", "twins"];
/// Options of the guards of a sync.
const GUARDS: [&str; 3] = ["allow_emptied", "max_change", "max_delete"];

impl Arguments {
    /// Returns the definition that help, completions, the manual and [`Arguments::read`] come from.
    ///
    /// Commands that only look take the options of a sync, so that its arguments can be given to
    /// them as they are; those of the guards mean nothing there and are not listed.
    pub fn definition() -> clap::Command {
        LOOKING.iter().fold(Self::command(), |command, name| {
            command.mut_subcommand(name, |looking| {
                GUARDS.iter().fold(looking, |looking, guard| {
                    looking.mut_arg(guard, |option| option.hide(true))
                })
            })
        })
    }

    /// Reads the words of a command line; the first is the name of the program.
    ///
    /// # Errors
    ///
    /// What `clap` says of them; also where only help or the version is asked for.
    pub fn read<W>(words: impl IntoIterator<Item = W>) -> Result<Self, clap::Error>
    where
        W: Into<OsString> + Clone,
    {
        let mut definition = Self::definition();
        let matches = definition.try_get_matches_from_mut(words)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut definition))
    }
}

/// Options of every command.
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// Configuration file; without it `syncline.toml` here, or spec 001's two files, or defaults
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Configuration and state of this name, in your own folders: ~/.config/syncline/NAME.toml
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "config")]
    #[arg(value_parser = Profile::name)]
    pub profile: Option<String>,
    /// Print one JSON document and nothing else
    #[arg(long, global = true, conflicts_with = "jsonl")]
    pub json: bool,
    /// Print one JSON document per line
    #[arg(long, global = true)]
    pub jsonl: bool,
    /// Print only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print every record and field
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colours; NO_COLOR is obeyed too
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
    /// Show no progress
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Longest time that a run may take
    #[arg(long, global = true, value_name = "TIME", value_parser = value::millis)]
    pub timeout: Option<u64>,
    /// Wait so long for another process to finish
    #[arg(long, global = true, value_name = "TIME", value_parser = value::millis)]
    pub wait_lock: Option<u64>,
    /// Answer every question with yes
    #[arg(short = 'y', long, global = true)]
    pub yes: bool,
    /// Ask nothing
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Who acts, for permissions and the audit [default: SYNCLINE_USER, else the user of the system]
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// In which session, for the audit [default: SYNCLINE_SESSION, else a new one]
    #[arg(long, global = true, value_name = "NAME")]
    pub session: Option<String>,
}

/// When output has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The shells that completions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// The Bourne again shell.
    Bash,
    /// Elvish.
    Elvish,
    /// The friendly interactive shell.
    Fish,
    /// Nushell.
    Nushell,
    /// PowerShell.
    #[value(name = "powershell")]
    PowerShell,
    /// The Z shell.
    Zsh,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first configuration and the folders that it names
    Init,
    /// Bring both sides together
    Sync(Box<Sync>),
    /// Show what a sync would do, and write nothing
    Plan(Box<Plan>),
    /// Do exactly what a saved plan says, or nothing if anything moved since
    Apply(Apply),
    /// Compare a record as it was last agreed on, and as each side has it
    Diff(Box<Diff>),
    /// List records under different ids that may be the same
    Twins(Box<Twins>),
    /// Show how each domain stands
    Status(Box<Status>),
    /// List the runs, the latest first
    Log(Log),
    /// Show one run
    Show {
        /// The run: its sync id, such as sync-20260112-100530, or `latest`
        run: String,
    },
    /// Take a run back
    Undo(Undo),
    /// See and decide conflicts
    #[command(subcommand)]
    Conflicts(ConflictsCommand),
    /// Sync whenever something changes, until Ctrl-C
    Watch(Box<Watch>),
    /// Serve the hub over HTTP and WebSocket, until Ctrl-C
    Serve(Box<Serve>),
    /// Emit events, and see what became of them, at a hub that is served
    #[command(subcommand)]
    Hooks(Box<HooksCommand>),
    /// Look for what breaks before types of events are changed
    #[command(subcommand)]
    Events(EventsCommand),
    /// See in numbers what a hub that is served did in a day or a week
    Report(Report),
    /// Look for damage, and mend it with --repair
    Doctor {
        /// Mend what can be mended
        #[arg(long)]
        repair: bool,
    },
    /// Look for what is invalid, unsafe, slow or forgotten in the configuration
    Check,
    /// Verify, export and prove what happened
    #[command(subcommand)]
    Audit(Audit),
    /// Copy the state into a folder, from where it can be made again
    #[command(subcommand)]
    Backup(Backup),
    /// Make a state again from a backup
    Restore(Restore),
    /// Check that a backup is whole
    Verify(VerifyBackup),
    /// Write TypeScript types from the schemas of entities
    Types(Types),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual, or write all its pages into a folder
    Man {
        /// Write one page per command into this folder
        #[arg(short, long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Print the version
    Version,
    /// Sync as spec 001 spells it
    CrossDomainSync(CrossDomain),
}
