//! Our client and hub, and PouchDB with express-pouchdb, doing the same in turn, in Node.
//!
//! A client that holds documents pushes them to a server that has none, and another that has none pulls them. Both
//! servers sync every write to disk; clients keep what they hold in memory, or on disk: ours in SQLite, the peer
//! in LevelDB.

use std::error::Error;
use std::time::Duration;

use syncline_benches::report::{Figure, Goal, Report};

use crate::contender::{Adapter, Programs, Ran, Side};
use crate::rounds::{Rounds, middle};

/// What one side did in a round.
struct Turn {
    push: Ran,
    pull: Ran,
    server: Duration,
}

/// Measures both sides with each adapter.
pub(crate) fn measure(
    report: &Report,
    programs: &Programs,
    rounds: &Rounds,
    documents: u64,
) -> Result<(), Box<dyn Error>> {
    for adapter in [Adapter::Memory, Adapter::Disk] {
        let kind = adapter.name();
        report.say(&format!("versus: {documents} documents of some 200 bytes, clients in {kind}"));
        let found = rounds.run(report, |round| {
            let sides = [Side::Ours, Side::Pouch];
            // Who begins changes from round to round.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            let (mut turns, mut own) = ([None, None], Duration::ZERO);
            for index in order {
                let turn = turn(programs, sides[index], adapter, documents)?;
                own += turn.push.processor + turn.pull.processor + turn.server;
                say(report, round, sides[index], &turn, documents);
                turns[index] = Some(turn);
            }
            let [ours, peer] = turns.map(|turn| turn.ok_or("a side that did nothing"));
            Ok(([ours?, peer?], own))
        })?;
        figures(report, adapter, &found, documents);
    }
    Ok(())
}

fn turn(
    programs: &Programs,
    side: Side,
    adapter: Adapter,
    documents: u64,
) -> Result<Turn, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let server = programs.serve(side, folder.path())?;
    let client =
        |task: &str| programs.client(&server, task, adapter, documents, &folder.path().join(task));
    let (push, pull) = (client("push")?, client("pull")?);
    Ok(Turn { push, pull, server: server.processor_time() })
}

fn say(report: &Report, round: u32, side: Side, turn: &Turn, documents: u64) {
    for (what, ran) in [("push", &turn.push), ("pull", &turn.pull)] {
        report.say(&format!(
            "  round {round}, {}: {what} {:.0}/s, {:.2} s of the processor in the client, {} requests",
            side.name(),
            rate(ran, documents),
            ran.number("cpu_ms") / 1_000.0,
            ran.number("requests"),
        ));
    }
    report.say(&format!("    {:.2} s of the processor in the server", turn.server.as_secs_f64()));
}

fn rate(ran: &Ran, documents: u64) -> f64 {
    documents as f64 / (ran.number("ms") / 1_000.0)
}

fn figures(report: &Report, adapter: Adapter, found: &[[Turn; 2]], documents: u64) {
    let kind = adapter.name();
    let processor = found.iter().map(|[ours, _]| ours.server).sum();
    let figure = |what: &str, value, unit, goal, how: &str| {
        let processor = Some(processor);
        report.figure(&Figure { part: "versus", what, value, unit, goal, processor, how });
    };
    for (what, of) in [("push", push as fn(&Turn) -> &Ran), ("pull", pull)] {
        let at = |side: usize| middle(found, |turns| rate(of(&turns[side]), documents));
        let (ours, peer) = (at(0), at(1));
        let how = format!(
            "medians of {} rounds in turn: ours {ours:.0}/s, the peer {peer:.0}/s",
            found.len()
        );
        let what = format!("{what} in {kind}, to PouchDB's");
        figure(&what, ours / peer, "×", Goal::AtLeast(10.0), &how);
    }
    let [ours, peer] =
        [0, 1].map(|side| middle(found, |turns| turns[side].push.number("requests")));
    let seconds = middle(found, |[ours, _]| ours.push.number("ms") / 1_000.0);
    let how =
        format!("{documents} operations that waited, from going online until all are answered");
    figure(&format!("a queue is sent from {kind}"), seconds, "s", Goal::AtMost(0.6), &how);
    let messages = middle(found, |[ours, _]| ours.push.number("messages"));
    let how = format!(
        "for the same, with {messages} messages over a WebSocket; the peer makes {peer} requests for as many documents"
    );
    figure(&format!("requests, from {kind}"), ours, "", Goal::AtMost(12.0), &how);
}

const fn push(turn: &Turn) -> &Ran {
    &turn.push
}

const fn pull(turn: &Turn) -> &Ran {
    &turn.pull
}
