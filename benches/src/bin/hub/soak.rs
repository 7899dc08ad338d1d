//! A steady load for minutes, then an end without a warning: is everything there that was acknowledged, and does the
//! hub's memory grow?

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::load::Writer;
use syncline_benches::http::Connection;
use syncline_benches::report::{Figure, Goal, Report, load};
use syncline_benches::served::Hub;
use syncline_benches::waits::Waits;

/// Clients that write.
const CLIENTS: u64 = 8;
/// Operations of a request.
const BATCH: usize = 100;
/// Records of each client.
const RECORDS: usize = 2_000;
/// The memory is looked at over so long at the end.
const SLOPE_OF: Duration = Duration::from_secs(300);

/// Writes so many operations a second for a time, kills the hub, and looks what it has when it is back.
pub(crate) fn measure(
    report: &Report,
    binary: &Path,
    per_second: u64,
    lasts: Duration,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let Ran { writers, mut samples, processor, wall } =
        run(report, binary, folder.path(), per_second, lasts)?;
    let hub = Hub::start(binary, folder.path())?;
    let lost = lost(&hub, &writers)?;
    let (waits, writers): (Vec<_>, Vec<_>) =
        writers.into_iter().map(|Wrote { waits, writer }| (waits, writer)).unzip();
    let acknowledged: u64 = writers.iter().map(Writer::acknowledged_in_all).sum();
    let refused: u64 = writers.iter().map(|writer| writer.refused).sum();
    if refused > 0 {
        return Err(format!("{refused} operations were not applied").into());
    }
    let rate = acknowledged as f64 / wall.as_secs_f64();
    let waits = Waits::new(waits.concat());
    let how = format!(
        "{acknowledged} acknowledged operations in {:.0} s, {per_second}/s asked for, {CLIENTS} clients with {BATCH} in a \
         request; p95 of the answer {:.1} ms, p99 {:.1}, from the time when the request was due",
        wall.as_secs_f64(),
        waits.at_share_ms(0.95),
        waits.at_share_ms(0.99)
    );
    let figure = |what: &str, value: f64, unit, goal, how: &str| {
        let processor = Some(processor);
        report.figure(&Figure { part: "soak", what, value, unit, goal, processor, how });
    };
    figure("pushed", rate, "op/s", Goal::AtLeast(per_second as f64 * 0.99), &how);
    let how = format!(
        "records that are older than what was acknowledged of them when the hub was killed, and operations of the last \
         requests that it takes for new ones, of {} records of {CLIENTS} clients",
        CLIENTS * RECORDS as u64
    );
    figure("lost", lost as f64, "", Goal::AtMost(0.0), &how);
    let end = samples.last().map_or(0.0, |(at, _)| *at);
    let from = end - (end / 2.0).min(SLOPE_OF.as_secs_f64() / 60.0);
    samples.retain(|(at, _)| *at >= from);
    let how = format!(
        "line through the resident memory of the last {:.1} min, once a second",
        end - from
    );
    figure("memory grows by", slope(&samples), "MiB/min", Goal::AtMost(1.0), &how);
    if lost > 0 {
        return Err(format!("{lost} of what was acknowledged is lost").into());
    }
    Ok(())
}

/// What became of a load.
struct Ran {
    writers: Vec<Wrote>,
    /// The resident memory of the hub in MiB, by minutes.
    samples: Vec<(f64, f64)>,
    processor: Duration,
    wall: Duration,
}

