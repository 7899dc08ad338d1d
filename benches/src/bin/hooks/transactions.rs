//! How often a hub begins a transaction at its store, as the kernel sees it.
//!
//! SQLite locks its file in shared memory for every transaction, reading or writing, whatever its cache holds; `strace` shows that.
//! `scripts/install-test-packages.sh` installs it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use syncline_benches::http::Connection;
use syncline_benches::served::Hub;
use tempfile::TempDir;

/// What is asked of the hub to see that its transactions are seen.
const ASKED: &str = "/v1/endpoints/e1/deliveries";
/// How long that may take to be seen.
const SEEN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A hub that is looked at.
#[derive(Debug)]
pub(crate) struct Transactions {
    strace: Child,
    told: PathBuf,
    /// Those of the request by which it was seen that they are counted.
    pub(crate) of_request: usize,
    _folder: TempDir,
}

impl Transactions {
    /// Begins to look at a hub, and makes sure of it: a request that reads the store has to be seen.
    pub(crate) fn watch(hub: &Hub) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let told = folder.path().join("told");
        let process = hub.process_id().to_string();
        let strace = Command::new("strace")
            .args(["-f", "-q", "-y", "-e", "trace=fcntl", "-e", "signal=none", "-o"])
            .arg(&told)
            .args(["-p", &process])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::other(format!("strace: {error}")))?;
        let mut all = Self { strace, told, of_request: 0, _folder: folder };
        let begun = Instant::now();
        while all.of_request == 0 {
            if begun.elapsed() > SEEN {
                return Err(io::Error::other("strace does not show what a hub asks its store"));
            }
            let mut connection = Connection::open(hub.address, &hub.token)?;
            let (status, _) = connection.send("GET", ASKED, b"")?;
            if status != 200 {
                return Err(io::Error::other(format!("{ASKED}: {status}")));
            }
            std::thread::sleep(LOOK_EVERY);
            all.of_request = all.count();
        }
        Ok(all)
    }

    /// Returns how many there were, without those of the request.
    pub(crate) fn so_far(&self) -> usize {
        self.count() - self.of_request
    }

    fn count(&self) -> usize {
        begun(&fs::read_to_string(&self.told).unwrap_or_default())
    }
}

impl Drop for Transactions {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.strace.id().cast_signed()) {
            // It lets go of the hub then. It may have ended already.
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.strace.wait();
    }
}

/// Counts locks that were taken, and not those that were given back.
fn begun(told: &str) -> usize {
    let is_taken = |line: &&str| line.contains("F_RDLCK") || line.contains("F_WRLCK");
    let is_store = |line: &&str| line.contains("-shm>") && line.contains("SETLK");
    told.lines().filter(is_store).filter(is_taken).count()
}

#[cfg(test)]
mod tests {
    use super::begun;

    #[test]
    fn a_transaction_is_a_lock_that_was_taken() {
        let told = "\
            7 fcntl(9</d/hub.db-shm>, F_SETLK, {l_type=F_RDLCK, l_whence=SEEK_SET, l_start=124, l_len=1}) = 0\n\
            7 fcntl(9</d/hub.db-shm>, F_SETLK, {l_type=F_UNLCK, l_whence=SEEK_SET, l_start=124, l_len=1}) = 0\n\
            7 fcntl(3<socket:[1]>, F_GETFL) = 2\n";
        assert_eq!(begun(told), 1);
    }
}
