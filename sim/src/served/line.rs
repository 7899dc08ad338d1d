//! A connection between a client and a hub: texts in order, on their way for a while, and lost when it
//! is cut. Either end may learn of that later than the other.

use std::collections::VecDeque;
use std::sync::Arc;

use syncline_hub::served::{Audience, Limits, ServeError};
use syncline_model::id::{Position, Writer};
use syncline_policy::view::{FollowError, Sight};
use syncline_protocol::compact::{EncodedPage, HubWriter, Reader};
use syncline_protocol::message::{ClientMessage, Coding, Follow, Keeping, PushAnswer};
use syncline_protocol::problem::Problem;
use syncline_protocol::session::hub::{
    Close, Greeting, Outgoing, PageFailure, PageRequest, Session,
};

use super::fault::ServedFault;
use super::house::{House, News, NewsFor, Shorter, Summed};
use super::later::{self, LATER};
use super::rights::{Class, Desk, Rights};
use crate::random::Random;
use crate::schema::Schema;

/// What a client answers a ping with.
pub(super) const PONG: &str = "";

/// What is on its way to the client.
#[derive(Clone, Debug)]
pub(super) enum Down {
    Text(String),
    Ping,
}

/// What is on its way, each with the time at which it arrives.
#[derive(Debug)]
pub(super) struct Pipe<T> {
    items: VecDeque<(u64, T)>,
    latest_ms: u64,
}

impl<T> Default for Pipe<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), latest_ms: 0 }
    }
}

impl<T> Pipe<T> {
    /// Puts something in; nothing overtakes what is in it.
    pub(super) fn put(&mut self, at_ms: u64, item: T) {
        self.latest_ms = self.latest_ms.max(at_ms);
        self.items.push_back((self.latest_ms, item));
    }

    /// Takes out what has arrived.
    pub(super) fn take(&mut self, now_ms: u64) -> Option<T> {
        let is_due = self.items.front().is_some_and(|(at_ms, _)| *at_ms <= now_ms);
        if is_due { self.items.pop_front().map(|(_, item)| item) } else { None }
    }

    /// Returns when the next thing arrives.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.items.front().map(|(at_ms, _)| *at_ms)
    }
}

/// How slow things are, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delays {
    pub(super) usual_ms: u64,
    pub(super) worst_ms: u64,
    /// How often it is the worst, in a thousand.
    pub(super) worst: u64,
}

impl Delays {
    pub(super) const fn draw(self, random: &mut Random) -> u64 {
        match random.chance(self.worst) {
            true => random.below(self.worst_ms + 1),
            false => random.below(self.usual_ms + 1),
        }
    }
}

/// A connection.
pub(super) struct Line {
    pub(super) up: Pipe<String>,
    pub(super) down: Pipe<Down>,
    /// The hub's end, until it knows that the connection is over.
    pub(super) hub_end: Option<HubEnd>,
    /// When the client learns that the connection is over.
    pub(super) ends_ms: Option<u64>,
    /// Texts are lost from here on, and nobody is told: half of it is open.
    pub(super) is_cut: bool,
}

/// The hub's end of a connection, as `syncline-server` drives it.
pub(super) struct HubEnd {
    session: Session<Shorter>,
    reader: Reader,
    writer: HubWriter,
    begun_ms: u64,
    answers: Pipe<Result<PushAnswer, ServeError>>,
    pages: Pipe<(u32, Result<Summed, PageFailure>)>,
    news: Pipe<(u32, News)>,
    /// The version of the protocol that the hub speaks.
    version: u32,
    /// What its token allows; and whose it is.
    desk: Desk,
    class: Class,
    pub(super) user: usize,
    /// Who is told what the client is told of each view.
    audiences: Vec<Audience>,
    follows: Vec<Follow>,
    /// As of where the client was told a sum last.
    summed: Position,
    /// What the results of its operations tell.
    results: Option<Arc<Sight>>,
    is_greeted: bool,
    /// How far the client was told that the hub is backed up.
    backed_up: Option<Position>,
    page_limits: Limits,
}

impl HubEnd {
    pub(super) fn new(
        house: &House,
        schema: &Schema,
        (user, rights): (usize, Rights),
        now_ms: u64,
        page_limits: Limits,
    ) -> Option<Self> {
        let incarnation = house.served()?.incarnation();
        let greeting = Greeting {
            incarnation: incarnation.to_string().into(),
            accept: vec![Coding::Delta],
            keeping: Keeping::default(),
        };
        Some(Self {
            session: Session::new(greeting, 0),
            reader: Reader::of_hub(incarnation),
            writer: HubWriter::new(incarnation),
            begun_ms: now_ms,
            answers: Pipe::default(),
            pages: Pipe::default(),
            news: Pipe::default(),
            version: house.version,
            desk: Desk::new(house.rules, rights, schema),
            class: house.rules.class(rights),
            user,
            audiences: Vec::new(),
            follows: Vec::new(),
            summed: Position(0),
            results: None,
            is_greeted: false,
            backed_up: None,
            page_limits,
        })
    }

