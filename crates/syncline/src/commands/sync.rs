//! `syncline sync`: bring both sides together.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use syncline_engine::sync::{RunReport, RunStatus};
use syncline_hub::{FoundConflict, Handle, HubError, Progress, SyncOutcome};
use syncline_model::json::{Json, Object};

use crate::arguments::{Sync, SyncOptions};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal, hub_exit, is_of_storage};
use crate::output::{Paint, run_text};
use crate::run::notice::{self, Receivers, Waiting};
use crate::run::{Context, Prepared, each_link, may_write, plan_file, prepare, reading, retrying};

/// The name and version of the form that lists what several links came to.
const RUNS_SCHEMA: &str = "runs/1";
/// The name and version of the form in which somebody is told.
pub(super) const NOTICE_SCHEMA: &str = "notice/1";

/// Runs the command: one link after the other. A link that fails holds up only itself; the exit code
/// is the highest of all.
///
/// # Errors
///
/// The [`Failure`] of the only link; with several, failures are printed as they come. Whoever is to
/// be told is told first.
pub fn run(context: &Context, sync: &Sync) -> Result<Exit, Failure> {
    let config = context.load()?.config;
    let receivers = match sync.dry_run {
        true => Receivers::default(),
        false => notice::receivers(sync.notify.as_deref(), &config.notify)?,
    };
    let each = each_link(&config, &sync.options);
    let (mut documents, mut records, mut worst) = (Vec::new(), Vec::new(), Exit::Ok);
    for options in &each {
        link_heading(context, options, each.len());
        let sync = Sync { options: options.clone(), ..sync.clone() };
        let (document, exit) = match one_link(context, &config, &sync, &receivers) {
            Err(failure) if each.len() == 1 => {
                if let (Some(record), Some(path)) = (record_of_stop(&failure), &sync.report) {
                    write_json(path, record)?;
                }
                return Err(failure);
            }
            Err(failure) => {
                context.output.failure_text(&failure);
                records.push(record_of_stop(&failure).unwrap_or_else(|| failure.to_json()));
                (failure.to_json(), failure.exit())
            }
            Ok((document, exit)) => {
                records.push(document.clone());
                (document, exit)
            }
        };
        documents.push(document);
        worst = worst.worse(exit);
        if matches!(exit, Exit::Interrupted | Exit::Integrity | Exit::Locked) {
            break;
        }
    }
    print_documents(context, documents);
    report(sync, records)?;
    Ok(worst)
}

/// Prints the name of the link that comes next, where there are several.
pub(super) fn link_heading(context: &Context, options: &SyncOptions, links: usize) {
    if links > 1 {
        let name = context.output.paint(Paint::Bold, &options.link.join(""));
        context.output.line(&format!("{name}:"));
    }
}

/// Prints what each link came to as JSON: the document itself for one link, a list for several.
pub(super) fn print_documents(context: &Context, mut documents: Vec<Object>) {
    match documents.len() {
        1 => context.output.json(documents.remove(0)),
        _ => context.output.json_list(RUNS_SCHEMA, "runs", documents),
    }
}

/// Returns the record of a run that was stopped.
fn record_of_stop(failure: &Failure) -> Option<Object> {
    match failure {
        Failure::Stopped { report: Some(report), .. } => Some(report.to_json()),
        _ => None,
    }
}

/// Writes the report that was asked for: the document itself for one link, a list of them for
/// several. A link that was stopped has its whole record there.
fn report(sync: &Sync, mut documents: Vec<Object>) -> Result<(), Refusal> {
    let Some(path) = sync.report.as_deref().filter(|_| !sync.dry_run) else {
        return Ok(());
    };
    if documents.len() == 1 {
        return write_json(path, documents.remove(0));
    }
    let mut list = Object::new();
    list.insert("schema", RUNS_SCHEMA);
    list.insert("runs", Json::Array(documents.into_iter().map(Json::Object).collect()));
    write_json(path, list)
}

