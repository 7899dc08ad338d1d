//! What the hub has written down: its log, its audit with proofs, its runs, its domains, and what it
//! refused for good. None of it tells a value of a record.

use axum::http::StatusCode;
use syncline_engine::audit::{Actor, AuditEntry, Details, to_hex};
use syncline_engine::log::LogEntry;
use syncline_engine::rows::Key;
use syncline_hub::ChangeProof;
use syncline_model::id::{ClientId, Position, RunId};
use syncline_model::json::{Json, Object, parse};
use syncline_protocol::time::{format_time, parse_time};

use super::answer::{Answer, json};
use crate::asked::{Asked, no_place};
use crate::document::{object, texts};
use crate::limits::{LIST_DEFAULT, LIST_MAX};
use crate::problem::{Problem, Refusal};

/// Lists changes in the order of the log: who changed which fields of which record, and when.
pub(super) async fn log(asked: Asked) -> Answer {
    let limit = limit(&asked)?;
    let after = number(&asked, "cursor")?.unwrap_or(0);
    let served = asked.desk.served.clone();
    let read = asked.blocking(move || served.log(Position(after), limit)).await??;
    let next = read.last().filter(|_| read.len() == limit).map(|(position, _)| position.0);
    let entries = read.iter().map(|(position, entry)| logged(*position, entry));
    page("entries", entries.collect(), next.map(|next| next.to_string()))
}

