//! Both ways at once, on a WebSocket.
//!
//! The session says what to do next; this shell reads and writes the socket, carries pushes out and
//! reads pages. It has one task per connection, which never waits for one thing only: a reader that
//! takes nothing holds up nobody, and is dropped when it answers no ping.

use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::header;
use futures_util::future::{poll_fn, ready, select_all};
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use futures_util::{FutureExt, Sink, StreamExt};
use syncline_hub::served::{Limits, ServeError};
use syncline_model::id::{ClientId, Position};
use syncline_policy::view::{FollowError, Sight};
use syncline_protocol::checksum::Checksum;
use syncline_protocol::compact::{HubWriter, Reader};
use syncline_protocol::compress::{decompress, preferred};
use syncline_protocol::limits::MESSAGE_BYTES_MAX;
use syncline_protocol::long::{read_client_message, write_hub_message};
use syncline_protocol::message::{ClientMessage, Coding, Follow, Keeping, Page, PushAnswer};
use syncline_protocol::problem::Problem as SaidProblem;
use syncline_protocol::session::hub::{Close, Greeting, Outgoing, PageFailure, Session};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::answer::Answer;
use super::push;
use super::stream::Permit;
use super::table::WRITERS;
use crate::access::now_ms;
use crate::apart::blocking;
use crate::asked::{Asked, Asker};
use crate::feed::{Coded, Encoded, Follower, coded};
use crate::limits::SOCKET_BUFFER_BYTES;
use crate::metrics::Counted;
use crate::problem::Refusal;
use crate::replicas::Replica;
use crate::server::Place;

/// The subprotocol.
const PROTOCOL: &str = "syncline.v1";
/// Messages that are handed to the socket before it is flushed.
const MESSAGES_AT_ONCE: usize = 32;
/// How many bytes of messages are handed to the socket before it is flushed, or one message.
const BYTES_AT_ONCE: usize = 64 << 10;
/// Longest time for the last words of a connection.
const FAREWELL: Duration = Duration::from_secs(2);

/// Opens the connection.
pub(super) async fn live(mut asked: Asked) -> Answer {
    if let Some(origin) = asked.parts.headers.get(header::ORIGIN)
        && !asked.state.origins.contains(origin)
    {
        return Err(Refusal::OriginForbidden.into());
    }
    let upgrade = WebSocketUpgrade::from_request_parts(&mut asked.parts, &()).await;
    let upgrade = upgrade.map_err(|_| Refusal::UpgradeRequired)?;
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX);
    if upgrade.selected_protocol().is_none() {
        return Err(Refusal::UpgradeRequired.because("ask for the subprotocol syncline.v1"));
    }
    let permit = Permit::of(&asked)?;
    let place = asked.parts.extensions.remove::<Place>();
    // What is held of the request is held as long as the connection is open: no more than who asks.
    let asker = asked.asker;
    Ok(upgrade.on_upgrade(move |socket| {
        // A task of its own, so that nothing is held of the upgrade.
        let mut connection = Box::new(Connection::new(asker, socket));
        let mut permit = permit;
        tokio::spawn(async move {
            connection.run(&mut permit).await;
            drop(place);
        });
        ready(())
    }))
}

/// What is not written to the socket yet.
#[derive(Clone, Copy, Default)]
struct Unwritten {
    /// The socket holds some.
    is_in_socket: bool,
    /// The session may have more, which it is asked for once the socket has none.
    is_in_session: bool,
}

/// In which form the hub speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Long,
    Compact,
}

type Pushing = Pin<Box<dyn Future<Output = Result<(Counted, PushAnswer), ServeError>> + Send>>;
type Paging = Pin<Box<dyn Future<Output = (u32, Result<Checked, PageFailure>)> + Send>>;
/// A page, and what all that is shown adds up to behind it, if that was asked for.
type Checked = (Page, Option<Checksum>);

/// One open connection.
struct Connection {
    asker: Asker,
    socket: WebSocket,
    session: Session<Encoded>,
    begun: Instant,
    form: Form,
    /// By which messages are compressed, if the client reads any.
    coding: Option<Coding>,
    /// Whether the client reads deltas.
    reads_deltas: bool,
    reader: Reader,
    writer: HubWriter,
    /// The copy that the client holds of each view.
    replicas: Box<[Replica]>,
    /// What tells of what is new of each view.
    followers: Vec<Follower>,
    /// Up to where the hub is backed up, if it is.
    backed_up: watch::Receiver<Option<Position>>,
    /// What the results of its operations tell.
    results: Arc<Sight>,
    /// Answered in the order in which they were taken.
    pushes: FuturesOrdered<Pushing>,
    pages: FuturesUnordered<Paging>,
    unwritten: Unwritten,
    is_greeted: bool,
}