/// Writes for a time, and kills the hub while all write.
fn run(
    report: &Report,
    binary: &Path,
    folder: &Path,
    per_second: u64,
    lasts: Duration,
) -> io::Result<Ran> {
    let mut hub = Hub::start(binary, folder)?;
    let is_over = AtomicBool::new(false);
    let before = hub.processor_time();
    let every = Duration::from_secs_f64((CLIENTS * BATCH as u64) as f64 / per_second as f64);
    std::thread::scope(|scope| {
        let start = Instant::now();
        let threads: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let writer = Writer::open(&hub, &format!("soak-{client}"), RECORDS);
                let begins = start + every.mul_f64(client as f64 / CLIENTS as f64);
                let is_over = &is_over;
                scope.spawn(move || write(writer?, begins, every, is_over))
            })
            .collect();
        let (mut samples, mut minutes) = (Vec::new(), 0);
        while start.elapsed() < lasts && !threads.iter().any(|thread| thread.is_finished()) {
            std::thread::sleep(Duration::from_secs(1));
            let memory = hub.resident_bytes();
            samples
                .push((start.elapsed().as_secs_f64() / 60.0, memory as f64 / f64::from(1 << 20)));
            if start.elapsed().as_secs() / 60 > minutes {
                minutes += 1;
                report.say(&format!(
                    "  {minutes} min: {} MiB resident, load {:.2}",
                    memory >> 20,
                    load()
                ));
            }
        }
        let (processor, wall) = (hub.processor_time() - before, start.elapsed());
        is_over.store(true, Ordering::SeqCst);
        hub.kill()?;
        let writers = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
        });
        let writers = writers.collect::<io::Result<_>>()?;
        Ok(Ran { writers, samples, processor, wall })
    })
}

/// A client that has written until the hub was gone.
struct Wrote {
    writer: Writer,
    waits: Vec<Duration>,
}

/// Sends a request whenever one is due, or at once if it is late.
fn write(
    mut writer: Writer,
    begins: Instant,
    every: Duration,
    is_over: &AtomicBool,
) -> io::Result<Wrote> {
    let (mut due, mut waits, mut at) = (begins, Vec::new(), 0);
    loop {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        match writer.push((0..BATCH).map(|index| (at + index * 19) % RECORDS)) {
            Ok(_) => waits.push(due.elapsed()),
            Err(_) if is_over.load(Ordering::SeqCst) => return Ok(Wrote { writer, waits }),
            Err(error) => return Err(error),
        }
        at = (at + 1) % RECORDS;
        due += every;
    }
}

/// Counts what a hub lacks of what it had acknowledged.
fn lost(hub: &Hub, writers: &[Wrote]) -> Result<u64, Box<dyn Error>> {
    let mut connection = Connection::open(hub.address, &hub.token)?;
    let (mut address, mut lost, mut seen) = ("/v1/pull?limit=1000".to_owned(), 0, 0);
    loop {
        let (status, page) = connection.send("GET", &address, b"")?;
        let page: Value = serde_json::from_slice(page)?;
        let Some(changes) = page["changes"].as_array() else {
            return Err(format!("{status}: {page}").into());
        };
        for change in changes {
            let id = change["id"].as_str().unwrap_or_default();
            // The note is the counter of the operation that wrote last.
            let note = change["record"]["note"].as_str().and_then(|note| note.parse().ok());
            let of = |wrote: &&Wrote| wrote.writer.owns(id);
            let Some(wrote) = writers.iter().find(of) else { continue };
            let Some(last) = wrote.writer.acknowledged(id) else { continue };
            seen += 1;
            lost += u64::from(note.is_none_or(|note: u64| note < last));
        }
        if page["more"] != true {
            break;
        }
        let cursor = page["cursor"].as_str().unwrap_or_default();
        address = format!("/v1/pull?limit=1000&cursor={cursor}");
    }
    let wanted: u64 = writers.iter().map(|wrote| wrote.writer.records_acknowledged()).sum();
    lost += wanted.saturating_sub(seen);
    for wrote in writers {
        let (status, answer) =
            connection.send("POST", "/v1/push", wrote.writer.last_acknowledged().as_bytes())?;
        let answer: Value = serde_json::from_slice(answer)?;
        let results = answer["results"].as_array().ok_or_else(|| format!("{status}: {answer}"))?;
        lost += results.iter().filter(|result| result["status"] != "duplicate").count() as u64;
    }
    Ok(lost)
}

/// Returns the slope of the line that fits points best.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    above / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line() {
        let points: Vec<_> = (0..50).map(|x| (f64::from(x), 7.0 + 3.0 * f64::from(x))).collect();
        assert!((slope(&points) - 3.0).abs() < 1e-9);
    }
}