/// Syncs one link, or plans it, and answers with its document.
fn one_link(
    context: &Context,
    config: &Config,
    sync: &Sync,
    receivers: &Receivers,
) -> Result<(Object, Exit), Failure> {
    if sync.dry_run {
        return dry_run(context, config, sync);
    }
    let result = sync_once(context, config, sync);
    tell_if_needed(context, receivers, &result);
    let (outcome, exit) = result?;
    Ok((outcome.report.to_json(), exit))
}

fn sync_once(
    context: &Context,
    config: &Config,
    sync: &Sync,
) -> Result<(SyncOutcome, Exit), Failure> {
    let prepared = permitted(context, config, prepare(context, config, &sync.options))?;
    let writer = context.start_writer(&config.state).inspect_err(|failure| {
        if failure.exit() == Exit::Transient {
            context.output.warn(&unrecorded(failure));
        }
    })?;
    let outcome = synchronise(context, &writer.handle(), &prepared, || context.progress())?;
    print(context, &prepared, &outcome);
    let exit = finish(context, config, &outcome.report)?;
    Ok((outcome, exit))
}

/// Synchronises once, with another try after a passing failure. A run that is stopped or fails as a
/// whole leaves a run without changes and an audit entry.
///
/// - `progress`: makes what a try tells of itself.
///
/// # Errors
///
/// [`Failure::Stopped`] if a guard, a limit, a conflict, a file or the store stopped it, and any other
/// [`Failure`] of the hub.
pub fn synchronise<P: Progress + Send + 'static>(
    context: &Context,
    hub: &Handle,
    prepared: &Prepared,
    progress: impl Fn() -> P,
) -> Result<SyncOutcome, Failure> {
    let (request, look) = (|| prepared.request.clone(), || prepared.look.clone());
    match retrying(context, || Ok(hub.sync(request(), progress())??)) {
        Err(Failure::Hub(stop)) if leaves_a_trace(&stop) => {
            let request = request();
            let (stop, recorded) = hub.with_hub(move |hub| {
                let recorded = hub.record_end(&request, &stop);
                (stop, recorded)
            })?;
            let report = match recorded {
                Ok(report) => Some(Box::new(report)),
                // The run has ended as it did whether or not that can be recorded.
                Err(error) => {
                    context.output.warn(&unrecorded(&error.into()));
                    None
                }
            };
            Err(Failure::Stopped { stop, report, look: look() })
        }
        Err(Failure::Hub(stop @ HubError::WouldConflict { .. })) => {
            Err(Failure::Stopped { stop, report: None, look: look() })
        }
        result => result,
    }
}

/// Returns whether a run that ends like this is to be found in the log: not one that was taken back
/// by the person, that was another one than planned, or whose state is not to be trusted.
fn leaves_a_trace(error: &HubError) -> bool {
    match error {
        HubError::Safety(_) | HubError::File { .. } | HubError::DomainNotFound { .. } => true,
        HubError::Store(_) => hub_exit(error) == Exit::Transient,
        _ => false,
    }
}

fn unrecorded(failure: &Failure) -> String {
    format!("the run could not be recorded in the log and the audit: {failure}")
}

/// Passes a prepared request on if the user may also write; a refused permission leaves an audit
/// entry first.
pub(crate) fn permitted(
    context: &Context,
    config: &Config,
    prepared: Result<Prepared, Failure>,
) -> Result<Prepared, Failure> {
    let prepared = prepared.and_then(|prepared| {
        may_write(config, &prepared.request)?;
        Ok(prepared)
    });
    if let Err(Failure::Permission(denied)) = &prepared
        && let Ok(mut hub) = context.open_hub(&config.state, false)
    {
        reading::note_refusal(context, &mut hub, denied);
    }
    prepared
}

fn print(context: &Context, prepared: &Prepared, outcome: &SyncOutcome) {
    let output = &context.output;
    output.text(&run_text::entities(output, outcome, &prepared.request.entities));
    output.text(&run_text::ending(output, outcome, &prepared.request));
}

/// Prints what went wrong, writes an error report if one is needed, and answers the exit code of the
/// run.
///
/// # Errors
///
/// [`Refusal::File`] if the error report cannot be written.
pub fn finish(context: &Context, config: &Config, report: &RunReport) -> Result<Exit, Failure> {
    tell_of(context, report);
    let output = &context.output;
    if !report.problems.is_empty() {
        let path = error_report(config, report)?;
        output.note(&format!("error report: {}", path.display()));
    }
    Ok(exit_of(report))
}

