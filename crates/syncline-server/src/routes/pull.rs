//! Changes, page by page.

use std::time::Duration;

use axum::http::StatusCode;
use syncline_hub::served::{Audience, Limits, Paged};
use syncline_model::cursor::CursorError;
use syncline_model::id::{EntityName, RecordId};
use syncline_protocol::checksum::Checksum;
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::limits::{
    PULL_CHANGES_DEFAULT, PULL_CHANGES_MAX, PULL_WAIT_MS_MAX, VIEW_ENTITIES_MAX,
};
use syncline_protocol::long::write_page;
use syncline_protocol::token::TokenText;
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, json_text};
use crate::access::now_ms;
use crate::asked::Asked;
use crate::problem::{Problem, Refusal};
use crate::replicas::Replica;

/// Answers a page of changes.
pub(super) async fn pull(asked: Asked) -> Answer {
    let follow = asked.follow(VIEW_ENTITIES_MAX)?;
    let audience = asked.audience(&follow)?;
    let cursor = asked.query.text("cursor").map(read_cursor).transpose()?;
    let changes = asked.query.number("limit", 1..=PULL_CHANGES_MAX)?;
    let limits = Limits { changes: changes.unwrap_or(PULL_CHANGES_DEFAULT), ..Limits::default() };
    let sum = asked.query.text("sum").map(read_sum).transpose()?;
    let replica = asked.caller()?.token.client.as_ref().map(|client| Replica::of(client, &follow));
    if let Some(replica) = &replica {
        asked.desk.replicas.seen(replica, now_ms());
    }
    let wait_s = asked.query.number("wait", 0..=PULL_WAIT_MS_MAX / 1_000)?.unwrap_or(0);
    let deadline = Instant::now() + Duration::from_secs(wait_s);
    reached(&asked, deadline).await?;
    let mut cursor = cursor;
    let mut end = asked.desk.end.clone();
    let mut stopping = asked.state.stopping.clone();
    loop {
        end.borrow_and_update();
        let is_checked = sum.is_some();
        let (Paged { page, .. }, shown) =
            page_checked(&asked, &audience, cursor.as_ref(), limits, is_checked).await?;
        let is_same = cursor.is_some() && page.changes.is_empty() && !page.is_snapshot;
        if let (true, Some((sum, shown))) = (is_same, sum.zip(shown)) {
            let is_equal = sum == shown;
            asked.state.metrics.checked(is_equal);
            if let Some(replica) = &replica {
                asked.desk.replicas.checked(replica, is_equal, now_ms());
            }
            return json_text(StatusCode::OK, compared(&write_page(&page), is_equal));
        }
        let is_news = !page.changes.is_empty() || page.more || page.is_snapshot;
        if !is_news && !*stopping.borrow_and_update() {
            let moved = async {
                tokio::select! {
                    moved = end.changed() => moved.is_ok(),
                    _ = stopping.changed() => false,
                }
            };
            let is_moved = timeout_at(deadline, moved).await == Ok(true);
            asked.is_still_permitted()?;
            if is_moved {
                cursor = Some(page.cursor);
                continue;
            }
        }
        asked.state.metrics.changes.inc_by(page.changes.len() as u64);
        return json_text(StatusCode::OK, write_page(&page));
    }
}

/// Adds to an object whether the client holds what is shown.
fn compared(page: &str, is_equal: bool) -> String {
    let open = page.trim_end_matches('}');
    format!("{open},\"equal\":{is_equal}}}")
}

fn read_sum(text: &str) -> Result<Checksum, Problem> {
    let refused = || Refusal::QueryInvalid.because("sum is 32 hexadecimal digits");
    text.parse().map_err(|()| refused())
}

/// Reads a page, and what all that is shown adds up to if that `is_checked`.
async fn page_checked(
    asked: &Asked,
    audience: &Audience,
    cursor: Option<&StreamCursor>,
    limits: Limits,
    is_checked: bool,
) -> Result<(Paged, Option<Checksum>), Problem> {
    let (served, viewer) = (asked.desk.served.clone(), asked.viewer()?);
    let (audience, cursor) = (audience.clone(), cursor.cloned());
    let read =
        move || served.page_checked_for(&audience, cursor.as_ref(), &viewer, limits, is_checked);
    Ok(asked.blocking(read).await??)
}

/// Reads a page where that is no harm.
pub(super) async fn page(
    asked: &Asked,
    audience: &Audience,
    cursor: Option<&StreamCursor>,
    limits: Limits,
) -> Result<Paged, Problem> {
    let (served, viewer) = (asked.desk.served.clone(), asked.viewer()?);
    let (audience, cursor) = (audience.clone(), cursor.cloned());
    let read = move || served.page_for(&audience, cursor.as_ref(), &viewer, limits);
    Ok(asked.blocking(read).await??)
}

/// Reads a cursor; one that cannot be used is begun without.
pub(super) fn read_cursor(text: &str) -> Result<StreamCursor, Problem> {
    let refused =
        |error: CursorError| Problem::new(error.code(), StatusCode::GONE, error.to_string());
    text.parse().map_err(refused)
}

/// Waits until the hub stands where `after` asks, until the deadline at most.
pub(super) async fn reached(asked: &Asked, deadline: Instant) -> Result<(), Problem> {
    let Some(after) = asked.query.text("after") else { return Ok(()) };
    stands(asked, &read_cursor(after)?, deadline).await
}

/// Waits as [`reached`]; `after` is a cursor, or the version of an answer about this record.
pub(super) async fn holds(
    asked: &Asked,
    entity: &EntityName,
    id: &RecordId,
    deadline: Instant,
) -> Result<(), Problem> {
    let Some(after) = asked.query.text("after") else { return Ok(()) };
    let refused = match read_cursor(after) {
        Ok(cursor) => return stands(asked, &cursor, deadline).await,
        Err(refused) => refused,
    };
    let Ok(version) = TokenText::new(after) else { return Err(refused) };
    let mut end = asked.desk.end.clone();
    loop {
        end.borrow_and_update();
        let (served, version) = (asked.desk.served.clone(), version.clone());
        let (entity, id) = (entity.clone(), id.clone());
        let read = asked.blocking(move || served.holds(&entity, &id, &version));
        if read.await?? {
            return Ok(());
        }
        if !matches!(timeout_at(deadline, end.changed()).await, Ok(Ok(()))) {
            return Err(Refusal::HubBehind.into());
        }
        asked.is_still_permitted()?;
    }
}

async fn stands(asked: &Asked, after: &StreamCursor, deadline: Instant) -> Result<(), Problem> {
    let required = after.log.require(asked.desk.served.incarnation());
    required.map_err(|error| Problem::new(error.code(), StatusCode::GONE, error.to_string()))?;
    let mut end = asked.desk.end.clone();
    let stands = end.wait_for(|position| *position >= after.position());
    let waited = timeout_at(deadline, stands).await;
    asked.is_still_permitted()?;
    match waited {
        Ok(Ok(_)) => Ok(()),
        _ if asked.desk.served.position() >= after.position() => Ok(()),
        _ => Err(Refusal::HubBehind.into()),
    }
}
