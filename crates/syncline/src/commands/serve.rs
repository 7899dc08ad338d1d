//! `syncline serve`: the hub over HTTP and WebSocket, until Ctrl-C.

mod alerts;
mod folders;
mod keys;
mod notices;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use syncline_domains::app::Guard;
use syncline_engine::operate::Entities;
use syncline_hub::served::deliver::DeliveryRetention;
use syncline_hub::{BackupHealth, Retention};
use syncline_model::json::Object;
use syncline_policy::PushLimits;
use syncline_server::limits::{BACKUP_BEHIND_MAX, CONNECTIONS_MAX, READS_AT_ONCE_MAX};
use syncline_server::{Allowed, AppSettings, Opened, Rate, Server, Settings, StartError, TlsFiles};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{Reached, Serve};
use crate::config::{Entity, Loaded};
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::run::notice;
use crate::run::{Context, Supervisor, configured};
use folders::{Folders, Following};
use keys::Keys;
use notices::Notices;

/// Where the address of a hub that is served is noted, beside its store.
const NOTE: &str = "served";
/// Where the first admin token is.
const ADMIN_TOKEN: &str = "admin.token";
/// Where its pages for a browser are.
const DASHBOARD: &str = "/dashboard/";
/// How many times as long dead letters are kept: somebody may still want to send them again.
const DEAD_KEPT_TIMES: u64 = 3;

/// The stretch of time that `--rate` is counted over.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// Most threads that read the store and the disk at once: as many again as requests have of them, for names of hosts,
/// commands that work through the server, and whatever is never to wait for requests. One that is idle ends.
const BLOCKING_THREADS_MAX: usize = 2 * READS_AT_ONCE_MAX;
/// Open files that are left to the stores and their backups.
const FILES_KEPT: u64 = 256;

/// Runs the command, until Ctrl-C or a request to terminate: then what is under way is finished.
///
/// # Errors
///
/// - [`Failure::Serve`] if a setting is unsafe, or nobody can listen there.
/// - [`Failure::Hub`] if the state is locked or damaged.
pub fn run(context: &Context, serve: &Serve) -> Result<Exit, Failure> {
    let configuration = context.configuration();
    let mut loaded = context.load()?;
    let state = serve.state.clone().unwrap_or_else(|| loaded.config.state.clone());
    loaded.config.state.clone_from(&state);
    let mut settings = settings(serve, &loaded, &state);
    settings.check().map_err(StartError::from)?;
    settings.alerts = alerts::settings(&loaded.config.alerts)?;
    let folders = match serve.watch {
        true => Some(Folders::judge(context, serve, loaded.config.clone(), configuration)?),
        false => None,
    };
    let receivers = notice::receivers(serve.notify.as_deref(), &loaded.config.notify)?;
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build();
    let runtime = runtime.map_err(|source| no_runtime(&state, source))?;
    let hub =
        context.open_hub_by(&state, false, |options| Opened::default_hub(options, &settings))?;
    let (issuers, keys) = Keys::begin(context, &loaded.config.issuers, &state)?;
    settings.issuers = issuers;
    let folders = folders.map(|folders| folders.begin(context)).transpose()?;
    runtime.block_on(async {
        // Before anybody is told that it runs: whoever then stops it is heard.
        let mut interrupted =
            signal(SignalKind::interrupt()).map_err(|source| no_runtime(&state, source))?;
        let mut terminated =
            signal(SignalKind::terminate()).map_err(|source| no_runtime(&state, source))?;
        let server = Server::start(&settings, hub).await?;
        let supervisor = Supervisor::from_environment();
        // Without the note others are told less.
        let _ = fs::write(state.join(NOTE), note(&settings, server.address()));
        tell(context, &settings, &server);
        server.provided().iter().for_each(|note| context.output.note(note));
        if let Some(error) = server.lends_nothing() {
            context
                .output
                .warn(&format!("commands on this state are refused while it is served: {error}"));
        }
        let mut following = folders.map(|folders| folders.follow(server.served()));
        keys.keep(context, server.keys_unknown());
        if let Some(notices) = Notices::begin(receivers, &state) {
            notices.keep(context, server.hubs());
        }
        supervisor.ready("serving");
        let mut pulse = tokio::time::interval(Duration::from_secs(1));
        let mut lagging = Lagging::default();
        loop {
            tokio::select! {
                _ = interrupted.recv() => break,
                _ = terminated.recv() => break,
                _ = pulse.tick() => {
                    supervisor.alive();
                    warn(context, &server, &mut lagging);
                }
            }
            if following.as_ref().is_some_and(Following::is_over) {
                break;
            }
        }
        supervisor.stopping();
        context.output.note("stopping; what is under way is finished");
        let folders_ended = following.take().map_or(Ok(()), Following::end);
        let stopped = server.stop().await;
        let _ = fs::remove_file(state.join(NOTE));
        stopped?;
        folders_ended?;
        context.output.note("stopped; nothing is half done");
        Ok(Exit::Ok)
    })
}

