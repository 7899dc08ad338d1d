//! Figures for Prometheus. Labels are names of routes and words; never ids of records or clients.

mod synchronization;

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use syncline_hub::BackupHealth;
use syncline_model::id::Position;

use crate::delivering::DeliveryFigures;
use crate::replicas::Consistency;
use crate::settings::MetricsNames;

pub(crate) use synchronization::Counted;
use synchronization::Synchronization;

/// Bounds of the histogram of request times, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0];

type Labels<const N: usize> = [(&'static str, String); N];

/// The figures of a server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    seconds: Family<Labels<1>, Histogram>,
    /// Operations of clients, by what became of them.
    pub(crate) operations: Family<Labels<1>, Counter>,
    /// Tokens of other issuers that were refused, by why.
    refused: Family<Labels<1>, Counter>,
    /// Webhooks whose signatures were refused, by code.
    unverified: Family<Labels<1>, Counter>,
    /// Connections that follow changes.
    pub(crate) streams: Gauge,
    /// Changes that were sent.
    pub(crate) changes: Counter<u64, AtomicU64>,
    views_checked: Family<Labels<1>, Counter>,
    replicas: Family<Labels<2>, Gauge>,
    consistency: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    consistency_age: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    held: Family<Labels<1>, Gauge>,
    log_end: Family<Labels<1>, Gauge>,
    log_horizon: Family<Labels<1>, Gauge>,
    backup_behind: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    backup_gaps: Family<Labels<1>, Gauge>,
    backup_fails: Family<Labels<1>, Gauge>,
    /// Those of specs 002 and 003.
    pub(crate) synchronization: Synchronization,
}

impl Metrics {
    pub(crate) fn new(names: &MetricsNames, deliveries: &DeliveryFigures) -> Self {
        let mut registry = registry(names);
        let synchronization = Synchronization::register(&mut registry);
        deliveries.register(&mut registry);
        let requests = Family::default();
        registry.register("http_requests", "Requests that were answered", requests.clone());
        let seconds =
            Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        registry.register("http_request_seconds", "Time until an answer", seconds.clone());
        let operations = Family::default();
        registry.register("operations", "Operations of clients", operations.clone());
        let (unverified, refused) = (Family::default(), Family::default());
        let help = "Webhooks whose signatures were refused";
        registry.register("webhooks_refused", help, unverified.clone());
        let help = "Tokens of other issuers that were refused";
        registry.register("issued_tokens_refused", help, refused.clone());
        let streams = Gauge::default();
        registry.register("streams_open", "Connections that follow changes", streams.clone());
        let changes = Counter::default();
        registry.register("changes_sent", "Changes that were sent", changes.clone());
        let views_checked = Family::default();
        let help = "Views that clients have compared with the hub's checksum";
        registry.register("views_checked", help, views_checked.clone());
        let replicas = Family::default();
        let help = "Copies that clients hold, by hub and by what is known of them";
        registry.register("replicas", help, replicas.clone());
        let consistency = Family::default();
        let help = "Share of copies that are what the hub shows, of those of which it is known; NaN if of none";
        registry.register("consistency_ratio", help, consistency.clone());
        let consistency_age = Family::default();
        let help = "Age of the oldest comparison that counts for the ratio; NaN if none does";
        registry.register("consistency_age_seconds", help, consistency_age.clone());
        let held = Family::default();
        let help = "Clients that wait for an operator's word to delete or change so much, by hub";
        registry.register("clients_held", help, held.clone());
        let log_end = Family::default();
        registry.register("log_end", "The last position of the log, by hub", log_end.clone());
        let log_horizon = Family::default();
        let help = "The last position of the log that is forgotten, by hub";
        registry.register("log_horizon", help, log_horizon.clone());
        let backup_behind = Family::default();
        let help = "Age of the first commit that is in no backup, by hub";
        registry.register("backup_behind_seconds", help, backup_behind.clone());
        let backup_gaps = Family::default();
        let help = "How often a backup had to begin anew, by hub";
        registry.register("backup_gaps", help, backup_gaps.clone());
        let backup_fails = Family::default();
        let help = "Whether the folder of a backup fails, by hub";
        registry.register("backup_fails", help, backup_fails.clone());
        Self {
            registry,
            requests,
            seconds,
            operations,
            refused,
            unverified,
            streams,
            changes,
            views_checked,
            replicas,
            consistency,
            consistency_age,
            held,
            log_end,
            log_horizon,
            backup_behind,
            backup_gaps,
            backup_fails,
            synchronization,
        }
    }

    /// Notes that a client has compared what it holds with what the hub shows.
    pub(crate) fn checked(&self, is_equal: bool) {
        let result = if is_equal { "equal" } else { "different" };
        self.views_checked.get_or_create(&[("result", result.to_owned())]).inc();
    }

    /// Notes what is known of the copies that clients of a hub hold.
    pub(crate) fn consistency(&self, hub: &str, count: &Consistency) {
        let states =
            [("equal", count.equal), ("different", count.different), ("unknown", count.unknown)];
        for (state, copies) in states {
            let labels = [("hub", hub.to_owned()), ("state", state.to_owned())];
            self.replicas.get_or_create(&labels).set(i64::try_from(copies).unwrap_or(i64::MAX));
        }
        self.synchronization.consistency(hub, count);
        let labels = [("hub", hub.to_owned())];
        self.consistency.get_or_create(&labels).set(count.ratio().unwrap_or(f64::NAN));
        let age_s = count.age_ms.map(|age_ms| Duration::from_millis(age_ms).as_secs_f64());
        self.consistency_age.get_or_create(&labels).set(age_s.unwrap_or(f64::NAN));
    }

    /// Notes from where to where the log of a hub reaches.
    pub(crate) fn log(&self, hub: &str, horizon: Position, end: Position) {
        let labels = [("hub", hub.to_owned())];
        let number = |position: Position| i64::try_from(position.0).unwrap_or(i64::MAX);
        self.log_horizon.get_or_create(&labels).set(number(horizon));
        self.log_end.get_or_create(&labels).set(number(end));
    }

    /// Notes how many clients of a hub are held, by entity.
    pub(crate) fn held(&self, hub: &str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.held.get_or_create(&[("hub", hub.to_owned())]).set(count);
    }

    /// Notes how the backup of a hub stands.
    pub(crate) fn backup(&self, hub: &str, health: &BackupHealth) {
        let labels = [("hub", hub.to_owned())];
        let behind_s = Duration::from_millis(health.behind_ms).as_secs_f64();
        self.backup_behind.get_or_create(&labels).set(behind_s);
        let gaps = i64::try_from(health.gaps).unwrap_or(i64::MAX);
        self.backup_gaps.get_or_create(&labels).set(gaps);
        self.backup_fails.get_or_create(&labels).set(health.failing.is_some().into());
    }

    /// Notes an answered request.
    pub(crate) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        let labels = [("route", route.to_owned()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&[("route", route.to_owned())]).observe(took.as_secs_f64());
    }

    /// Notes operations that came to the same.
    pub(crate) fn operations(&self, status: &'static str, count: u64) {
        self.operations.get_or_create(&[("status", status.to_owned())]).inc_by(count);
    }

    /// Notes a webhook whose signature was refused.
    pub(crate) fn unverified(&self, code: &'static str) {
        self.unverified.get_or_create(&[("code", code.to_owned())]).inc();
    }

    /// Notes a token of another issuer that was refused.
    pub(crate) fn refused(&self, why: &'static str) {
        self.refused.get_or_create(&[("why", why.to_owned())]).inc();
    }

    /// Returns all of it as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a text fails never.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Returns where figures are registered, with what all of their names and labels begin with.
fn registry(names: &MetricsNames) -> Registry {
    let region = names.region.iter();
    let region = region.map(|region| (Cow::from("region"), Cow::from(region.clone())));
    Registry::with_prefix_and_labels(names.prefix.clone(), region)
}
