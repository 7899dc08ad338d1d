//! `syncline hooks replay`: delivering again.

use std::thread;
use std::time::Duration;

use syncline_model::json::{Json, Object};

use super::{named, told};
use crate::arguments::{PastWord, Replay};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::remote::Remote;
use crate::run::Context;

/// How often it is asked how far a replay is.
const BEAT: Duration = Duration::from_millis(200);
/// What a replay is that goes on.
const RUNNING: &str = "running";

pub(super) fn run(context: &Context, replay: &Replay) -> Result<Exit, Failure> {
    let remote = Remote::new(&replay.at)?;
    let mut answer = remote.post(&["replays"], asked(replay))?;
    let output = &context.output;
    if replay.dry_run {
        output.json(named("replay-count/1", &answer));
        say_count(output, &answer);
        return Ok(Exit::Ok);
    }
    let id = told(&answer, "id");
    let mut progress = context.progress();
    while told(&answer, "state") == RUNNING && !context.is_interrupted() {
        progress.show(&format!("{} of {}", told(&answer, "taken"), told(&answer, "counted")));
        thread::sleep(BEAT);
        answer = remote.get(&["replays", &id], &[])?;
    }
    progress.clear();
    output.json(named("replay/1", &answer));
    let (taken, passed) = (told(&answer, "taken"), told(&answer, "passed"));
    // They stand in line; what comes of them is for their endpoints to say.
    output.line(&format!("{taken} put in line again, {passed} passed over  [{id}]"));
    match told(&answer, "state") == RUNNING {
        true => {
            output.note("The hub goes on with it.");
            Ok(Exit::Interrupted)
        }
        false => {
            output.note("What became of them: syncline hooks delivery list ENDPOINT");
            Ok(Exit::Ok)
        }
    }
}

/// Returns what is asked of the hub.
fn asked(replay: &Replay) -> Object {
    let list = |texts: &mut dyn Iterator<Item = &str>| Json::Array(texts.map(Json::from).collect());
    let mut body = Object::new();
    body.insert("endpoints", list(&mut replay.endpoints.iter().map(String::as_str)));
    for (name, time) in [("from", &replay.from), ("to", &replay.to)] {
        if let Some(time) = time {
            body.insert(name, time.as_str());
        }
    }
    if !replay.types.is_empty() {
        body.insert("types", list(&mut replay.types.iter().map(String::as_str)));
    }
    if !replay.status.is_empty() {
        let words = replay.status.iter().map(|past| match past {
            PastWord::Delivered => "delivered",
            PastWord::Dead => "dead",
            PastWord::Missed => "missed",
            PastWord::Cancelled => "cancelled",
        });
        body.insert("status", list(&mut words.into_iter()));
    }
    body.insert("dryRun", replay.dry_run);
    body
}

fn say_count(output: &Output, answer: &Object) {
    let count = told(answer, "count");
    let atleast = if answer.get("complete") == Some(&Json::Bool(false)) { "at least " } else { "" };
    output.line(&format!("{atleast}{count} would be delivered again. Nothing was done."));
    if let (oldest, newest) = (told(answer, "oldest"), told(answer, "newest"))
        && !oldest.is_empty()
    {
        output.line(&format!("  from {oldest} to {newest}"));
    }
    for (kind, count) in
        answer.get("byType").and_then(Json::as_object).into_iter().flat_map(Object::iter)
    {
        output.line(&format!("  {kind}  {}", count.to_compact_string()));
    }
    let forgotten = told(answer, "forgotten");
    if !matches!(forgotten.as_str(), "" | "0") {
        output.line(&format!("  {forgotten} cannot be: what they say is forgotten"));
    }
    let not_kept = told(answer, "notKept");
    if !matches!(not_kept.as_str(), "" | "0") {
        output.line(&format!("  {not_kept} are not: whether they were delivered is not kept"));
    }
}
