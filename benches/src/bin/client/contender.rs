//! Our client and the peers, as programs for Node.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use syncline_benches::binary::repository;
use syncline_benches::machine;
use syncline_benches::peers::{self, done};
use syncline_benches::served::Hub;
use wait4::Wait4;

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Pouch,
}

/// Where a client keeps what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    Memory,
    Disk,
}

/// The programs, with their packages installed.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
    sdk: PathBuf,
    hub: PathBuf,
}

/// A server of either side.
pub(crate) enum Server {
    Hub(Hub),
    Pouch { process: Child, url: String },
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What it says.
    told: Value,
    /// Its processor time, from start to end.
    pub(crate) processor: Duration,
}

impl Side {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Pouch => "PouchDB",
        }
    }
}

impl Adapter {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}

impl Ran {
    /// Returns a number that the program told.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.told[name].as_f64().unwrap_or(f64::NAN)
    }
}

impl Programs {
    /// Installs the peers, and builds our client.
    pub(crate) fn install(hub: PathBuf) -> io::Result<Self> {
        let folder = peers::install("client")?;
        let sdk = repository().join("sdk");
        peers::packages(&sdk)?;
        let built = Command::new("npx").args(["tsc", "-b", "client"]).current_dir(&sdk).status()?;
        done(built.success(), "the build of the client")?;
        Ok(Self { folder, sdk, hub })
    }

    /// Starts a server with an empty store, which syncs every write to disk.
    pub(crate) fn serve(&self, side: Side, folder: &Path) -> io::Result<Server> {
        if side == Side::Ours {
            return Hub::start(&self.hub, folder).map(Server::Hub);
        }
        let mut process = Command::new("node")
            .arg(self.folder.join("server.mjs"))
            .arg(folder.join("server"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = process.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let started: Value = serde_json::from_str(&line).map_err(io::Error::other)?;
        let port = started["port"].as_u64();
        let port = port.ok_or_else(|| io::Error::other("the peer's server did not start"))?;
        Ok(Server::Pouch { process, url: format!("http://127.0.0.1:{port}") })
    }

    /// Lets a client do something with so many documents.
    pub(crate) fn client(
        &self,
        server: &Server,
        task: &str,
        adapter: Adapter,
        count: u64,
        folder: &Path,
    ) -> io::Result<Ran> {
        fs::create_dir_all(folder)?;
        let (script, url, token) = match server {
            Server::Hub(hub) => {
                ("syncline.mjs", format!("http://{}", hub.address), hub.token.as_str())
            }
            Server::Pouch { url, .. } => ("pouchdb.mjs", url.clone(), ""),
        };
        let adapter = adapter.name();
        let asked = json!({
            "task": task, "adapter": adapter, "url": url, "token": token, "count": count, "folder": folder, "sdk": self.sdk,
        });
        let ran = self.run(script, &asked)?;
        let found = ran.number("documents");
        done(
            found == count as f64,
            &format!("{script}: {task} of {count} documents, {found} of them,"),
        )?;
        Ok(ran)
    }

    /// Runs one of the programs, and returns what it says.
    pub(crate) fn run(&self, script: &str, asked: &Value) -> io::Result<Ran> {
        let mut asked = asked.clone();
        asked["sdk"] = json!(self.sdk);
        asked["hub"] = json!(self.hub);
        let mut process = Command::new("node")
            .args([OsStr::new("--expose-gc"), self.folder.join(script).as_os_str()])
            .arg(asked.to_string())
            .current_dir(&self.folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut text = String::new();
        if let Some(mut stdout) = process.stdout.take() {
            stdout.read_to_string(&mut text)?;
        }
        let ended = process.wait4()?;
        done(ended.status.success(), script)?;
        let last = text.lines().last().unwrap_or_default();
        let told = serde_json::from_str(last).map_err(io::Error::other)?;
        Ok(Ran { told, processor: ended.rusage.utime + ended.rusage.stime })
    }

    /// As [`Programs::run`]; returns what it says as it is.
    pub(crate) fn document(&self, script: &str, asked: &Value) -> io::Result<(Value, Duration)> {
        self.run(script, asked).map(|ran| (ran.told, ran.processor))
    }
}

impl Server {
    /// Returns the processor time that the server has used.
    pub(crate) fn processor_time(&self) -> Duration {
        match self {
            Self::Hub(hub) => hub.processor_time(),
            Self::Pouch { process, .. } => machine::processor_time_of(process.id()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Self::Pouch { process, .. } = self {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
