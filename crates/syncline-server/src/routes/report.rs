//! What a hub did in a day or a week.

use axum::http::StatusCode;
use syncline_model::json::Json;

use super::answer::{Answer, json};
use crate::access::now_ms;
use crate::asked::Asked;
use crate::problem::Refusal;
use crate::reporting::{Period, document};

/// Shows the report up to now.
pub(super) async fn report(asked: Asked) -> Answer {
    let period = match asked.query.text("period") {
        None => Period::Day,
        Some(word) => Period::from_word(word)
            .ok_or_else(|| Refusal::QueryInvalid.because("period is day or week"))?,
    };
    let (desk, now_ms) = (asked.desk.clone(), now_ms());
    let report = asked.blocking(move || document(&desk, period, now_ms, now_ms)).await?;
    json(StatusCode::OK, &Json::Object(report))
}
