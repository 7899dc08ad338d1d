//! From the words of the command line to an exit code.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::arguments::{Arguments, Command, CrossDomainProgram, Global};
use crate::commands;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::{Output, output_failure, to_stdout};
use crate::run::{Context, watch_for_interrupts};
use crate::spec001;

/// Runs the program: `words` are its name and its arguments.
///
/// Called as `cross_domain_sync`, it takes spec 001's arguments and answers as spec 001 does.
pub fn run(words: impl Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.collect();
    let exit = match is_cross_domain(&words) {
        true => match CrossDomainProgram::try_parse_from(&words) {
            Ok(program) => spec001::run(&Context::new(program.global), &program.options),
            Err(error) => not_understood(&error, &words),
        },
        false => match Arguments::read(&words) {
            Ok(arguments) => run_command(Context::new(arguments.global), &arguments.command),
            Err(error) => not_understood(&error, &words),
        },
    };
    told(exit).into()
}

/// Returns the exit code of a command; that it ended well is not enough if nobody could read it.
fn told(exit: Exit) -> Exit {
    match (output_failure(), exit) {
        (Some(source), Exit::Ok) => {
            let path = "the standard output".into();
            let failure = Failure::from(Refusal::File { action: "write", path, source });
            Output::new(&Global::default()).failure_text(&failure);
            failure.exit()
        }
        _ => exit,
    }
}

/// Returns whether the program was called by spec 001's name.
fn is_cross_domain(words: &[OsString]) -> bool {
    let name = words.first().and_then(|word| Path::new(word).file_stem());
    name.is_some_and(|name| name == "cross_domain_sync")
}

/// Prints what clap says: help and version are results, everything else is an error like any other.
fn not_understood(error: &clap::Error, words: &[OsString]) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            to_stdout(&error.render().to_string());
            return Exit::Ok;
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let failure = Refusal::usage("no command is given", "syncline --help");
            return refused(failure, words);
        }
        _ => {}
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(one_line);
    let what = paragraphs.next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(&what).to_owned();
    let next: Vec<String> = paragraphs.filter(|paragraph| !paragraph.is_empty()).collect();
    refused(Refusal::usage(what, next.join("   ")), words)
}

/// Prints a refusal of the arguments in the form that was asked for, as far as that can be told.
fn refused(refusal: Refusal, words: &[OsString]) -> Exit {
    let has = |word: &str| words.iter().any(|given| given == word);
    let global = Global { json: has("--json"), jsonl: has("--jsonl"), ..Global::default() };
    let failure = Failure::from(refusal);
    Output::new(&global).failure(&failure);
    failure.exit()
}

/// Returns a paragraph as one line.
fn one_line(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn run_command(context: Context, command: &Command) -> Exit {
    if let Command::CrossDomainSync(options) = command {
        return spec001::run(&context, options);
    }
    match dispatch(context.clone(), command) {
        Ok(exit) => exit,
        Err(failure) => {
            context.output.failure(&failure);
            failure.exit()
        }
    }
}

fn dispatch(mut context: Context, command: &Command) -> Result<Exit, Failure> {
    if takes_time(command) {
        context.interrupted = watch_for_interrupts();
    }
    match command {
        Command::Init => commands::init::run(&context),
        Command::Sync(sync) => commands::sync::run(&context, sync),
        Command::Plan(plan) => commands::plan::run(&context, plan),
        Command::Apply(apply) => commands::plan::apply(&context, apply),
        Command::Diff(diff) => commands::diff::run(&context, diff),
        Command::Twins(twins) => commands::twins::run(&context, twins),
        Command::Status(status) => commands::status::run(&context, status),
        Command::Log(log) => commands::log::run(&context, log),
        Command::Show { run } => commands::log::show(&context, run),
        Command::Undo(undo) => commands::undo::run(&context, undo),
        Command::Conflicts(conflicts) => commands::conflicts::run(&context, conflicts),
        Command::Watch(watch) => commands::watch::run(&context, watch),
        Command::Serve(serve) => commands::serve::run(&context, serve),
        Command::Hooks(hooks) => commands::hooks::run(&context, hooks),
        Command::Events(events) => commands::events::run(&context, events),
        Command::Report(report) => commands::report::run(&context, report),
        Command::Doctor { repair } => commands::doctor::run(&context, *repair),
        Command::Check => commands::check::run(&context),
        Command::Audit(audit) => commands::audit::run(&context, audit),
        Command::Backup(backup) => commands::backup::run(&context, backup),
        Command::Restore(restore) => commands::backup::restore(&context, restore),
        Command::Verify(verify) => commands::backup::check(&context, verify),
        Command::Types(types) => commands::typescript::run(&context, types),
        Command::Completions { shell } => commands::describe::completions(&context, *shell),
        Command::Man { output } => commands::describe::manual(&context, output.as_deref()),
        Command::Version => commands::describe::version(&context),
        Command::CrossDomainSync(options) => Ok(spec001::run(&context, options)),
    }
}

/// Returns whether Ctrl-C is to be answered with care.
const fn takes_time(command: &Command) -> bool {
    matches!(
        command,
        Command::Sync(_)
            | Command::Plan(_)
            | Command::Apply(_)
            | Command::Undo(_)
            | Command::Watch(_)
            | Command::Status(_)
            | Command::Diff(_)
            | Command::Backup(_)
            | Command::Hooks(_)
    )
}
