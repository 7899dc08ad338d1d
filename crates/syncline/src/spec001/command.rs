//! A sync as spec 001 spells it.

use syncline_engine::sync::RunReport;
use syncline_hub::SyncOutcome;

use super::{record, text};
use crate::arguments::{CrossDomain, SyncOptions};
use crate::commands::sync::{self, exit_of, permitted, tell_if_needed};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::run_text;
use crate::run::{Context, notice, prepare, watch_for_interrupts};

/// Runs a sync as spec 001 spells it, prints what spec 001 prints, and answers the exit code.
pub fn run(context: &Context, options: &CrossDomain) -> Exit {
    let context = Context { interrupted: watch_for_interrupts(), ..context.clone() };
    match try_run(&context, options) {
        Ok(exit) => exit,
        Err(failure) => {
            let options = sync_options(options);
            context.output.error_text(&text::failure(&failure, &options));
            context.output.json(text::failure_document(&failure));
            failure.exit()
        }
    }
}

fn try_run(context: &Context, options: &CrossDomain) -> Result<Exit, Failure> {
    let config = context.load()?.config.with_source_first();
    let receivers = notice::receivers(None, &config.notify)?;
    let result = synchronise(context, &config, options);
    tell_if_needed(context, &receivers, &result);
    let (outcome, exit) = result?;
    context.output.json(record::record(&outcome.report));
    Ok(exit)
}

fn synchronise(
    context: &Context,
    config: &Config,
    options: &CrossDomain,
) -> Result<(SyncOutcome, Exit), Failure> {
    let prepared = permitted(context, config, prepare(context, config, &sync_options(options)))?;
    let output = &context.output;
    output.line(&text::banner(options));
    let writer = context.start_writer(&config.state)?;
    let lines = text::Lines::new(output, &context.interrupted);
    let mut result = sync::synchronise(context, &writer.handle(), &prepared, || lines.clone());
    if let Err(Failure::Stopped { report: Some(report), .. }) = &mut result {
        text::with_codes(report);
        keep(config, report)?;
    }
    let mut outcome = result?;
    text::with_codes(&mut outcome.report);
    let report = &outcome.report;
    keep(config, report)?;
    output.text(&text::results(report));
    for notice in &report.notices {
        output.note(&format!("Note: {}", run_text::problem(notice)));
    }
    output.error_text(&text::unresolved(report));
    for problem in &report.problems {
        output.error_text(&format!("Error: {}\n", run_text::problem(problem)));
    }
    if !report.problems.is_empty() {
        let path = sync::error_report(config, report)?;
        output.error_text(&format!("Error report: {}\n", path.display()));
    }
    let exit = exit_of(report);
    Ok((outcome, exit))
}

/// Writes the sync record into the folder of the state.
fn keep(config: &Config, report: &RunReport) -> Result<(), Failure> {
    let name = format!("{}.json", report.sync_id);
    sync::keep_in_state(config, "records", &name, record::record(report))?;
    Ok(())
}

/// Returns the same in our words.
fn sync_options(options: &CrossDomain) -> SyncOptions {
    SyncOptions {
        source: Some(options.source.clone()),
        target: Some(options.target.clone()),
        entities: options.entities.clone(),
        direction: options.direction,
        ..SyncOptions::default()
    }
}
