//! Our client in Chromium with IndexedDB, and both peers doing the same there.

use std::error::Error;

use serde_json::{Value, json};
use syncline_benches::report::{Figure, Goal, Report};

use crate::contender::Programs;
use crate::rounds::{Rounds, middle};

/// Who stores in the browser; ours comes first.
const CONTENDERS: [&str; 3] = ["syncline", "rxdb", "pouchdb"];
/// What each of them does, with the name of the figure.
const TASKS: [(&str, &str); 6] = [
    ("insert", "one message is inserted"),
    ("serial", "20 messages are inserted one after the other"),
    ("bulk", "1,000 messages are inserted at once"),
    ("query", "50 of 10,000 are found, filtered and sorted"),
    ("live", "a live query shows an edit"),
    ("open", "a store of 10,000 is opened and shows its first query"),
];

/// Measures what one page does by itself.
pub(crate) fn alone(
    report: &Report,
    programs: &Programs,
    rounds: &Rounds,
) -> Result<(), Box<dyn Error>> {
    let found = rounds.run(report, |round| {
        let asked = json!({ "task": "alone", "contenders": CONTENDERS, "round": round });
        let (told, processor) = programs.document("browser.mjs", &asked)?;
        for name in CONTENDERS {
            let times =
                TASKS.map(|(task, _)| format!("{task} {:.2}", number(&told, name, task, "p50")));
            report.say(&format!("  round {round}, {name}: {} ms", times.join(", ")));
        }
        // The processor time of browsers is in it: they are children of the program.
        Ok((told, processor))
    })?;
    for (task, what) in TASKS {
        let at = |name: &str, share: &str| middle(&found, |told| number(told, name, task, share));
        let [ours, rxdb, pouch] = CONTENDERS.map(|name| at(name, "p50"));
        let how = format!(
            "medians of {} rounds in turn, Chromium with IndexedDB: RxDB with Dexie {rxdb:.2} ms, PouchDB {pouch:.2} ms; p95 of ours {:.2}",
            found.len(),
            at("syncline", "p95"),
        );
        // An opening reads all records, so that queries need not: what it costs stands beside them.
        let goal = if task == "open" { Goal::None } else { Goal::AtMost(rxdb.min(pouch)) };
        let (part, unit) = ("browser", "ms");
        report.figure(&Figure { part, what, value: ours, unit, goal, processor: None, how: &how });
    }
    Ok(())
}

/// Measures how soon others see an edit.
pub(crate) fn together(
    report: &Report,
    programs: &Programs,
    rounds: &Rounds,
) -> Result<(), Box<dyn Error>> {
    let found = rounds
        .run(report, |_| Ok(programs.document("browser.mjs", &json!({ "task": "together" }))?))?;
    for (task, what, most) in [
        ("tabs", "an edit in a tab is shown in another, without a server, p95", 10.0),
        ("browsers", "an edit in a browser is shown in another, p95", 50.0),
    ] {
        let at = |share: &str| middle(&found, |told| number(told, "syncline", task, share));
        let bare = middle(&found, |told| number(told, "channel", "tabs", "p95"));
        let how = format!(
            "{} rounds; p50 {:.2} ms; a bare message of a BroadcastChannel takes {bare:.2} ms, p95",
            found.len(),
            at("p50"),
        );
        let (part, unit, goal) = ("tabs", "ms", Goal::AtMost(most));
        report.figure(&Figure {
            part,
            what,
            value: at("p95"),
            unit,
            goal,
            processor: None,
            how: &how,
        });
    }
    Ok(())
}

fn number(told: &Value, name: &str, task: &str, share: &str) -> f64 {
    told[name][task][share].as_f64().unwrap_or(f64::NAN)
}
