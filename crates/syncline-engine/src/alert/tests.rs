//! A hub that does badly and well again, in virtual time.

use super::*;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
/// When it begins: any time.
const BEGIN: u64 = 1_700_000_000_000;

/// Measures every ten seconds and answers what is told, with the seconds since the begin.
struct Watch {
    alerts: Alerts,
    now_ms: u64,
}

impl Watch {
    fn new() -> Self {
        Self { alerts: Alerts::new(Rules::default(), Vec::new()), now_ms: BEGIN }
    }

    fn at(&mut self, measures: Measures) -> Vec<(State, Kind, u64)> {
        self.alerts.handle_measures("shop", self.now_ms, &measures);
        let told = std::iter::from_fn(|| self.alerts.poll_alarm());
        told.map(|alarm| (alarm.state, alarm.kind, (alarm.at_ms - BEGIN) / SECOND)).collect()
    }

    fn until(&mut self, seconds: u64, measures: Measures) -> Vec<(State, Kind, u64)> {
        let mut told = Vec::new();
        while self.now_ms < BEGIN + seconds * SECOND {
            self.now_ms += 10 * SECOND;
            told.extend(self.at(measures));
        }
        told
    }
}

/// Returns what is measured of a hub that does well.
fn well() -> Measures {
    Measures {
        lag_ms: Some(Known::Exactly(0)),
        backlog: Some(0),
        endpoints_disabled: Some(0),
        stopped_ms: Some(0),
        conflict_ms: Some(0),
        ..Measures::default()
    }
}

fn backlog(backlog: u64) -> Measures {
    Measures { backlog: Some(backlog), ..well() }
}

fn lag(ms: Known) -> Measures {
    Measures { lag_ms: Some(ms), ..well() }
}

/// One row per kind: what is too bad for it, what is not yet, and for how long it has to be so, in seconds.
#[test]
fn each_kind_is_told_after_its_time_and_not_at_its_threshold() {
    let usual = well();
    let (most, more) = (Known::Exactly(300_000), Known::AtLeast(300_001));
    #[rustfmt::skip]
    let cases = [
        (Kind::Lag,               lag(more),                                    lag(most),                                    60),
        (Kind::Backlog,           backlog(1_001),                               backlog(1_000),                               120),
        (Kind::EndpointsDisabled, Measures { endpoints_disabled: Some(1), ..usual }, usual,                                   0),
        (Kind::DeliveriesStopped, Measures { stopped_ms: Some(30_001), ..usual }, Measures { stopped_ms: Some(30_000), ..usual }, 0),
        (Kind::DeadLetters,       Measures { dead_letters: 1, ..usual },        usual,                                        0),
        (Kind::Consistency,       Measures { consistency: Some(0.998), ..usual }, Measures { consistency: Some(0.999), ..usual }, 600),
        (Kind::Conflicts,         Measures { conflict_ms: Some(86_400_001), ..usual }, Measures { conflict_ms: Some(86_400_000), ..usual }, 300),
        (Kind::Backup,            Measures { backup_ms: Some(Known::Exactly(60_001)), ..usual }, Measures { backup_ms: Some(Known::Exactly(60_000)), ..usual }, 300),
    ];
    for (kind, bad, well, after_s) in cases {
        let mut watch = Watch::new();
        assert_eq!(Rules::default().get(kind).unwrap().for_ms, after_s * SECOND, "{kind:?}");
        assert_eq!(watch.until(900, well), [], "{kind:?} at its threshold");
        let told = watch.until(1_800, bad);
        let first = told.first().copied();
        assert_eq!(first, Some((State::Fired, kind, 910 + after_s)), "{kind:?}: {told:?}");
        assert!(told.iter().all(|(_, other, _)| *other == kind), "{kind:?}: {told:?}");
    }
}

#[test]
fn more_than_a_tenth_of_refusals_is_told_and_a_tenth_is_not() {
    for (errors, count) in [(10, 0), (11, 1)] {
        let mut rules = Rules::default();
        let rule = *rules.get(Kind::ErrorRate).unwrap();
        assert_eq!((rule.for_ms, rule.threshold), (300 * SECOND, 0.1));
        rules.set(Kind::ErrorRate, Some(Rule { for_ms: 0, ..rule }));
        let mut watch = Watch::new();
        watch.alerts = Alerts::new(rules, Vec::new());
        let told = watch.until(10, Measures { operations: 100, errors, ..well() });
        assert_eq!(told.len(), count, "{errors} of 100: {told:?}");
    }
}

#[test]
fn what_comes_and_goes_within_its_time_is_not_told() {
    let mut watch = Watch::new();
    for round in 0..20 {
        assert_eq!(watch.until(round * 120 + 110, backlog(5_000)), [], "100 s of 120");
        assert_eq!(watch.until(round * 120 + 120, backlog(0)), []);
    }
}

