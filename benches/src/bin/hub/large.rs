//! Many records: a client that was offline with a long queue, one that has nothing yet, and a hub that grows.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use syncline_benches::duel::median;

use crate::device;
use crate::load::Writer;
use syncline_benches::report::{Figure, Goal, Report, load};
use syncline_benches::served::Hub;
use syncline_benches::waits::Waits;

/// Operations of a request while the hub is filled.
const FILL_BATCH: usize = 500;

/// Lets a client that holds a long queue send it, and another fetch all of it.
pub(crate) fn sync(
    report: &Report,
    binary: &Path,
    documents: u64,
    rounds: u64,
) -> Result<(), Box<dyn Error>> {
    let (mut queue, mut cold) = (Vec::new(), Vec::new());
    let mut hub_time = [Duration::ZERO; 2];
    for round in 0..rounds {
        let folder = tempfile::tempdir()?;
        let hub = Hub::start(binary, folder.path())?;
        let file = folder.path().join("writer.db");
        device::fill(&file, documents)?;
        let sent = device::sync(&hub, &file, documents)?;
        let fetched = device::sync(&hub, &folder.path().join("reader.db"), documents)?;
        for (index, (what, took)) in [("sent", sent), ("fetched", fetched)].into_iter().enumerate()
        {
            hub_time[index] += took.server;
            report.say(&format!(
                "  round {round}: {what} {documents} in {:.2} s, {:.2} s of the processor in the hub, {:.2} in the \
                 client, load {:.2}",
                took.wall.as_secs_f64(),
                took.server.as_secs_f64(),
                took.client.as_secs_f64(),
                load()
            ));
        }
        queue.push(sent.wall.as_secs_f64());
        cold.push(fetched.wall.as_secs_f64());
    }
    let how = format!(
        "median of {rounds}, {documents} records of some 200 bytes, the client on the same machine, each write synced \
         to disk on both sides, from opening its file until all is answered and stored"
    );
    for (what, walls, goal, processor) in [
        ("a client that was offline sends its queue in", queue, 4.0, hub_time[0]),
        ("a client that has nothing fetches all in", cold, 2.0, hub_time[1]),
    ] {
        report.figure(&Figure {
            part: "sync",
            what,
            value: median(walls).unwrap_or(f64::NAN),
            unit: "s",
            // What is wanted is of 100,000 records.
            goal: if documents == 100_000 { Goal::AtMost(goal) } else { Goal::None },
            processor: Some(processor),
            how: &how,
        });
    }
    Ok(())
}

/// What pushes waited at one size of the hub.
struct Size {
    records: usize,
    batches: Waits,
    singles: Waits,
}

/// Fills a hub further and further, and writes to it at each size.
pub(crate) fn growth(
    report: &Report,
    binary: &Path,
    sizes: &[usize],
    pushes: usize,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::start(binary, folder.path())?;
    let mut writer = Writer::open(&hub, "growth", sizes.iter().copied().max().unwrap_or(0))?;
    let (mut filled, mut found) = (0, Vec::new());
    let processor = hub.processor_time();
    for &size in sizes {
        while filled < size {
            let next = size.min(filled + FILL_BATCH);
            writer.push(filled..next)?;
            filled = next;
        }
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        let mut record = || {
            // A linear generator: which records are written is the same on every machine.
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(dice >> 33).unwrap_or_default() % size
        };
        let mut measured = |operations: usize, pushes: usize| {
            let waits = (0..pushes).map(|_| {
                let records: Vec<usize> = (0..operations).map(|_| record()).collect();
                writer.push(records)
            });
            waits.collect::<Result<Vec<_>, _>>().map(Waits::new)
        };
        let (batches, singles) = (measured(100, pushes)?, measured(1, pushes)?);
        report.say(&format!(
            "  {size} records: pushes of 100 p50 {:.2} ms, p95 {:.2}; of one p50 {:.2}, p95 {:.2}; {} MiB resident, load \
             {:.2}",
            batches.at_share_ms(0.5),
            batches.at_share_ms(0.95),
            singles.at_share_ms(0.5),
            singles.at_share_ms(0.95),
            hub.resident_bytes() >> 20,
            load()
        ));
        found.push(Size { records: size, batches, singles });
    }
    let (Some(first), Some(last)) = (found.first(), found.last()) else { return Ok(()) };
    let how = format!(
        "p50 of {pushes} pushes by one client that waits for each, to random records of {} and of {}",
        first.records, last.records
    );
    for (what, small, large) in [
        ("a push of 100 at the end to one at the beginning", &first.batches, &last.batches),
        ("a push of one at the end to one at the beginning", &first.singles, &last.singles),
    ] {
        report.figure(&Figure {
            part: "growth",
            what,
            value: large.at_share_ms(0.5) / small.at_share_ms(0.5),
            unit: "×",
            goal: Goal::AtMost(1.5),
            processor: Some(hub.processor_time() - processor),
            how: &how,
        });
    }
    Ok(())
}
