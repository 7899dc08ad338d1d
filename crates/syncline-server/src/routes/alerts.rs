//! What of a hub is too bad now, and who was told.

use axum::http::StatusCode;
use syncline_engine::alert::Lit;
use syncline_model::json::{Json, Object};
use syncline_protocol::time::format_time;

use super::answer::{Answer, json};
use crate::access::now_ms;
use crate::alerting::{Told, number, page, what};
use crate::asked::Asked;
use crate::document::object;

/// Lists what is too bad, as of the latest look; also what is so for too short a time to be told.
pub(super) async fn list(asked: Asked) -> Answer {
    let alerting = &asked.state.alerting;
    let (looked_ms, alerts) = alerting.of_hub(asked.desk.label());
    let rows = alerts.iter().map(|(lit, told)| described(lit, told));
    let document = object([
        ("at", format_time(now_ms()).into()),
        ("lookedAt", looked_ms.map_or(Json::Null, |at_ms| format_time(at_ms).into())),
        ("everySeconds", alerting.every().as_secs().into()),
        ("alerts", Json::Array(rows.collect())),
    ]);
    json(StatusCode::OK, &document)
}

fn described(lit: &Lit, told: &[(String, Told)]) -> Json {
    let Lit { kind, severity, threshold, .. } = *lit;
    let summary = match lit.value {
        Some(value) => what(kind, value, threshold),
        None => "not measured since the server was started".to_owned(),
    };
    let value = lit.value.map_or(Json::Null, |value| Json::Number(number(value)));
    object([
        ("alert", kind.as_str().into()),
        ("severity", severity.as_str().into()),
        ("state", if lit.is_fired { "firing" } else { "pending" }.into()),
        ("since", format_time(lit.since_ms).into()),
        ("value", value),
        ("current", lit.is_current.into()),
        ("threshold", Json::Number(number(threshold))),
        ("summary", summary.into()),
        ("look", page(kind).into()),
        ("told", Json::Array(told.iter().map(receipt).collect())),
    ])
}

fn receipt((receiver, told): &(String, Told)) -> Json {
    let (word, at_ms) = match told {
        Told::Waiting => ("waiting", None),
        Told::At(at_ms) => ("told", Some(*at_ms)),
        Told::Failed(at_ms) => ("failed", Some(*at_ms)),
        Told::TooMild => ("too_mild", None),
        Told::Later => ("later", None),
    };
    let mut document = Object::new();
    document.insert("receiver", receiver.as_str());
    document.insert("result", word);
    if let Some(at_ms) = at_ms {
        document.insert("at", format_time(at_ms));
    }
    Json::Object(document)
}