impl Connection {
    fn new(asker: Asker, socket: WebSocket) -> Self {
        let incarnation = asker.desk.served.incarnation();
        let greeting = Greeting {
            incarnation: incarnation.to_string().into(),
            accept: Coding::READ.to_vec(),
            keeping: Keeping::default(),
        };
        let backed_up = asker.desk.backed_up.clone();
        Self {
            results: asker.sight(),
            replicas: Box::default(),
            asker,
            backed_up,
            socket,
            session: Session::new(greeting, 0),
            begun: Instant::now(),
            form: Form::Long,
            coding: None,
            reads_deltas: false,
            reader: Reader::of_hub(incarnation),
            writer: HubWriter::new(incarnation),
            followers: Vec::new(),
            pushes: FuturesOrdered::new(),
            pages: FuturesUnordered::new(),
            unwritten: Unwritten::default(),
            is_greeted: false,
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Goes on until the connection ends.
    async fn run(&mut self, permit: &mut Permit) {
        // What is waited for turn after turn is not begun anew each time: that would cost more than most of
        // what a turn does.
        let mut ended = pin!(async {
            permit.ended().await;
            permit.is_stopping()
        });
        let mut alarm = pin!(sleep_until(self.begun));
        let mut alarm_at: Option<Instant> = None;
        let mut is_told = false;
        loop {
            if let Some(position) = *self.backed_up.borrow_and_update() {
                self.session.handle_backed_up(position);
            }
            if !self.write() {
                return;
            }
            // Behind the messages: where all that a page holds was told already nothing is sent, and the next
            // page is wanted at once.
            self.take_work();
            if let Some(close) = self.session.poll_close() {
                // Its place is not held by all who are open.
                return Box::pin(self.close(close)).await;
            }
            let deadline = self.session.poll_deadline(self.now_ms());
            let deadline = deadline.map(|at_ms| self.begun + Duration::from_millis(at_ms));
            // One that is too early does no harm: it is asked again what the time is.
            if let Some(at) = deadline.filter(|at| alarm_at.is_none_or(|alarm_at| *at < alarm_at)) {
                alarm.as_mut().reset(at);
                alarm_at = Some(at);
            }
            let can_read = self.session.can_read();
            let is_backed_up = self.asker.desk.backup.is_some();
            let Self { socket, followers, backed_up, pushes, pages, unwritten, .. } = &mut *self;
            let happened = tokio::select! {
                read = poll_fn(|context| poll_socket(socket, context, can_read, unwritten)) => read,
                answer = pushes.next(), if !pushes.is_empty() => Happened::Pushed(answer),
                page = pages.next(), if !pages.is_empty() => Happened::Page(page),
                index = changed(followers), if !followers.is_empty() => Happened::News(index),
                _ = backed_up.changed(), if is_backed_up => Happened::BackedUp,
                is_stopping = &mut ended, if !is_told => Happened::End { is_stopping },
                () = &mut alarm, if alarm_at.is_some() => Happened::Time,
            };
            match happened {
                Happened::End { is_stopping } => {
                    is_told = true;
                    match is_stopping {
                        true => self.session.handle_end(Close::Stopping, None),
                        false => self.deny(Refusal::TokenInvalid),
                    }
                }
                Happened::Time => {
                    alarm_at = None;
                    self.session.handle_time(self.now_ms());
                }
                happened => {
                    if !self.handle(happened) {
                        return;
                    }
                }
            }
        }
    }

    /// Takes note of what has happened; false if the connection is gone.
    fn handle(&mut self, happened: Happened) -> bool {
        match happened {
            Happened::Gone => return false,
            Happened::Message(message) => self.read(message),
            Happened::Pushed(Some(Ok((counted, answer)))) => {
                push::count(&self.asker, &counted, &answer);
                self.session.handle_results(answer);
            }
            // Some of it may have been applied: the client has to ask again.
            Happened::Pushed(Some(Err(error))) if error.is_unknown() => {
                self.session.handle_end(Close::Later, Some(error.problem()));
            }
            Happened::Pushed(Some(Err(error))) => {
                let position = self.asker.desk.served.position();
                self.session.handle_push_refused(&error.problem(), position);
            }
            Happened::Page(Some((view, Ok((page, checksum))))) => {
                if let Some(checksum) = checksum {
                    self.session.handle_checksum(view, page.cursor.clone(), checksum);
                }
                self.session.handle_page(view, page);
            }
            Happened::Page(Some((view, Err(failure)))) => {
                self.session.handle_page_failed(view, failure);
            }
            Happened::News(index) => self.take_news(index),
            Happened::Pushed(None)
            | Happened::Page(None)
            | Happened::BackedUp
            | Happened::Flushed
            | Happened::Time
            | Happened::End { .. } => {}
        }
        true
    }

    /// Reads a message of the client.
    fn read(&mut self, message: Message) {
        let wire = bytes_of(&message);
        let text = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Ping(_) | Message::Pong(_) => return self.session.handle_traffic(),
            Message::Close(_) => return self.session.handle_end(Close::Done, None),
            Message::Binary(bytes) => match decompress(&bytes, MESSAGE_BYTES_MAX) {
                Ok(text) => text.into(),
                Err(error) => return self.violated(error.code(), &error.to_string()),
            },
        };
        self.asker.state.metrics.synchronization.traffic.came(wire, text.len());
        let is_compact = text.first() == Some(&b'[');
        if !self.is_greeted {
            self.form = if is_compact { Form::Compact } else { Form::Long };
        }
        let read = match is_compact {
            true => self.reader.read_client_message(&text),
            false => read_client_message(&text).map(Some),
        };
        match read {
            Err(error) => self.session.handle_end(Close::Violation, Some(error.to_problem())),
            Ok(None) => self.session.handle_traffic(),
            Ok(Some(message)) => self.judge(message),
        }
    }

    /// Hands a message in if its bearer may say it.
    fn judge(&mut self, message: ClientMessage) {
        let caller = self.asker.caller.clone();
        let Some(caller) = caller else { return self.deny(Refusal::TokenMissing) };
        let is_permitted = match &message {
            ClientMessage::Hello(hello) => caller.may_be(&hello.client),
            ClientMessage::Push(_) => WRITERS.roles().contains(&caller.token.role),
            ClientMessage::Ack { .. }
            | ClientMessage::Check { .. }
            | ClientMessage::Checked { .. }
            | ClientMessage::Holds { .. } => true,
        };
        if !is_permitted {
            return self.deny(Refusal::NotPermitted);
        }
        if let ClientMessage::Hello(hello) = &message
            && let Some(holder) = self.asker.holder()
            && let Err(error) = self.asker.desk.served.may_claim(&hello.client, &holder)
        {
            return self.session.handle_end(Close::Denied, Some(error.problem()));
        }
        if let ClientMessage::Hello(hello) = &message
            && !self.keep(&hello.client)
        {
            return self.session.handle_end(Close::Later, Some(said(Refusal::ServerFault, "")));
        }
        self.session.handle_message(message, self.now_ms());
        if let Some((view, is_equal)) = self.session.poll_checked() {
            self.asker.state.metrics.checked(is_equal);
            let replica = usize::try_from(view).ok().and_then(|view| self.replicas.get(view));
            if let Some(replica) = replica {
                self.asker.desk.replicas.checked(replica, is_equal, now_ms());
            }
        }
        if !self.is_greeted
            && let Some(hello) = self.session.hello()
        {
            self.is_greeted = true;
            self.coding = preferred(&hello.accept);
            self.reads_deltas = hello.accept.contains(&Coding::Delta);
            let client = hello.client.clone();
            let follows: Vec<Follow> = self.session.follows().cloned().collect();
            if let Err(error) = self.follow(&follows) {
                let (code, detail) = (error.code().into(), error.to_string().into());
                let problem = SaidProblem { code, detail, is_retryable: false };
                return self.session.handle_end(Close::Denied, Some(problem));
            }
            let desk = &self.asker.desk;
            self.replicas = follows.iter().map(|follow| Replica::of(&client, follow)).collect();
            self.replicas.iter().for_each(|replica| desk.replicas.seen(replica, now_ms()));
            // Everything up to here is read; everything behind it is told.
            self.session.handle_advanced(desk.served.position());
        }
    }

    /// Says to the session what the hub keeps; false if that cannot be read.
    fn keep(&mut self, client: &ClientId) -> bool {
        // One row, and only of a hub that was restored.
        let floor = self.asker.desk.served.floor_of(client);
        let backed_up = *self.backed_up.borrow();
        floor.map(|floor| self.session.handle_keeping(Keeping { backed_up, floor })).is_ok()
    }

    /// Begins to follow what the client has asked for.
    fn follow(&mut self, follows: &[Follow]) -> Result<(), FollowError> {
        let desk = &self.asker.desk;
        self.followers.reserve_exact(follows.len());
        for follow in follows {
            let audience = self.asker.audience(follow)?;
            let (feeds, deltas) = (&desk.feeds, self.reads_deltas);
            self.followers.push(feeds.follow(&audience, deltas, &desk.served, &desk.end));
        }
        let audiences = self.followers.iter().map(Follower::audience);
        self.results = self.asker.results_of(follows.iter().zip(audiences))?;
        Ok(())
    }

    fn deny(&mut self, refusal: Refusal) {
        let problem = said(refusal, "");
        self.session.handle_end(Close::Denied, Some(problem));
    }

    fn violated(&mut self, code: &str, detail: &str) {
        let problem = SaidProblem { code: code.into(), detail: detail.into(), is_retryable: false };
        self.session.handle_end(Close::Violation, Some(problem));
    }

    /// Hands in what is new of a view.
    fn take_news(&mut self, index: usize) {
        let Some(follower) = self.followers.get_mut(index) else { return };
        let news = follower.take();
        let view = u32::try_from(index).unwrap_or(u32::MAX);
        for stretch in news.stretches {
            self.session.handle_live(view, stretch);
        }
        if let Some(position) = news.by_page {
            self.session.handle_advanced(position);
        }
    }

    /// Begins what the session asks for.
    fn take_work(&mut self) {
        let desk = &self.asker.desk;
        while let Some(operations) = self.session.poll_push() {
            let Some(client) = self.session.client().cloned() else { return };
            let (desk, results) = (Arc::clone(desk), Arc::clone(&self.results));
            let (holder, form) = (self.asker.holder(), self.form);
            let Ok(counted) = self.asker.counted() else { return };
            self.pushes.push_back(Box::pin(async move {
                push::claim(&desk, holder, &client).await?;
                let counted = Some(counted);
                let who = push::Pushing { sight: &results, counted, client: &client };
                let counted = Counted::begin(&operations);
                let answer = match form {
                    _ if operations.is_empty() => {
                        PushAnswer { outcomes: Vec::new(), position: desk.served.position() }
                    }
                    Form::Long => push::commit(&desk, &who, operations).await?,
                    Form::Compact => push::commit_short(&desk, &who, operations).await?,
                };
                Ok((counted, answer))
            }));
        }
        let viewer = self.asker.viewer();
        while let Some(request) = self.session.poll_page() {
            let (desk, viewer) = (Arc::clone(desk), viewer.as_ref().ok().cloned());
            let audience = usize::try_from(request.view).ok();
            let audience = audience.and_then(|view| self.followers.get(view));
            let audience = audience.map(Follower::audience).cloned();
            let reads_deltas = self.reads_deltas;
            self.pages.push(Box::pin(async move {
                let view = request.view;
                let served = desk.served.clone();
                let read = blocking(desk.label(), move || {
                    let cursor = request.follow.cursor.as_ref();
                    let (viewer, audience) = viewer.zip(audience)?;
                    let (limits, checked) = (Limits::default(), request.is_checked);
                    if let Some(anew) = &request.anew {
                        let page = served.page_anew_for(&audience, cursor, anew, &viewer, limits);
                        return Some(page.map(|paged| (paged.page, None)));
                    }
                    let read = served.page_checked_for(&audience, cursor, &viewer, limits, checked);
                    Some(read.map(|(paged, checksum)| match reads_deltas {
                        true => (paged.differing(), checksum),
                        false => (paged.page, checksum),
                    }))
                });
                let read = read.await.ok().flatten();
                (
                    view,
                    read.map_or_else(
                        || Err(PageFailure::Failed(said(Refusal::ServerFault, ""))),
                        page_of,
                    ),
                )
            }));
        }
    }

    /// Hands messages to the socket if it has taken those before; false if it is gone.
    fn write(&mut self) -> bool {
        let now_ms = self.now_ms();
        self.unwritten.is_in_session = true;
        if self.session.poll_ping(now_ms)
            && !self.unwritten.is_in_socket
            && !self.start(Message::Ping(Default::default()))
        {
            return false;
        }
        if self.unwritten.is_in_socket {
            return true;
        }
        let mut bytes = 0;
        for _ in 0..MESSAGES_AT_ONCE {
            // What is handed over is held until the client takes it.
            if bytes > BYTES_AT_ONCE {
                break;
            }
            let Some(outgoing) = self.session.poll_message(now_ms) else {
                self.unwritten.is_in_session = false;
                break;
            };
            for Coded { message, plain_bytes } in self.encoded(outgoing) {
                let wire_bytes = bytes_of(&message);
                bytes += wire_bytes;
                let traffic = &self.asker.state.metrics.synchronization.traffic;
                traffic.goes(wire_bytes, plain_bytes);
                if !self.start(message) {
                    return false;
                }
            }
        }
        true
    }

    fn start(&mut self, message: Message) -> bool {
        self.unwritten.is_in_socket = true;
        Pin::new(&mut self.socket).start_send(message).is_ok()
    }

    /// Returns a message as it is sent.
    fn encoded(&mut self, outgoing: Outgoing<Encoded>) -> Vec<Coded> {
        let desk = &self.asker.desk;
        if let Outgoing::Live { live, .. } = &outgoing {
            self.asker.state.metrics.changes.inc_by(live.page.changes.len() as u64);
        }
        let message = match (outgoing, self.form) {
            (Outgoing::Live { view, live }, Form::Long) => {
                return vec![live.encoded.long_message(&live.page, view, self.coding)];
            }
            (Outgoing::Live { view, live }, Form::Compact) => {
                let (feeds, read) = (&desk.feeds, (self.coding, self.reads_deltas));
                let (page, message) =
                    live.encoded.compact(&live.page, (feeds, &desk.served), view, read);
                let names = self.writer.write_names(page).map(|text| coded(None, text));
                return names.into_iter().chain([message]).collect();
            }
            (Outgoing::Message(message), _) => message,
        };
        let texts = match self.form {
            Form::Long => vec![write_hub_message(&message)],
            Form::Compact => {
                let names = desk.feeds.names.lock();
                let mut names = names.unwrap_or_else(PoisonError::into_inner);
                self.writer.write(&message, &mut names)
            }
        };
        texts.into_iter().map(|text| coded(self.coding, text)).collect()
    }

    /// Says why the connection ends, if anybody listens.
    async fn close(&mut self, close: Close) {
        let frame = CloseFrame { code: close.code(), reason: "".into() };
        let farewell = async {
            let _ = poll_fn(|context| Pin::new(&mut self.socket).poll_flush(context)).await;
            let _ = self.socket.send(Message::Close(Some(frame))).await;
            // The other side answers, and ends the connection.
            while let Some(Ok(_)) = self.socket.recv().await {}
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// What has happened on a connection.
enum Happened {
    /// What was handed to the socket is written, and there may be more.
    Flushed,
    /// The client is not there any more.
    Gone,
    Message(Message),
    Pushed(Option<Result<(Counted, PushAnswer), ServeError>>),
    Page(Option<(u32, Result<Checked, PageFailure>)>),
    /// There is something new for this view.
    News(usize),
    /// The backup has come further.
    BackedUp,
    Time,
    /// The server stops, or the token is worth nothing any more.
    End {
        is_stopping: bool,
    },
}

/// Writes and reads a socket, whichever can go on.
fn poll_socket(
    socket: &mut WebSocket,
    context: &mut Context<'_>,
    can_read: bool,
    unwritten: &mut Unwritten,
) -> Poll<Happened> {
    if unwritten.is_in_socket {
        match Pin::new(&mut *socket).poll_flush(context) {
            Poll::Ready(Ok(())) => {
                unwritten.is_in_socket = false;
                if unwritten.is_in_session {
                    return Poll::Ready(Happened::Flushed);
                }
            }
            Poll::Ready(Err(_)) => return Poll::Ready(Happened::Gone),
            Poll::Pending => {}
        }
    }
    if !can_read {
        return Poll::Pending;
    }
    match socket.poll_next_unpin(context) {
        Poll::Ready(Some(Ok(message))) => Poll::Ready(Happened::Message(message)),
        Poll::Ready(_) => Poll::Ready(Happened::Gone),
        Poll::Pending => Poll::Pending,
    }
}

fn bytes_of(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}

/// Waits for something new of any view, and returns which.
async fn changed(followers: &mut [Follower]) -> usize {
    if let [only] = followers {
        if only.changed().await {
            return 0;
        }
        return std::future::pending().await;
    }
    let waiting = followers.iter_mut().map(|follower| follower.changed().boxed());
    match select_all(waiting).await {
        (true, index, _) => index,
        _ => std::future::pending().await,
    }
}

fn page_of(read: Result<Checked, ServeError>) -> Result<Checked, PageFailure> {
    read.map_err(|error| match error {
        ServeError::Cursor(_)
        | ServeError::CursorAhead { .. }
        | ServeError::CursorExpired { .. }
        | ServeError::CursorScope => PageFailure::CursorUnusable(error.problem()),
        error => PageFailure::Failed(error.problem()),
    })
}

fn said(refusal: Refusal, detail: &str) -> SaidProblem {
    SaidProblem { code: refusal.code().into(), detail: detail.into(), is_retryable: false }
}
