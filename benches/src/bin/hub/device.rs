//! A client in Rust with documents, as a device would run it.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use syncline_benches::machine::own_processor_time;
use syncline_client::{Client, Edit, Options, Query};

use syncline_benches::served::Hub;

/// Edits that are queued in one transaction, each after the one before it; more of them would have to be sent one push
/// after the other.
const EDITS_AT_ONCE: u64 = 10;
/// How long a sync may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a sync took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) wall: Duration,
    /// Processor time of the server and of the client.
    pub(crate) server: Duration,
    pub(crate) client: Duration,
}

/// Queues the documents in a client's file, without a hub.
pub(crate) fn fill(file: &Path, documents: u64) -> Result<(), Box<dyn Error>> {
    let client = Client::open(Options::offline(file))?;
    for first in (0..documents).step_by(EDITS_AT_ONCE as usize) {
        client.transaction(|all| {
            for index in first..documents.min(first + EDITS_AT_ONCE) {
                all.edit("tasks", &format!("task-{index:06}"), |edit| document(edit, index))?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Writes the document that the peer's client has under the same number.
fn document(edit: Edit, index: u64) -> Edit {
    edit.set("/title", format!("Call customer {index}").as_str())
        .set("/state", if index.is_multiple_of(3) { "done" } else { "open" })
        .set("/owner", format!("user-{}", index % 97).as_str())
        .set("/priority", (index % 5) as i64)
        .set("/note", "x".repeat(60).as_str())
        .set("/at", "2026-11-20T10:00:00.000Z")
}

/// Opens a client, and waits until it has sent and fetched everything: then it holds so many documents.
pub(crate) fn sync(hub: &Hub, file: &Path, documents: u64) -> Result<Took, Box<dyn Error>> {
    let url = format!("http://{}", hub.address);
    let (server, own) = (hub.processor_time(), own_processor_time());
    let start = Instant::now();
    let client = Client::open(Options::new(file, &url, &hub.token).entities(["tasks"]))?;
    client.wait_until_synced(PATIENCE)?;
    let wall = start.elapsed();
    let (server, client_time) = (hub.processor_time() - server, own_processor_time() - own);
    let status = client.status();
    if status.pending + status.quarantined > 0 {
        return Err(format!("not all was taken: {status:?}").into());
    }
    let found = client.query(&Query::new("tasks"))?.len() as u64;
    if found != documents {
        return Err(format!("the client holds {found} of {documents} documents").into());
    }
    Ok(Took { wall, server, client: client_time })
}
