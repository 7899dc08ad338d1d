//! A report as a document: numbers only.

use syncline_engine::tally::{Count, Spread, Took};
use syncline_model::json::{Json, Number, Object};
use syncline_protocol::time::format_time;

use super::period::Period;
use crate::document::object;
use crate::hubs::Desk;

/// Tells what a hub did; blocks.
///
/// - `end_ms`: up to when; the hour that it is in counts as a whole.
/// - `now_ms`: when it is asked, which is when that stands that is told of the present.
pub(crate) fn document(desk: &Desk, period: Period, end_ms: u64, now_ms: u64) -> Object {
    // What cannot be read is as it was at the latest look.
    let _ = desk.look_undecided(now_ms);
    let begin_ms = period.begin_ms(end_ms);
    let sum = desk.activity.tally.sum(begin_ms, end_ms);
    let before = || desk.activity.latest().map(|standing| standing.backlog);
    let backlog = desk.delivering.backlog(now_ms).or_else(before).unwrap_or_default();
    let count = |count| sum.count(count);
    let (operations, refused) = (count(Count::Operations), count(Count::Refused));
    let (attempts, delivered) = (count(Count::Attempts), count(Count::Delivered));
    let (conflicts, by_rule) = (count(Count::Conflicts), count(Count::ConflictsByRule));
    let by_person = count(Count::ConflictsByPerson);
    let given_up = count(Count::GivenUp);
    let mut document = Object::new();
    document.insert("hub", desk.label());
    document.insert("period", period.as_str());
    document.insert("from", format_time(begin_ms));
    document.insert("to", format_time(end_ms));
    document.insert("hoursKnown", sum.hours);
    document.insert("changes", count(Count::Changes));
    let of_operations = object([
        ("count", operations.into()),
        ("refused", refused.into()),
        ("successRate", rate(operations.saturating_sub(refused), operations)),
        ("latencyMs", latencies(sum.spread(Took::Operation))),
    ]);
    document.insert("operations", of_operations);
    let of_deliveries = object([
        ("delivered", delivered.into()),
        ("givenUp", given_up.into()),
        ("successRate", rate(delivered, delivered.saturating_add(given_up))),
        ("attempts", attempts.into()),
        ("attemptSuccessRate", rate(delivered, attempts)),
        ("latencyMs", latencies(sum.spread(Took::Delivery))),
        ("waiting", backlog.queue.into()),
        ("lagMs", backlog.lag_ms.map_or(Json::Null, Json::from)),
    ]);
    document.insert("deliveries", of_deliveries);
    let of_conflicts = object([
        ("count", conflicts.into()),
        ("automatic", by_rule.into()),
        ("manual", by_person.into()),
        ("automaticRate", rate(by_rule, by_rule.saturating_add(by_person))),
        ("resolutionMs", latencies(sum.spread(Took::Decision))),
        ("open", desk.undecided.count().into()),
    ]);
    document.insert("conflicts", of_conflicts);
    let of_copies = object([
        ("now", share(desk.replicas.count(now_ms).ratio())),
        ("lowest", sum.consistency_min.map_or(Json::Null, millionths)),
    ]);
    document.insert("consistency", of_copies);
    let of_endpoints = object([
        ("all", backlog.endpoints.into()),
        ("failing", backlog.failing.into()),
        ("disabled", backlog.disabled.into()),
        ("wereDisabled", count(Count::EndpointsDisabled).into()),
    ]);
    document.insert("endpoints", of_endpoints);
    document
}

/// Returns a part of a whole, rounded down so that it is 1 only if it is all; null of nothing.
fn rate(part: u64, whole: u64) -> Json {
    let scaled = u128::from(part.min(whole)) * 1_000_000;
    match scaled.checked_div(u128::from(whole)) {
        Some(scaled) => millionths(u64::try_from(scaled).unwrap_or_default()),
        None => Json::Null,
    }
}

fn share(ratio: Option<f64>) -> Json {
    // From 0 to 1: it fits.
    ratio.map_or(Json::Null, |ratio| millionths((ratio * 1e6).floor() as u64))
}

fn millionths(number: u64) -> Json {
    decimal(number, 6)
}

/// Returns the times within which 50, 95 and 99 of 100 were done, in milliseconds; null without any.
fn latencies(spread: &Spread) -> Json {
    let within = |of_thousand| spread.within(of_thousand).map_or(Json::Null, |us| decimal(us, 3));
    object([("p50", within(500)), ("p95", within(950)), ("p99", within(990))])
}

/// Returns a number whose last digits stand behind the point.
fn decimal(number: u64, digits: usize) -> Json {
    let text = format!("{number:0width$}", width = digits + 1);
    let (whole, part) = text.split_at(text.len() - digits);
    let text = format!("{whole}.{part}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    Number::parse(text).map_or(Json::Null, Json::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_one_only_if_it_is_all_and_nothing_of_nothing() {
        let told = |part, whole| rate(part, whole).to_compact_string();
        assert_eq!(told(0, 0), "null");
        assert_eq!(told(0, 7), "0");
        assert_eq!(told(7, 7), "1");
        assert_eq!(told(1, 3), "0.333333");
        assert_eq!(told(9_999_999, 10_000_000), "0.999999");
        assert_eq!(told(u64::MAX, u64::MAX), "1");
    }

    #[test]
    fn times_are_told_in_milliseconds() {
        let mut spread = Spread::default();
        spread.add(7, 1);
        let told = r#"{"p50":0.007,"p95":0.007,"p99":0.007}"#;
        assert_eq!(latencies(&spread).to_compact_string(), told);
        assert_eq!(decimal(12_000, 3).to_compact_string(), "12");
        assert_eq!(decimal(12_340, 3).to_compact_string(), "12.34");
    }
}
