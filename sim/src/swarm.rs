//! What a seed's world is made of: sizes and rates, drawn anew for each seed.
//!
//! # Source
//!
//! Groce et al., "Swarm testing" (2012): leaving some faults out altogether finds more than
//! having a little of each.

use crate::disk::DiskRates;
use crate::random::Random;

/// Sizes and rates of one world. Rates are in 1,000 unless they say otherwise.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// Hubs.
    pub sites: usize,
    /// Clients.
    pub clients: usize,
    /// Records of each entity.
    pub records: u64,
    /// How long faults and edits go on, in virtual milliseconds.
    pub chaos_ms: u64,
    /// Mean pause between two things that a client does, in milliseconds.
    pub client_pause_ms: u64,
    /// Mean pause between two exchanges of a site, in milliseconds.
    pub exchange_pause_ms: u64,
    /// Messages lost.
    pub loss: u64,
    /// Messages delivered twice.
    pub duplication: u64,
    /// Longest delay of a message, in milliseconds.
    pub delay_ms_max: u64,
    /// Mean pause between partitions, in milliseconds; 0 for none.
    pub partition_pause_ms: u64,
    /// Mean pause between crashes, in milliseconds; 0 for none.
    pub crash_pause_ms: u64,
    /// Of all crashes, those that come in the middle of an operation of the disk.
    pub crash_within: u64,
    /// Mean pause between second starts of a running hub; 0 for none.
    pub second_start_pause_ms: u64,
    /// Mean pause between jumps of a clock; 0 for none.
    pub clock_pause_ms: u64,
    /// What goes wrong with disks.
    pub disk: DiskRates,
    /// Operations sent to another site than the client's own.
    pub roaming: u64,
    /// Writes of clients that have not looked.
    pub blind: u64,
    /// Mean pause between runs of a site's file synchronisation; 0 for none.
    pub sync_pause_ms: u64,
    /// Mean pause between edits of a file.
    pub edit_pause_ms: u64,
    /// Runs that are cut off at some operation of the disk.
    pub sync_crash: u64,
    /// Edits that leave a file broken, emptied or half-written.
    pub broken_edit: u64,
    /// Runs before which the field that the target may see changes.
    pub scope_change: u64,
    /// Whether people's programs say when a record was edited: without it, hubs leave more to them.
    pub timed_edits: bool,
}

impl Swarm {
    /// Draws a world.
    pub fn draw(random: &mut Random) -> Self {
        let sites = usize::try_from(random.between(2, 5)).unwrap_or(2);
        let clients = usize::try_from(random.between(1, 4)).unwrap_or(1);
        Self {
            sites,
            clients,
            records: random.between(1, 4),
            chaos_ms: random.between(20_000, 150_000),
            client_pause_ms: random.between(1_000, 10_000),
            exchange_pause_ms: random.between(2_000, 20_000),
            loss: some(random, 300),
            duplication: some(random, 500),
            delay_ms_max: random.between(1, 5_000),
            partition_pause_ms: pause(random, 20_000, 200_000),
            crash_pause_ms: pause(random, 20_000, 200_000),
            crash_within: random.below(1_001),
            second_start_pause_ms: pause(random, 30_000, 300_000),
            clock_pause_ms: pause(random, 20_000, 200_000),
            disk: DiskRates {
                read_error: some(random, 20),
                write_error: some(random, 10),
                sync_error: some(random, 20),
                full: some(random, 20),
                sticky: some(random, 200),
                flip: some(random, 300),
            },
            roaming: some(random, 400),
            blind: some(random, 200),
            sync_pause_ms: pause(random, 15_000, 60_000),
            edit_pause_ms: random.between(5_000, 30_000),
            sync_crash: some(random, 500),
            broken_edit: some(random, 300),
            scope_change: some(random, 300),
            timed_edits: random.chance(700),
        }
    }
}

/// Draws a rate; in every third world there is none.
fn some(random: &mut Random, most: u64) -> u64 {
    if random.chance(333) { 0 } else { random.below(most + 1) }
}

/// Draws a mean pause; in every third world the thing never happens.
fn pause(random: &mut Random, low_ms: u64, high_ms: u64) -> u64 {
    if random.chance(333) { 0 } else { random.between(low_ms, high_ms) }
}