/// Says which backups are behind, and who could not be told of what.
fn warn(context: &Context, server: &Server, lagging: &mut Lagging) {
    let lines = lagging.lines(server.backups()).into_iter();
    lines.chain(server.alerts_untold()).for_each(|line| context.output.warn(&line));
}

/// Hubs whose backup is behind, as it was told.
#[derive(Default)]
struct Lagging(BTreeSet<Option<String>>);

impl Lagging {
    /// Returns a line for each hub whose backup has begun to be behind, or has caught up.
    fn lines(&mut self, backups: Vec<(Option<String>, BackupHealth)>) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, health) in backups {
            let of = name.as_ref().map_or_else(String::new, |name| format!(" of the hub {name}"));
            let behind = Duration::from_millis(health.behind_ms);
            let is_behind = behind > BACKUP_BEHIND_MAX || health.failing.is_some();
            if is_behind && self.0.insert(name.clone()) {
                let why = health.failing.map_or_else(
                    || "its folder is too slow".to_owned(),
                    |(code, text)| format!("{code}: {text}"),
                );
                lines.push(format!(
                    "the backup{of} is {} s behind: a loss of this machine would lose that much ({why}); writes go on",
                    behind.as_secs()
                ));
            } else if health.commits_behind == Some(0) && self.0.remove(&name) {
                lines.push(format!("the backup{of} has caught up: it holds everything"));
            }
        }
        lines
    }
}

fn no_runtime(state: &Path, source: std::io::Error) -> Failure {
    Refusal::File { action: "serve", path: state.to_owned(), source }.into()
}

fn settings(serve: &Serve, loaded: &Loaded, state: &Path) -> Settings {
    // Rules hold only where somebody wrote them: those of the defaults are for folders of files,
    // which take part only in a watch.
    let is_written = !loaded.read.is_empty() || serve.watch;
    let written = loaded.config.entities.iter().filter(|_| is_written);
    // What is shown to clients is what is shown to folders.
    let rules_of = |entity: &Entity| configured(&loaded.config, &entity.name);
    let named: BTreeMap<_, _> =
        written.filter_map(|entity| Some((entity.name.clone(), rules_of(entity)?))).collect();
    let usual = PushLimits::default();
    let tls = serve.tls_cert.clone().zip(serve.tls_key.clone());
    Settings {
        listen: serve.listen,
        tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
        origins: serve.origin.clone(),
        backup_to: serve.backup_to.clone(),
        backup_every: Duration::from_millis(serve.backup_every),
        keep: Retention {
            age_ms: serve.keep_log,
            changes: serve.keep_changes,
            ..Retention::default()
        },
        keep_deliveries: DeliveryRetention {
            settled_ms: serve.keep_deliveries,
            dead_ms: serve.keep_deliveries.saturating_mul(DEAD_KEPT_TIMES),
        },
        sending: guard(&serve.deliver_to),
        application: AppSettings {
            hub: serve.app_hub.clone(),
            ..AppSettings::from_environment(|name| std::env::var(name).ok())
        },
        metrics: loaded.config.metrics.clone(),
        pushes: PushLimits {
            max_delete: serve.max_delete.unwrap_or(usual.max_delete),
            max_change: serve.max_change.unwrap_or(usual.max_change),
            ..usual
        },
        access: loaded.config.access.clone(),
        connections: connections(),
        roles: loaded.config.roles.clone(),
        rate: Rate { requests: serve.rate, window: RATE_WINDOW },
        allowed: Allowed {
            plaintext: serve.allow_plaintext,
            exposed_state: serve.allow_exposed_state,
        },
        ..Settings::new(state.to_owned(), Entities::open(named))
    }
}

