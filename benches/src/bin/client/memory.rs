//! What records take in memory, in a client of Node that has fetched them.

use std::error::Error;

use serde_json::json;
use syncline_benches::report::{Figure, Goal, Report};

use crate::contender::{Adapter, Programs, Ran, Side};

/// Measures our client, PouchDB and RxDB. What is held is the same in every run, so one is enough.
pub(crate) fn measure(
    report: &Report,
    programs: &Programs,
    documents: u64,
) -> Result<(), Box<dyn Error>> {
    let mebibytes = |ran: &Ran| ran.number("heap_bytes") / f64::from(1 << 20);
    let said = |name: &str, ran: &Ran| {
        let resident = ran.number("rss_bytes") / f64::from(1 << 20);
        report.say(&format!(
            "  {name}: {:.1} MiB of heap, {resident:.1} MiB resident",
            mebibytes(ran)
        ));
    };
    report.say(&format!("memory: {documents} records, after garbage is collected"));
    let rxdb = programs.run("rxdb.mjs", &json!({ "count": documents }))?;
    said("RxDB in memory", &rxdb);
    for adapter in [Adapter::Memory, Adapter::Disk] {
        let mut held = Vec::new();
        for side in [Side::Ours, Side::Pouch] {
            let folder = tempfile::tempdir()?;
            let server = programs.serve(side, folder.path())?;
            let client = |task: &str| {
                programs.client(&server, task, adapter, documents, &folder.path().join(task))
            };
            client("push")?;
            let pull = client("pull")?;
            said(&format!("{} in {}", side.name(), adapter.name()), &pull);
            held.push(mebibytes(&pull));
        }
        let [ours, pouch] = held[..] else { return Err("two sides are measured".into()) };
        let peers = if adapter == Adapter::Memory { pouch.min(mebibytes(&rxdb)) } else { pouch };
        let rxdb = format!(", RxDB's in memory {:.1}", mebibytes(&rxdb));
        let how = format!(
            "heap and what hangs on it, after {documents} records were fetched; PouchDB's {pouch:.1}{rxdb}"
        );
        report.figure(&Figure {
            part: "memory",
            what: &format!("what {documents} records take, in {}", adapter.name()),
            value: ours,
            unit: "MiB",
            goal: Goal::AtMost(peers),
            processor: None,
            how: &how,
        });
    }
    Ok(())
}
