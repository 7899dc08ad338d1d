//! `syncline status`: how each domain stands.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use syncline_engine::link::Side;
use syncline_engine::sync::{Problem, RunReport};
use syncline_hub::SyncOutcome;
use syncline_model::json::{Json, Number, Object};
use syncline_protocol::time::format_time;
use syncline_server::{Consistency, NotedAlert};

use super::sync::{exit_of_look, tell_of};
use crate::arguments::Status;
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::table::{columns, count};
use crate::output::{Format, Paint};
use crate::run::{Context, Prepared, each_link, prepare};

/// How often `--watch` looks.
const WATCH_PAUSE: Duration = Duration::from_secs(2);
/// How many of the latest runs are looked at for the last one of a link.
const RUNS_LOOKED_AT: usize = 100;
/// How often a pause looks whether Ctrl-C was pressed.
const WATCH_STEP: Duration = Duration::from_millis(100);

/// How an entity stands.
struct Standing {
    entity: String,
    counts: [u64; 2],
    pending: [u64; 2],
    open: u64,
    failed: u64,
}

impl Standing {
    /// Returns how it stands in a word or two.
    const fn verdict(&self) -> &'static str {
        match (self.open > 0, self.failed > 0, self.pending[0] + self.pending[1] > 0) {
            (true, ..) => "needs a decision",
            (_, true, _) => "failing",
            (_, _, true) => "changes pending",
            _ if self.counts[0] + self.counts[1] == 0 => "idle",
            _ => "healthy",
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// Any [`Failure`] of the hub.
pub fn run(context: &Context, status: &Status) -> Result<Exit, Failure> {
    if status.watch && context.output.format == Format::Json {
        let next = "use --jsonl: one document per look";
        return Err(Refusal::usage("--watch never ends, so it is not one document", next).into());
    }
    let mut shown: (String, Vec<[Vec<Problem>; 2]>) = Default::default();
    loop {
        let config = context.load()?.config;
        let (mut text, mut documents) = (String::new(), Vec::new());
        let mut reports = Vec::new();
        for options in each_link(&config, &status.options) {
            let prepared = prepare(context, &config, &options)?;
            let (of_link, document, report) = look(context, &config, &prepared)?;
            text.push_str(&of_link);
            documents.push(document);
            reports.push(report);
        }
        match documents.as_slice() {
            [one] => context.output.json(one.clone()),
            _ => context.output.json_list("statuses/1", "links", documents),
        }
        let exit = reports.iter().map(exit_of_look).fold(Exit::Ok, Exit::worse);
        let told = reports.iter().map(|report| [report.notices.clone(), report.problems.clone()]);
        let seen = (text, told.collect());
        if seen != shown {
            if status.watch && !shown.0.is_empty() {
                context.output.line("");
            }
            context.output.text(&seen.0);
            reports.iter().for_each(|report| tell_of(context, report));
            shown = seen;
        }
        if !status.watch || paused(context) {
            return Ok(exit);
        }
    }
}

/// Waits for the next look; answers whether Ctrl-C ended it.
fn paused(context: &Context) -> bool {
    let mut waited = Duration::ZERO;
    while waited < WATCH_PAUSE && !context.is_interrupted() {
        thread::sleep(WATCH_STEP);
        waited += WATCH_STEP;
    }
    context.is_interrupted()
}

/// Returns how one link stands, for people and for programs, and what is to be told beside that.
fn look(
    context: &Context,
    config: &Config,
    prepared: &Prepared,
) -> Result<(String, Object, RunReport), Failure> {
    let (outcome, last, standings) = context.look(&config.state, |hub| {
        let outcome = hub.plan(&prepared.request, &mut context.progress())?;
        let of_link = |run: &Object| {
            let names = |member, name: &str| run.get(member).and_then(Json::as_str) == Some(name);
            names("sourceDomain", prepared.link.source.as_str())
                && names("targetDomain", prepared.link.target.as_str())
        };
        let last = hub.runs(RUNS_LOOKED_AT)?.into_iter().find(of_link);
        let standings = standings(&outcome);
        Ok((outcome, last, standings))
    })?;
    let copies = Consistency::of_folder(&config.state, now_ms());
    let mut document = to_json(prepared, &standings, last.as_ref(), &outcome);
    document.insert("replicas", copies.map_or(Json::Null, copies_json));
    let mut text = text(context, prepared, &standings, last.as_ref(), &outcome);
    if let Some(copies) = copies {
        text.push_str(&format!("{}\n", copies_text(&copies)));
    }
    let alerts = NotedAlert::of_folder(&config.state);
    for NotedAlert { hub, alert, since_ms } in &alerts {
        let since = format_time(*since_ms);
        text.push_str(&format!(
            "alert {alert} of hub {hub} since {since}, as the server noted last\n"
        ));
    }
    document.insert("alerts", alerts.into_iter().map(alert_json).collect::<Vec<Json>>());
    Ok((text, document, outcome.report))
}

fn standings(outcome: &SyncOutcome) -> Vec<Standing> {
    let one = |(name, report): &(_, syncline_engine::sync::EntityReport)| {
        let pending = Side::BOTH.map(|side| {
            let actions = outcome.actions.iter();
            actions.filter(|action| action.entity == *name && action.side == side).count() as u64
        });
        Standing {
            entity: name.to_string(),
            counts: report.read,
            pending,
            open: report.open,
            failed: report.failed,
        }
    };
    outcome.report.entities.iter().map(one).collect()
}

/// Returns how many copies of clients are known to be what the hub shows.
fn copies_text(copies: &Consistency) -> String {
    let Consistency { equal, different, unknown, .. } = copies;
    let all = count(equal + different + unknown, "copy of clients", "copies of clients");
    let ratio = match copies.ratio() {
        // Not one that differs is rounded away.
        Some(ratio) => format!("{:.1} % of those known equal", (ratio * 1_000.0).floor() / 10.0),
        None => "nothing is known".to_owned(),
    };
    format!("{all}: {equal} equal, {different} different, {unknown} unknown ({ratio})")
}

fn alert_json(NotedAlert { hub, alert, since_ms }: NotedAlert) -> Json {
    let mut document = Object::new();
    document.insert("alert", alert);
    document.insert("hub", hub);
    document.insert("since", format_time(since_ms));
    Json::Object(document)
}

fn copies_json(copies: Consistency) -> Json {
    let mut document = Object::new();
    document.insert("equal", copies.equal);
    document.insert("different", copies.different);
    document.insert("unknown", copies.unknown);
    document.insert("ratio", copies.ratio().map_or(Json::Null, share));
    let oldest = copies.age_ms.map(|age_ms| Json::from(age_ms / 1_000));
    document.insert("oldestSeconds", oldest.unwrap_or(Json::Null));
    Json::Object(document)
}

/// Returns a share as a number of four digits, none of them rounded up.
fn share(ratio: f64) -> Json {
    let text = format!("{:.4}", (ratio * 10_000.0).floor() / 10_000.0);
    Number::parse(&text).map_or(Json::Null, Json::Number)
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

fn last_text(last: Option<&Object>) -> String {
    let text = |member| last.and_then(|run| run.get(member)).and_then(Json::as_str);
    match (text("syncId"), text("timestamp"), text("status")) {
        (Some(id), Some(at), Some(status)) => format!("last run {at}, {status} ({id})"),
        _ => "never synchronised".to_owned(),
    }
}

fn text(
    context: &Context,
    prepared: &Prepared,
    standings: &[Standing],
    last: Option<&Object>,
    outcome: &SyncOutcome,
) -> String {
    let output = &context.output;
    let (source, target) = (&prepared.link.source, &prepared.link.target);
    let heading = format!("{source} and {target}");
    let mut text = format!("{}: {}\n", output.paint(Paint::Bold, &heading), last_text(last));
    let mut rows = vec![vec![
        String::new(),
        source.to_string(),
        target.to_string(),
        format!("to {source}"),
        format!("to {target}"),
        "to decide".to_owned(),
        "verdict".to_owned(),
    ]];
    for standing in standings {
        rows.push(vec![
            format!("  {}", standing.entity),
            standing.counts[0].to_string(),
            standing.counts[1].to_string(),
            standing.pending[0].to_string(),
            standing.pending[1].to_string(),
            standing.open.to_string(),
            standing.verdict().to_owned(),
        ]);
    }
    text.push_str(&columns(&rows));
    if let Some(stop) = &outcome.stop {
        text.push_str(&format!("{} {stop}\n", output.paint(Paint::Yellow, "a sync would stop:")));
    }
    let open: u64 = standings.iter().map(|standing| standing.open).sum();
    let pending: u64 = standings.iter().flat_map(|standing| standing.pending).sum();
    if open > 0 {
        let waiting = count(open, "conflict waits", "conflicts wait");
        text.push_str(&format!("{waiting} for your decision: syncline conflicts list\n"));
    }
    if pending > 0 {
        text.push_str(&format!("{} pending: syncline plan\n", count(pending, "change", "changes")));
    }
    text
}

fn to_json(
    prepared: &Prepared,
    standings: &[Standing],
    last: Option<&Object>,
    outcome: &SyncOutcome,
) -> Object {
    let number = |value: u64| Json::Number(value.into());
    let both = |pair: [u64; 2]| {
        let mut both = Object::new();
        both.insert("source", number(pair[0]));
        both.insert("target", number(pair[1]));
        both
    };
    let mut document = Object::new();
    document.insert("schema", "status/1");
    document.insert("sourceDomain", prepared.link.source.as_str());
    document.insert("targetDomain", prepared.link.target.as_str());
    let member = |name| last.and_then(|run| run.get(name)).cloned().unwrap_or(Json::Null);
    document.insert("lastRun", member("syncId"));
    document.insert("lastRunAt", member("timestamp"));
    document.insert("lastStatus", member("status"));
    let entities = standings.iter().map(|standing| {
        let mut entity = Object::new();
        entity.insert("entity", standing.entity.as_str());
        entity.insert("records", both(standing.counts));
        entity.insert("pending", both(standing.pending));
        entity.insert("openConflicts", number(standing.open));
        entity.insert("failed", number(standing.failed));
        entity.insert("verdict", standing.verdict());
        Json::Object(entity)
    });
    document.insert("entities", Json::Array(entities.collect()));
    let stop = outcome.stop.as_ref().map_or(Json::Null, |stop| Json::from(stop.code()));
    document.insert("wouldStop", stop);
    let mut report = outcome.report.to_json();
    for member in ["errors", "notices"] {
        document.insert(member, report.remove(member).unwrap_or(Json::Null));
    }
    document
}