/// Returns where events may be delivered to.
fn guard(reached: &[Reached]) -> Guard {
    let mut guard = Guard::default();
    for one in reached {
        match one {
            Reached::Loopback => guard.is_loopback_allowed = true,
            Reached::Network(network) => guard.networks.push(*network),
        }
    }
    guard
}

/// Returns how many connections fit into the bound of open files, which is raised as far as the system
/// lets us.
fn connections() -> usize {
    let bound = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: bound.maximum, maximum: bound.maximum };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => bound.maximum,
        Err(_) => bound.current,
    };
    let left = files.unwrap_or(u64::MAX).saturating_sub(FILES_KEPT);
    usize::try_from(left).unwrap_or(usize::MAX).clamp(1, CONNECTIONS_MAX)
}

fn url(settings: &Settings, address: SocketAddr) -> String {
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}")
}

fn note(settings: &Settings, address: SocketAddr) -> String {
    format!("pid {}\n{}\n", std::process::id(), url(settings, address))
}

/// Returns where the hub is served whose lock is `lock` and held by `holder`, if it is.
pub fn address(lock: &Path, holder: &str) -> Option<String> {
    let note = fs::read_to_string(lock.parent()?.join(NOTE)).ok()?;
    let mut lines = note.lines();
    // The note of a process that was killed says nothing of the one that holds the lock now.
    (lines.next()? == holder).then(|| lines.next().map(str::to_owned))?
}

/// Says where it is served and what to do next.
fn tell(context: &Context, settings: &Settings, server: &Server) {
    let url = url(settings, server.address());
    let token: PathBuf = settings.data.join(ADMIN_TOKEN);
    let mut document = Object::new();
    document.insert("schema", "serve/1");
    document.insert("url", url.as_str());
    document.insert("dashboard", format!("{url}{DASHBOARD}"));
    document.insert("state", settings.data.display().to_string());
    if let Some(to) = &settings.backup_to {
        document.insert("backup", to.display().to_string());
    }
    document.insert("admin_token", token.display().to_string());
    document.insert("first_start", server.admin_token().is_some());
    context.output.json(document);
    let (state, token) = (settings.data.display(), token.display());
    context.output.line(&format!("Serving {url}   state: {state}   Ctrl-C ends it"));
    context.output.line(&format!("The dashboard is at {url}{DASHBOARD}"));
    if let Some(to) = &settings.backup_to {
        context.output.line(&format!("Backed up all the time to {}", to.display()));
    }
    if server.admin_token().is_some() {
        context
            .output
            .line(&format!("An admin token is in {token}; only you can read it. Try it:"));
        context.output.line(&format!("  T=\"Authorization: Bearer $(cat {token})\""));
        context.output.line(&format!(
            "  curl -H \"$T\" -H 'Content-Type: application/json' -X PUT {url}/v1/entities/tasks/records/t1 -d '{{\"title\":\"Call back\"}}'"
        ));
        context.output.line(&format!("  curl -H \"$T\" {url}/v1/pull"));
    }
}
