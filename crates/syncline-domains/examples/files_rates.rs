//! Measures how fast files are read and rewritten, and how much memory that takes.
//!
//! `cargo run --release -p syncline-domains --example files_rates [items]`; 10,000 items of about
//! 250 bytes unless told otherwise. Times are CPU time, the mean of some rounds, so that a busy
//! machine counts little; memory is the peak of the process. Linux only.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use syncline_domains::files::document::{Change, Document};
use syncline_model::json;
use syncline_model::path::Path;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let items: usize = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 10_000,
    };
    let rounds: u32 = if items > 100_000 { 3 } else { 50 };
    let bytes = file(items)?;
    println!("{items} items, {} bytes, file in memory: peak {} kB", bytes.len(), peak_kb());
    let id_path = Path::parse("/id")?;
    let read = || Document::parse(bytes.as_slice(), "contacts", &id_path);
    let document = read()?;
    println!("after reading: peak {} kB", peak_kb());
    report("read and digest", items, mean(rounds, || Ok(read()?.items().len()))?);
    report(
        "digest of the file",
        items,
        mean(rounds, || Ok(blake3::hash(&bytes).as_bytes().len()))?,
    );
    report(
        "nothing rewritten",
        items,
        mean(rounds, || Ok(document.rewrite(Vec::new())?.bytes.len()))?,
    );
    for (name, step) in [("1 % rewritten", 100), ("all rewritten", 1)] {
        let mut total = Duration::ZERO;
        for _ in 0..rounds {
            let changes = changes(&document, step)?;
            let start = cpu_time()?;
            let out = document.rewrite(changes)?.bytes;
            total += cpu_time()?.saturating_sub(start);
            if step == 1 && out != bytes {
                return Err("rewriting everything with itself changed the file".into());
            }
        }
        report(name, items, total / rounds);
    }
    println!("at the end: peak {} kB", peak_kb());
    Ok(())
}

/// Returns a file as `JSON.stringify` writes it.
fn file(items: usize) -> Outcome<Vec<u8>> {
    let mut text = String::from("{\n  \"contacts\": [");
    for number in 0..items {
        let comma = if number > 0 { "," } else { "" };
        write!(
            text,
            "{comma}\n    {{\n      \"id\": \"contact-{number:07}\",\n      \"name\": \"Ada Castillo\",\n      \
             \"email\": \"ada.{number}@example.org\",\n      \"phone\": \"+1-555-{number:07}\",\n      \
             \"category\": \"business\",\n      \"score\": {number},\n      \
             \"lastModified\": \"2026-01-12T10:00:00Z\"\n    }}"
        )?;
    }
    text.push_str("\n  ]\n}");
    Ok(text.into_bytes())
}

fn changes(document: &Document<'_>, step: usize) -> Outcome<Vec<Change<'static>>> {
    let mut changes = Vec::new();
    for item in document.items().iter().step_by(step) {
        let value = json::parse(document.raw(item))?;
        let object = value.as_object().ok_or("an item is an object")?;
        changes.push(Change::put(item.id.clone(), object.clone()));
    }
    Ok(changes)
}

fn mean(rounds: u32, mut work: impl FnMut() -> Outcome<usize>) -> Outcome<Duration> {
    let start = cpu_time()?;
    for _ in 0..rounds {
        std::hint::black_box(work()?);
    }
    Ok(cpu_time()?.saturating_sub(start) / rounds)
}

/// Returns the time that this program has run on a CPU.
fn cpu_time() -> Outcome<Duration> {
    // Its own time is brought up to date when it gives the CPU away.
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds = stat.split_whitespace().next().ok_or("no time in schedstat")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

fn report(name: &str, items: usize, time: Duration) {
    let per_item = time.as_nanos() as f64 / items as f64;
    println!("{name}: {:.2} ms, {per_item:.0} ns per item", time.as_secs_f64() * 1e3);
}

/// Returns the peak memory of this process, where Linux tells it.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
