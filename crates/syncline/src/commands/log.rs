//! `syncline log` and `syncline show`: what happened.

use syncline_model::json::{Json, Object};

use crate::arguments::Log;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{columns, count};
use crate::run::{Context, reading};

/// Runs `syncline log`.
///
/// # Errors
///
/// [`Failure::Permission`] if the user may read none of them, and any [`Failure`] of the hub.
pub fn run(context: &Context, log: &Log) -> Result<Exit, Failure> {
    let config = context.load()?.config;
    let mut hub = context.open_existing_hub(&config.state)?;
    let all = hub.runs(log.limit)?;
    let may_read = |run: &&Object| reading::judge_run(context, &config, run).is_ok();
    let runs: Vec<Object> = all.iter().filter(may_read).cloned().collect();
    if let (Some(first), true) = (all.first(), runs.is_empty()) {
        reading::may_read_run(context, &config, &mut hub, first)?;
    }
    let hidden = all.len() - runs.len();
    if hidden > 0 {
        let of_others = count(hidden as u64, "run", "runs");
        context.output.note(&format!("{of_others} of domains that you may not read left out"));
    }
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    context.output.json_list("log/1", "runs", runs);
    context.output.text(&columns(&rows));
    if !rows.is_empty() {
        context
            .output
            .line("One of them in full: syncline show <run>   take one back: syncline undo <run>");
    }
    Ok(Exit::Ok)
}

/// Runs `syncline show`.
///
/// # Errors
///
/// [`syncline_hub::HubError::RunNotFound`] if there is no such run, [`Failure::Permission`] if the
/// user may not read what it tells of.
pub fn show(context: &Context, id: &str) -> Result<Exit, Failure> {
    let config = context.load()?.config;
    let mut hub = context.open_existing_hub(&config.state)?;
    let run = context.find_run(&hub, id)?;
    reading::may_read_run(context, &config, &mut hub, &run)?;
    context.output.json(run.clone());
    context.output.text(&page(&run));
    Ok(Exit::Ok)
}

fn text<'r>(run: &'r Object, member: &str) -> &'r str {
    run.get(member).and_then(Json::as_str).unwrap_or("-")
}

fn number(result: &Object, member: &str) -> i64 {
    match result.get(member) {
        Some(Json::Number(number)) => number.to_i64().unwrap_or_default(),
        _ => 0,
    }
}

/// Returns the numbers of both sides.
fn pair(result: &Object, member: &str) -> [i64; 2] {
    match result.get(member) {
        Some(Json::Object(both)) => [number(both, "source"), number(both, "target")],
        _ => [0, 0],
    }
}

fn results(run: &Object) -> Vec<(&str, &Object)> {
    let Some(Json::Object(results)) = run.get("results") else {
        return Vec::new();
    };
    let objects = results.iter().filter_map(|(name, result)| match result {
        Json::Object(result) => Some((name, result)),
        _ => None,
    });
    objects.collect()
}

fn arrow(run: &Object) -> &'static str {
    match text(run, "syncDirection") {
        "source_to_target" => "->",
        "target_to_source" => "<-",
        _ => "<->",
    }
}

fn row(run: &Object) -> Vec<String> {
    let results = results(run);
    let sum = |member: &str| -> i64 {
        results.iter().map(|(_, result)| pair(result, member).iter().sum::<i64>()).sum()
    };
    let conflicts: i64 = results.iter().map(|(_, result)| number(result, "conflicts")).sum();
    vec![
        text(run, "syncId").to_owned(),
        text(run, "timestamp").to_owned(),
        format!("{} {} {}", text(run, "sourceDomain"), arrow(run), text(run, "targetDomain")),
        text(run, "status").to_owned(),
        format!("+{}", sum("added")),
        format!("~{}", sum("updated")),
        format!("-{}", sum("deleted")),
        format!("!{conflicts}"),
    ]
}

fn page(run: &Object) -> String {
    let (source, target) = (text(run, "sourceDomain"), text(run, "targetDomain"));
    let mut page = format!(
        "{}   {}   {source} {} {target}   {}   {} ms\n",
        text(run, "syncId"),
        text(run, "timestamp"),
        arrow(run),
        text(run, "status"),
        number(run, "durationMs"),
    );
    let mut rows = vec![
        ["entity", source, target, "merged", "added", "updated", "deleted", "conflicts", "failed"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (name, result) in results(run) {
        let both = |member| {
            let [source, target] = pair(result, member);
            format!("{source} | {target}")
        };
        rows.push(vec![
            name.to_owned(),
            number(result, "sourceCount").to_string(),
            number(result, "targetCount").to_string(),
            number(result, "mergedCount").to_string(),
            both("added"),
            both("updated"),
            both("deleted"),
            number(result, "conflicts").to_string(),
            number(result, "failed").to_string(),
        ]);
    }
    page.push_str(&columns(&rows));
    for problem in run.get("errors").and_then(Json::as_array).unwrap_or_default() {
        if let Json::Object(problem) = problem {
            let place = [text(problem, "domain"), text(problem, "entity"), text(problem, "item")];
            page.push_str(&format!(
                "{} {}: {}   {}\n",
                text(problem, "code"),
                place.join("/"),
                text(problem, "reason"),
                text(problem, "fix")
            ));
        }
    }
    page.push_str(&format!("audit head  {}\n", text(run, "auditHead")));
    page
}
