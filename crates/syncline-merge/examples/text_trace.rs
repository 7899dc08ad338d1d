//! How fast is the replicated text? Replays a synthetic writer, letter by letter, each letter a
//! change of its own (the worst case), then joins two branches.
//!
//! `cargo run --release -p syncline-merge --example text_trace`
//!
//! `docs/design/0001-text-crdt.md` holds the numbers and those of the libraries.
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the clock; the library does not"
)]
#![expect(clippy::print_stdout, reason = "the numbers are its output")]

use std::error::Error;
use std::time::Instant;

use syncline_merge::text::crdt::TextState;
use syncline_merge::text::merge3;
use syncline_merge::text::ot::{Component, Side, TextOperation};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::SiteId;

/// Edits of the common history, and of each of the two branches.
const EDITS: u64 = 50_000;
const BRANCH_EDITS: u64 = 2_000;
/// Clock between two edits: 37 ms of a hybrid clock.
const CLOCK_STEP: u64 = 37 << 16;

/// Somebody who types, takes back one letter in seven, and sometimes goes elsewhere.
struct Writer {
    random: u64,
    cursor: usize,
    clock: u64,
    site: SiteId,
}

impl Writer {
    /// xorshift64: the same text on every machine.
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    fn edit(&mut self, text: &mut TextState) -> Result<(), Box<dyn Error>> {
        if self.random(100) < 3 {
            self.cursor = usize::try_from(self.random(text.len() as u64 + 1))?;
        }
        let take_back = self.cursor > 0 && self.random(100) < 15;
        let start = self.cursor - usize::from(take_back);
        let letter = char::from(b"etaoin shrdlu\n"[usize::try_from(self.random(14))?]);
        let change =
            if take_back { Component::Delete(1) } else { Component::Insert(letter.into()) };
        let rest = text.len() - self.cursor;
        let operation =
            TextOperation::new([Component::Retain(start), change, Component::Retain(rest)])?;
        self.cursor = start + usize::from(!take_back);
        self.clock += CLOCK_STEP;
        text.apply_operation(&operation, Stamp::new(Clock(self.clock), self.site))?;
        Ok(())
    }
}

fn timed<T>(
    what: &str,
    work: impl FnOnce() -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let start = Instant::now();
    let result = work()?;
    println!("{what}: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    Ok(result)
}

fn branch(text: &TextState, site: u64) -> Result<TextState, Box<dyn Error>> {
    let clock = EDITS * CLOCK_STEP;
    let mut writer = Writer { random: site, cursor: 0, clock, site: SiteId(site) };
    let mut text = text.clone();
    (0..BRANCH_EDITS).try_for_each(|_| writer.edit(&mut text))?;
    Ok(text)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut writer = Writer { random: 7, cursor: 0, clock: 0, site: SiteId(1) };
    let mut text = TextState::new();
    timed("50,000 edits", || (0..EDITS).try_for_each(|_| writer.edit(&mut text)))?;
    let bytes = timed("to bytes", || Ok(text.to_bytes()))?;
    println!("{} characters, {} bytes", text.len(), bytes.len());
    timed("from bytes", || Ok(TextState::from_bytes(&bytes)?))?;
    let (mut one, two) = (branch(&text, 2)?, branch(&text, 3)?);
    let (base, local, remote) = (text.text(), one.text(), two.text());
    timed("merge3 of the branches' texts", || Ok(merge3(&base, &local, &remote, Side::Left)?))?;
    timed("join of the branches", || Ok(one.join(&two)?))?;
    Ok(())
}
