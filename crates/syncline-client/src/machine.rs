//! The clock of the wall, a clock that never goes back, and random numbers.
//!
//! With the feature `simulated` a thread may put its own in their place.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A moment of the clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(Instant);

impl Moment {
    /// Returns this moment.
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// Returns how long ago it was, in milliseconds.
    pub(crate) fn elapsed_ms(self) -> u64 {
        #[cfg(feature = "simulated")]
        if let Some(elapsed_ms) = simulated::elapsed_ms() {
            return elapsed_ms;
        }
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Returns the time of the wall, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    #[cfg(feature = "simulated")]
    if let Some(now_ms) = simulated::now_ms() {
        return now_ms;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Where a transaction of the client's file stands.
#[cfg_attr(
    not(feature = "simulated"),
    expect(unreachable_pub, reason = "a simulation is told of it, and nobody else")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It begins.
    Begin,
    /// All of it is written, and it is about to be committed.
    Commit,
    /// It is committed and synced, and nobody knows yet.
    Committed,
}

/// Says whether the disk does what is asked of it: SQLite asks the real one by itself.
pub(crate) fn disk(step: Step) -> rusqlite::Result<()> {
    #[cfg(feature = "simulated")]
    if let Some(code) = simulated::disk(step) {
        return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
    }
    let _ = step;
    Ok(())
}

/// Returns random bytes, if the machine has any.
pub(crate) fn random() -> Option<[u8; 8]> {
    #[cfg(feature = "simulated")]
    if let Some(random) = simulated::random() {
        return Some(random);
    }
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

/// Fills bytes with random ones, if the machine has any.
pub(crate) fn fill(bytes: &mut [u8]) -> Option<()> {
    #[cfg(feature = "simulated")]
    if simulated::random().is_some() {
        for part in bytes.chunks_mut(8) {
            let drawn = simulated::random()?;
            part.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
        }
        return Some(());
    }
    getrandom::fill(bytes).ok()
}

#[cfg(feature = "simulated")]
pub(crate) mod simulated {
    //! The machine of this thread, as a simulation says it is.

    use std::cell::Cell;

    use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_FSYNC};

    pub use super::Step;

    /// A disk that fails.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Disk {
        /// After how many steps of transactions one fails; nothing for never.
        pub fails_in: Option<u32>,
        /// Whether there is no room from then on; otherwise only that step fails.
        pub is_full: bool,
        /// Which step failed last.
        pub failed_at: Option<Step>,
    }

    /// What a machine shows.
    #[derive(Clone, Copy, Debug)]
    pub struct Machine {
        /// The time of the wall, in milliseconds since the Unix epoch.
        pub now_ms: u64,
        /// Since the device began, in milliseconds.
        pub elapsed_ms: u64,
        /// Where random numbers come from; each one drawn moves it on.
        pub random: u64,
        /// What holds its files.
        pub disk: Disk,
    }

    thread_local! {
        static MACHINE: Cell<Option<Machine>> = const { Cell::new(None) };
    }

    /// Puts a machine in the place of this thread's; answers the one before.
    pub fn set_machine(machine: Option<Machine>) -> Option<Machine> {
        MACHINE.with(|now| now.replace(machine))
    }

    pub(super) fn elapsed_ms() -> Option<u64> {
        MACHINE.with(Cell::get).map(|machine| machine.elapsed_ms)
    }

    pub(super) fn now_ms() -> Option<u64> {
        MACHINE.with(Cell::get).map(|machine| machine.now_ms)
    }

    pub(super) fn disk(step: Step) -> Option<i32> {
        let mut machine = MACHINE.with(Cell::get)?;
        let disk = &mut machine.disk;
        let left = disk.fails_in?;
        let fails = left == 0 && (!disk.is_full || step != Step::Committed);
        disk.fails_in = match (left, disk.is_full) {
            (0, true) => Some(0),
            (0, false) => None,
            _ => Some(left - 1),
        };
        if fails {
            disk.failed_at = Some(step);
        }
        let code = if disk.is_full { SQLITE_FULL } else { SQLITE_IOERR_FSYNC };
        MACHINE.with(|now| now.set(Some(machine)));
        fails.then_some(code)
    }

    pub(super) fn random() -> Option<[u8; 8]> {
        let mut machine = MACHINE.with(Cell::get)?;
        // SplitMix64, as in the simulation.
        machine.random = machine.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = machine.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        MACHINE.with(|now| now.set(Some(machine)));
        Some((z ^ (z >> 31)).to_le_bytes())
    }
}
