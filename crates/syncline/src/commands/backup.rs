//! `syncline backup`, `restore` and `verify`: a copy of the state elsewhere, and the state made again.

use std::thread;
use std::time::{Duration, Instant};

use syncline_hub::{
    Hub, HubError, HubOptions, Tried, plan_restore, restore_state, timestamp, try_restore,
};
use syncline_model::json::{Json, Object};
use syncline_store::backup::{At, BackupError, Folder, Verified, verify};

use crate::arguments::{Backup, BackupCreate, Restore, VerifyBackup};
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::run::Context;

/// How often it is looked how far a backup is.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a folder may fail before a command gives up.
const FAILING_MAX: Duration = Duration::from_secs(5);

/// Runs `syncline backup`.
///
/// # Errors
///
/// - [`Refusal::NoState`] if there is nothing to back up.
/// - [`HubError::Backup`] if the folder cannot be used or is another hub's.
pub fn run(context: &Context, backup: &Backup) -> Result<Exit, Failure> {
    match backup {
        Backup::Create(options) => create(context, options),
    }
}

fn create(context: &Context, options: &BackupCreate) -> Result<Exit, Failure> {
    let state = match &options.state {
        Some(state) => state.clone(),
        None => context.load()?.config.state,
    };
    if !Hub::exists(&state) {
        return Err(Refusal::NoState { folder: state }.into());
    }
    let began = Instant::now();
    let (hub, backup) = context
        .open_hub_by(&state, false, |hub: &HubOptions| Hub::open_backed_up(hub, &options.to))?;
    backup.want_snapshot();
    let mut line = context.progress();
    let mut worked = Instant::now();
    let health = loop {
        let health = backup.health();
        if health.snapshots > 0 && health.commits_behind == Some(0) && !health.is_copying {
            break health;
        }
        match &health.failing {
            Some((_, text)) if worked.elapsed() > FAILING_MAX => {
                let source = std::io::Error::other(text.clone());
                let object = options.to.display().to_string();
                return Err(failed(BackupError::Object { action: "write", object, source }));
            }
            Some(_) => {}
            None => worked = Instant::now(),
        }
        if context.is_interrupted() {
            return Err(HubError::Cancelled.into());
        }
        line.show(&format!("{} written …", mebibytes(health.copied_bytes)));
        thread::sleep(PAUSE);
    };
    line.clear();
    hub.close()?;
    let mut document = Object::new();
    document.insert("schema", "backup/1");
    document.insert("folder", options.to.display().to_string());
    insert_state(&mut document, health.committed, health.restorable_at_ms);
    document.insert("tookMs", millis(began.elapsed()));
    context.output.json(document);
    context.output.line(&format!(
        "Backed up: all {} into {}, in {}.",
        commits(health.committed),
        options.to.display(),
        seconds(began.elapsed())
    ));
    Ok(Exit::Ok)
}

/// Runs `syncline restore`.
///
/// # Errors
///
/// [`HubError::Backup`] if the backup has no such state or is damaged, or the folder is not empty.
pub fn restore(context: &Context, options: &Restore) -> Result<Exit, Failure> {
    let at = options.at.unwrap_or(At::Latest);
    let plan = plan_restore(&options.from, at, &options.state).map_err(failed)?;
    let began = Instant::now();
    let mut document = Object::new();
    document.insert("schema", "restore/1");
    document.insert("dryRun", Json::Bool(options.dry_run));
    document.insert("state", options.state.display().to_string());
    document.insert("bytes", Json::Number(plan.bytes().into()));
    if options.dry_run {
        let name = plan.segments.last().unwrap_or(&plan.snapshot).name;
        let until = match at {
            At::Commit(number) => number,
            At::Latest | At::Time(_) => name.last,
        };
        insert_state(&mut document, until, name.at_ms);
        context.output.json(document);
        context.output.line(&format!(
            "Would restore: the state of {} (commit {}) and the commits up to {until}, {} to read.\nNothing was written.",
            timestamp(plan.snapshot.name.at_ms),
            plan.snapshot.name.last,
            mebibytes(plan.bytes()),
        ));
        return Ok(Exit::Ok);
    }
    let mut line = context.progress();
    let total = mebibytes(plan.bytes());
    let mut progress = |bytes| line.show(&format!("{} of {total} read …", mebibytes(bytes)));
    let restored =
        restore_state(&options.from, at, &options.state, &mut progress).map_err(failed)?;
    line.clear();
    insert_state(&mut document, restored.commit, restored.at_ms);
    document.insert("rows", Json::Number(restored.rows.into()));
    document.insert("tookMs", millis(began.elapsed()));
    context.output.json(document);
    context.output.line(&format!(
        "Restored: the state of {} (commit {}) in {}, in {}.\n\
         It is a hub of its own: its next run reads every domain anew.",
        timestamp(restored.at_ms),
        restored.commit,
        options.state.display(),
        seconds(began.elapsed())
    ));
    Ok(Exit::Ok)
}

