//! A WebSocket as the hub speaks it, on a connection that HTTP has handed over.
//!
//! Thousands of them are open and at rest. So one holds no buffer then: what is read stands on the stack until a
//! message is there in part, and what many are told is written as it is, without a copy for each.
//!
//! Source: RFC 6455, without extensions.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::rt::{Read, ReadBuf, Write};
use hyper::upgrade::Upgraded;
use syncline_protocol::limits::MESSAGE_BYTES_MAX;
use tungstenite::handshake::derive_accept_key;

/// How many bytes are read at once.
const READ_BYTES: usize = 8 << 10;
/// Most frames that are written at once.
const FRAMES_AT_ONCE: usize = 32;
/// Frames for which a socket at rest keeps room.
const FRAMES_HELD: usize = 4;
/// Longest payload of a frame that is no message, in bytes.
const CONTROL_BYTES_MAX: usize = 125;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// The bit of a frame that ends a message.
const FINAL: u8 = 0x80;
/// The bit of a frame whose payload is masked.
const MASKED: u8 = 0x80;

/// Returns how the change to a WebSocket is answered; `None` if that is not what was asked for.
///
/// - `protocol`: the subprotocol, see [`speaks`].
pub(crate) fn accepted<B: Default>(
    headers: &HeaderMap,
    protocol: &'static str,
) -> Option<Response<B>> {
    let says = |name, wanted| words(headers, name).any(|word| word.eq_ignore_ascii_case(wanted));
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    let is_asked = says(header::CONNECTION, "upgrade")
        && says(header::UPGRADE, "websocket")
        && version.is_some_and(|version| version == "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| is_asked)?;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()?;
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().extend([
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
        (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol)),
    ]);
    Some(response)
}

/// Returns whether a client speaks a subprotocol.
pub(crate) fn speaks(headers: &HeaderMap, protocol: &str) -> bool {
    words(headers, header::SEC_WEBSOCKET_PROTOCOL).any(|word| word == protocol)
}

/// Returns what a header lists.
fn words(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    /// A ping, which is answered already, or a pong.
    Sign,
    /// The client ends the connection, which is answered already.
    Close,
}

/// A frame that is ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    bytes: Bytes,
    /// Length of what stands before the payload.
    head: usize,
}

impl Frame {
    pub(crate) fn text(text: &str) -> Self {
        Self::new(TEXT, text.as_bytes())
    }

    pub(crate) fn binary(bytes: &[u8]) -> Self {
        Self::new(BINARY, bytes)
    }

    pub(crate) fn ping() -> Self {
        Self::new(PING, &[])
    }

    fn new(opcode: u8, payload: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(10 + payload.len());
        bytes.push(FINAL | opcode);
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(length @ 0..126), _) => bytes.push(length),
            (_, Ok(length)) => {
                bytes.push(126);
                bytes.extend(length.to_be_bytes());
            }
            _ => {
                bytes.push(127);
                bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        let head = bytes.len();
        bytes.extend_from_slice(payload);
        Self { bytes: bytes.into(), head }
    }

