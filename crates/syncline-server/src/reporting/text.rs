//! A report for people: rows of a name and what it was.

use syncline_model::json::{Json, Object};

/// Returns the rows of a report, as its document tells it.
pub fn report_rows(report: &Object) -> Vec<(&'static str, String)> {
    let [operations, deliveries, conflicts, copies, endpoints] =
        ["operations", "deliveries", "conflicts", "consistency", "endpoints"]
            .map(|name| report.get(name).and_then(Json::as_object).cloned().unwrap_or_default());
    let count = |of: &Object, name: &str| number(of, name).map_or_else(none, grouped);
    let mut rows = vec![
        ("Changes", count(report, "changes")),
        (
            "Operations",
            format!(
                "{}, {} refused, {} well",
                count(&operations, "count"),
                count(&operations, "refused"),
                percent(&operations, "successRate")
            ),
        ),
        ("  answered within", times(&operations, "latencyMs")),
        (
            "Deliveries",
            format!(
                "{}, {} given up, {} well; {} attempts, {} well",
                count(&deliveries, "delivered"),
                count(&deliveries, "givenUp"),
                percent(&deliveries, "successRate"),
                count(&deliveries, "attempts"),
                percent(&deliveries, "attemptSuccessRate")
            ),
        ),
        ("  delivered within", times(&deliveries, "latencyMs")),
        (
            "  waiting now",
            match number(&deliveries, "lagMs") {
                Some(lag_ms) => {
                    format!("{}, for {}", count(&deliveries, "waiting"), time(lag_ms))
                }
                None => count(&deliveries, "waiting"),
            },
        ),
        (
            "Conflicts",
            format!(
                "{}, {} settled by rules, {} by people ({} by rules), {} wait now",
                count(&conflicts, "count"),
                count(&conflicts, "automatic"),
                count(&conflicts, "manual"),
                percent(&conflicts, "automaticRate"),
                count(&conflicts, "open")
            ),
        ),
        ("  decided within", times(&conflicts, "resolutionMs")),
    ];
    let share = |name| percent(&copies, name);
    rows.push(("Consistency", format!("{} now, {} at the lowest", share("now"), share("lowest"))));
    rows.push((
        "Endpoints",
        format!(
            "{}, {} failing, {} disabled now, {} disabled in that time",
            count(&endpoints, "all"),
            count(&endpoints, "failing"),
            count(&endpoints, "disabled"),
            count(&endpoints, "wereDisabled")
        ),
    ));
    rows
}

/// What is told of what nothing is known of.
fn none() -> String {
    "–".to_owned()
}

fn number(of: &Object, name: &str) -> Option<f64> {
    of.get(name)?.as_number()?.as_str().parse().ok()
}

/// Returns a whole number with a comma between each three digits.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a share in per cent, rounded down: 99.99 % is not told as 100 %.
fn percent(of: &Object, name: &str) -> String {
    let Some(share) = number(of, name) else { return none() };
    // What floats have lost below a ten-thousandth is given back first.
    let text = format!("{:.2}", ((share * 10_000.0 + 1e-6).floor()) / 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn times(of: &Object, name: &str) -> String {
    let Some(times) = of.get(name).and_then(Json::as_object) else { return none() };
    let told = [("p50", 50), ("p95", 95), ("p99", 99)]
        .map(|(name, of)| number(times, name).map(|ms| format!("{} for {of} %", time(ms))));
    match told.into_iter().collect::<Option<Vec<_>>>() {
        Some(told) => told.join(", "),
        None => none(),
    }
}

/// Returns a time in the unit that it is told in.
fn time(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 120_000.0 => format!("{:.1} s", ms / 1_000.0),
        ms if ms < 7_200_000.0 => format!("{:.0} min", ms / 60_000.0),
        ms if ms < 172_800_000.0 => format!("{:.0} h", ms / 3_600_000.0),
        ms => format!("{:.0} days", ms / 86_400_000.0),
    }
}

#[cfg(test)]
mod tests {
    use syncline_model::json::parse;

    use super::*;

    fn rows(text: &str) -> Vec<String> {
        let report = parse(text.as_bytes()).unwrap();
        let rows = report_rows(report.as_object().unwrap());
        rows.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    #[test]
    fn a_report_is_told_in_rows_and_what_is_unknown_is_a_dash() {
        let told = rows(
            r#"{"changes":1234567,
            "operations":{"count":10,"refused":1,"successRate":0.9,"latencyMs":{"p50":0.25,"p95":12,"p99":1500}},
            "deliveries":{"delivered":9999,"givenUp":1,"successRate":0.9999,"attempts":10001,"attemptSuccessRate":0.999800,
              "latencyMs":{"p50":null,"p95":null,"p99":null},"waiting":3,"lagMs":180000},
            "conflicts":{"count":0,"automatic":0,"manual":0,"automaticRate":null,"open":0,
              "resolutionMs":{"p50":7200000,"p95":172800000,"p99":172800000}},
            "consistency":{"now":1,"lowest":0.999999},
            "endpoints":{"all":2,"failing":0,"disabled":1,"wereDisabled":1}}"#,
        );
        #[rustfmt::skip]
        let expected = [
            "Changes: 1,234,567",
            "Operations: 10, 1 refused, 90 % well",
            "  answered within: 0.2 ms for 50 %, 12 ms for 95 %, 1.5 s for 99 %",
            "Deliveries: 9,999, 1 given up, 99.99 % well; 10,001 attempts, 99.98 % well",
            "  delivered within: –",
            "  waiting now: 3, for 3 min",
            "Conflicts: 0, 0 settled by rules, 0 by people (– by rules), 0 wait now",
            "  decided within: 2 h for 50 %, 2 days for 95 %, 2 days for 99 %",
            "Consistency: 100 % now, 99.99 % at the lowest",
            "Endpoints: 2, 0 failing, 1 disabled now, 1 disabled in that time",
        ];
        assert_eq!(told, expected);
        // A document of another version is told as far as it is known.
        assert!(rows("{}").iter().any(|row| row == "Changes: –"));
    }
}
