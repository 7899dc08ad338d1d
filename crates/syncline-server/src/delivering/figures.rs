//! Figures of deliveries. Labels are names of hubs and words; never ids of endpoints, events or records.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use syncline_engine::deliver::{BreakerState, Outcome};
use syncline_hub::served::deliver::{EndpointNow, Noticed, Parcel};

/// Bounds of the histogram of the times from an event to its delivery, in seconds.
const SECONDS: [f64; 15] = [
    0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0, 36_000.0,
    360_000.0,
];

type Labels<const N: usize> = [(&'static str, String); N];

/// The figures of the deliveries of all hubs.
#[derive(Clone)]
pub(crate) struct DeliveryFigures {
    attempts: Family<Labels<2>, Counter>,
    seconds: Family<Labels<1>, Histogram>,
    notices: Family<Labels<2>, Counter>,
    endpoints: Family<Labels<2>, Gauge>,
    pending: Family<Labels<1>, Gauge>,
    retrying: Family<Labels<1>, Gauge>,
    in_flight: Family<Labels<1>, Gauge>,
    lag: Family<Labels<1>, Gauge>,
    oldest: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    stopped: Family<Labels<1>, Gauge>,
}

impl DeliveryFigures {
    pub(crate) fn new() -> Self {
        Self {
            attempts: Family::default(),
            seconds: Family::new_with_constructor(
                (|| Histogram::new(SECONDS)) as fn() -> Histogram,
            ),
            notices: Family::default(),
            endpoints: Family::default(),
            pending: Family::default(),
            retrying: Family::default(),
            in_flight: Family::default(),
            lag: Family::default(),
            oldest: Family::default(),
            stopped: Family::default(),
        }
    }

    /// Has them told with all others.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Attempts to deliver, by hub and by what came of them";
        registry.register("delivery_attempts", help, self.attempts.clone());
        let help = "Time from an event to its delivery, by hub";
        registry.register("delivery_seconds", help, self.seconds.clone());
        let help = "Notices of deliveries, by hub and kind";
        registry.register("delivery_notices", help, self.notices.clone());
        let help = "Endpoints, by hub and by how their breakers stand, or that they are disabled or damaged";
        registry.register("endpoint_breakers", help, self.endpoints.clone());
        let help = "Deliveries in memory that wait or are under way, by hub";
        registry.register("deliveries_pending", help, self.pending.clone());
        let help = "Deliveries that wait for another attempt, by hub";
        registry.register("deliveries_retrying", help, self.retrying.clone());
        let help = "Deliveries that are being sent, by hub";
        registry.register("deliveries_in_flight", help, self.in_flight.clone());
        let help = "Entries of the log that the slowest endpoint that is not disabled has not read, by hub";
        registry.register("deliveries_lag", help, self.lag.clone());
        let help = "Age of the oldest event in memory that is not delivered, by hub; 0 without one";
        registry.register("deliveries_oldest_seconds", help, self.oldest.clone());
        let help = "Whether all deliveries stand still, since the store fails or hangs, by hub";
        registry.register("deliveries_stopped", help, self.stopped.clone());
    }

    /// Returns those of one hub.
    pub(crate) fn of_hub(&self, hub: &str) -> HubFigures {
        let (all, hub) = (self.clone(), hub.to_owned());
        let attempts = ATTEMPTS.map(|word| {
            let labels = [("hub", hub.clone()), ("outcome", word.to_owned())];
            all.attempts.get_or_create_owned(&labels)
        });
        let seconds = all.seconds.get_or_create_owned(&[("hub", hub.clone())]);
        // From 0 on, or nobody would know whether there is such a figure.
        drop(all.stopped.get_or_create(&[("hub", hub.clone())]));
        HubFigures { all, hub, attempts, seconds }
    }
}

/// What comes of an attempt, as the figures tell it apart.
const ATTEMPTS: [&str; 4] = ["delivered", "refused", "failed", "unsent"];

/// The figures of the deliveries of one hub.
pub(crate) struct HubFigures {
    all: DeliveryFigures,
    hub: String,
    /// By [`ATTEMPTS`].
    attempts: [Counter; 4],
    seconds: Histogram,
}

impl HubFigures {
    /// An attempt has ended.
    pub(super) fn ended(&self, parcel: &Parcel, outcome: Outcome, now_ms: u64) {
        let [delivered, refused, failed, unsent] = &self.attempts;
        match outcome {
            Outcome::Answered { status: 200..=299, .. } => {
                delivered.inc();
                let took_ms = now_ms.saturating_sub(parcel.sending.event.created_ms);
                if !parcel.sending.is_replay {
                    self.seconds.observe(Duration::from_millis(took_ms).as_secs_f64());
                }
            }
            Outcome::Answered { status: 300..=499, .. } => drop(refused.inc()),
            Outcome::Failed(failure) if failure.is_of_event() => drop(unsent.inc()),
            // No attempt was made.
            Outcome::LeftOut => {}
            Outcome::Answered { .. } | Outcome::Failed(_) => drop(failed.inc()),
        }
    }

    /// Operators should know something.
    pub(super) fn noticed(&self, noticed: &[Noticed]) {
        for one in noticed {
            let labels = [("hub", self.hub.clone()), ("kind", one.notice.kind().to_owned())];
            self.all.notices.get_or_create(&labels).inc_by(one.count);
        }
    }

    /// Whether all deliveries stand still.
    pub(super) fn stopped(&self, is_stopped: bool) {
        self.all.stopped.get_or_create(&self.labels()).set(is_stopped.into());
    }

    /// Takes note of how the endpoints do.
    pub(super) fn measure(&self, endpoints: &[EndpointNow], now_ms: u64) {
        let state = |endpoint: &EndpointNow| match (endpoint.damaged, endpoint.facts.disabled) {
            (Some(_), _) => "damaged",
            (None, Some(_)) => "disabled",
            (None, None) => match endpoint.facts.breaker {
                BreakerState::Closed => "closed",
                BreakerState::Open { .. } => "open",
                BreakerState::HalfOpen => "half_open",
            },
        };
        for word in ["closed", "open", "half_open", "disabled", "damaged"] {
            let count = endpoints.iter().filter(|endpoint| state(endpoint) == word).count();
            let labels = [("hub", self.hub.clone()), ("state", word.to_owned())];
            self.all.endpoints.get_or_create(&labels).set(number(count as u64));
        }
        let sum = |of: fn(&EndpointNow) -> u64| number(endpoints.iter().map(of).sum());
        let labels = self.labels();
        self.all.pending.get_or_create(&labels).set(sum(|one| one.facts.pending as u64));
        self.all.retrying.get_or_create(&labels).set(sum(|one| one.facts.retrying as u64));
        self.all.in_flight.get_or_create(&labels).set(sum(|one| one.facts.in_flight.into()));
        let enabled = || endpoints.iter().filter(|one| one.facts.disabled.is_none());
        let lag = enabled().map(|one| one.facts.lag).max();
        self.all.lag.get_or_create(&labels).set(number(lag.unwrap_or(0)));
        let failing_ms =
            |one: &EndpointNow| one.facts.failing_since_ms.filter(|_| one.facts.pending > 0);
        let oldest_ms = enabled().flat_map(|one| [one.facts.oldest_ms, failing_ms(one)]);
        let oldest_ms = oldest_ms.flatten().min();
        let age_ms = oldest_ms.map_or(0, |oldest_ms| now_ms.saturating_sub(oldest_ms));
        let age_s = Duration::from_millis(age_ms).as_secs_f64();
        self.all.oldest.get_or_create(&labels).set(age_s);
    }

    fn labels(&self) -> Labels<1> {
        [("hub", self.hub.clone())]
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
