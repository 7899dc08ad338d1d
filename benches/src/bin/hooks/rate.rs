//! How many deliveries there are in a second: of a hub to one endpoint and to a thousand, and of peers.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use syncline_benches::duel::median;
use syncline_benches::family::Peak;
use syncline_benches::report::{Figure, Goal, Report};

use crate::load::{Endpoint, Load, endpoints};
use crate::peer::Programs;
use crate::receiver::{Answers, Receiver};
use crate::rounds::{Found, Rounds};
use crate::sender::{Sender, Who};

/// Events in a request, and connections that emit: enough for all contenders to be always busy.
const EMIT: (usize, usize) = (250, 8);
/// Events that go before what is measured: V8 has compiled what matters then, and connections are open.
const WARM_UP: u64 = 3_000;
/// How long a round may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a round found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) per_second: f64,
    /// Processor time of whoever delivers, with all processes.
    pub(crate) processor: Duration,
    /// The most memory of all its processes.
    pub(crate) bytes: u64,
    pub(crate) body_bytes: u64,
    pub(crate) again: u64,
}

impl Round {
    fn said(&self, who: &str, events: u64) -> String {
        let Self { per_second, processor, bytes, body_bytes, again } = self;
        let again = if *again > 0 { format!(", {again} came twice") } else { String::new() };
        format!(
            "{who}: {per_second:.0}/s, {:.0} µs of the processor for each, {} MiB at most, bodies of {body_bytes} bytes{again}",
            processor.as_secs_f64() * 1e6 / events as f64,
            bytes >> 20
        )
    }
}

/// Has events delivered, from the first request that emits until all of them were received.
fn deliver(
    sender: &Sender,
    receiver: &Receiver,
    events: u64,
    kind: &dyn Fn(u64) -> String,
) -> Result<Round, Box<dyn Error>> {
    let warm_up = Load::new((0, WARM_UP), EMIT.0, kind);
    warm_up.emit(&sender.door, EMIT.1, None)?;
    receiver.wait_for(WARM_UP, PATIENCE)?;
    let load = Load::new((WARM_UP, WARM_UP + events), EMIT.0, kind);
    let peak = Peak::watch(sender.family.clone());
    let (before, begun) = (sender.family.processor_time(), Instant::now());
    load.emit(&sender.door, EMIT.1, None)?;
    receiver.wait_for(WARM_UP + events, PATIENCE)?;
    let per_second = events as f64 / begun.elapsed().as_secs_f64();
    let processor = sender.family.processor_time().saturating_sub(before);
    let bytes = peak.end();
    let (body_bytes, again) = (receiver.body_bytes(), receiver.again());
    Ok(Round { per_second, processor, bytes, body_bytes, again })
}

/// A hub that delivers to some endpoints, each event to one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    pub(crate) part: &'static str,
    pub(crate) what: &'static str,
    pub(crate) endpoints: u64,
    /// How many sends an endpoint may have under way.
    pub(crate) in_flight: u64,
    pub(crate) wanted: f64,
}

/// Measures a course, and returns its rate.
pub(crate) fn measure(
    report: &Report,
    binary: &Path,
    rounds: &Rounds,
    events: u64,
    course: Course,
) -> Result<f64, Box<dyn Error>> {
    let kind = |number: u64| format!("enrollment.e{}", number % course.endpoints);
    let found = rounds.run(report, |round| {
        let receiver = Receiver::start(Answers::Taken, WARM_UP + events)?;
        let sender = Sender::hub(binary)?;
        let names: Vec<_> =
            (0..course.endpoints).map(|number| (format!("e{number}"), kind(number))).collect();
        let wanted = names.iter().map(|(id, events)| Endpoint {
            id,
            events,
            in_flight: course.in_flight,
            ..Endpoint::default()
        });
        endpoints(&sender.door, &receiver, wanted)?;
        let found = deliver(&sender, &receiver, events, &kind)?;
        report.say(&format!("  round {round}, {}", found.said(course.part, events)));
        Ok(found)
    })?;
    let rate = middle(&found.each, |round| round.per_second);
    let how = format!(
        "median of {} rounds of {events} events, from the first request that emits until all are verified; each attempt \
         is counted on disk before it is made, and its outcome kept; {}",
        rounds.count, found.noise
    );
    report.figure(&Figure {
        part: course.part,
        what: course.what,
        value: rate,
        unit: "/s",
        goal: Goal::AtLeast(course.wanted),
        processor: Some(found.each.iter().map(|round| round.processor).sum()),
        how: &how,
    });
    Ok(rate)
}

/// Measures a hub and the peers in turn.
pub(crate) fn versus(
    report: &Report,
    binary: &Path,
    rounds: &Rounds,
    events: u64,
    programs: &Programs,
) -> Result<(), Box<dyn Error>> {
    report.say(&format!(
        "versus: {events} events to one endpoint, the same requests and the same receiver; peers have a log that is synced \
         before it answers, as ours, keep no order of a record, and remove or keep jobs as they do by themselves"
    ));
    let kind = |_| "enrollment.created".to_owned();
    let found = rounds.run(report, |round| {
        let mut all = Vec::new();
        for turn in 0..Who::ALL.len() {
            // Who begins changes from round to round.
            let who = Who::ALL[(turn + round as usize) % Who::ALL.len()];
            let receiver = Receiver::start(Answers::Taken, WARM_UP + events)?;
            let sender = Sender::start(who, binary, programs, &receiver)?;
            let found = deliver(&sender, &receiver, events, &kind)?;
            report.say(&format!("  round {round}, {}", found.said(who.name(), events)));
            all.push((who, found));
        }
        Ok(all)
    })?;
    compare(report, &found);
    Ok(())
}

fn compare(report: &Report, found: &Found<Vec<(Who, Round)>>) {
    let of = |who: Who, value: fn(&Round) -> f64| {
        let rounds = found.each.iter().flatten().filter(|(one, _)| *one == who);
        median(rounds.map(|(_, round)| value(round))).unwrap_or(f64::NAN)
    };
    let rate = |who| of(who, |round| round.per_second);
    let memory = |who| of(who, |round| round.bytes as f64 / f64::from(1 << 20));
    let durable = [Who::BullMq, Who::PgBoss];
    let better = if rate(durable[0]) >= rate(durable[1]) { durable[0] } else { durable[1] };
    let ours = found.each.iter().flatten().filter(|(who, _)| *who == Who::Ours);
    let processor = ours.map(|(_, round)| round.processor).sum();
    let each = |unit: &str, value: &dyn Fn(Who) -> f64| {
        let all = Who::ALL.map(|who| format!("{} {:.0} {unit}", who.name(), value(who)));
        format!(
            "medians of {} rounds in turn: {}; {}",
            found.each.len(),
            all.join("; "),
            found.noise
        )
    };
    report.figure(&Figure {
        part: "versus",
        what: &format!("deliveries per second, to those of {}, the faster peer", better.name()),
        value: rate(Who::Ours) / rate(better),
        unit: "×",
        goal: Goal::AtLeast(3.0),
        processor: Some(processor),
        how: &each("/s", &rate),
    });
    report.figure(&Figure {
        part: "versus",
        what: &format!("memory, to that of {}", better.name()),
        value: memory(Who::Ours) / memory(better),
        unit: "×",
        goal: Goal::AtMost(0.5),
        processor: None,
        how: &format!("of all processes, pages that they share once; {}", each("MiB", &memory)),
    });
}

fn middle(found: &[Round], of: impl Fn(&Round) -> f64) -> f64 {
    median(found.iter().map(of)).unwrap_or(f64::NAN)
}
