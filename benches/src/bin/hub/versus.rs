//! Our client and hub, and PouchDB with express-pouchdb, doing the same in turn.
//!
//! A client that holds documents pushes them to a server that has none, and another that has none pulls them.
//! On both sides server and clients are programs of this machine that keep what they hold in files of their
//! own, and sync every write to disk before they answer for it: SQLite on ours, LevelDB on the peer's.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use syncline_benches::duel::median;

use crate::device::{Took, fill, sync};
use crate::peer::Programs;
use syncline_benches::report::{Figure, Goal, Report};
use syncline_benches::served::Hub;

/// Measures rounds of both sides, in turn, and says how many times as fast ours is.
pub(crate) fn measure(
    report: &Report,
    binary: &Path,
    documents: u64,
    rounds: u64,
) -> Result<(), Box<dyn Error>> {
    let programs = Programs::install()?;
    report.say(&format!(
        "versus: {documents} documents of some 200 bytes; server and clients keep them in files (ours SQLite, the peer \
         LevelDB), and sync every write to disk"
    ));
    let (mut pushes, mut pulls) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let mut hub_time = [Duration::ZERO; 2];
    for round in 0..rounds {
        // Who begins changes from round to round.
        for turn in [round % 2, (round + 1) % 2] {
            let (side, name) = if turn == 0 { (0, "ours") } else { (1, "peer") };
            let folder = tempfile::tempdir()?;
            let took = match side {
                0 => ours(binary, folder.path(), documents)?,
                _ => peers(&programs, folder.path(), documents)?,
            };
            for (index, (what, rates)) in
                [("push", &mut pushes), ("pull", &mut pulls)].into_iter().enumerate()
            {
                let Took { wall, server, client } = took[index];
                let rate = documents as f64 / wall.as_secs_f64();
                rates[side].push(rate);
                if side == 0 {
                    hub_time[index] += server;
                }
                report.say(&format!(
                    "  round {round}, {name}: {what} {rate:.0}/s, {:.2} s of the processor in the server, {:.2} in \
                     the client",
                    server.as_secs_f64(),
                    client.as_secs_f64()
                ));
            }
        }
    }
    for (index, (what, rates, goal)) in
        [("push", pushes, 12.0), ("pull", pulls, 30.0)].into_iter().enumerate()
    {
        let [ours, peer] = rates.map(|rates| median(rates).unwrap_or(f64::NAN));
        let how = format!(
            "medians of {rounds} rounds in turn: ours {ours:.0}/s, the peer {peer:.0}/s; ours from opening its file \
             until the hub has answered all"
        );
        report.figure(&Figure {
            part: "versus",
            what: &format!("{what} of the Rust client to PouchDB's"),
            value: ours / peer,
            unit: "×",
            goal: Goal::AtLeast(goal),
            processor: Some(hub_time[index]),
            how: &how,
        });
    }
    Ok(())
}

/// Lets our client push and another pull.
fn ours(binary: &Path, folder: &Path, documents: u64) -> Result<[Took; 2], Box<dyn Error>> {
    let hub = Hub::start(binary, folder)?;
    let file = folder.join("writer.db");
    fill(&file, documents)?;
    Ok([sync(&hub, &file, documents)?, sync(&hub, &folder.join("reader.db"), documents)?])
}

/// Lets the peer's client push and another pull.
fn peers(programs: &Programs, folder: &Path, documents: u64) -> Result<[Took; 2], Box<dyn Error>> {
    let server = programs.serve(&folder.join("server"))?;
    let mut took = Vec::new();
    for mode in ["push", "pull"] {
        let before = server.processor_time();
        let told = programs.replicate(&server, mode, documents, &folder.join(mode))?;
        if told.documents != documents as f64 {
            return Err(format!("the peer: {mode} of {} documents", told.documents).into());
        }
        took.push(Took {
            wall: Duration::from_secs_f64(told.seconds),
            server: server.processor_time() - before,
            client: told.processor,
        });
    }
    took.try_into().map_err(|_| "the peer does two things".into())
}
