//! What is said of an alarm: names of hubs, words and numbers.

use syncline_engine::alert::{Alarm, Kind, Severity, State};
use syncline_model::json::{Json, Object};

use syncline_model::json::Number;
use syncline_protocol::time::format_time;

use crate::document::object;

/// Returns a line that says what is the matter.
pub(super) fn headline(alarm: &Alarm) -> String {
    let word = match alarm.state {
        State::Fired => alarm.severity.as_str().to_owned(),
        State::Repeated => format!("still {}", alarm.severity.as_str()),
        State::Resolved => "resolved".to_owned(),
        State::Ended => "ended".to_owned(),
    };
    let kind = alarm.kind.as_str();
    let what = match alarm.value {
        Some(value) => what(alarm.kind, value, alarm.threshold),
        None => format!("{kind} is watched no more: the hub is gone, or the rule is off"),
    };
    format!("{word}: hub {}: {what}", alarm.hub)
}

/// Returns what was measured, and beyond what that is too bad.
pub(crate) fn what(kind: Kind, value: f64, threshold: f64) -> String {
    match kind {
        Kind::ErrorRate => format!(
            "{} of the operations of five minutes were refused (alarm above {})",
            percent(value),
            percent(threshold)
        ),
        Kind::Lag => format!(
            "the oldest event has waited for {} to be delivered (alarm above {})",
            time(value),
            time(threshold)
        ),
        Kind::Backlog => {
            format!("{value} events have still to be delivered (alarm above {threshold})")
        }
        Kind::EndpointsDisabled => {
            format!("{value} endpoints are disabled (alarm above {threshold})")
        }
        Kind::DeliveriesStopped => format!(
            "nothing has been delivered for {}: the store fails or hangs (alarm above {})",
            time(value),
            time(threshold)
        ),
        Kind::DeadLetters => {
            format!("{value} deliveries were given up within an hour (alarm above {threshold})")
        }
        Kind::Consistency => format!(
            "{} of the compared copies are what the hub shows (alarm below {})",
            percent(value),
            percent(threshold)
        ),
        Kind::Conflicts => format!(
            "the oldest conflict has waited for {} for a person (alarm above {})",
            time(value),
            time(threshold)
        ),
        Kind::Backup => format!(
            "the first change that is in no backup is {} old (alarm above {})",
            time(value),
            time(threshold)
        ),
    }
}

/// Returns a number with six digits behind the point at most.
pub(crate) fn number(value: f64) -> Number {
    let text = format!("{:.6}", value);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    Number::parse(text).unwrap_or_else(|_| 0_u64.into())
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    // 99.95 % must not be told as 100 %.
    let text = format!("{:.2}", (percent * 100.0).floor() / 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7_200.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 172_800.0 => format!("{:.0} h", seconds / 3_600.0),
        seconds => format!("{:.0} days", seconds / 86_400.0),
    }
}

/// Returns the page that says what to do.
pub(crate) const fn page(kind: Kind) -> &'static str {
    match kind {
        Kind::ErrorRate => "docs/guide/monitoring.md#highsyncerrorrate",
        Kind::Lag => "docs/guide/monitoring.md#regionsynchronizationlag",
        Kind::Backlog => "docs/guide/monitoring.md#syncqueuebacklog",
        Kind::EndpointsDisabled => "docs/guide/monitoring.md#endpointdisabled",
        Kind::DeliveriesStopped => "docs/guide/monitoring.md#deliveriesstopped",
        Kind::DeadLetters => "docs/guide/monitoring.md#deadletters",
        Kind::Consistency => "docs/guide/monitoring.md#datainconsistency",
        Kind::Conflicts => "docs/guide/monitoring.md#unresolvedconflicts",
        Kind::Backup => "docs/guide/monitoring.md#backupbehind",
    }
}

/// Returns what one and the same alarm is called while it lasts.
fn key(alarm: &Alarm) -> String {
    format!("syncline/{}/{}", alarm.hub, alarm.kind.as_str())
}

/// Returns the id of one telling, by which a receiver knows one that comes twice.
pub(super) fn id(alarm: &Alarm) -> String {
    format!("alert-{}-{}-{}", alarm.hub, alarm.kind.as_str(), alarm.at_ms)
}

