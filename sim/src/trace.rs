//! What happened, as a hash over everything and as the last lines.

use std::collections::VecDeque;
use std::fmt;

/// Lines that are kept for a person.
const LINES_MAX: usize = 4_000;

/// Everything that happened in one run.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    lines: VecDeque<String>,
}

impl Trace {
    /// Returns an empty trace.
    pub const fn new() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: VecDeque::new() }
    }

    /// Adds a line.
    pub fn note(&mut self, now_ms: u64, line: fmt::Arguments<'_>) {
        let line = format!("{now_ms:>8} {line}");
        self.mix(line.as_bytes());
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Adds bytes to the hash only (FNV-1a).
    pub fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Returns the hash of everything so far.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// Returns the last lines that name one of `words`, in order; all of them if no word is given.
    pub fn lines_about(&self, words: &[String], lines_max: usize) -> Vec<String> {
        let named =
            |line: &&String| words.is_empty() || words.iter().any(|word| line.contains(word));
        let mut lines: Vec<String> =
            self.lines.iter().rev().filter(named).take(lines_max).cloned().collect();
        lines.reverse();
        lines
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}
