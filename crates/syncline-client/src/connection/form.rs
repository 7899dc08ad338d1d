//! Messages as they travel: the compact form, compressed where that is shorter.

use syncline_merge::display::Fields;
use syncline_protocol::compact::{ClientWriter, Reader};
use syncline_protocol::compress::{Compressor, decompress, preferred};
use syncline_protocol::limits::ANSWER_BYTES_MAX;
use syncline_protocol::message::{ClientMessage, Coding, HubMessage};

use crate::store::Key;

/// Codings that a client reads.
pub(super) const CODINGS: [Coding; 5] = Coding::READ;

/// How one connection writes and reads.
#[derive(Default)]
pub(super) struct Form {
    writer: ClientWriter,
    reader: Reader,
    compressor: Option<Compressor>,
}

/// A message on its way.
pub(super) enum Written {
    Text(String),
    Binary(Vec<u8>),
}

impl Form {
    /// Has large texts told by what differs, if the hub reads that.
    ///
    /// - `held`: what the hub has confirmed of a record.
    pub(super) fn shorten(
        &self,
        message: &mut ClientMessage,
        held: impl FnMut(&Key) -> Option<Fields>,
    ) {
        self.writer.shorten(message, held);
    }

    /// Returns a message as texts and bytes to send; nothing if it cannot be written.
    pub(super) fn write(&mut self, message: &ClientMessage) -> Option<Vec<Written>> {
        let texts = self.writer.write(message).ok()?;
        let compressor = &mut self.compressor;
        let written = |text: String| {
            let bytes = compressor.as_mut().and_then(|it| it.compress(text.as_bytes()));
            bytes.map_or(Written::Text(text), Written::Binary)
        };
        Some(texts.into_iter().map(written).collect())
    }

    /// Reads a message; nothing if it only told names.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Option<HubMessage>, Unreadable> {
        let message = self.reader.read_hub_message(bytes).map_err(|_| Unreadable)?;
        if let Some(HubMessage::Welcome(welcome)) = &message {
            self.writer.welcomed(welcome);
            self.compressor = preferred(&welcome.accept).map(Compressor::new);
        }
        Ok(message)
    }

    /// Reads a compressed message, as [`read`](Self::read).
    pub(super) fn read_compressed(
        &mut self,
        bytes: &[u8],
    ) -> Result<Option<HubMessage>, Unreadable> {
        let text = decompress(bytes, ANSWER_BYTES_MAX).map_err(|_| Unreadable)?;
        self.read(&text)
    }
}

/// What came in is no message of the protocol.
#[derive(Debug)]
pub(super) struct Unreadable;
