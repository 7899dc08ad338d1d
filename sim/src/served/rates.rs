//! How often what goes wrong in a world.

use super::line::Delays;
use crate::disk::DiskRates;
use crate::random::Random;

/// How often a hub forgets the beginning of its log, where it does, in a thousand acts.
const FORGET: u64 = 150;

/// How often an operator lets go on whom the hub holds, in a thousand acts.
const RELEASE: u64 = 40;

/// How often what goes wrong, in a thousand acts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) cut: u64,
    pub(super) device_killed: u64,
    pub(super) offline: u64,
    pub(super) hub_killed: u64,
    pub(super) hub_stopped: u64,
    pub(super) cut_off: u64,
    pub(super) blocked: u64,
    pub(super) backup: u64,
    pub(super) restore: u64,
    pub(super) rights: u64,
    pub(super) device_disk: u64,
    pub(super) later: u64,
    /// How often the hub forgets the beginning of its log: it does in every fifth world.
    pub(super) forget: u64,
    /// How often an operator lets those go on that are held for deleting or changing too much: in every
    /// fifth world they are.
    pub(super) release: u64,
    /// Whether clients compare what they hold with sums of what the hub shows: in every fifth world.
    pub(super) sums: bool,
    pub(super) disk: DiskRates,
    pub(super) delays: Delays,
    pub(super) page_changes: usize,
}

impl Rates {
    /// - `seed`: of the world; what is drawn does not depend on it.
    pub(super) fn draw(random: &mut Random, seed: u64) -> Self {
        let mut some = |most: u64| if random.chance(333) { 0 } else { random.below(most + 1) };
        let (cut, device_killed, offline) = (some(150), some(80), some(80));
        let (hub_killed, hub_stopped, cut_off) = (some(60), some(30), some(60));
        let (blocked, delay, worst) = (some(40), some(100), some(100));
        let (rights, device_disk, later) = (some(60), some(60), some(1_000));
        let disk = DiskRates {
            write_error: some(5),
            sync_error: some(10),
            full: some(10),
            ..DiskRates::default()
        };
        let is_restored = random.chance(250);
        Self {
            cut,
            device_killed,
            offline,
            hub_killed,
            hub_stopped,
            cut_off,
            blocked,
            backup: if is_restored { 40 } else { 0 },
            restore: if is_restored { 30 } else { 0 },
            rights,
            device_disk,
            later,
            forget: if seed % 5 == 4 { FORGET } else { 0 },
            release: if seed.is_multiple_of(5) { RELEASE } else { 0 },
            sums: seed % 5 == 1,
            disk,
            delays: Delays { usual_ms: delay, worst_ms: 5_000, worst },
            page_changes: if random.chance(500) { 1_000 } else { 2 },
        }
    }
}
