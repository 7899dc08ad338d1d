//! Changes as server-sent events.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Response, header};
use futures_util::stream;
use syncline_hub::served::{Audience, Limits};
use syncline_model::id::Position;
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::limits::VIEW_ENTITIES_MAX;
use tokio::sync::mpsc;
use tokio::time::interval;

use super::answer::Answer;
use super::pull;
use super::stream::Permit;
use crate::asked::Asked;
use crate::feed::{Follower, Stretch, event};
use crate::limits::EVENTS_PING;
use crate::problem::Problem;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Events that wait for a slow reader; then its own task waits.
const EVENTS_WAITING: usize = 4;

/// Streams changes until the client goes, the token is worth nothing any more, or the server stops.
pub(super) async fn events(asked: Asked) -> Answer {
    let follow = asked.follow(VIEW_ENTITIES_MAX)?;
    let audience = asked.audience(&follow)?;
    let last = asked.header(&LAST_EVENT_ID)?.filter(|id| !id.is_empty());
    let cursor = last.or_else(|| asked.query.text("cursor"));
    // A cursor that cannot be used is told within the stream: a browser shows no status.
    let cursor = cursor.map(pull::read_cursor).transpose();
    let permit = Permit::of(&asked)?;
    let (sender, receiver) = mpsc::channel::<Bytes>(EVENTS_WAITING);
    let follower = asked.desk.feeds.follow(&audience, false, &asked.desk.served, &asked.desk.end);
    let streaming = Streaming { asked, sender, audience, cursor: None };
    tokio::spawn(async move {
        match cursor {
            Ok(cursor) => streaming.begin(cursor, follower, permit).await,
            Err(problem) => streaming.reset(problem).await,
        }
    });
    let body = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|bytes| (Ok::<_, std::convert::Infallible>(bytes), receiver))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// Why a stream goes no further.
enum Ended {
    /// The reader has gone.
    Gone,
    /// The reader has to begin anew.
    Reset(Problem),
}

struct Streaming {
    asked: Asked,
    sender: mpsc::Sender<Bytes>,
    audience: Audience,
    cursor: Option<StreamCursor>,
}

impl Streaming {
    async fn begin(mut self, cursor: Option<StreamCursor>, follower: Follower, permit: Permit) {
        self.cursor = cursor;
        if let Err(Ended::Reset(problem)) = self.go_on(follower, permit).await {
            self.reset(problem).await;
        }
    }

    async fn go_on(&mut self, mut follower: Follower, mut permit: Permit) -> Result<(), Ended> {
        self.send(Bytes::from_static(b"retry: 2000\n\n")).await?;
        self.catch_up(true).await?;
        let mut ping = interval(EVENTS_PING);
        ping.reset();
        loop {
            tokio::select! {
                is_news = follower.changed() => {
                    if !is_news {
                        return Ok(());
                    }
                    let news = follower.take();
                    for stretch in &news.stretches {
                        self.tell(stretch).await?;
                    }
                    if news.by_page.is_some_and(|position| position > self.position()) {
                        self.catch_up(false).await?;
                    }
                    ping.reset();
                }
                _ = ping.tick() => self.send(Bytes::from_static(b": ping\n\n")).await?,
                () = permit.ended() => return Ok(()),
                () = self.sender.closed() => return Err(Ended::Gone),
            }
        }
    }

    /// Returns where the reader stands; 0 within a snapshot.
    fn position(&self) -> Position {
        let cursor = self.cursor.as_ref().filter(|cursor| cursor.snapshot.is_none());
        cursor.map_or(Position(0), |cursor| cursor.position())
    }

    /// Tells of a stretch as it is, if it is all that follows, and by pages otherwise.
    async fn tell(&mut self, stretch: &Arc<Stretch>) -> Result<(), Ended> {
        let (at, page) = (self.position(), &stretch.page);
        if page.cursor.position() <= at {
            return Ok(());
        }
        let is_next =
            stretch.after <= at && page.changes.iter().all(|change| change.seen.position > at);
        if !is_next {
            return self.catch_up(false).await;
        }
        self.send(stretch.encoded.event(page)).await?;
        self.asked.state.metrics.changes.inc_by(page.changes.len() as u64);
        self.cursor = Some(page.cursor.clone());
        Ok(())
    }

    /// Tells page by page what follows. The first page is told even if it is empty, for its cursor.
    async fn catch_up(&mut self, mut even_empty: bool) -> Result<(), Ended> {
        loop {
            let read =
                pull::page(&self.asked, &self.audience, self.cursor.as_ref(), Limits::default())
                    .await;
            let page = read.map_err(Ended::Reset)?.page;
            if even_empty || !page.changes.is_empty() || page.is_snapshot {
                self.send(event(&page)).await?;
                self.asked.state.metrics.changes.inc_by(page.changes.len() as u64);
            }
            even_empty = false;
            self.cursor = Some(page.cursor);
            if !page.more {
                return Ok(());
            }
        }
    }

    async fn send(&self, bytes: Bytes) -> Result<(), Ended> {
        self.sender.send(bytes).await.map_err(|_| Ended::Gone)
    }

    async fn reset(&self, problem: Problem) {
        let document = syncline_model::json::Json::Object(problem.document());
        let text = format!("event: reset\ndata: {}\n\n", document.to_compact_string());
        // Nobody may be there to read it.
        let _ = self.send(text.into()).await;
    }
}
