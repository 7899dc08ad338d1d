//! The peers: a sender of BullMQ over Redis and one of pg-boss over PostgreSQL, each with a server of its own.
//!
//! The servers come from Debian; they listen on sockets in their own folder, which nobody else reaches and which are faster than
//! TCP. Redis and PostgreSQL do not run as root, so whoever is root starts them as nobody.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::{Value, json};
use syncline_benches::binary::repository;
use syncline_benches::family::Family;
use syncline_benches::peers::{self, done};
use tempfile::TempDir;

use crate::load::Door;
use crate::receiver::{Receiver, SECRET};
use crate::sender::Who;

/// `nobody` and `nogroup`, as Debian and its children number them.
const NOBODY: u32 = 65_534;
/// The name of PostgreSQL's only user.
const USER: &str = "bench";
/// The number that PostgreSQL's socket is named after.
const PORT: u16 = 5_432;
/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);

/// How a peer is set up. The benchmark's README says what is tried unless something else is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Processes that send, beside the one that takes events; none: that one does both.
    pub(crate) workers: usize,
    /// Sends that each of them has under way.
    pub(crate) concurrency: usize,
    /// Of pg-boss: loops in each of them that fetch, send and complete a part of these.
    pub(crate) loops: usize,
}

/// The peers' programs, with their packages installed.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    postgres: PathBuf,
    bullmq: Setup,
    pgboss: Setup,
}

/// A peer that runs. It ends, and its files are removed, when it is dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) door: Door,
    /// Who sends, before what it keeps events in.
    processes: Vec<(Child, Signal)>,
    _folder: TempDir,
}

impl Programs {
    /// Installs the programs, and the servers if they are missing.
    pub(crate) fn install(bullmq: Setup, pgboss: Setup) -> io::Result<Self> {
        let script = repository().join("scripts/install-bench-servers.sh");
        done(
            Command::new(script).stdout(Stdio::null()).status()?.success(),
            "scripts/install-bench-servers.sh",
        )?;
        Ok(Self { folder: peers::install("hooks")?, postgres: postgres_folder()?, bullmq, pgboss })
    }

    /// Starts a server with an empty store, and who sends to a receiver.
    pub(crate) fn start(&self, who: Who, receiver: &Receiver) -> io::Result<Peer> {
        let folder = tempfile::tempdir()?;
        if geteuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let door = Door { address, token: String::new() };
        let mut peer = Peer { door, processes: Vec::new(), _folder: folder };
        let (script, setup) = match who {
            Who::PgBoss => ("pgboss.mjs", self.pgboss),
            _ => ("bullmq.mjs", self.bullmq),
        };
        let at = peer._folder.path().to_owned();
        let socket = match who {
            Who::PgBoss => self.serve_postgres(&mut peer, &at)?,
            Who::BullMqEverySecond => serve_redis(&mut peer, &at, "everysec")?,
            _ => serve_redis(&mut peer, &at, "always")?,
        };
        let asked = |is_front: bool, is_worker: bool| {
            json!({
                "socket": socket,
                "port": PORT,
                "user": USER,
                "receiver": format!("http://{}", receiver.address),
                "secret": SECRET,
                "concurrency": setup.concurrency,
                "loops": setup.loops,
                "isFront": is_front,
                "isWorker": is_worker,
            })
        };
        let told = self.node(&mut peer, script, &asked(true, setup.workers == 0))?;
        let port = told["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or_else(|| io::Error::other(format!("{script} did not start")))?;
        peer.door.address.set_port(port);
        for _ in 0..setup.workers {
            self.node(&mut peer, script, &asked(false, true))?;
        }
        Ok(peer)
    }

    /// Starts a program for Node, and returns what it says once it is ready.
    fn node(&self, peer: &mut Peer, script: &str, asked: &Value) -> io::Result<Value> {
        let mut process = Command::new("node")
            .arg(self.folder.join(script))
            .arg(asked.to_string())
            .current_dir(&self.folder)
            .env("NODE_ENV", "production")
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take();
        peer.processes.insert(0, (process, Signal::KILL));
        let mut line = String::new();
        BufReader::new(stdout.ok_or_else(|| io::Error::other("no output"))?)
            .read_line(&mut line)?;
        serde_json::from_str(&line).map_err(io::Error::other)
    }

    fn serve_postgres(&self, peer: &mut Peer, folder: &Path) -> io::Result<PathBuf> {
        let data = folder.join("data");
        let made = as_nobody(&self.postgres.join("initdb"), folder)
            .args(["--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync", "-U", USER, "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()?;
        done(made.success(), "initdb")?;
        let mut postgres = as_nobody(&self.postgres.join("postgres"), folder);
        postgres.arg("-D").arg(&data).arg("-k").arg(folder);
        for setting in
            ["listen_addresses=", "fsync=on", "synchronous_commit=on", "max_connections=200"]
        {
            postgres.args(["-c", setting]);
        }
        let process = postgres.spawn()?;
        // At once, with all that it has started.
        peer.processes.push((process, Signal::QUIT));
        wait_for(&data.join("postmaster.pid"), |text| text.contains("ready"))?;
        Ok(folder.to_owned())
    }
}

fn serve_redis(peer: &mut Peer, folder: &Path, sync: &str) -> io::Result<PathBuf> {
    let socket = folder.join("redis.sock");
    let process = as_nobody(Path::new("redis-server"), folder)
        .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", sync])
        .arg("--dir")
        .arg(folder)
        .arg("--unixsocket")
        .arg(&socket)
        .spawn()?;
    peer.processes.push((process, Signal::KILL));
    let begun = Instant::now();
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        done(begun.elapsed() < START, "the start of redis-server")?;
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(socket)
}

/// Waits until a file says what is wanted.
fn wait_for(file: &Path, is_there: impl Fn(&str) -> bool) -> io::Result<()> {
    let begun = Instant::now();
    while !fs::read_to_string(file).is_ok_and(|text| is_there(&text)) {
        done(begun.elapsed() < START, "the start of postgres")?;
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Returns a command that runs in a folder, silently, and not as root.
fn as_nobody(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Returns where Debian keeps PostgreSQL's programs, those of its newest version.
fn postgres_folder() -> io::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")?.flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/postgres").is_file())
        .max_by_key(|path| number(path));
    let newest = newest.ok_or_else(|| io::Error::other("no PostgreSQL in /usr/lib/postgresql"))?;
    Ok(newest.join("bin"))
}

impl Peer {
    /// Returns all of its processes.
    pub(crate) fn family(&self) -> Family {
        Family::of(self.processes.iter().map(|(process, _)| process.id()).collect())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        for (process, signal) in &mut self.processes {
            if let Some(pid) = Pid::from_raw(process.id().cast_signed()) {
                // It may have ended already.
                let _ = kill_process(pid, *signal);
            }
            let _ = process.wait();
        }
    }
}
