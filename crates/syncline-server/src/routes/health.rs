//! How the server does.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use syncline_hub::served::ServeError;
use syncline_hub::{Backup, BackupHealth};
use syncline_model::json::{Json, Object};
use tokio::time::timeout;

use super::answer::{Answer, json, text};
use crate::access::now_ms;
use crate::asked::Asked;
use crate::document::object;
use crate::limits::{BACKUP_BEHIND_MAX, READ_WAIT_MAX};
use crate::pages;
use crate::problem::Refusal;

/// The media type of the state of health.
const HEALTH: &str = "application/health+json";
const PLAIN: &str = "text/plain; charset=utf-8";
/// The format of OpenMetrics, which Prometheus reads.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process answers, so it lives.
pub(super) async fn livez(_asked: Asked) -> Answer {
    text(StatusCode::OK, PLAIN, "ok\n")
}

/// Whether requests are taken: not while the server stops.
pub(super) async fn readyz(asked: Asked) -> Answer {
    match asked.state.is_stopping() {
        false => text(StatusCode::OK, PLAIN, "ok\n"),
        true => Err(Refusal::ServerStopping.into()),
    }
}

/// How the writer and the disk do: asks the writer, in its turn.
pub(super) async fn healthz(asked: Asked) -> Answer {
    let served = asked.desk.served.clone();
    let writer = asked.blocking(move || served.with_hub(|hub| hub.position())).await?;
    let is_well = writer.is_ok();
    let desks = asked.state.hubs.all();
    let backups = desks.iter().filter_map(|desk| desk.backup.as_ref()).map(Backup::health);
    // Of many hubs the one that is worst off; no name of a hub, since everybody may ask.
    let backup = backups.max_by_key(|health| (lags(health), health.behind_ms));
    let word = match (is_well, backup.as_ref().is_some_and(lags)) {
        (false, _) => "fail",
        (true, true) => "warn",
        (true, false) => "pass",
    };
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let check = object([
        ("componentType", "datastore".into()),
        ("status", if is_well { "pass" } else { "fail" }.into()),
        ("observedValue", writer.map_or(0, |position| position.0).into()),
        ("observedUnit", "changes".into()),
    ]);
    let uptime = object([
        ("componentType", "system".into()),
        ("status", "pass".into()),
        ("observedValue", asked.state.started.elapsed().as_secs().into()),
        ("observedUnit", "s".into()),
    ]);
    let mut checks = Object::new();
    checks.insert("hub:log", vec![check]);
    if let Some(health) = backup {
        checks.insert("hub:backup", vec![Json::Object(backup_check(&health))]);
    }
    checks.insert("uptime", vec![uptime]);
    let document = object([
        ("status", word.into()),
        ("version", "1".into()),
        ("releaseId", env!("CARGO_PKG_VERSION").into()),
        ("serviceId", "syncline".into()),
        ("healthy", is_well.into()),
        ("time_ms", now_ms().into()),
        ("checks", Json::Object(checks)),
    ]);
    let mut response = json(status, &document)?;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(HEALTH));
    Ok(response)
}

/// Whether more than a minute of commits would be lost with the machine, or nobody knows.
pub(super) fn lags(health: &BackupHealth) -> bool {
    health.failing.is_some() || u128::from(health.behind_ms) > BACKUP_BEHIND_MAX.as_millis()
}

/// How old the first commit is that a loss of the machine would lose. The code says why; the text of an
/// error names folders of the server.
fn backup_check(health: &BackupHealth) -> Object {
    let mut check = Object::new();
    check.insert("componentType", "datastore");
    check.insert("status", if lags(health) { "warn" } else { "pass" });
    check.insert("observedValue", health.behind_ms / 1_000);
    check.insert("observedUnit", "s");
    if let Some((code, _)) = &health.failing {
        check.insert("output", *code);
    }
    check
}

/// Figures.
pub(super) async fn metrics(asked: Asked) -> Answer {
    let desks = asked.state.hubs.all();
    // Before anything that may hang.
    desks.iter().for_each(|desk| desk.delivering.measure_halt(now_ms()));
    for desk in desks {
        let name = desk.label();
        asked.state.metrics.consistency(name, &desk.replicas.count(now_ms()));
        let of = Arc::clone(&desk);
        let look = move || {
            // While the machine is read anew the figures stay as they were.
            let _ = of.delivering.measure();
            of.look_undecided(now_ms())?;
            Ok::<_, ServeError>((of.served.held()?.len(), of.served.horizon()?))
        };
        // Those of a hub whose store hangs stay as they were, too.
        let looked = timeout(READ_WAIT_MAX, desk.looks.run(look)).await;
        if let Ok(Some(Ok((held, horizon)))) = looked {
            asked.state.metrics.held(name, held);
            asked.state.metrics.log(name, horizon, desk.served.position());
        }
        asked.state.metrics.synchronization.undecided(name, &desk.undecided, now_ms());
        asked.state.metrics.synchronization.deliveries(name, &desk.delivering, now_ms());
        if let Some(backup) = &desk.backup {
            asked.state.metrics.backup(name, &backup.health());
        }
    }
    text(StatusCode::OK, METRICS, asked.state.metrics.text())
}

/// The description of the interface.
pub(super) async fn openapi(_asked: Asked) -> Answer {
    json(StatusCode::OK, &crate::openapi::document())
}

/// The description of what is streamed.
pub(super) async fn asyncapi(_asked: Asked) -> Answer {
    json(StatusCode::OK, &crate::asyncapi::document())
}

/// The page of a code.
pub(super) async fn problem(asked: Asked) -> Answer {
    match pages::page(asked.param("code")) {
        Some(page) => text(StatusCode::OK, "text/markdown; charset=utf-8", page),
        None => Err(Refusal::PageUnknown.into()),
    }
}