/// Runs `syncline verify`. What is wrong with a backup is its result; the exit code is that of the gravest
/// finding.
///
/// # Errors
///
/// [`HubError::Backup`] if there is no backup, or with `--deep` if it cannot be restored.
pub fn check(context: &Context, options: &VerifyBackup) -> Result<Exit, Failure> {
    let unusable = |source| {
        let object = options.from.display().to_string();
        failed(BackupError::Object { action: "read", object, source })
    };
    let objects = Folder::open(&options.from).map_err(unusable)?;
    let mut line = context.progress();
    let mut progress = |bytes| line.show(&format!("{} read …", mebibytes(bytes)));
    let mut verified = verify(&objects, &mut progress).map_err(failed)?;
    let mut tried = None;
    let mut exit = Exit::Ok;
    if options.deep && verified.findings.is_empty() {
        let scratch = format!("syncline-verify-{:016x}", crate::run::random());
        match try_restore(&options.from, &std::env::temp_dir().join(scratch), &mut progress) {
            Ok(all) => tried = Some(all),
            Err(HubError::Backup(finding)) => verified.findings.push(finding),
            Err(error) => return Err(error.into()),
        }
    }
    line.clear();
    let found = std::mem::take(&mut verified.findings);
    let found: Vec<Failure> = found.into_iter().map(failed).collect();
    for finding in &found {
        exit = exit.worse(finding.exit());
    }
    tell(context, &verified, &found, tried.as_ref());
    Ok(exit)
}

fn tell(context: &Context, verified: &Verified, found: &[Failure], tried: Option<&Tried>) {
    let number = |number: u64| Json::Number(number.into());
    let state = |state: Option<(u64, u64)>| match state {
        None => Json::Null,
        Some((commit, at_ms)) => {
            let mut object = Object::new();
            insert_state(&mut object, commit, at_ms);
            Json::Object(object)
        }
    };
    let mut document = Object::new();
    document.insert("schema", "backup-verify/1");
    document.insert("whole", Json::Bool(found.is_empty()));
    document.insert("objects", number(verified.objects));
    document.insert("bytes", number(verified.bytes));
    document.insert("snapshots", number(verified.snapshots));
    document.insert("from", state(verified.from));
    document.insert("to", state(verified.to));
    let findings = found.iter().map(|finding| {
        let mut object = Object::new();
        object.insert("code", finding.code());
        object.insert("text", finding.to_string());
        Json::Object(object)
    });
    document.insert("findings", Json::Array(findings.collect()));
    if let Some(Tried { compared, restored, head, took }) = tried {
        let mut object = Object::new();
        object.insert("compared", number(*compared));
        object.insert("rows", number(restored.rows));
        object.insert("head", head.to_string());
        object.insert("tookMs", millis(*took));
        document.insert("restored", Json::Object(object));
    }
    let output = &context.output;
    output.json(document);
    for finding in found {
        output.line(&format!("{}: {finding}", finding.code()));
    }
    let word = if found.is_empty() { "Whole" } else { "Not whole" };
    output.line(&format!(
        "{word}: {} objects, {}, {} snapshots.",
        verified.objects,
        mebibytes(verified.bytes),
        verified.snapshots
    ));
    if let (Some((first, first_ms)), Some((last, last_ms))) = (verified.from, verified.to) {
        let (from, to) = (timestamp(first_ms), timestamp(last_ms));
        output.line(&format!("States: {from} (commit {first}) to {to} (commit {last})."));
    }
    if let Some(Tried { compared, head, took, .. }) = tried {
        output.line(&format!(
            "Restored on trial in {}; {compared} snapshots compared; the audit is intact.\nHead: {head}",
            seconds(*took)
        ));
    }
}

fn failed(error: BackupError) -> Failure {
    HubError::from(error).into()
}

/// Returns the exit code that follows from an error of a backup.
pub(crate) fn exit(error: &BackupError) -> Exit {
    match error {
        BackupError::Object { source, .. } => match source.kind() {
            std::io::ErrorKind::NotFound
            | std::io::ErrorKind::NotADirectory
            | std::io::ErrorKind::PermissionDenied => Exit::Config,
            _ => Exit::Transient,
        },
        BackupError::Empty | BackupError::Foreign | BackupError::TooNew { .. } => Exit::Config,
        BackupError::NotReached { .. } | BackupError::NotEmpty { .. } => Exit::Usage,
        BackupError::Damaged { .. }
        | BackupError::Gap { .. }
        | BackupError::Inconsistent { .. } => Exit::Integrity,
        BackupError::Unfinished { .. } | BackupError::Slow { .. } | BackupError::Thread(_) => {
            Exit::Transient
        }
        BackupError::Store(_) => Exit::Unexpected,
        _ => Exit::Unexpected,
    }
}

fn insert_state(object: &mut Object, commit: u64, at_ms: u64) {
    object.insert("commit", Json::Number(commit.into()));
    object.insert("at", timestamp(at_ms));
}

fn millis(time: Duration) -> Json {
    Json::Number(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn commits(count: u64) -> String {
    crate::output::table::count(count, "commit", "commits")
}

fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20)
}
