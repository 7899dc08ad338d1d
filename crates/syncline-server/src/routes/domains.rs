//! The domains of a hub, each with a verdict: whether it does well and, if not, why, since when, and what to do.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use syncline_engine::deliver::{AttemptResult, BreakerState, DisableReason};
use syncline_hub::served::ServeError;
use syncline_hub::served::deliver::{DeliveryError, EndpointNow, Sought};
use syncline_model::id::EntityName;
use syncline_model::json::{Json, Object};
use syncline_policy::Hold;
use syncline_protocol::time::{format_time, parse_time};

use super::answer::{Answer, json};
use crate::access::now_ms;
use crate::asked::Asked;
use crate::document::texts;
use crate::hubs::Desk;
use crate::limits::{
    DOMAIN_ATTEMPTS_LOOKED_AT_MAX, DOMAIN_RUNS_LOOKED_AT_MAX, DOMAINS_LISTED_MAX,
    ENDPOINT_BEHIND_MS, LIST_DEFAULT, LIST_MAX,
};
use crate::problem::Problem;
use crate::receiving::Reception;
use crate::replicas::{Known, Replica};

/// The list whose places are sealed.
const LIST: &str = "domains";

/// What a domain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// What clients hold.
    Client,
    /// An application that is told of events.
    Endpoint,
    /// A folder of files.
    Files,
    /// An application that tells.
    Receiver,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Endpoint => "endpoint",
            Self::Files => "files",
            Self::Receiver => "receiver",
        }
    }
}

/// How a domain does; the worst last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    #[default]
    Healthy,
    /// Nobody knows.
    Unknown,
    /// Something is amiss, and it goes on.
    Degraded,
    /// Nothing goes on until somebody does something.
    Stopped,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Healthy, Self::Unknown, Self::Degraded, Self::Stopped];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Stopped => "stopped",
        }
    }
}

/// Why a domain does not do well.
struct Reason {
    verdict: Verdict,
    code: &'static str,
    about: &'static str,
    todo: &'static str,
    since_ms: Option<u64>,
}

/// A domain, and what is known of it.
#[derive(Default)]
struct Found {
    entities: BTreeSet<EntityName>,
    reasons: Vec<Reason>,
    /// When it was heard of last.
    seen_ms: Option<u64>,
    /// Of a client what it follows; of an endpoint the types that it is told of.
    follows: Vec<String>,
    /// What has still to be sent to it.
    pending: Option<u64>,
    error: Option<LastError>,
}

struct LastError {
    at_ms: u64,
    code: String,
    status: Option<u16>,
}

type All = BTreeMap<(Kind, String), Found>;

impl Found {
    fn verdict(&self) -> Verdict {
        self.reasons.iter().map(|reason| reason.verdict).max().unwrap_or_default()
    }

    /// Takes note of what is amiss: once for each reason, since the first time.
    fn add(
        &mut self,
        verdict: Verdict,
        code: &'static str,
        (about, todo): (&'static str, &'static str),
        since_ms: Option<u64>,
    ) {
        match self.reasons.iter_mut().find(|known| known.code == code) {
            Some(known) => known.since_ms = known.since_ms.into_iter().chain(since_ms).min(),
            None => self.reasons.push(Reason { verdict, code, about, todo, since_ms }),
        }
    }