/// Prints what a person should know of a run, or of a plan, and what went wrong in it.
pub(super) fn tell_of(context: &Context, report: &RunReport) {
    for notice in &report.notices {
        context.output.note(&format!("note {}", run_text::problem(notice)));
    }
    for problem in &report.problems {
        context.output.warn(&run_text::problem(problem));
    }
}

/// Returns the exit code of a run. A run that could read nothing is a matter of its files, not of
/// single records; one in which nothing but disks failed may be done by the same command later.
pub fn exit_of(report: &RunReport) -> Exit {
    let mut problems = report.problems.iter();
    let is_for_later = problems.len() > 0 && problems.all(|problem| is_of_storage(&problem.code));
    match report.status {
        RunStatus::Partial | RunStatus::Failed if is_for_later => Exit::Transient,
        RunStatus::Success | RunStatus::RolledBack => Exit::Ok,
        RunStatus::Partial => Exit::Partial,
        RunStatus::Conflicts => Exit::Conflicts,
        RunStatus::Stopped => Exit::Safety,
        RunStatus::Failed if !report.problems.is_empty() => Exit::Config,
        RunStatus::Failed => Exit::Unexpected,
    }
}

/// Writes what went wrong into a file of its own, for a person to go through.
///
/// # Errors
///
/// [`Refusal::File`] if that fails.
pub fn error_report(config: &Config, report: &RunReport) -> Result<PathBuf, Refusal> {
    let mut whole = report.to_json();
    let mut errors = Object::new();
    errors.insert("schema", "error-report/1");
    errors.insert("syncId", report.sync_id.as_str());
    errors.insert("timestamp", report.timestamp.as_str());
    errors.insert("errors", whole.remove("errors").unwrap_or(Json::Array(Vec::new())));
    keep_in_state(config, "reports", &format!("{}.errors.json", report.sync_id), errors)
}

/// Writes a JSON document into a folder of the state, where only its owner reads it.
///
/// # Errors
///
/// [`Refusal::File`] if that fails.
pub fn keep_in_state(
    config: &Config,
    folder: &str,
    name: &str,
    document: Object,
) -> Result<PathBuf, Refusal> {
    let folder = config.state.join(folder);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let refused = |action, path: &Path, source| {
        let path = path.to_owned();
        Refusal::File { action, path, source }
    };
    builder.create(&folder).map_err(|source| refused("create", &folder, source))?;
    let path = folder.join(name);
    let written =
        options.open(&path).and_then(|mut file| file.write_all(text_of(document).as_bytes()));
    written.map_err(|source| refused("write", &path, source))?;
    Ok(path)
}

/// Makes a folder that was asked for by name.
///
/// # Errors
///
/// [`Refusal::File`] if that fails.
pub fn make_folder(folder: &Path) -> Result<(), Refusal> {
    fs::create_dir_all(folder).map_err(|source| Refusal::File {
        action: "create",
        path: folder.to_owned(),
        source,
    })
}

/// Writes a JSON document for people: two spaces, a line end.
///
/// # Errors
///
/// [`Refusal::File`] if that fails.
pub fn write_json(path: &Path, document: Object) -> Result<(), Refusal> {
    write_text(path, &text_of(document))
}

fn text_of(document: Object) -> String {
    format!("{}\n", Json::Object(document).to_pretty_string())
}

/// Writes a file into a folder that is there: a mistyped path makes none.
///
/// # Errors
///
/// [`Refusal::File`] if that fails.
pub fn write_text(path: &Path, text: &str) -> Result<(), Refusal> {
    let refused = |source| Refusal::File { action: "write", path: path.to_owned(), source };
    fs::write(path, text).map_err(refused)
}

fn dry_run(context: &Context, config: &Config, sync: &Sync) -> Result<(Object, Exit), Failure> {
    let prepared = prepare(context, config, &sync.options)?;
    let outcome = planned(context, config, &prepared)?;
    print_plan(context, &prepared, &outcome, &sync.options, None);
    let document = plan_file::to_json(&outcome, &sync.options);
    Ok((document, exit_of_plan(&outcome, sync.exit_code)))
}

