//! Working through the process that serves a hub: it lends the hub to the command.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use syncline_hub::{Hub, HubError, HubOptions};
use syncline_server::HUBS_FOLDER;
use syncline_store::lent::{Asked, Door, Lent, LoanError};

use super::context::Context;
use crate::failure::{Failure, Refusal};

/// How long a command waits for its turn, unless `--wait-lock` says longer: another command, a sync of
/// `serve --watch`.
const TURN_TIME_MAX: Duration = Duration::from_secs(60);
/// How often a wait looks whether Ctrl-C was pressed.
const PAUSE: Duration = Duration::from_millis(50);

/// Borrows the hub of a folder from the process that serves it; nothing if none does, or not in time.
///
/// # Errors
///
/// - [`Refusal::ServedByOtherVersion`].
/// - [`HubError::Cancelled`] if the person asked to stop.
/// - [`Failure::Hub`] as when a hub is opened.
pub(super) fn borrow(context: &Context, options: &HubOptions) -> Result<Option<Hub>, Failure> {
    let folder = &options.state_folder;
    let Some((wire, hub)) = knock(folder) else { return Ok(None) };
    let Ok(ours) = wire.try_clone() else { return Ok(None) };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let asked = Asked { version, process: std::process::id(), hub };
    let (lent, answer) = sync_channel(1);
    let begun = Instant::now();
    let longest = Duration::from_millis(context.global.wait_lock.unwrap_or_default());
    let longest = longest.max(TURN_TIME_MAX);
    let borrowed = {
        let folder = folder.clone();
        thread::spawn(move || {
            // Nobody waits any more where it took too long: it is given back.
            let _ = lent.send(Lent::borrow(ours, &asked, Some(&folder)));
        });
        loop {
            match answer.recv_timeout(PAUSE) {
                Ok(borrowed) => break borrowed,
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if context.is_interrupted() => {
                    let _ = wire.shutdown(Shutdown::Both);
                    return Err(HubError::Cancelled.into());
                }
                Err(RecvTimeoutError::Timeout) if begun.elapsed() > longest => {
                    let _ = wire.shutdown(Shutdown::Both);
                    return Ok(None);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    };
    match borrowed {
        Ok(store) => Ok(Some(Hub::borrowed(store, options)?)),
        Err(LoanError::OtherVersion { theirs, ours }) => {
            Err(Refusal::ServedByOtherVersion { theirs, ours }.into())
        }
        Err(LoanError::Locked(error)) => Err(HubError::from(error).into()),
        // It stops, or was never there.
        Err(_) => Ok(None),
    }
}

/// Reaches the process that serves the hub of a folder; answers the name by which it knows the hub.
fn knock(folder: &Path) -> Option<(UnixStream, Option<String>)> {
    let reach = |folder: &Path| UnixStream::connect(Door::of(folder).ok()?.path()).ok();
    if let Some(wire) = reach(folder) {
        return Some((wire, None));
    }
    // A hub that is not the default one lies below that.
    let folder = folder.canonicalize().ok()?;
    let name = folder.file_name()?.to_str()?.to_owned();
    let hubs = folder.parent().filter(|hubs| hubs.ends_with(HUBS_FOLDER))?;
    Some((reach(hubs.parent()?)?, Some(name)))
}
