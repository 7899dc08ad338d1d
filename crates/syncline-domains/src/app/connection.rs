//! One connection to a host, and one request on it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, RETRY_AFTER};
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant as Deadline, timeout_at};

use super::excerpt::excerpt;
use super::outcome::{Failure, Phase};
use super::stream::Stream;
use crate::limits::{
    APP_ANSWER_BODY_MS_MAX, APP_ANSWER_BYTES_MAX, APP_ANSWER_HEAD_BYTES_MAX, APP_CONNECTION_MS_MAX,
    APP_IDLE_MS_MAX,
};

type Driver = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

/// A connection on which one request is under way, or none.
///
/// It is driven by whoever sends on it, in the same task: handing every request over to a task of its own costs
/// more than sending it.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Gone once it has ended.
    driver: Option<Driver>,
    is_over: bool,
    opened: Instant,
    used: Instant,
    /// Its place among all connections.
    _room: OwnedSemaphorePermit,
}

/// An answer, as far as it was read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Vec<u8>>,
    pub(super) excerpt: Box<str>,
    /// When the status was there.
    pub(super) at: Instant,
}

/// Why there is no answer.
pub(super) enum Unanswered {
    /// The host has closed the connection before it has read or answered anything of the request.
    Closed,
    /// Something else.
    Failed(Failure),
}

impl Connection {
    /// Makes a connection ready to send requests.
    pub(super) async fn open(stream: Stream, room: OwnedSemaphorePermit) -> Result<Self, Failure> {
        let shaken = http1::Builder::new()
            .max_buf_size(APP_ANSWER_HEAD_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, driver) = shaken.map_err(|_| Failure::Lost)?;
        let now = Instant::now();
        Ok(Self {
            sender,
            driver: Some(driver),
            is_over: false,
            opened: now,
            used: now,
            _room: room,
        })
    }

    /// Returns whether another request may be sent on the connection.
    pub(super) fn is_fit(&self, now: Instant) -> bool {
        let age = |since: Instant| now.saturating_duration_since(since);
        !self.is_over
            && !self.sender.is_closed()
            && age(self.used) < Duration::from_millis(APP_IDLE_MS_MAX)
            && age(self.opened) < Duration::from_millis(APP_CONNECTION_MS_MAX)
    }

    /// Sends a request and reads its answer, as far as it matters. After that the connection may be used again if
    /// [`is_fit`](Self::is_fit) says so.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        deadline: Deadline,
    ) -> Result<Answer, Unanswered> {
        let Self { sender, driver, is_over, .. } = self;
        let send = async {
            sender.ready().await.map_err(|_| Unanswered::Closed)?;
            sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
                Some(_) => Unanswered::Closed,
                None => unanswered(error.error()),
            })
        };
        let sent = timeout_at(deadline, drive(driver, is_over, send)).await;
        let late = |_| Unanswered::Failed(Failure::TimedOut { phase: Phase::Answer });
        let response = sent.map_err(late)??;
        let at = Instant::now();
        let (head, body) = response.into_parts();
        let retry_after = head.headers.get(RETRY_AFTER).map(|value| value.as_bytes().to_vec());
        let status = head.status.as_u16();
        let is_long = head
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
            .is_some_and(|length| length > APP_ANSWER_BYTES_MAX as u64);
        let mut shown = Box::default();
        if !hyper::body::Body::is_end_stream(&body) {
            let wait = Deadline::from_std(at) + Duration::from_millis(APP_ANSWER_BODY_MS_MAX);
            let mut read = Vec::new();
            let reading = drive(driver, is_over, read_some(body, &mut read));
            let is_whole = timeout_at(wait.min(deadline), reading).await.unwrap_or(false);
            shown = excerpt(&read);
            // What is still to come would be taken for the next answer.
            *is_over |= !is_whole || is_long;
        }
        // Lets the connection see that the answer is over, and whether the host closes it.
        let (finish, mut is_first) = (driver, true);
        drive(
            finish,
            is_over,
            poll_fn(|_| match std::mem::take(&mut is_first) {
                true => Poll::Pending,
                false => Poll::Ready(()),
            }),
        )
        .await;
        self.used = at;
        Ok(Answer { status, retry_after, excerpt: shown, at })
    }
}

/// Does some work on a connection, and drives the connection meanwhile.
async fn drive<T>(
    driver: &mut Option<Driver>,
    is_over: &mut bool,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if !*is_over
            && let Some(running) = driver.as_mut()
            && Pin::new(running).poll(cx).is_ready()
        {
            // The host closed the connection before the request was written: it lies in the driver, and comes back
            // only when that is gone.
            *driver = None;
            *is_over = true;
        }
        work.as_mut().poll(cx)
    })
    .await
}

/// Reads the body of an answer, and returns whether it was all of it.
async fn read_some(mut body: Incoming, into: &mut Vec<u8>) -> bool {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let Some(data) = frame.data_ref() else { continue };
        let room = APP_ANSWER_BYTES_MAX.saturating_sub(into.len());
        into.extend_from_slice(data.get(..room).unwrap_or(data));
        if data.len() > room {
            return false;
        }
    }
    true
}

/// Says why a request that was sent has no answer.
fn unanswered(error: &hyper::Error) -> Unanswered {
    if error.is_parse() {
        return Unanswered::Failed(Failure::Malformed);
    }
    let mut source = std::error::Error::source(error);
    let is_reset = loop {
        let Some(found) = source else { break false };
        if let Some(error) = found.downcast_ref::<io::Error>() {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            break matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset);
        }
        source = found.source();
    };
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() || is_reset {
        return Unanswered::Closed;
    }
    Unanswered::Failed(Failure::Lost)
}