    fn described(&self, (kind, name): &(Kind, String)) -> Json {
        let verdict = self.verdict();
        let mut document = Object::new();
        document.insert("kind", kind.as_str());
        document.insert("name", name.as_str());
        document.insert("entities", texts(self.entities.iter().map(EntityName::as_str)));
        if !self.follows.is_empty() {
            document.insert("follows", texts(self.follows.iter().map(String::as_str)));
        }
        document.insert("verdict", verdict.as_str());
        let worst = self.reasons.iter().filter(|reason| reason.verdict == verdict);
        if let Some(since_ms) = worst.filter_map(|reason| reason.since_ms).min() {
            document.insert("since", format_time(since_ms));
        }
        let reasons = self.reasons.iter().map(|reason| {
            let mut document = Object::new();
            document.insert("code", reason.code);
            document.insert("about", reason.about);
            document.insert("todo", reason.todo);
            if let Some(since_ms) = reason.since_ms {
                document.insert("since", format_time(since_ms));
            }
            Json::Object(document)
        });
        document.insert("reasons", reasons.collect::<Vec<Json>>());
        if let Some(seen_ms) = self.seen_ms {
            document.insert("seen", format_time(seen_ms));
        }
        if let Some(pending) = self.pending {
            document.insert("pending", pending);
        }
        if let Some(error) = &self.error {
            let mut last = Object::new();
            last.insert("at", format_time(error.at_ms));
            last.insert("code", error.code.as_str());
            if let Some(status) = error.status {
                last.insert("status", u64::from(status));
            }
            document.insert("lastError", last);
        }
        document.into()
    }
}

/// Lists the domains: what the hub is kept equal with, and who is told of its events or tells it of theirs.
pub(super) async fn list(asked: Asked) -> Answer {
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let limit = limit.min(DOMAINS_LISTED_MAX);
    let after = asked.place(LIST, |[kind, name]| {
        let kinds = [Kind::Client, Kind::Endpoint, Kind::Files, Kind::Receiver];
        let kind = kinds.into_iter().find(|known| known.as_str() == kind)?;
        Some((kind, name))
    })?;
    let (desk, now_ms) = (asked.desk.clone(), now_ms());
    let (all, shown, is_last) =
        asked.blocking(move || look(&desk, now_ms, after.as_ref(), limit)).await??;
    let last = shown.last().filter(|_| !is_last);
    let next = last.map(|((kind, name), _)| asked.next(LIST, &[kind.as_str(), name]));
    let mut verdicts = Object::new();
    for verdict in Verdict::ALL {
        verdicts.insert(verdict.as_str(), all.get(&verdict).copied().unwrap_or(0));
    }
    let rows = shown.iter().map(|(key, found)| found.described(key));
    let mut document = Object::new();
    document.insert("domains", rows.collect::<Vec<Json>>());
    document.insert("verdicts", verdicts);
    if let Some(next) = next {
        document.insert("next", next);
    }
    json(StatusCode::OK, &document.into())
}

/// How many there are of each verdict, those of one page, and whether it is the last.
type Looked = (BTreeMap<Verdict, u64>, Vec<((Kind, String), Found)>, bool);

fn look(
    desk: &Desk,
    now_ms: u64,
    after: Option<&(Kind, String)>,
    limit: usize,
) -> Result<Looked, Problem> {
    let mut all = All::new();
    folders(desk, &mut all)?;
    clients(&desk.replicas.list(), &desk.served.held()?, now_ms, &mut all);
    receivers(desk, &mut all);
    let endpoints = desk.delivering.look(|deliveries| Ok(deliveries.endpoints()))?;
    endpoints.iter().for_each(|one| endpoint(one, now_ms, &mut all));
    let mut verdicts = BTreeMap::new();
    for found in all.values() {
        *verdicts.entry(found.verdict()).or_insert(0) += 1;
    }
    let mut rest = all.into_iter().filter(|(key, _)| after.is_none_or(|after| key > after));
    let mut shown: Vec<_> = rest.by_ref().take(limit).collect();
    for ((kind, name), found) in &mut shown {
        if *kind == Kind::Endpoint && found.verdict() != Verdict::Healthy {
            let named = endpoints.iter().find(|one| one.id.as_str() == name);
            found.error = named.map(|one| last_error(desk, one)).transpose()?.flatten();
        }
    }
    Ok((verdicts, shown, rest.next().is_none()))
}