#[test]
fn what_swings_about_the_threshold_is_told_once_and_is_over_once() {
    let mut watch = Watch::new();
    let mut told = watch.until(200, backlog(1_001));
    for step in 0..100 {
        told.extend(watch.until(200 + step * 10, backlog(if step % 2 == 0 { 950 } else { 1_050 })));
    }
    assert_eq!(told, [(State::Fired, Kind::Backlog, 130)]);
    assert_eq!(watch.until(2_000, backlog(900)), [(State::Resolved, Kind::Backlog, 1_200)]);
}

#[test]
fn what_lasts_is_told_again_every_four_hours() {
    let mut watch = Watch::new();
    let told = watch.until(9 * 3_600, backlog(2_000));
    let times: Vec<u64> = told.iter().map(|(_, _, at)| *at).collect();
    assert_eq!(times, [130, 130 + 4 * 3_600, 130 + 8 * 3_600]);
    assert!(told[1..].iter().all(|(state, ..)| *state == State::Repeated), "{told:?}");
}

#[test]
fn a_restart_tells_nothing_twice_and_tells_what_is_over() {
    let mut watch = Watch::new();
    watch.until(200, backlog(2_000));
    let fired = watch.alerts.fired();
    assert_eq!(fired.len(), 1);
    watch.alerts = Alerts::new(Rules::default(), fired.clone());
    assert_eq!(watch.until(3_600, backlog(2_000)), [], "it is known");
    watch.alerts = Alerts::new(Rules::default(), fired);
    watch.now_ms += MINUTE;
    let seconds = (watch.now_ms - BEGIN) / SECOND;
    assert_eq!(watch.at(backlog(0)), [(State::Resolved, Kind::Backlog, seconds)]);
    assert_eq!(watch.alerts.fired(), []);
}

#[test]
fn of_what_is_unknown_nothing_is_told_and_what_was_told_stays() {
    let mut watch = Watch::new();
    let measured = |share| Measures { consistency: share, ..well() };
    assert_eq!(watch.until(590, measured(Some(0.5))), []);
    assert_eq!(watch.until(610, measured(None)), []);
    assert_eq!(
        watch.until(1_300, measured(Some(0.5))),
        [(State::Fired, Kind::Consistency, 620)],
        "it was never seen to be well"
    );
    assert_eq!(watch.until(2_000, measured(None)), []);
    let lit = watch.alerts.lit();
    assert_eq!((lit.len(), lit[0].value, lit[0].is_current), (1, Some(0.5), false));
    assert_eq!(
        watch.until(2_010, measured(Some(1.0))),
        [(State::Resolved, Kind::Consistency, 2_010)]
    );
}

#[test]
fn a_few_refusals_of_few_operations_are_no_error_rate() {
    let mut watch = Watch::new();
    let told = watch.until(3_600, Measures { operations: 9, errors: 9, ..well() });
    assert_eq!(told, []);
}

#[test]
fn refusals_and_dead_letters_are_forgotten_with_their_time() {
    let mut rules = Rules::default();
    let at_once = Rule { for_ms: 0, ..*rules.get(Kind::ErrorRate).unwrap() };
    rules.set(Kind::ErrorRate, Some(at_once));
    let mut watch = Watch::new();
    watch.alerts = Alerts::new(rules, Vec::new());
    watch.until(10, well());
    let bad = Measures { operations: 100, errors: 50, dead_letters: 3, ..well() };
    let told = watch.until(2 * 3_600, bad);
    let expected = [
        (State::Fired, Kind::ErrorRate, 20),
        (State::Fired, Kind::DeadLetters, 20),
        (State::Resolved, Kind::ErrorRate, 320),
        (State::Resolved, Kind::DeadLetters, 3_620),
    ];
    assert_eq!(told, expected);
}