    /// Returns what it carries.
    pub(crate) fn payload(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// Returns its length, in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// An open WebSocket.
pub(crate) struct Socket<S = Upgraded> {
    stream: S,
    incoming: Incoming,
    /// Frames that are not written yet, and how much of the first one is.
    outgoing: VecDeque<Bytes>,
    written: usize,
    /// The answer to the latest ping.
    pong: Option<Frame>,
    /// Something was written that the stream may hold back.
    is_unflushed: bool,
    /// The hub has said that it ends.
    is_closing: bool,
    /// Nothing more is read.
    has_ended: bool,
}

impl<S: Read + Write + Unpin> Socket<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            incoming: Incoming::default(),
            outgoing: VecDeque::new(),
            written: 0,
            pong: None,
            is_unflushed: false,
            is_closing: false,
            has_ended: false,
        }
    }

    /// Takes a frame, which [`Socket::poll_flush`] writes. Bounds are the caller's affair.
    pub(crate) fn send(&mut self, frame: Frame) {
        self.outgoing.push_back(frame.bytes);
    }

    /// Says that the connection ends, if that was not said.
    pub(crate) fn close(&mut self, code: u16) {
        if !self.is_closing {
            self.is_closing = true;
            self.send(Frame::new(CLOSE, &code.to_be_bytes()));
        }
    }

    /// Returns whether something waits to be written.
    pub(crate) fn is_writing(&self) -> bool {
        !self.outgoing.is_empty() || self.pong.is_some() || self.is_unflushed
    }

    /// Writes all that was taken.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.outgoing.is_empty() {
                match self.pong.take() {
                    Some(pong) => self.send(pong),
                    None => break,
                }
            }
            let written = ready!(self.poll_write(context))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.is_unflushed = true;
            self.forget(written);
        }
        self.outgoing.shrink_to(FRAMES_HELD);
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.is_unflushed = false;
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let first = self.outgoing.front().and_then(|first| first.get(self.written..));
        let first = first.unwrap_or_default();
        if self.outgoing.len() == 1 {
            return stream.poll_write(context, first);
        }
        let mut slices = [IoSlice::new(&[]); FRAMES_AT_ONCE];
        slices[0] = IoSlice::new(first);
        for (slice, frame) in slices.iter_mut().skip(1).zip(self.outgoing.iter().skip(1)) {
            *slice = IoSlice::new(frame);
        }
        let count = self.outgoing.len().min(FRAMES_AT_ONCE);
        stream.poll_write_vectored(context, &slices[..count])
    }

    /// So many bytes more are written.
    fn forget(&mut self, bytes: usize) {
        self.written += bytes;
        while let Some(first) = self.outgoing.front()
            && first.len() <= self.written
        {
            self.written -= first.len();
            self.outgoing.pop_front();
        }
    }

    /// Reads the next message; `None` if there is none any more, be it that the client says what nobody may
    /// say in a WebSocket.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        while !self.has_ended {
            match self.incoming.next() {
                Ok(None) => {}
                Ok(Some((TEXT, payload))) if std::str::from_utf8(&payload).is_ok() => {
                    return Poll::Ready(Some(Message::Text(payload)));
                }
                Ok(Some((BINARY, payload))) => return Poll::Ready(Some(Message::Binary(payload))),
                Ok(Some((PING, payload))) => {
                    // Of several only the latest needs an answer.
                    self.pong = (!self.is_closing).then(|| Frame::new(PONG, &payload));
                    return Poll::Ready(Some(Message::Sign));
                }
                Ok(Some((PONG, _))) => return Poll::Ready(Some(Message::Sign)),
                Ok(Some((CLOSE, payload))) => {
                    self.has_ended = true;
                    // Said back as it came.
                    if !std::mem::replace(&mut self.is_closing, true) {
                        self.send(Frame::new(CLOSE, payload.get(..2).unwrap_or_default()));
                    }
                    return Poll::Ready(Some(Message::Close));
                }
                Ok(Some(_)) | Err(Unreadable) => break,
            }
            let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
            let mut read = ReadBuf::uninit(&mut space);
            let done = ready!(Pin::new(&mut self.stream).poll_read(context, read.unfilled()));
            if done.is_err() || read.filled().is_empty() {
                break;
            }
            self.incoming.add(read.filled());
        }
        self.has_ended = true;
        Poll::Ready(None)
    }

    /// Writes all that was taken, and waits until the client ends the connection.
    pub(crate) fn poll_farewell(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if ready!(self.poll_flush(context)).is_ok() {
            while ready!(self.poll_next(context)).is_some() {}
        }
        Poll::Ready(())
    }
}