/// Folders that the hub was synchronised with: their verdict is that of the latest runs.
fn folders(desk: &Desk, all: &mut All) -> Result<(), ServeError> {
    for (name, entities) in desk.served.domains()? {
        all.entry((Kind::Files, name)).or_default().entities.extend(entities);
    }
    if all.is_empty() {
        return Ok(());
    }
    let (runs, _) = desk.served.runs(None, DOMAIN_RUNS_LOOKED_AT_MAX)?;
    // Of each the latest status, as long as it has been the same one.
    let mut streaks: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    for run in &runs {
        let text = |member| run.get(member).and_then(Json::as_str);
        let Some(status) = text("status") else { continue };
        let at_ms = text("timestamp").and_then(parse_time);
        for name in [text("sourceDomain"), text("targetDomain")].into_iter().flatten() {
            let Some(found) = all.get_mut(&(Kind::Files, name.to_owned())) else { continue };
            let (latest, is_going_on) = streaks.entry(name).or_insert((status, true));
            *is_going_on &= *latest == status;
            if *is_going_on {
                found.seen_ms = found.seen_ms.or(at_ms);
                judge_run(found, status, at_ms);
            }
        }
    }
    for ((kind, name), found) in all.iter_mut() {
        if *kind == Kind::Files && !streaks.contains_key(name.as_str()) {
            let said = ("none of the latest runs was with it", "run `syncline sync`, or watch it");
            found.add(Verdict::Unknown, "no_run", said, None);
        }
    }
    Ok(())
}

fn judge_run(found: &mut Found, status: &str, at_ms: Option<u64>) {
    let (verdict, code, said) = match status {
        "success" | "rolled_back" => return,
        "conflicts" => (
            Verdict::Degraded,
            "run_conflicts",
            ("its latest run found conflicts", "decide the conflicts"),
        ),
        "partial" => (
            Verdict::Degraded,
            "run_partial",
            ("its latest run left something out", "look at the run: it names what, and why"),
        ),
        _ => (
            Verdict::Stopped,
            "run_failed",
            ("its latest run did nothing", "look at the run: it says why, and what to do"),
        ),
    };
    found.add(verdict, code, said, at_ms);
}

/// Clients: those that are held back, and what is known of their copies.
fn clients(copies: &[(Replica, Known)], held: &[Hold], now_ms: u64, all: &mut All) {
    for (Replica { client, follows }, known) in copies {
        let found = all.entry((Kind::Client, client.as_str().to_owned())).or_default();
        found.follows.push(follows.to_string());
        found.seen_ms = found.seen_ms.max(Some(known.seen_ms));
        let checked_ms = known.checked.map(|(_, at_ms)| at_ms);
        match known.word(now_ms) {
            "equal" => {}
            "different" => found.add(
                Verdict::Degraded,
                "copy_differs",
                (
                    "its copy is not what the hub shows",
                    "it repairs itself once it is online; if not, have it begin anew",
                ),
                checked_ms,
            ),
            _ => found.add(
                Verdict::Unknown,
                "copy_unknown",
                ("its copy was not compared of late", "have it come online"),
                checked_ms.or(Some(known.seen_ms)),
            ),
        }
    }
    for hold in held {
        let found = all.entry((Kind::Client, hold.client.as_str().to_owned())).or_default();
        found.entities.insert(hold.entity.clone());
        found.add(
            Verdict::Stopped,
            "client_held",
            (
                "it deletes or changes more than it may at once",
                "look whether that is meant; then let it go on: POST /v1/held/release",
            ),
            Some(hold.since_ms),
        );
    }
}

