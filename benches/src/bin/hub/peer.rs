//! The peer: PouchDB with express-pouchdb, both over LevelDB on disk, from npm.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use syncline_benches::machine;
use syncline_benches::peers::{self, done};

/// The peer's programs, with their packages installed.
pub(crate) struct Programs {
    folder: PathBuf,
}

/// A peer's server.
pub(crate) struct Server {
    process: Child,
    port: u64,
}

/// What one of the peer's clients did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replicated {
    pub(crate) documents: f64,
    pub(crate) seconds: f64,
    /// Processor time of the client meanwhile.
    pub(crate) processor: Duration,
}

impl Server {
    /// Returns the processor time that the server has used.
    pub(crate) fn processor_time(&self) -> Duration {
        machine::processor_time_of(self.process.id())
    }
}

impl Programs {
    /// Installs the programs.
    pub(crate) fn install() -> io::Result<Self> {
        peers::install("pouchdb").map(|folder| Self { folder })
    }

    /// Starts a server with an empty store.
    pub(crate) fn serve(&self, data: &Path) -> io::Result<Server> {
        let mut process = Command::new("node")
            .arg(self.folder.join("server.mjs"))
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = process.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let started: Value = serde_json::from_str(&line).map_err(io::Error::other)?;
        let port = started["port"].as_u64();
        let port = port.ok_or_else(|| io::Error::other("the peer's server did not start"))?;
        Ok(Server { process, port })
    }

    /// Lets a client with an empty store push its documents, or pull all.
    pub(crate) fn replicate(
        &self,
        server: &Server,
        mode: &str,
        documents: u64,
        folder: &Path,
    ) -> io::Result<Replicated> {
        fs::create_dir_all(folder)?;
        let output = Command::new("node")
            .arg(self.folder.join("client.mjs"))
            .arg(mode)
            .arg(format!("http://127.0.0.1:{}/tasks", server.port))
            .arg(documents.to_string())
            .arg(folder)
            .output()?;
        done(output.status.success(), "the peer's client")?;
        let told: Value = serde_json::from_slice(&output.stdout).map_err(io::Error::other)?;
        let number = |name: &str| told[name].as_f64().unwrap_or(f64::NAN);
        let processor = Duration::from_secs_f64(number("cpu_ms").max(0.0) / 1_000.0);
        Ok(Replicated { documents: number("docs"), seconds: number("ms") / 1_000.0, processor })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