/// What was read and is no whole message yet.
#[derive(Default)]
struct Incoming {
    bytes: Vec<u8>,
    /// Where in them the next frame begins.
    at: usize,
    /// A message of which only some frames are there.
    part: Option<Box<Part>>,
}

/// A message of which only some frames are there.
struct Part {
    opcode: u8,
    payload: Vec<u8>,
}

/// What is said is not said as it has to be in a WebSocket.
#[derive(Debug, PartialEq, Eq)]
struct Unreadable;

impl Incoming {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.at));
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next message or sign that is there as a whole, with its opcode.
    fn next(&mut self) -> Result<Option<(u8, Vec<u8>)>, Unreadable> {
        while let Some((head, payload)) = self.next_frame()? {
            let (opcode, is_final) = (head.opcode, head.is_final);
            match (opcode, self.part.take()) {
                (CLOSE | PING | PONG, part) => {
                    self.part = part;
                    return Ok(Some((opcode, payload)));
                }
                (TEXT | BINARY, None) if is_final => return Ok(Some((opcode, payload))),
                (TEXT | BINARY, None) => self.part = Some(Box::new(Part { opcode, payload })),
                (CONTINUATION, Some(mut part)) => {
                    if part.payload.len() + payload.len() > MESSAGE_BYTES_MAX {
                        return Err(Unreadable);
                    }
                    part.payload.extend_from_slice(&payload);
                    if is_final {
                        return Ok(Some((part.opcode, part.payload)));
                    }
                    self.part = Some(part);
                }
                _ => return Err(Unreadable),
            }
        }
        Ok(None)
    }

    fn next_frame(&mut self) -> Result<Option<(Head, Vec<u8>)>, Unreadable> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(head) = Head::read(rest)? else { return Ok(None) };
        let end = head.bytes + head.length;
        if rest.len() < end {
            return Ok(None);
        }
        let mut payload = if rest.len() == end {
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.drain(..std::mem::take(&mut self.at) + head.bytes);
            bytes
        } else {
            self.at += end;
            rest[head.bytes..end].to_vec()
        };
        for four in payload.chunks_mut(head.mask.len()) {
            four.iter_mut().zip(head.mask).for_each(|(byte, mask)| *byte ^= mask);
        }
        Ok(Some((head, payload)))
    }
}

/// The head of a frame.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    opcode: u8,
    is_final: bool,
    mask: [u8; 4],
    /// Its own length, in bytes.
    bytes: usize,
    /// The length of the payload, in bytes.
    length: usize,
}

impl Head {
    /// Reads the head at the beginning of what was read; `None` as long as it is not all there.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Unreadable> {
        let &[first, second, ..] = bytes else { return Ok(None) };
        let (opcode, is_final) = (first & 0x0f, first & FINAL != 0);
        let is_control = opcode >= CLOSE;
        // Three bits belong to extensions, and whoever is no server masks what it says.
        let is_known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
        if first & 0x70 != 0 || !is_known || second & MASKED == 0 {
            return Err(Unreadable);
        }
        let rest = &bytes[2..];
        let (length, behind) = match second & !MASKED {
            126 => (rest.first_chunk().map(|length| u64::from(u16::from_be_bytes(*length))), 2),
            127 => (rest.first_chunk().map(|length| u64::from_be_bytes(*length)), 8),
            short => (Some(u64::from(short)), 0),
        };
        let Some(length) = length else { return Ok(None) };
        let length = usize::try_from(length).map_err(|_| Unreadable)?;
        let most = if is_control { CONTROL_BYTES_MAX } else { MESSAGE_BYTES_MAX };
        if length > most || (is_control && !is_final) {
            return Err(Unreadable);
        }
        let mask = rest.get(behind..).and_then(|rest| rest.first_chunk());
        let head = |mask| Self { opcode, is_final, mask, bytes: 2 + behind + 4, length };
        Ok(mask.copied().map(head))
    }
}

#[cfg(test)]
mod tests;