/// Receivers: whether the latest webhook was taken.
fn receivers(desk: &Desk, all: &mut All) {
    let made = desk.receivers.list().into_iter().map(|made| made.receiver);
    for receiver in made.chain(desk.receivers.usual()) {
        let name = receiver.name.as_str().to_owned();
        let heard = desk.receivers.heard(&receiver.name);
        let found = all.entry((Kind::Receiver, name)).or_default();
        found.seen_ms = heard.latest_ms;
        match heard.fate {
            Reception::Taken => {}
            Reception::Nothing => found.add(
                Verdict::Unknown,
                "nothing_received",
                (
                    "nothing has come since the hub was started",
                    "have the application send a webhook",
                ),
                None,
            ),
            Reception::Refused { code, since_ms } => {
                found.add(
                    Verdict::Degraded,
                    "webhook_refused",
                    (
                        "the latest webhook was refused",
                        "the page of the code in lastError says what to do",
                    ),
                    Some(since_ms),
                );
                let at_ms = heard.latest_ms.unwrap_or(since_ms);
                found.error = Some(LastError { at_ms, code, status: None });
            }
        }
    }
}

/// Endpoints: whether they get what happens.
fn endpoint(one: &EndpointNow, now_ms: u64, all: &mut All) {
    let found = all.entry((Kind::Endpoint, one.id.as_str().to_owned())).or_default();
    let (settings, facts) = (&one.row.settings, &one.facts);
    found.follows = settings.filter.patterns().map(str::to_owned).collect();
    found.pending = Some(facts.pending as u64 + facts.lag);
    if one.damaged.is_some() {
        let said = (
            "a row of it cannot be read, and nothing is sent to it",
            "remove it and make it anew, or restore the hub from a backup",
        );
        return found.add(Verdict::Stopped, "endpoint_damaged", said, None);
    }
    if let Some(disabled) = facts.disabled {
        let (code, said) = match disabled.reason {
            DisableReason::Gone => (
                "endpoint_gone",
                ("it answered that it wants nothing more", "remove it, or test and enable it"),
            ),
            DisableReason::Failing => (
                "endpoint_failing_for_long",
                ("it did nothing but fail", "mend its receiver; then test and enable it"),
            ),
            _ => ("endpoint_disabled", ("somebody has disabled it", "test and enable it")),
        };
        return found.add(Verdict::Stopped, code, said, Some(disabled.at_ms));
    }
    if let Some(since_ms) = facts.failing_since_ms {
        let said = (
            "its latest attempts failed",
            "lastError and its deliveries say why; it is tried again by itself",
        );
        found.add(Verdict::Degraded, "endpoint_failing", said, Some(since_ms));
    }
    if facts.breaker != BreakerState::Closed {
        let said = ("it is left alone for a while, since it fails", "mend its receiver");
        found.add(Verdict::Degraded, "breaker_open", said, facts.failing_since_ms);
    }
    if facts.hold_until_ms > now_ms {
        let said = ("it has asked for a pause", "wait, or let it take more at once");
        found.add(Verdict::Degraded, "endpoint_paused", said, None);
    }
    let oldest_ms =
        facts.oldest_ms.filter(|at_ms| now_ms - at_ms.min(&now_ms) > ENDPOINT_BEHIND_MS);
    if let Some(oldest_ms) = oldest_ms {
        let said = (
            "its oldest event has waited for more than five minutes",
            "let it take more at once (inFlight, perSecond), or send it less (events, filter)",
        );
        found.add(Verdict::Degraded, "endpoint_behind", said, Some(oldest_ms));
    }
}

/// Returns the latest failure of an endpoint, if it is among its latest deliveries.
fn last_error(desk: &Desk, one: &EndpointNow) -> Result<Option<LastError>, DeliveryError> {
    if one.damaged.is_some() {
        return Ok(None);
    }
    let page =
        desk.served.deliveries(&one.id, &Sought::default(), None, DOMAIN_ATTEMPTS_LOOKED_AT_MAX)?;
    let attempts = page.found.into_iter().flat_map(|(_, delivery)| delivery.attempts);
    let failed = attempts.filter(|attempt| attempt.result == AttemptResult::Failed);
    Ok(failed.max_by_key(|attempt| attempt.at_ms).map(|attempt| LastError {
        at_ms: attempt.at_ms,
        code: attempt.code.into(),
        status: attempt.status,
    }))
}
