//! Replays the corpora, and seeded mutations of them, on every run.
#![cfg(test)]

use syncline_fuzz::{TARGETS, replay};

#[test]
fn every_target_accepts_its_corpus_and_its_mutations() {
    TARGETS.iter().for_each(|(name, target)| replay(name, *target));
}