    /// Returns whom the same is shown.
    pub(super) const fn class(&self) -> Class {
        self.class
    }

    /// Hands in what is new of the log, which arrives here after a while.
    pub(super) fn tell(&mut self, (key, news): &NewsFor, at_ms: u64) {
        for (view, audience) in (0..).zip(&self.audiences) {
            if audience.key() == key {
                self.news.put(at_ms, (view, news.clone()));
            }
        }
    }

    /// Returns whether it takes another text.
    pub(super) fn can_read(&self) -> bool {
        self.session.can_read()
    }

    /// Reads a text of the client; false if the connection ends by that.
    pub(super) fn read(&mut self, text: &str, house: &mut House, now_ms: u64) -> bool {
        if text == PONG {
            self.session.handle_traffic();
            return true;
        }
        match self.reader.read_client_message(text.as_bytes()) {
            Err(_) => return false,
            Ok(None) => self.session.handle_traffic(),
            Ok(Some(message)) => self.judge(message, house, now_ms),
        }
        true
    }

    fn judge(&mut self, message: ClientMessage, house: &mut House, now_ms: u64) {
        if let ClientMessage::Hello(hello) = &message
            && let Some(floor) = house.floor_of(&hello.client)
        {
            self.session.handle_keeping(Keeping { backed_up: house.backed_up, floor });
            self.backed_up = house.backed_up;
        }
        self.session.handle_message(message, now_ms - self.begun_ms);
        self.hear_of_sums(house, now_ms);
        if !self.is_greeted && self.session.hello().is_some() {
            self.is_greeted = true;
            let follows: Vec<Follow> = self.session.follows().cloned().collect();
            if let Err(error) = self.follow(&follows, house) {
                let (code, detail) = (error.code().into(), error.to_string().into());
                let problem = Problem { code, detail, is_retryable: false };
                return self.session.handle_end(Close::Denied, Some(problem));
            }
            if let (Some(client), Some(copies)) = (self.session.client(), &mut house.copies) {
                let is_trusted = house.fault == Some(ServedFault::CopiesTrusted);
                let finding = copies.greet(client, &follows, (is_trusted, now_ms));
                house.finding = house.finding.take().or(finding);
            }
            self.follows = follows;
            let end = house.served().map_or(Position(0), |served| served.position());
            // Everything up to here is read; everything behind it is told.
            self.session.handle_advanced(end);
        }
    }

    /// Takes what the client says of a sum.
    fn hear_of_sums(&mut self, house: &mut House, now_ms: u64) {
        let Some((view, is_equal)) = self.session.poll_checked() else { return };
        let follow = usize::try_from(view).ok().and_then(|view| self.follows.get(view));
        let whose = self.session.client().zip(follow);
        if let (Some(whose), Some(copies)) = (whose, &mut house.copies) {
            let finding = copies.checked(whose, (self.user, is_equal, self.summed), now_ms);
            house.finding = house.finding.take().or(finding);
        }
    }

    /// Begins to follow what the client has asked for.
    fn follow(&mut self, follows: &[Follow], house: &mut House) -> Result<(), FollowError> {
        self.results = Some(self.desk.results(follows)?);
        for follow in follows {
            let sight = self.desk.told(follow)?;
            self.audiences.extend(house.follow(sight));
        }
        Ok(())
    }

