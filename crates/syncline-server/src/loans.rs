//! Lending the hubs to commands of this machine, through a socket in the folder of the state.
//!
//! Who may open that folder may do everything with the hub; the system says who knocks. A loan takes the
//! hub's turn like a sync (design note 0009).

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::net::Shutdown;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use syncline_hub::Hub;
use syncline_store::lent::{Asked, Door};
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::access::now_ms;
use crate::limits::{HEAD_TIME_MAX, LOANS_MAX, STOP_TIME_MAX};
use crate::server::ACCEPT_PAUSE;
use crate::state::State;

/// The version that a command must be of, too.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Those who borrow hubs of one server, and where they knock.
pub(crate) struct Loans {
    door: Door,
    listener: UnixListener,
    /// Whose the process is, and so who may borrow.
    owner: u32,
    open: Open,
}

/// The connections, each with a number.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<(u64, BTreeMap<u64, UnixStream>)>>);

impl Loans {
    /// Listens in the folder of the state, whose store this process has locked: a socket that is there
    /// is that of a dead process.
    pub(crate) fn listen(data: &Path) -> io::Result<Self> {
        let door = Door::of(data)?;
        match fs::remove_file(door.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(door.path())?;
        fs::set_permissions(door.path(), Permissions::from_mode(0o600))?;
        let owner = fs::metadata(door.path())?.uid();
        Ok(Self { door, listener, owner, open: Open::default() })
    }

    /// Lends until the server stops; then loans under way may be ended, and are broken off otherwise.
    pub(crate) async fn run(self, state: Arc<State>, mut stopping: watch::Receiver<bool>) {
        let room = Arc::new(Semaphore::new(LOANS_MAX));
        loop {
            let place = tokio::select! {
                _ = stopping.changed() => break,
                place = Arc::clone(&room).acquire_owned() => place,
            };
            let accepted = tokio::select! {
                _ = stopping.changed() => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((socket, _)) = accepted else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let is_owner = |user: u32| user == self.owner || user == 0;
            let is_known = socket.peer_cred().is_ok_and(|peer| is_owner(peer.uid()));
            let Some(wire) = Some(socket).filter(|_| is_known).and_then(blocking) else {
                continue;
            };
            let (state, open) = (Arc::clone(&state), self.open.clone());
            spawn_blocking(move || {
                let Some(number) = open.add(&wire) else { return };
                // Whoever breaks off hears nothing any more.
                let _ = lend(&state, wire);
                open.remove(number);
                drop(place);
            });
        }
        drop(self.listener);
        let _ = fs::remove_file(self.door.path());
        let all = u32::try_from(LOANS_MAX).unwrap_or(u32::MAX);
        if timeout(STOP_TIME_MAX, room.acquire_many(all)).await.is_err() {
            self.open.break_off();
            let _ = room.acquire_many(all).await;
        }
    }
}

fn blocking(socket: tokio::net::UnixStream) -> Option<UnixStream> {
    let socket = socket.into_std().ok()?;
    socket.set_nonblocking(false).ok()?;
    Some(socket)
}

impl Open {
    fn add(&self, wire: &UnixStream) -> Option<u64> {
        let wire = wire.try_clone().ok()?;
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.0 += 1;
        let number = open.0;
        open.1.insert(number, wire);
        Some(number)
    }

    fn remove(&self, number: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&number);
    }

    fn break_off(&self) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for wire in open.1.values() {
            // One that is closed already is over, too.
            let _ = wire.shutdown(Shutdown::Both);
        }
    }
}

/// Hears what is asked for, waits for its turn, and lends.
fn lend(state: &State, mut wire: UnixStream) -> io::Result<()> {
    wire.set_read_timeout(Some(HEAD_TIME_MAX))?;
    let asked = Asked::hear(&mut wire)?;
    if !asked.is_fit(VERSION, &mut wire)? {
        return Ok(());
    }
    let desk = match &asked.hub {
        None => Some(Arc::clone(state.hubs.default_desk())),
        Some(name) => state.hubs.find(name),
    };
    let desk = desk.ok_or(io::ErrorKind::NotFound)?;
    desk.replicas.note(now_ms());
    wire.set_read_timeout(None)?;
    let (mut lent, stopping) = (wire.try_clone()?, state.stopping.clone());
    let may_wait = move || !*stopping.borrow();
    let task = move |hub: &mut Hub| match may_wait() {
        true => hub.lend(&mut lent, &may_wait),
        false => Err(io::ErrorKind::ConnectionAborted.into()),
    };
    desk.served.with_hub(task).map_err(|error| io::Error::other(error.to_string()))??;
    Asked::thank(&mut wire)
}