fn logged(position: Position, entry: &LogEntry) -> Json {
    let fields = entry.after.iter().chain(&entry.before).flatten();
    let mut paths: Vec<&str> = fields.map(|(path, _)| path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut document = Object::new();
    document.insert("position", position.0);
    document.insert("at", format_time(entry.at_ms));
    document.insert("entity", entry.entity.as_str());
    document.insert("id", entry.id.as_str());
    document.insert("by", entry.origin.as_str());
    document.insert("kind", entry.kind.as_str());
    document.insert("isGone", entry.after.is_none());
    document.insert("fields", texts(paths));
    if let Some(run) = &entry.run {
        document.insert("runId", run.as_str());
    }
    document.into()
}

/// Lists entries of the audit: all of them, or those that are asked for.
pub(super) async fn audit(asked: Asked) -> Answer {
    let limit = limit(&asked)?;
    let from = number(&asked, "cursor")?;
    let is_latest_first = match asked.query.text("order") {
        None | Some("oldest") => false,
        Some("latest") => true,
        Some(_) => return Err(Refusal::QueryInvalid.because("order is oldest or latest")),
    };
    let text = |name| asked.query.text(name).map(str::to_owned);
    let (category, action, user) = (text("category"), text("action"), text("user"));
    let (since_ms, until_ms) = (time(&asked, "from")?, time(&asked, "to")?);
    let is_asked_for = move |entry: &AuditEntry| {
        let facts = entry.facts();
        category.as_deref().is_none_or(|category| facts.category.as_str() == category)
            && action.as_deref().is_none_or(|action| facts.action.as_str() == action)
            && user.as_deref().is_none_or(|user| entry.actor().and_then(Actor::user) == Some(user))
            && since_ms.is_none_or(|since_ms| facts.at_ms >= since_ms)
            && until_ms.is_none_or(|until_ms| facts.at_ms < until_ms)
    };
    let served = asked.desk.served.clone();
    let read = move || served.audit_sifted(is_latest_first, from, limit, is_asked_for);
    let (read, next) = asked.blocking(read).await??;
    page("entries", read.iter().map(audited).collect(), next.map(|next| next.to_string()))
}

/// Reads a time: as RFC 3339 writes it, or milliseconds since the Unix epoch.
pub(super) fn time(asked: &Asked, name: &str) -> Result<Option<u64>, Problem> {
    let Some(text) = asked.query.text(name) else { return Ok(None) };
    let time = parse_time(text).or_else(|| text.parse().ok());
    let refused = || {
        let text = format!("{name} is a time such as 2026-11-20T10:00:00.000Z");
        Refusal::QueryInvalid.because(text)
    };
    time.map(Some).ok_or_else(refused)
}

fn audited(entry: &AuditEntry) -> Json {
    let facts = entry.facts();
    let text = |text: Option<&str>| text.map_or(Json::Null, Json::from);
    let details = entry.details().map(Details::as_json).unwrap_or_default();
    let mut document = Object::new();
    document.insert("index", entry.index());
    document.insert("at", format_time(facts.at_ms));
    document.insert("category", facts.category.as_str());
    document.insert("action", facts.action.as_str());
    document.insert("origin", facts.origin.as_str());
    if let Some(run) = &facts.run {
        document.insert("runId", run.as_str());
    }
    document.insert("user", text(entry.actor().and_then(Actor::user)));
    document.insert("session", text(entry.actor().and_then(Actor::session)));
    document.insert("details", parse(details.as_bytes()).unwrap_or(Json::Null));
    document.insert("records", facts.record_count);
    document.insert("leaf", entry.leaf_hash().to_string());
    document.into()
}

/// Tells the head of the audit, to be kept elsewhere.
pub(super) async fn head(asked: Asked) -> Answer {
    let served = asked.desk.served.clone();
    let head = asked.blocking(move || served.audit_head()).await??;
    let document = object([("entries", head.size.into()), ("head", head.to_string().into())]);
    json(StatusCode::OK, &document)
}

/// Verifies the audit from its first entry to its head.
pub(super) async fn verify(asked: Asked) -> Answer {
    let _turn = asked.desk.proving.try_lock().map_err(|_| Refusal::ServerBusy)?;
    let served = asked.desk.served.clone();
    let head = asked.blocking(move || served.audit_verify()).await??;
    let document = object([
        ("intact", true.into()),
        ("entries", head.size.into()),
        ("head", head.to_string().into()),
    ]);
    json(StatusCode::OK, &document)
}

/// Proves that the hub recorded a change of a record; the document is that of `syncline audit prove`.
pub(super) async fn proof(asked: Asked) -> Answer {
    let (entity, id) = (asked.entity()?, asked.record_id()?);
    let run = asked.query.text("run").map(str::to_owned);
    // It reads all of the log.
    let _turn = asked.desk.proving.try_lock().map_err(|_| Refusal::ServerBusy)?;
    let served = asked.desk.served.clone();
    let prove = move || served.audit_prove(&entity, &id, run.as_deref());
    json(StatusCode::OK, &proved(&asked.blocking(prove).await??))
}

fn proved(proof: &ChangeProof) -> Json {
    let digest =
        |hash: Option<_>| hash.map_or(Json::Null, |hash: &_| Json::from(format!("{hash}")));
    object([
        ("schema", "audit-proof/1".into()),
        ("entity", proof.facts.entity().into()),
        ("id", proof.facts.id().into()),
        ("stamp", to_hex(proof.facts.stamp()).into()),
        ("before", digest(proof.facts.before().as_ref())),
        ("after", digest(proof.facts.after().as_ref())),
        ("entry", proof.entry.into()),
        ("head", proof.head.to_string().into()),
        ("proof", parse(proof.proof.to_json().as_bytes()).unwrap_or(Json::Null)),
    ])
}

/// Lists runs, the latest first.
pub(super) async fn runs(asked: Asked) -> Answer {
    let limit = limit(&asked)?;
    let after = asked.query.text("cursor").map(RunId::new).transpose();
    let after = after.map_err(|_| no_place())?.map(Key::Run);
    let served = asked.desk.served.clone();
    let read = move || served.runs(after.as_ref(), limit);
    let (runs, next) = asked.blocking(read).await??;
    let next = match next {
        Some(Key::Run(run)) => Some(run.as_str().to_owned()),
        _ => None,
    };
    page("runs", runs.iter().map(summary).collect(), next)
}

/// Shows one run, as far as everybody may know it who looks after the hub.
pub(super) async fn run(asked: Asked) -> Answer {
    let (served, id) = (asked.desk.served.clone(), asked.param("run").to_owned());
    let run = asked.blocking(move || served.run(&id)).await??;
    json(StatusCode::OK, &summary(&run))
}

/// Returns what a run was and what it came to, in numbers and codes: a report names records.
fn summary(run: &Object) -> Json {
    let told = [
        ("syncId", "syncId"),
        ("runId", "runId"),
        ("timestamp", "timestamp"),
        ("source", "sourceDomain"),
        ("target", "targetDomain"),
        ("direction", "syncDirection"),
        ("status", "status"),
        ("durationMs", "durationMs"),
        ("summary", "results"),
    ];
    let mut document = Object::new();
    for (name, member) in told {
        if let Some(value) = run.get(member) {
            document.insert(name, value.clone());
        }
    }
    for name in ["errors", "notices"] {
        if let Some(Json::Array(problems)) = run.get(name) {
            document.insert(name, problems.iter().map(coded).collect::<Vec<Json>>());
        }
    }
    document.into()
}

/// Returns a problem of a run without what it says of records.
fn coded(problem: &Json) -> Json {
    let mut document = Object::new();
    for name in ["code", "domain", "entity"] {
        if let Json::Object(problem) = problem
            && let Some(value) = problem.get(name)
        {
            document.insert(name, value.clone());
        }
    }
    document.into()
}

/// Lists operations that the hub refused for good.
pub(super) async fn dead_letters(asked: Asked) -> Answer {
    let limit = limit(&asked)?;
    let client = asked.query.text("client").map(ClientId::new).transpose();
    let client = client.map_err(|error| Refusal::QueryInvalid.because(error.to_string()))?;
    let after = asked.query.text("cursor").map(read_place).transpose()?;
    let served = asked.desk.served.clone();
    let read = move || served.dead_letters(client.as_ref(), after.as_ref(), limit);
    let (letters, next) = asked.blocking(read).await??;
    let letters = letters.into_iter().map(|letter| {
        object([
            ("client", letter.client.as_str().into()),
            ("op", letter.counter.into()),
            ("entity", letter.entity.as_str().into()),
            ("code", (&*letter.code).into()),
        ])
    });
    let next = match next {
        Some(Key::Result { client, counter }) => {
            Some(syncline_model::base64url::encode(format!("{counter}/{client}").as_bytes()))
        }
        _ => None,
    };
    page("deadLetters", letters.collect(), next)
}

fn read_place(text: &str) -> Result<Key, Problem> {
    let bytes = syncline_model::base64url::decode(text).ok();
    let place = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let place = place.as_deref().and_then(|place| place.split_once('/'));
    let key = place.and_then(|(counter, client)| {
        Some(Key::Result { client: ClientId::new(client).ok()?, counter: counter.parse().ok()? })
    });
    key.ok_or_else(no_place)
}

fn limit(asked: &Asked) -> Result<usize, Problem> {
    Ok(asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT))
}

/// Reads a cursor that is a number.
fn number(asked: &Asked, name: &str) -> Result<Option<u64>, Problem> {
    let read = |text: &str| text.parse().ok().filter(|number| *number <= i64::MAX.unsigned_abs());
    asked.query.text(name).map(|text| read(text).ok_or_else(no_place)).transpose()
}

pub(super) fn page(name: &str, items: Vec<Json>, next: Option<String>) -> Answer {
    page_beside_damage((name, items), Vec::new(), next)
}

/// As [`page`], of rows of which some cannot be read: those are named beside the others, if there are any.
pub(super) fn page_beside_damage(
    (name, items): (&str, Vec<Json>),
    damaged: Vec<Json>,
    next: Option<String>,
) -> Answer {
    let mut document = Object::new();
    document.insert(name, Json::Array(items));
    if !damaged.is_empty() {
        document.insert("damaged", Json::Array(damaged));
    }
    if let Some(next) = next {
        document.insert("next", next);
    }
    json(StatusCode::OK, &document.into())
}