/// Plans once; nothing is written.
pub(super) fn planned(
    context: &Context,
    config: &Config,
    prepared: &Prepared,
) -> Result<SyncOutcome, Failure> {
    context.look(&config.state, |hub| {
        retrying(context, || {
            let mut progress = context.progress();
            Ok(hub.plan(&prepared.request, &mut progress)?)
        })
    })
}

/// Prints a plan for people; `saved` is the file that holds it.
pub(super) fn print_plan(
    context: &Context,
    prepared: &Prepared,
    outcome: &SyncOutcome,
    options: &SyncOptions,
    saved: Option<&Path>,
) {
    let output = &context.output;
    output.text(&run_text::entities(output, outcome, &prepared.request.entities));
    output.text(&run_text::dry_ending(outcome, &prepared.request, options, saved));
    if let Some(stop) = &outcome.stop {
        let (stop, look) = (stop.clone().into(), prepared.look.clone());
        output.failure_text(&Failure::Stopped { stop, report: None, look });
    }
    tell_of(context, &outcome.report);
}

/// Returns the exit code of a plan: that of the run, 6 if a guard would stop it, and 10 for pending
/// changes if that was asked for and nothing graver is to be told.
pub(super) fn exit_of_plan(outcome: &SyncOutcome, asked: bool) -> Exit {
    let pending = if asked && !outcome.actions.is_empty() { Exit::Changes } else { Exit::Ok };
    match &outcome.stop {
        Some(_) => Exit::Safety,
        None => exit_of(&outcome.report).worse(pending),
    }
}

/// Returns the exit code of a look: that of the run as far as something cannot be read. A conflict
/// that waits keeps nobody from looking.
pub(super) fn exit_of_look(report: &RunReport) -> Exit {
    match exit_of(report) {
        Exit::Conflicts => Exit::Ok,
        exit => exit,
    }
}

/// Tells the receivers if the run failed or something waits for a person.
pub fn tell_if_needed<T>(
    context: &Context,
    receivers: &Receivers,
    result: &Result<(T, Exit), Failure>,
) where
    T: std::borrow::Borrow<SyncOutcome>,
{
    match result {
        Ok((_, Exit::Ok)) => {}
        Ok((outcome, exit)) => {
            let report = &outcome.borrow().report;
            let mut notice = Object::new();
            notice.insert("schema", NOTICE_SCHEMA);
            notice.insert("code", report.status.as_str());
            notice.insert("syncId", report.sync_id.as_str());
            notice.insert("errors", Json::Number((report.problems.len() as u64).into()));
            receivers.name(&mut notice, &waiting(&outcome.borrow().conflicts));
            tell(context, receivers, notice, *exit);
        }
        Err(failure) => tell_failure(context, receivers, failure),
    }
}

/// Returns which of the conflicts that a run has found wait for a person.
fn waiting(found: &[FoundConflict]) -> Vec<Waiting> {
    let open = found.iter().filter(|found| found.open);
    let waiting = open.filter_map(|found| {
        let (conflict, approvers) = (found.conflict.clone()?, found.approvers.clone());
        Some(Waiting { conflict, entity: found.entity.to_string(), approvers })
    });
    waiting.collect()
}

/// Tells the receivers of a failure, unless it is Ctrl-C.
pub(super) fn tell_failure(context: &Context, receivers: &Receivers, failure: &Failure) {
    if failure.exit() == Exit::Interrupted {
        return;
    }
    let mut notice = Object::new();
    notice.insert("schema", NOTICE_SCHEMA);
    notice.insert("code", failure.code());
    notice.insert("what", failure.to_string());
    tell(context, receivers, notice, failure.exit());
}

fn tell(context: &Context, receivers: &Receivers, mut notice: Object, exit: Exit) {
    notice.insert("exit", Json::Number(u64::from(exit.number()).into()));
    for error in receivers.tell(&notice) {
        context.output.warn(&format!("{}: {error}", error.code()));
    }
}
