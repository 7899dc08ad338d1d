//! A hub started for a benchmark, and what it costs.

use std::io::{self, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::machine;

/// A hub that serves on a free port of this machine.
#[derive(Debug)]
pub struct Hub {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// The token of its admin.
    pub token: String,
}

impl Hub {
    /// Starts `syncline serve` on a data folder.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or does not say where it serves.
    pub fn start(binary: &Path, folder: &Path) -> io::Result<Self> {
        Self::start_with(binary, folder, "data", &[])
    }

    /// Starts `syncline serve` on a data folder of that name, with more options.
    ///
    /// # Errors
    ///
    /// As [`Hub::start`].
    pub fn start_with(
        binary: &Path,
        folder: &Path,
        data: &str,
        more: &[String],
    ) -> io::Result<Self> {
        let data = folder.join(data);
        let mut process = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--rate", "1000000"])
            // A load changes all records within minutes.
            .args(["--max-delete", "100%", "--max-change", "100%", "--state"])
            .arg(&data)
            .args(more)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut values = serde_json::Deserializer::from_reader(BufReader::new(stdout)).into_iter();
        let started: Option<Result<serde_json::Value, _>> = values.next();
        let started = started.ok_or_else(|| io::Error::other("the hub did not start"))??;
        let url = started["url"].as_str().unwrap_or_default();
        let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
        let address = address.ok_or_else(|| io::Error::other(format!("no address in {url:?}")))?;
        let token = std::fs::read_to_string(data.join("admin.token"))?.trim().to_owned();
        Ok(Self { process, address, token })
    }

    /// Returns the processor time that the hub has used.
    pub fn processor_time(&self) -> Duration {
        machine::processor_time_of(self.process.id())
    }

    /// Returns the memory that the hub holds, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or_default() << 10
    }

    /// Returns the number of its process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Ends the hub without a warning.
    ///
    /// # Errors
    ///
    /// If the system does not let it.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill()?;
        self.process.wait().map(drop)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.kill();
    }
}
