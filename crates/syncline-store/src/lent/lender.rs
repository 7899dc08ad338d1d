//! The side that has the store.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;
use std::thread;

use syncline_engine::rows::{Key, Scan};
use syncline_model::codec::{Reader, Writer};

use super::message::{Answer, Request, receive, send, unreadable};
use crate::limits::{LOAN_PAGE_BYTES, LOAN_PIECES_WAITING_MAX, LOAN_READERS_MAX};
use crate::{Piece, Read, Store, StoreError};

/// A connection both ways.
pub(super) trait Wire: io::Read + io::Write {}

impl<T: io::Read + io::Write> Wire for T {}

/// Who asks for a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The version of the borrower's program.
    pub version: String,
    /// The number of its process.
    pub process: u32,
    /// The name of the hub whose store it is; the default one has none.
    pub hub: Option<String>,
}

impl Asked {
    /// Waits for the words that a borrower begins with.
    ///
    /// # Errors
    ///
    /// What the system says, or that nobody asks for a store here.
    pub fn hear(from: &mut impl io::Read) -> io::Result<Self> {
        // Whoever comes here by mistake sends no length that is as small.
        const BYTES_MAX: u64 = 1_024;
        let bytes = receive(&mut from.take(BYTES_MAX))?;
        let mut words = Reader::new(&bytes);
        let mut hear = || {
            let version = words.str()?.to_owned();
            let process = words.varint()?;
            let hub = words.str()?.to_owned();
            words.clone().finish().map(|()| (version, process, hub))
        };
        let (version, process, hub) = hear().map_err(|_| unreadable())?;
        let process = u32::try_from(process).map_err(|_| unreadable())?;
        Ok(Self { version, process, hub: Some(hub).filter(|hub| !hub.is_empty()) })
    }

    pub(super) fn say(&self, to: &mut impl io::Write) -> io::Result<()> {
        let mut out = Writer::new();
        out.str(&self.version);
        out.varint(u64::from(self.process));
        out.str(self.hub.as_deref().unwrap_or_default());
        send(to, &out)
    }

    /// Answers whether a store is lent at all: only to a program of the same version.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn is_fit(&self, own_version: &str, to: &mut impl io::Write) -> io::Result<bool> {
        let mut out = Writer::new();
        out.str(own_version);
        send(to, &out)?;
        Ok(self.version == own_version)
    }

    /// Tells a borrower that what it gave back was taken back: what it did is seen by everybody now.
    ///
    /// # Errors
    ///
    /// What the system says; nothing hangs on it.
    pub fn thank(to: &mut impl io::Write) -> io::Result<()> {
        send(to, &Answer::Done.encode())
    }
}

/// Lends a store until it is given back: the borrower has it from now on.
///
/// # Errors
///
/// What the system says of a connection that broke off. Every batch that was begun is then committed
/// or gone, as after a crash of the borrower.
pub fn lend(store: &mut dyn Store, wire: &mut (impl io::Read + io::Write)) -> io::Result<()> {
    let mut out = Writer::new();
    out.varint(store.epoch().0);
    out.varint(u64::from(store.partition().0));
    send(wire, &out)?;
    let mut readers = Readers::default();
    loop {
        let answer = match request(wire)? {
            Request::Return => return Ok(()),
            Request::Pieces => {
                send(wire, &Answer::Done.encode())?;
                pieces(store, wire, &mut readers)?
            }
            Request::Commit(batch) => done(store.commit(&batch)),
            Request::Tidy => {
                store.tidy();
                Answer::Done
            }
            Request::Reader if readers.open.len() < LOAN_READERS_MAX => match store.reader() {
                Ok(reader) => Answer::Number(readers.add(reader)),
                Err(error) => Answer::Failed(error),
            },
            request => readers.answer(request, Some(&*store))?,
        };
        send(wire, &answer.encode())?;
    }
}

fn request(wire: &mut impl Wire) -> io::Result<Request> {
    Request::decode(&receive(wire)?).map_err(|_| unreadable())
}

fn done(result: Result<(), StoreError>) -> Answer {
    result.map_or_else(Answer::Failed, |()| Answer::Done)
}

/// Takes a batch in pieces, and answers reads meanwhile.
fn pieces(
    store: &mut dyn Store,
    wire: &mut impl Wire,
    readers: &mut Readers,
) -> io::Result<Answer> {
    let (pieces, waiting) = sync_channel(LOAN_PIECES_WAITING_MAX);
    thread::scope(|scope| {
        // Without an end the store abandons what it was given.
        let next = move || waiting.recv().unwrap_or(Piece::Abandon);
        let writer = scope.spawn(move || store.commit_pieces(&mut { next }));
        loop {
            let piece = match request(wire)? {
                Request::Rows(batch) => Piece::Rows(batch),
                Request::End => Piece::End,
                Request::Abandon => Piece::Abandon,
                request => {
                    let answer = readers.answer(request, None)?;
                    send(wire, &answer.encode())?;
                    continue;
                }
            };
            let is_last = !matches!(piece, Piece::Rows(_));
            // Whoever takes nothing any more has failed, and says why.
            let is_taken = pieces.send(piece).is_ok();
            if is_last || !is_taken {
                drop(pieces);
                let written = writer.join();
                let written = written.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                let number = |is_committed| Answer::Number(u64::from(is_committed));
                return Ok(written.map_or_else(Answer::Failed, number));
            }
            send(wire, &Answer::Done.encode())?;
        }
    })
}

/// The readers of one loan.
#[derive(Default)]
struct Readers {
    open: BTreeMap<u64, Box<dyn Read + Send>>,
    last: u64,
}

impl Readers {
    fn add(&mut self, reader: Box<dyn Read + Send>) -> u64 {
        self.last += 1;
        self.open.insert(self.last, reader);
        self.last
    }

    /// Answers what only reads; `store` is nothing while it writes.
    fn answer(&mut self, request: Request, store: Option<&dyn Store>) -> io::Result<Answer> {
        let answer = match request {
            Request::Get { reader, keys } => {
                let values = self.find(reader, store)?.get_many(&keys);
                values.map_or_else(Answer::Failed, Answer::Values)
            }
            Request::Scan { reader, scan, after, limit } => {
                page(self.find(reader, store)?, &scan, after.as_ref(), limit)
            }
            Request::DropReader(reader) => {
                self.open.remove(&reader);
                Answer::Done
            }
            _ => return Err(unreadable()),
        };
        Ok(answer)
    }

    fn find<'a>(&'a self, reader: u64, store: Option<&'a dyn Store>) -> io::Result<&'a dyn Read> {
        if reader == 0 {
            return store.map(|store| store as &dyn Read).ok_or_else(unreadable);
        }
        let reader = self.open.get(&reader).ok_or_else(unreadable)?;
        Ok(&**reader)
    }
}

/// Reads as many rows of a stretch as one answer holds.
fn page(rows: &dyn Read, scan: &Scan, after: Option<&Key>, limit: u64) -> Answer {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut found, mut bytes) = (Vec::new(), 0);
    let mut is_full = false;
    let read = rows.scan(scan, after, limit, &mut |key, value| {
        bytes += key.bytes() + value.len();
        found.push((key.clone(), value.to_vec()));
        is_full = bytes >= LOAN_PAGE_BYTES;
        if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let is_all = !is_full && found.len() < limit;
    read.map_or_else(Answer::Failed, |()| Answer::Rows(found, is_all))
}
