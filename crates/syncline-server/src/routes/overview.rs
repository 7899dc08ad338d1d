//! How a hub does, at one look, and how it did in the last minutes.

use axum::http::StatusCode;
use syncline_hub::served::ServeError;
use syncline_model::json::{Json, Number, Object};
use syncline_protocol::time::format_time;

use super::answer::{Answer, json};
use crate::access::now_ms;
use crate::activity::{Backlog, Counter, Sample};
use crate::asked::Asked;
use crate::document::{object, texts};
use crate::limits::{
    ACTIVITY_EVERY, CONFLICTS_COUNTED_MAX, CONSISTENCY_MIN, DELIVERIES_STOPPED_AFTER,
};
use crate::replicas::Consistency;
use crate::routes::health;

/// Shows how the hub stands, and what happened since a sample.
pub(super) async fn overview(asked: Asked) -> Answer {
    let since = asked.query.number("since", 0..=i64::MAX.unsigned_abs())?.unwrap_or(0);
    let now_ms = now_ms();
    let desk = asked.desk.clone();
    let look = move || {
        let conflicts = desk.served.open_conflicts_counted(CONFLICTS_COUNTED_MAX)?;
        Ok::<_, ServeError>((conflicts, desk.served.held()?.len() as u64))
    };
    let looked = asked.blocking(look).await?;
    let backlog = asked.desk.delivering.backlog(now_ms);
    // While it is busy it stands about as it stood a moment ago.
    let before = asked.desk.activity.latest().map(|standing| standing.backlog);
    let backlog = backlog.or(before).unwrap_or_default();
    let copies = asked.desk.replicas.count(now_ms);
    let backup = asked.desk.backup.as_ref().map(|backup| backup.health());
    let mut reasons = Vec::new();
    let mut warn = |is_so: bool, reason: &'static str| {
        reasons.extend(is_so.then_some(reason));
    };
    warn(looked.is_err(), "writer_fails");
    let stopped_ms = asked.desk.delivering.stopped_ms(now_ms);
    warn(u128::from(stopped_ms) > DELIVERIES_STOPPED_AFTER.as_millis(), "deliveries_stopped");
    warn(backup.as_ref().is_some_and(health::lags), "backup_behind");
    warn(backlog.disabled > 0, "endpoints_disabled");
    warn(backlog.failing > 0, "endpoints_failing");
    warn(looked.as_ref().is_ok_and(|(_, held)| *held > 0), "clients_held");
    warn(copies.ratio().is_some_and(|ratio| ratio < CONSISTENCY_MIN), "copies_differ");
    let word = match (&looked, reasons.is_empty()) {
        (Err(_), _) => "fail",
        (Ok(_), false) => "warn",
        (Ok(_), true) => "pass",
    };
    let mut now = Object::new();
    now.insert("position", asked.desk.served.position().0);
    tell(&backlog, &mut now);
    let endpoints = object([
        ("all", backlog.endpoints.into()),
        ("failing", backlog.failing.into()),
        ("disabled", backlog.disabled.into()),
    ]);
    now.insert("endpoints", endpoints);
    if let Ok((conflicts, held)) = looked {
        now.insert("conflictsOpen", (conflicts as u64).min(CONFLICTS_COUNTED_MAX as u64));
        now.insert("conflictsMore", conflicts > CONFLICTS_COUNTED_MAX);
        now.insert("held", held);
    }
    now.insert("replicas", counted(&copies));
    now.insert("consistency", share(copies.ratio()));
    if let Some(backup) = backup {
        now.insert("backupBehindMs", backup.behind_ms);
    }
    let samples = asked.desk.activity.samples(since).iter().map(sampled).collect();
    let document = object([
        ("at", format_time(now_ms).into()),
        ("health", word.into()),
        ("reasons", texts(reasons)),
        ("now", now.into()),
        ("everySeconds", ACTIVITY_EVERY.as_secs().into()),
        ("samples", Json::Array(samples)),
    ]);
    json(StatusCode::OK, &document)
}

fn sampled(sample: &Sample) -> Json {
    let mut document = Object::new();
    document.insert("n", sample.number);
    document.insert("at", format_time(sample.at_ms));
    document.insert("changes", sample.changes);
    let counters = [
        ("requests", Counter::Requests),
        ("requestsFailed", Counter::RequestsFailed),
        ("operations", Counter::Operations),
        ("operationsRejected", Counter::OperationsRejected),
        ("attempts", Counter::Attempts),
        ("attemptsFailed", Counter::AttemptsFailed),
    ];
    for (name, counter) in counters {
        document.insert(name, sample.count(counter));
    }
    tell(&sample.standing.backlog, &mut document);
    document.insert("consistency", share(sample.standing.consistency));
    document.into()
}

fn tell(backlog: &Backlog, document: &mut Object) {
    document.insert("queue", backlog.queue);
    document.insert("lagMs", backlog.lag_ms.map_or(Json::Null, Json::from));
}

fn counted(copies: &Consistency) -> Object {
    let mut document = Object::new();
    document.insert("equal", copies.equal);
    document.insert("different", copies.different);
    document.insert("unknown", copies.unknown);
    if let Some(age_ms) = copies.age_ms {
        document.insert("oldestSeconds", age_ms / 1_000);
    }
    document
}

/// Returns a share, rounded down so that it is 1 only if it is all; null if nothing is known.
fn share(ratio: Option<f64>) -> Json {
    let rounded = ratio.map(|ratio| (ratio * 1e6).floor() / 1e6);
    let number = rounded.and_then(|share| Number::parse(&share.to_string()).ok());
    number.map_or(Json::Null, Json::from)
}