/// What is not known is `None` or a bound; each is given just before and just after a restart.
#[test]
fn nothing_is_over_after_a_restart_before_it_was_measured() {
    let unknown = Measures { lag_ms: None, backlog: None, endpoints_disabled: None, ..well() };
    let unknown = Measures { stopped_ms: None, conflict_ms: None, ..unknown };
    let least = Some(Known::AtLeast(0));
    #[rustfmt::skip]
    let cases = [
        (Kind::Lag,               lag(Known::Exactly(400_000)),                        unknown),
        (Kind::Lag,               lag(Known::Exactly(400_000)),                        lag(Known::AtLeast(0))),
        (Kind::Backlog,           backlog(2_000),                                      unknown),
        (Kind::EndpointsDisabled, Measures { endpoints_disabled: Some(1), ..well() },  unknown),
        (Kind::DeliveriesStopped, Measures { stopped_ms: Some(90_000), ..well() },     unknown),
        (Kind::Conflicts,         Measures { conflict_ms: Some(90_000_000), ..well() }, unknown),
        (Kind::Backup,            Measures { backup_ms: Some(Known::Exactly(90_000)), ..well() }, Measures { backup_ms: least, ..well() }),
        (Kind::Backup,            Measures { backup_ms: Some(Known::Exactly(90_000)), ..well() }, well()),
    ];
    for (kind, bad, unmeasured) in cases {
        let mut watch = Watch::new();
        assert_eq!(watch.until(600, bad).len(), 1, "{kind:?}");
        watch.alerts = Alerts::new(Rules::default(), watch.alerts.fired());
        assert_eq!(watch.until(900, unmeasured), [], "{kind:?}");
        assert_eq!(watch.alerts.lit().len(), 1, "{kind:?}");
        let over = Measures { backup_ms: Some(Known::Exactly(0)), ..well() };
        assert_eq!(watch.until(910, over), [(State::Resolved, kind, 910)]);
    }
}

#[test]
fn what_is_counted_over_a_time_is_over_after_a_restart_once_all_of_that_time_was_seen() {
    let mut rules = Rules::default();
    let at_once = Rule { for_ms: 0, ..*rules.get(Kind::ErrorRate).unwrap() };
    rules.set(Kind::ErrorRate, Some(at_once));
    let mut watch = Watch::new();
    watch.alerts = Alerts::new(rules.clone(), Vec::new());
    let bad = Measures { operations: 100, errors: 50, dead_letters: 3, ..well() };
    assert_eq!(watch.until(20, bad).len(), 2);
    // The counters begin with the process.
    watch.alerts = Alerts::new(rules, watch.alerts.fired());
    let told = watch.until(2 * 3_600, well());
    let expected = [
        (State::Resolved, Kind::ErrorRate, 30 + 300),
        (State::Resolved, Kind::DeadLetters, 30 + 3_600),
    ];
    assert_eq!(told, expected);
}

#[test]
fn an_alert_of_a_hub_that_is_gone_or_of_a_rule_that_is_off_is_ended_and_that_is_said() {
    let mut watch = Watch::new();
    watch.until(200, backlog(2_000));
    let fired = watch.alerts.fired();
    watch.alerts.handle_hubs(watch.now_ms, &["shop", "new"]);
    assert_eq!(watch.alerts.poll_alarm(), None);
    let mut off = Rules::default();
    off.set(Kind::Backlog, None);
    let mut without_rule = Alerts::new(off, fired.clone());
    without_rule.handle_measures("shop", watch.now_ms, &backlog(2_000));
    let mut without_hub = Alerts::new(Rules::default(), fired);
    without_hub.handle_hubs(watch.now_ms, &["new"]);
    for alerts in [&mut without_rule, &mut without_hub] {
        let told: Vec<Alarm> = std::iter::from_fn(|| alerts.poll_alarm()).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].state, told[0].value), (State::Ended, None));
        assert_eq!((told[0].kind, told[0].severity), (Kind::Backlog, Severity::Critical));
        assert_eq!((alerts.fired(), alerts.lit()), (vec![], vec![]));
    }
}

#[test]
fn hubs_are_watched_apart() {
    let mut alerts = Alerts::new(Rules::default(), Vec::new());
    for step in 0..100 {
        let now_ms = BEGIN + step * 10 * SECOND;
        alerts.handle_measures("a", now_ms, &backlog(2_000));
        alerts.handle_measures("b", now_ms, &backlog(0));
    }
    let told: Vec<Alarm> = std::iter::from_fn(|| alerts.poll_alarm()).collect();
    assert_eq!(told.len(), 1);
    let (hub, value) = (told[0].hub.as_str(), told[0].value);
    assert_eq!((hub, value, told[0].threshold), ("a", Some(2_000.0), 1_000.0));
    assert_eq!(told[0].since_ms, BEGIN);
}

#[test]
fn what_is_not_watched_is_not_told() {
    let mut rules = Rules::default();
    rules.set(Kind::Backlog, None);
    let mut alerts = Alerts::new(rules, Vec::new());
    for step in 0..100 {
        alerts.handle_measures("a", BEGIN + step * 10 * SECOND, &backlog(2_000));
    }
    assert_eq!(alerts.poll_alarm(), None);
}

#[test]
fn a_clock_that_goes_back_fires_nothing() {
    let mut watch = Watch::new();
    assert_eq!(watch.until(100, backlog(2_000)), []);
    watch.now_ms -= 3_600 * SECOND;
    assert_eq!(watch.at(backlog(2_000)), []);
}
