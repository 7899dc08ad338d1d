//! How long events are under way: where nothing else is, at a load, and beside endpoints that do not work.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use syncline_benches::disk;
use syncline_benches::duel::median;
use syncline_benches::report::{Figure, Goal, Report};
use syncline_benches::waits::Waits;

use crate::load::{Endpoint, Load, endpoints};
use crate::receiver::{Answers, Receiver};
use crate::rounds::Rounds;
use crate::sender::Sender;

/// How long deliveries may take to come.
const PATIENCE: Duration = Duration::from_secs(120);
/// Events per second, one by one, of a hub that has nothing else to do.
const SINGLE_PER_SECOND: f64 = 50.0;
/// How long a load is kept up, in seconds.
const LOADED_S: f64 = 10.0;
/// Events per second beside endpoints that do not work, and for how many seconds.
const BESIDE: (f64, f64) = (200.0, 8.0);
/// How long an endpoint that hangs is waited for: shorter than a round, so that what comes then is measured as well.
const HANGS_MS: u64 = 2_000;

/// Events, how many in a request, over how many connections, how many per second.
#[derive(Clone, Copy, Debug)]
struct Pace {
    events: u64,
    at_once: usize,
    connections: usize,
    per_second: f64,
}

/// Returns how long each event took to a receiver, and the hub's processor time.
fn waits(
    binary: &Path,
    pace: Pace,
    others: &[(Endpoint<'_>, &Receiver)],
) -> Result<(Waits, Duration), Box<dyn Error>> {
    let Pace { events, at_once, connections, per_second } = pace;
    let load = Load::new((0, events), at_once, &|_| "enrollment.created".to_owned());
    let receiver = Receiver::start(Answers::Taken, events)?;
    let hub = Sender::hub(binary)?;
    endpoints(&hub.door, &receiver, [Endpoint { in_flight: 256, ..Endpoint::default() }])?;
    for (other, receiver) in others {
        endpoints(&hub.door, receiver, [*other])?;
    }
    let begins = load.emit(&hub.door, connections, Some(per_second))?;
    receiver.wait_for(events, PATIENCE)?;
    Ok((receiver.waits(&begins)?, hub.family.processor_time()))
}

/// Measures events one by one, and at a load.
///
/// - `loaded`: events per second of the load.
pub(crate) fn measure(
    report: &Report,
    binary: &Path,
    rounds: &Rounds,
    (single, loaded): (u64, f64),
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let disk = disk::syncs(folder.path(), 200)?;
    let disk = format!(
        "the disk itself takes p50 {:.2} ms, p95 {:.2} ms to append a page and sync it",
        disk.at_share_ms(0.5),
        disk.at_share_ms(0.95)
    );
    let unloaded =
        Pace { events: single, at_once: 1, connections: 1, per_second: SINGLE_PER_SECOND };
    let events = (loaded * LOADED_S) as u64;
    let loaded = Pace { events, at_once: 50, connections: 8, per_second: loaded };
    let courses = [
        ("emit to receipt, unloaded, p95", unloaded, 20.0),
        ("at 80 % load, p95", loaded, 1_000.0),
    ];
    for (what, pace, wanted) in courses {
        let found = rounds.run(report, |_| waits(binary, pace, &[]))?;
        let at = |share: f64| {
            median(found.each.iter().map(|(waits, _)| waits.at_share_ms(share))).unwrap_or(f64::NAN)
        };
        let how = format!(
            "median of {} rounds of {} events, {:.0} a second, {} in a request, from the beginning of that until the \
             receiver has verified it; p50 {:.1} ms; {disk}; {}",
            rounds.count,
            pace.events,
            pace.per_second,
            pace.at_once,
            at(0.5),
            found.noise
        );
        report.figure(&Figure {
            part: "waits",
            what,
            value: at(0.95),
            unit: "ms",
            goal: Goal::AtMost(wanted),
            processor: Some(found.each.iter().map(|(_, processor)| *processor).sum()),
            how: &how,
        });
    }
    Ok(())
}

/// Measures an endpoint beside one that hangs and one that fails, and without them, in turn.
pub(crate) fn beside(
    report: &Report,
    binary: &Path,
    rounds: &Rounds,
) -> Result<(), Box<dyn Error>> {
    let (per_second, seconds) = BESIDE;
    let events = (per_second * seconds) as u64;
    let pace = Pace { events, at_once: 1, connections: 4, per_second };
    let found = rounds.run(report, |round| {
        let hanging = Receiver::start(Answers::Never, 0)?;
        let failing = Receiver::start(Answers::Failed, 0)?;
        let hangs = Endpoint { id: "hanging", timeout_ms: HANGS_MS, ..Endpoint::default() };
        let fails = Endpoint { id: "failing", ..Endpoint::default() };
        let others = [(hangs, &hanging), (fails, &failing)];
        let mut p95s = [0.0; 2];
        // Who begins changes from round to round.
        for turn in [round % 2, (round + 1) % 2] {
            let others = if turn == 0 { &[][..] } else { &others[..] };
            let (waits, _) = waits(binary, pace, others)?;
            p95s[turn as usize] = waits.at_share_ms(0.95);
        }
        let [alone, beside] = p95s;
        report
            .say(&format!("  round {round}: p95 alone {alone:.2} ms, beside them {beside:.2} ms"));
        Ok(p95s)
    })?;
    let middle = |index: usize| median(found.each.iter().map(|p95s| p95s[index]));
    let [alone, beside] = [0, 1].map(|index| middle(index).unwrap_or(f64::NAN));
    let how = format!(
        "{per_second} events a second for {seconds} s, one in a request, medians of {} rounds of both in turn: alone \
         {alone:.2} ms, beside them {beside:.2} ms; {}",
        rounds.count, found.noise
    );
    report.figure(&Figure {
        part: "beside",
        what: "p95 beside a hanging and a failing endpoint, to without them",
        value: beside / alone,
        unit: "×",
        goal: Goal::AtMost(1.1),
        processor: None,
        how: &how,
    });
    Ok(())
}
