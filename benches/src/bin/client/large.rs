//! A long queue is sent, and many records are fetched by a client that has none.

use std::error::Error;

use syncline_benches::report::{Figure, Goal, Report};

use crate::contender::{Adapter, Programs, Side};
use crate::rounds::{Rounds, middle};

/// Measures both with each adapter.
pub(crate) fn measure(
    report: &Report,
    programs: &Programs,
    rounds: &Rounds,
    count: u64,
) -> Result<(), Box<dyn Error>> {
    for adapter in [Adapter::Memory, Adapter::Disk] {
        let kind = adapter.name();
        let found = rounds.run(report, |round| {
            let folder = tempfile::tempdir()?;
            let server = programs.serve(Side::Ours, folder.path())?;
            let client =
                |task: &str| programs.client(&server, task, adapter, count, &folder.path().join(task));
            let (push, pull) = (client("push")?, client("pull")?);
            let own = push.processor + pull.processor + server.processor_time();
            let seconds = [&push, &pull].map(|ran| ran.number("ms") / 1_000.0);
            let messages = push.number("messages");
            report.say(&format!(
                "  round {round}, {kind}: sent in {:.2} s with {messages} messages, fetched in {:.2} s; {:.2} and {:.2} s of the \
                 processor in the clients, {:.2} in the hub",
                seconds[0],
                seconds[1],
                push.number("cpu_ms") / 1_000.0,
                pull.number("cpu_ms") / 1_000.0,
                server.processor_time().as_secs_f64(),
            ));
            Ok(((seconds, server.processor_time()), own))
        })?;
        let processor = Some(found.iter().map(|(_, processor)| *processor).sum());
        let how = format!("{count}, median of {} rounds, client in {kind}", found.len());
        for (index, what, most) in
            [(0, "queued operations are sent", 8.0), (1, "records are fetched", 5.0)]
        {
            let value = middle(&found, |(seconds, _)| seconds[index]);
            let (part, unit, goal) = ("large", "s", Goal::AtMost(most));
            report.figure(&Figure { part, what, value, unit, goal, processor, how: &how });
        }
    }
    Ok(())
}
