//! What records take in memory, in a client of Node that has fetched them.

use std::error::Error;

use serde_json::json;
use syncline_benches::report::{Figure, Goal, Report};

use crate::contender::{Adapter, Programs, Ran, Side};

/// How many times as many records are held for the second look: what a client takes without any is not counted.
const TIMES: u32 = 4;

/// Measures our client, PouchDB and RxDB. What is held is the same in every run, so one is enough.
pub(crate) fn measure(
    report: &Report,
    programs: &Programs,
    documents: u64,
) -> Result<(), Box<dyn Error>> {
    let many = documents * u64::from(TIMES);
    report.say(&format!("memory: what {many} records take more than {documents}, per {documents}"));
    let said = |name: &str, grown: f64| report.say(&format!("  {name}: {grown:.2} MiB"));
    let filled = |count: u64| Ok(programs.run("rxdb.mjs", &json!({ "count": count }))?);
    let rxdb = grown(documents, filled)?;
    said("RxDB in memory", rxdb);
    for adapter in [Adapter::Memory, Adapter::Disk] {
        let fetched = |side: Side| {
            grown(documents, |count| {
                let folder = tempfile::tempdir()?;
                let server = programs.serve(side, folder.path())?;
                let client = |task: &str| {
                    programs.client(&server, task, adapter, count, &folder.path().join(task))
                };
                client("push")?;
                Ok(client("pull")?)
            })
        };
        let (ours, pouch) = (fetched(Side::Ours)?, fetched(Side::Pouch)?);
        said(&format!("ours in {}", adapter.name()), ours);
        said(&format!("PouchDB in {}", adapter.name()), pouch);
        // On disk the peer holds no records in memory at all: there is nothing to be below of.
        let goal = match adapter {
            Adapter::Memory => Goal::AtMost(pouch.min(rxdb)),
            Adapter::Disk => Goal::None,
        };
        let how = format!(
            "heap and what hangs on it, after garbage is collected; PouchDB's {pouch:.2}, RxDB's in memory {rxdb:.2}"
        );
        report.figure(&Figure {
            part: "memory",
            what: &format!("what {documents} records take, in {}", adapter.name()),
            value: ours,
            unit: "MiB",
            goal,
            processor: None,
            how: &how,
        });
    }
    Ok(())
}

/// Returns by how much more is held with more records, in MiB for so many of them.
fn grown(
    documents: u64,
    hold: impl Fn(u64) -> Result<Ran, Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let bytes = |count: u64| hold(count).map(|ran| ran.number("heap_bytes"));
    let (few, many) = (bytes(documents)?, bytes(documents * u64::from(TIMES))?);
    Ok((many - few) / f64::from(TIMES - 1) / f64::from(1 << 20))
}
