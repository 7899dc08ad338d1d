//! How much a hub that is backed up loses with its machine, and how long it takes to have it again: writes under
//! load, an end without a warning, and a restore of the folder of the backup alone.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::load::write_operation;
use syncline_benches::http::Connection;
use syncline_benches::served::Hub;

/// How often it is looked whether the load may end.
const PAUSE: Duration = Duration::from_millis(100);

/// What the load is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Connections, each a client of its own.
    pub(crate) clients: u64,
    /// How long it lasts at least.
    pub(crate) lasts: Duration,
    /// How large the store of the hub is to become, in bytes.
    pub(crate) bytes: u64,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// How large the store of the hub was, and its backup.
    pub(crate) state_bytes: u64,
    pub(crate) backup_bytes: u64,
    /// Where the log ended that was acknowledged, and where the restored one does.
    pub(crate) acknowledged: u64,
    pub(crate) restored: u64,
    /// How long before the end the first change was acknowledged that is missing; none if none is.
    pub(crate) lost: Duration,
    /// How long the restore took, and until the restored hub served.
    pub(crate) restore: Duration,
    pub(crate) serving: Duration,
}

/// When a request was answered, and the end of the log by then.
type Acknowledged = (Instant, u64);

/// Loads a hub, ends it while it is at work, and restores it elsewhere.
pub(crate) fn run(binary: &Path, folder: &Path, load: Load) -> Result<Found, Box<dyn Error>> {
    let to = folder.join("backup");
    let backed_up = ["--backup-to".to_owned(), to.display().to_string()];
    let mut hub = Hub::start_with(binary, folder, "data", &backed_up)?;
    let is_over = AtomicBool::new(false);
    let (ended, acknowledged) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..load.clients)
            .map(|client| {
                let (is_over, address, token) = (&is_over, hub.address, hub.token.clone());
                let open = move || Connection::open(address, &token);
                scope.spawn(move || one_client(open()?, client, is_over))
            })
            .collect();
        let began = Instant::now();
        while began.elapsed() < load.lasts || size_of(&folder.join("data"))? < load.bytes {
            if threads.iter().any(|thread| thread.is_finished()) {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        // While all of them write.
        is_over.store(true, Ordering::SeqCst);
        let ended = Instant::now();
        hub.kill()?;
        let mut acknowledged = Vec::new();
        for thread in threads {
            let found =
                thread.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")));
            acknowledged.extend(found?);
        }
        io::Result::Ok((ended, acknowledged))
    })?;
    let state_bytes = size_of(&folder.join("data"))?;
    // The machine is gone.
    fs::remove_dir_all(folder.join("data"))?;
    let began = Instant::now();
    let restored = Command::new(binary)
        .args(["restore", "--quiet", "--from"])
        .arg(to.join("default"))
        .args(["--state", "restored"])
        .current_dir(folder)
        .status()?;
    if !restored.success() {
        return Err(format!("the restore failed: {restored}").into());
    }
    let restore = began.elapsed();
    let hub = Hub::start_with(binary, folder, "restored", &[])?;
    let serving = began.elapsed();
    let position = position_of(&hub)?;
    let lost = acknowledged.iter().filter(|(_, end)| *end > position).map(|(at, _)| *at).min();
    Ok(Found {
        state_bytes,
        backup_bytes: size_of(&to)?,
        acknowledged: acknowledged.iter().map(|(_, end)| *end).max().unwrap_or_default(),
        restored: position,
        lost: lost.map_or(Duration::ZERO, |at| ended.saturating_duration_since(at)),
        restore,
        serving,
    })
}

/// Writes new records of some 300 bytes, 100 in a request, until the hub is gone.
fn one_client(
    mut connection: Connection,
    client: u64,
    is_over: &AtomicBool,
) -> io::Result<Vec<Acknowledged>> {
    let name = format!("load-{client}");
    let (mut counter, mut acknowledged, mut body) = (0_u64, Vec::new(), String::new());
    loop {
        body.clear();
        let _ = write!(body, r#"{{"client":"{name}","ops":["#);
        for index in 0..100 {
            body.push_str(if index > 0 { "," } else { "" });
            counter += 1;
            let record = usize::try_from(counter).map_err(io::Error::other)?;
            write_operation(&mut body, &name, counter, record, "");
        }
        body.push_str("]}");
        let (status, answer) = match connection.send("POST", "/v1/push", body.as_bytes()) {
            Err(_) if is_over.load(Ordering::SeqCst) => return Ok(acknowledged),
            answer => answer?,
        };
        let at = Instant::now();
        if status != 200 {
            return Err(io::Error::other(format!("{status}: {}", String::from_utf8_lossy(answer))));
        }
        let answer: Value = serde_json::from_slice(answer)?;
        let results = answer["results"].as_array().into_iter().flatten();
        let end = results.filter_map(|result| result["position"].as_u64()).max();
        acknowledged.push((at, end.ok_or_else(|| io::Error::other("nothing was applied"))?));
    }
}

/// Returns where the log of a hub ends.
fn position_of(hub: &Hub) -> io::Result<u64> {
    let mut connection = Connection::open(hub.address, &hub.token)?;
    let (_, health) = connection.send("GET", "/healthz", b"")?;
    let health: Value = serde_json::from_slice(health)?;
    let position = health["checks"]["hub:log"][0]["observedValue"].as_u64();
    position.ok_or_else(|| io::Error::other("the health says nothing of the log"))
}

/// Returns the bytes of the files of a folder, those of folders within it included.
fn size_of(folder: &Path) -> io::Result<u64> {
    let mut folders = vec![PathBuf::from(folder)];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            // A file may be gone by now: one that was written beside and renamed.
            let Ok(metadata) = entry.metadata() else { continue };
            match metadata.is_dir() {
                true => folders.push(entry.path()),
                false => bytes += metadata.len(),
            }
        }
    }
    Ok(bytes)
}
