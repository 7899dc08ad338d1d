//! Who delivers: our hub, or a peer.

use std::io;
use std::path::Path;

use syncline_benches::family::Family;
use syncline_benches::served::Hub;
use tempfile::TempDir;

use crate::load::{Door, Endpoint, endpoints, hub};
use crate::peer::{Peer, Programs};
use crate::receiver::Receiver;

/// How many sends a hub has under way to one endpoint that has it for itself.
const IN_FLIGHT: u64 = 256;

/// Who delivers, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// A hub: every event, attempt and outcome is on disk before what comes after it.
    Ours,
    /// BullMQ over Redis, which syncs its log before it answers.
    BullMq,
    /// The same, but Redis syncs once a second: what came since the last time may be lost.
    BullMqEverySecond,
    /// pg-boss over PostgreSQL, which syncs each commit.
    PgBoss,
}

impl Who {
    pub(crate) const ALL: [Self; 4] =
        [Self::Ours, Self::BullMq, Self::PgBoss, Self::BullMqEverySecond];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::BullMq => "BullMQ, appendfsync always",
            Self::BullMqEverySecond => "BullMQ, appendfsync everysec",
            Self::PgBoss => "pg-boss, fsync on",
        }
    }
}

/// One that runs, with an empty store.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) door: Door,
    /// All of its processes.
    pub(crate) family: Family,
    _kept: Kept,
}

/// What ends with it: first the program, then its files.
#[derive(Debug)]
#[expect(dead_code, reason = "they are held until they are dropped")]
enum Kept {
    Hub(Hub, TempDir),
    Peer(Peer),
}

impl Sender {
    /// Starts a hub without endpoints.
    pub(crate) fn hub(binary: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let hub = hub(binary, folder.path())?;
        let (door, family) = (Door::of(&hub), Family::of(vec![hub.process_id()]));
        Ok(Self { door, family, _kept: Kept::Hub(hub, folder) })
    }

    /// Starts one that sends all events to one endpoint.
    pub(crate) fn start(
        who: Who,
        binary: &Path,
        programs: &Programs,
        receiver: &Receiver,
    ) -> io::Result<Self> {
        if who == Who::Ours {
            let hub = Self::hub(binary)?;
            let one = Endpoint { in_flight: IN_FLIGHT, ..Endpoint::default() };
            endpoints(&hub.door, receiver, [one])?;
            return Ok(hub);
        }
        let peer = programs.start(who, receiver)?;
        let (door, family) = (peer.door.clone(), peer.family());
        Ok(Self { door, family, _kept: Kept::Peer(peer) })
    }
}
