//! What an operator should know of the deliveries of a hub, the latest of it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use syncline_hub::served::deliver::Noticed;

use crate::limits::NOTICES_KEPT_MAX;

/// The latest notices of a hub, each with its number: the first since the hub was started has 1. All of them are in
/// the audit, too, and these are not kept over a restart.
#[derive(Default)]
pub(crate) struct Notices(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    latest: VecDeque<Noticed>,
    /// How many there were in all.
    count: u64,
}

impl Notices {
    /// Adds some, in their order.
    pub(super) fn add(&self, noticed: Vec<Noticed>) {
        if noticed.is_empty() {
            return;
        }
        let mut kept = self.kept();
        for one in noticed {
            kept.count += 1;
            kept.latest.push_back(one);
            if kept.latest.len() > NOTICES_KEPT_MAX {
                kept.latest.pop_front();
            }
        }
    }

    /// Returns the latest ones with their numbers, newest first.
    ///
    /// - `before`: only those with a lower number.
    pub(crate) fn latest(&self, before: Option<u64>, limit: usize) -> Vec<(u64, Noticed)> {
        let kept = self.kept();
        let numbered = (1..=kept.count).rev().zip(kept.latest.iter().rev());
        let asked =
            numbered.skip_while(|(number, _)| before.is_some_and(|before| *number >= before));
        asked.take(limit).map(|(number, one)| (number, one.clone())).collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