fn facts(alarm: &Alarm) -> Object {
    let Json::Object(mut facts) = object([
        ("alert", alarm.kind.as_str().into()),
        ("hub", alarm.hub.as_str().into()),
        ("severity", alarm.severity.as_str().into()),
        ("state", alarm.state.as_str().into()),
        ("since", format_time(alarm.since_ms).as_str().into()),
        ("summary", headline(alarm).as_str().into()),
        ("look", page(alarm.kind).into()),
    ]) else {
        return Object::new();
    };
    for (name, value) in [("value", alarm.value), ("threshold", Some(alarm.threshold))] {
        if let Some(value) = value {
            facts.insert(name, Json::Number(number(value)));
        }
    }
    facts
}

/// Returns the body of a webhook, as Standard Webhooks has it.
pub(super) fn webhook(alarm: &Alarm) -> String {
    let kind = match alarm.state {
        State::Fired => "alert.fired",
        State::Repeated => "alert.repeated",
        // To who was told of it, it is over.
        State::Resolved | State::Ended => "alert.resolved",
    };
    let at = format_time(alarm.at_ms);
    let mut facts = facts(alarm);
    facts.insert("id", key(alarm).as_str());
    let body = object([
        ("type", kind.into()),
        ("timestamp", at.as_str().into()),
        ("data", Json::Object(facts)),
    ]);
    body.to_compact_string()
}

/// Returns the body of an incoming webhook of Slack.
pub(super) fn slack(alarm: &Alarm) -> String {
    let colour = match (alarm.state, alarm.severity) {
        (State::Resolved | State::Ended, _) => "good",
        (_, Severity::Warning) => "warning",
        (_, Severity::Critical) => "danger",
    };
    let line = escaped(&headline(alarm));
    let since = format!("since {}; see {}", format_time(alarm.since_ms), page(alarm.kind));
    let attachment = object([
        ("color", colour.into()),
        ("fallback", line.as_str().into()),
        ("text", since.as_str().into()),
    ]);
    object([("text", line.as_str().into()), ("attachments", Json::Array(vec![attachment]))])
        .to_compact_string()
}

/// Returns a text in which Slack finds neither a link nor somebody to call.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns an event of PagerDuty's Events API, version 2.
pub(super) fn pager_duty(alarm: &Alarm, routing_key: &str) -> String {
    let is_over = matches!(alarm.state, State::Resolved | State::Ended);
    let action = if is_over { "resolve" } else { "trigger" };
    let payload = object([
        ("summary", headline(alarm).as_str().into()),
        ("source", format!("syncline/{}", alarm.hub).as_str().into()),
        ("severity", alarm.severity.as_str().into()),
        ("timestamp", format_time(alarm.at_ms).as_str().into()),
        ("component", alarm.hub.as_str().into()),
        ("class", alarm.kind.as_str().into()),
        ("custom_details", Json::Object(facts(alarm))),
    ]);
    let event = object([
        ("routing_key", routing_key.into()),
        ("event_action", action.into()),
        ("dedup_key", key(alarm).as_str().into()),
        ("client", "Syncline".into()),
        ("payload", payload),
    ]);
    event.to_compact_string()
}

/// Returns an envelope of Sentry with one event.
///
/// - `event`: its id, 32 hexadecimal digits.
pub(super) fn sentry(alarm: &Alarm, event: &str) -> String {
    let level = match (alarm.state, alarm.severity) {
        (State::Resolved | State::Ended, _) => "info",
        (_, Severity::Warning) => "warning",
        (_, Severity::Critical) => "error",
    };
    let tags = object([
        ("alert", alarm.kind.as_str().into()),
        ("hub", alarm.hub.as_str().into()),
        ("state", alarm.state.as_str().into()),
    ]);
    let item = object([
        ("event_id", event.into()),
        ("timestamp", format_time(alarm.at_ms).as_str().into()),
        ("platform", "other".into()),
        ("level", level.into()),
        ("logger", "syncline.alerts".into()),
        ("message", object([("formatted", headline(alarm).as_str().into())])),
        ("tags", tags),
        ("fingerprint", Json::Array(vec![key(alarm).as_str().into()])),
        ("extra", Json::Object(facts(alarm))),
    ]);
    let item = item.to_compact_string();
    let head =
        object([("event_id", event.into()), ("sent_at", format_time(alarm.at_ms).as_str().into())]);
    let kind = object([("type", "event".into()), ("length", (item.len() as u64).into())]);
    format!("{}\n{}\n{item}\n", head.to_compact_string(), kind.to_compact_string())
}