    /// Does what is due: time, answers, pages, news, and what the session asks for. Answers what is to
    /// be sent; nothing if the connection ends.
    pub(super) fn turn(
        &mut self,
        house: &mut House,
        now_ms: u64,
        delays: Delays,
        random: &mut Random,
    ) -> Option<Vec<Down>> {
        let session_ms = now_ms - self.begun_ms;
        self.session.handle_time(session_ms);
        if self.is_greeted && self.backed_up != house.backed_up {
            self.backed_up = house.backed_up;
            if let Some(position) = house.backed_up {
                self.session.handle_backed_up(position);
            }
        }
        while let Some(answer) = self.answers.take(now_ms) {
            match answer {
                Ok(answer) => self.session.handle_results(answer),
                Err(error) if error.is_unknown() => {
                    self.session.handle_end(Close::Later, Some(error.problem()));
                }
                Err(error) => {
                    let end = house.served().map_or(Position(0), |served| served.position());
                    self.session.handle_push_refused(&error.problem(), end);
                }
            }
        }
        while let Some((view, read)) = self.pages.take(now_ms) {
            self.handle_read(view, read);
        }
        while let Some((view, news)) = self.news.take(now_ms) {
            match news {
                News::Stretch(live) => self.session.handle_live(view, live),
                News::ByPage(position) => self.session.handle_advanced(position),
            }
        }
        self.take_work(house, now_ms, delays, random);
        if self.session.poll_close().is_some() {
            return None;
        }
        let mut said = Vec::new();
        if self.session.poll_ping(session_ms) {
            said.push(Down::Ping);
        }
        while let Some(outgoing) = self.session.poll_message(session_ms) {
            let texts = match outgoing {
                Outgoing::Message(message) => self.writer.write(&message, &mut house.names),
                Outgoing::Live { view, live } => {
                    let incarnation = house.served()?.incarnation();
                    let Shorter { tokens, deltas } = &live.encoded;
                    let page = EncodedPage::new(
                        deltas.as_ref().or(tokens.as_ref()).unwrap_or(&live.page),
                        &mut house.names,
                        incarnation,
                    );
                    self.writer.write_page(view, &page)
                }
            };
            let spoken = match house.fault {
                Some(ServedFault::LaterToAll) => self.version,
                _ => self.version.min(self.session.hello().map_or(1, |hello| hello.protocol)),
            };
            for text in texts {
                let said_later = match self.version {
                    LATER => later::said(&text, spoken),
                    _ => vec![text],
                };
                said.extend(said_later.into_iter().map(Down::Text));
            }
        }
        Some(said)
    }

    /// A page was read, and perhaps a sum with it.
    fn handle_read(&mut self, view: u32, read: Result<Summed, PageFailure>) {
        let (page, checksum) = match read {
            Ok(summed) => summed,
            Err(failure) => return self.session.handle_page_failed(view, failure),
        };
        if let Some(checksum) = checksum {
            self.summed = page.cursor.position();
            self.session.handle_checksum(view, page.cursor.clone(), checksum);
        }
        self.session.handle_page(view, page);
    }

    fn take_work(&mut self, house: &mut House, now_ms: u64, delays: Delays, random: &mut Random) {
        let Some(client) = self.session.client().cloned() else { return };
        let Some(results) = self.results.clone() else { return };
        while let Some(operations) = self.session.poll_push() {
            let answer = house.push((&results, self.class), &client, operations);
            self.answers.put(now_ms + delays.draw(random), answer);
        }
        let viewer = Writer::from(&client);
        while let Some(request) = self.session.poll_page() {
            let PageRequest { view, follow, anew, is_checked } = request;
            let audience = usize::try_from(view).ok().and_then(|view| self.audiences.get(view));
            let Some(audience) = audience else { continue };
            let (cursor, limits) = (follow.cursor.as_ref(), self.page_limits);
            let is_summed = is_checked && anew.is_none() && house.copies.is_some();
            let summed = is_summed.then(|| house.page_summed(audience, cursor, &viewer, limits));
            let page = || house.page(audience, cursor, anew.as_ref(), &viewer, limits);
            let page = summed.flatten().map_or_else(|| page().map(|page| (page, None)), Ok);
            self.pages.put(now_ms + delays.draw(random), (view, page));
        }
    }

    /// Returns when it has something to do, whatever else happens.
    pub(super) fn next_ms(&self, now_ms: u64) -> Option<u64> {
        let session_ms = now_ms - self.begun_ms;
        let deadline = self.session.poll_deadline(session_ms).map(|at_ms| at_ms + self.begun_ms);
        let pipes = [self.answers.next_ms(), self.pages.next_ms(), self.news.next_ms()];
        pipes.into_iter().chain([deadline]).flatten().min()
    }
}

impl Line {
    pub(super) fn new(hub_end: HubEnd) -> Self {
        Self {
            up: Pipe::default(),
            down: Pipe::default(),
            hub_end: Some(hub_end),
            ends_ms: None,
            is_cut: false,
        }
    }

    /// Returns when something of it is due.
    pub(super) fn next_ms(&self, now_ms: u64) -> Option<u64> {
        let ends = [self.down.next_ms(), self.ends_ms, self.hub_next_ms(now_ms)];
        ends.into_iter().flatten().min()
    }

    /// Returns when something is due at the hub's end.
    pub(super) fn hub_next_ms(&self, now_ms: u64) -> Option<u64> {
        let end = self.hub_end.as_ref()?;
        let up = self.up.next_ms().filter(|_| end.can_read());
        [up, end.next_ms(now_ms)].into_iter().flatten().min()
    }
}