/// Returns subject and text of an e-mail.
pub(super) fn mail(alarm: &Alarm) -> (String, String) {
    let text = format!(
        "{}\n\nHub:       {}\nAlert:     {}\nSeverity:  {}\nSince:     {}\nTold at:   {}\n\nWhat to do: {}\n",
        headline(alarm),
        alarm.hub,
        alarm.kind.as_str(),
        alarm.severity.as_str(),
        format_time(alarm.since_ms),
        format_time(alarm.at_ms),
        page(alarm.kind),
    );
    (format!("[Syncline] {}", headline(alarm)), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(kind: Kind, state: State, value: f64, threshold: f64) -> Alarm {
        let severity = Severity::Critical;
        let (since_ms, at_ms) = (1_700_000_000_000, 1_700_000_600_000);
        let value = Some(value);
        Alarm { hub: "shop".into(), kind, severity, state, value, threshold, since_ms, at_ms }
    }

    #[test]
    fn a_line_says_what_is_the_matter() {
        #[rustfmt::skip]
        let cases = [
            (alarm(Kind::ErrorRate, State::Fired, 0.125, 0.1),
             "critical: hub shop: 12.5 % of the operations of five minutes were refused (alarm above 10 %)"),
            (alarm(Kind::Consistency, State::Repeated, 0.99899, 0.999),
             "still critical: hub shop: 99.89 % of the compared copies are what the hub shows (alarm below 99.9 %)"),
            (alarm(Kind::Lag, State::Resolved, 0.0, 300.0),
             "resolved: hub shop: the oldest event has waited for 0 s to be delivered (alarm above 5 min)"),
            (alarm(Kind::Backlog, State::Fired, 1_001.0, 1_000.0),
             "critical: hub shop: 1001 events have still to be delivered (alarm above 1000)"),
            (alarm(Kind::DeliveriesStopped, State::Fired, 90.4, 30.0),
             "critical: hub shop: nothing has been delivered for 90 s: the store fails or hangs (alarm above 30 s)"),
            (Alarm { value: None, ..alarm(Kind::Backlog, State::Ended, 0.0, 1_000.0) },
             "ended: hub shop: backlog is watched no more: the hub is gone, or the rule is off"),
            (alarm(Kind::Conflicts, State::Fired, 200_000.0, 86_400.0),
             "critical: hub shop: the oldest conflict has waited for 2 days for a person (alarm above 24 h)"),
        ];
        for (alarm, expected) in cases {
            assert_eq!(headline(&alarm), expected);
        }
    }

    #[test]
    fn an_alarm_and_its_end_have_one_key_and_each_telling_an_id_of_its_own() {
        let fired = alarm(Kind::Backlog, State::Fired, 2.0, 1.0);
        let over = Alarm { state: State::Resolved, at_ms: 1_700_000_700_000, ..fired.clone() };
        assert_eq!(key(&fired), key(&over));
        assert_ne!(id(&fired), id(&over));
        let ended = Alarm { state: State::Ended, value: None, ..over };
        assert!(
            webhook(&ended).contains("alert.resolved")
                && pager_duty(&ended, "k").contains("\"resolve\"")
        );
        assert_eq!(key(&fired), key(&ended));
        assert!(!id(&fired).contains('.'), "Standard Webhooks parts what is signed by dots");
    }

    #[test]
    fn a_hub_whose_name_is_odd_breaks_out_of_nothing() {
        let odd =
            Alarm { hub: "<!here>\"\n".into(), ..alarm(Kind::Lag, State::Fired, 400.0, 300.0) };
        let told = slack(&odd);
        assert!(!told.contains("<!here>") && told.contains("&lt;!here&gt;"), "{told}");
        assert_eq!(sentry(&odd, "0").lines().count(), 3, "an envelope has three lines");
    }
}
