//! Compressed messages: a byte that names the coding, then the body.
//!
//! A sender compresses only where it pays; a reader bounds what a message may grow to, in bytes and
//! by its own size, before it holds it.
//!
//! ```
//! use syncline_protocol::compress::{Compressor, decompress};
//! use syncline_protocol::limits::MESSAGE_BYTES_MAX;
//! use syncline_protocol::message::Coding;
//!
//! let text = r#"["c",0,[],812]"#.repeat(100);
//! let message = Compressor::new(Coding::Zstd).compress(text.as_bytes()).unwrap();
//! assert_eq!(message[0], 1);
//! assert_eq!(decompress(&message, MESSAGE_BYTES_MAX).unwrap(), text.as_bytes());
//! ```

use std::io::{self, BufRead, Read, Write};
use std::sync::LazyLock;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use thiserror::Error;
use zstd::bulk;
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::stream::read::Decoder;
use zstd::zstd_safe::CParameter;

use crate::limits::{
    COMPRESSED_BY_DICTIONARY_BYTES_MIN, COMPRESSED_BYTES_MIN, COMPRESSION_FREE_BYTES,
    COMPRESSION_RATIO_MAX, COMPRESSION_WINDOW_LOG_MAX,
};
use crate::message::Coding;

/// The dictionary `syncline.v2`, which both sides of a connection have. Its bytes never change.
pub const DICTIONARY: &[u8] = include_bytes!("../dictionary/syncline.v2");

/// How hard Zstandard tries. Source: its own default.
const ZSTD_LEVEL: i32 = 3;

/// What each frame of Zstandard begins with, and no message does: the byte that names the coding says it.
pub(crate) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Length of the length before an LZ4 block, in bytes.
const LZ4_LENGTH_BYTES: usize = 4;

static ENCODER_DICTIONARY: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, ZSTD_LEVEL));
static DECODER_DICTIONARY: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

/// Why a compressed message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// Its first byte names no coding, or there is none.
    #[error("a compressed message begins with the number of a coding, 1 to 4")]
    CodingUnknown,
    /// It is cut, altered, or of another coding.
    #[error("a compressed message cannot be decompressed as {}", coding.as_str())]
    Damaged {
        /// The coding that its first byte names.
        coding: Coding,
    },
    /// It grows beyond what a message may be, or beyond what one of its size may grow to.
    #[error("a compressed message of {bytes} bytes grows to more than {bytes_max}")]
    TooLarge {
        /// Its length, in bytes.
        bytes: usize,
        /// What it may grow to, in bytes.
        bytes_max: usize,
    },
}

impl CompressionError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CodingUnknown | Self::Damaged { .. } => "MESSAGE_MALFORMED",
            Self::TooLarge { .. } => "MESSAGE_TOO_LARGE",
        }
    }
}

/// Returns the coding to use with a reader that accepts these: the one that saves most.
pub fn preferred(accepted: &[Coding]) -> Option<Coding> {
    [Coding::ZstdDict, Coding::Zstd, Coding::Deflate, Coding::Lz4]
        .into_iter()
        .find(|coding| accepted.contains(coding))
}

/// Compresses messages by one coding, one after the other; none looks back at another.
pub struct Compressor {
    coding: Coding,
    /// Made with the first message, and kept: making it costs more than a small message.
    zstd: Option<bulk::Compressor<'static>>,
}

impl Compressor {
    /// Begins to compress by a coding.
    pub const fn new(coding: Coding) -> Self {
        Self { coding, zstd: None }
    }

    /// Returns the coding.
    pub const fn coding(&self) -> Coding {
        self.coding
    }

    /// Returns the message that a text makes, or `None` where it is to be sent as it is: it is short,
    /// would not become shorter, or so much shorter that no reader would take it.
    pub fn compress(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let bytes_min = match self.coding {
            Coding::ZstdDict => COMPRESSED_BY_DICTIONARY_BYTES_MIN,
            _ => COMPRESSED_BYTES_MIN,
        };
        if text.len() < bytes_min {
            return None;
        }
        let body = self.body(text).ok()?;
        let pays = body.len() + 1 < text.len() && text.len() <= grown_max(body.len(), usize::MAX);
        pays.then(|| {
            let mut message = Vec::with_capacity(body.len() + 1);
            message.push(number(self.coding));
            message.extend(body);
            message
        })
    }

    fn body(&mut self, text: &[u8]) -> io::Result<Vec<u8>> {
        match self.coding {
            Coding::Delta => Err(io::ErrorKind::Unsupported.into()),
            Coding::Zstd | Coding::ZstdDict => {
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    none => none.insert(zstd_compressor(self.coding)?),
                };
                let mut frame = zstd.compress(text)?;
                frame.drain(..ZSTD_MAGIC.len().min(frame.len()));
                Ok(frame)
            }
            Coding::Lz4 => {
                let length = u32::try_from(text.len()).map_err(io::Error::other)?;
                let mut body = length.to_le_bytes().to_vec();
                body.extend(lz4_flex::block::compress(text));
                Ok(body)
            }
            Coding::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(text)?;
                encoder.finish()
            }
        }
    }
}

fn zstd_compressor(coding: Coding) -> io::Result<bulk::Compressor<'static>> {
    let mut zstd = match coding {
        Coding::ZstdDict => bulk::Compressor::with_prepared_dictionary(&ENCODER_DICTIONARY)?,
        _ => bulk::Compressor::new(ZSTD_LEVEL)?,
    };
    // The first byte of the message says it already.
    zstd.set_parameter(CParameter::DictIdFlag(false))?;
    Ok(zstd)
}

/// Returns the byte that names a coding.
fn number(coding: Coding) -> u8 {
    let index = Coding::ALL.iter().position(|known| *known == coding).unwrap_or_default();
    u8::try_from(index + 1).unwrap_or_default()
}

/// Returns what a body of so many bytes may grow to.
fn grown_max(bytes: usize, bytes_max: usize) -> usize {
    bytes.saturating_mul(COMPRESSION_RATIO_MAX).max(COMPRESSION_FREE_BYTES).min(bytes_max)
}

/// Returns the text of a compressed message, at most `bytes_max` bytes of it.
///
/// # Errors
///
/// [`CompressionError`]: the connection ends.
pub fn decompress(message: &[u8], bytes_max: usize) -> Result<Vec<u8>, CompressionError> {
    let (&first, body) = message.split_first().ok_or(CompressionError::CodingUnknown)?;
    let index = usize::from(first).checked_sub(1).ok_or(CompressionError::CodingUnknown)?;
    let coding = Coding::ALL.get(index).copied().ok_or(CompressionError::CodingUnknown)?;
    let damaged = CompressionError::Damaged { coding };
    let bytes_max = grown_max(body.len(), bytes_max);
    let too_large = CompressionError::TooLarge { bytes: message.len(), bytes_max };
    let read = match coding {
        Coding::Zstd => {
            let decoder = Decoder::with_buffer(ZSTD_MAGIC.chain(body));
            decoder.map(|decoder| read_zstd(decoder, bytes_max))
        }
        Coding::ZstdDict => {
            Decoder::with_prepared_dictionary(ZSTD_MAGIC.chain(body), &DECODER_DICTIONARY)
                .map(|decoder| read_zstd(decoder, bytes_max))
        }
        Coding::Deflate => Ok(read_deflate(body, bytes_max)),
        // Not in the list of those that a byte names.
        Coding::Delta => return Err(damaged),
        Coding::Lz4 => {
            let (length, block) = body.split_first_chunk::<LZ4_LENGTH_BYTES>().ok_or(damaged)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| too_large)?;
            if length > bytes_max {
                return Err(too_large);
            }
            let text = lz4_flex::block::decompress(block, length).map_err(|_| damaged)?;
            return if text.len() == length { Ok(text) } else { Err(damaged) };
        }
    };
    match read.and_then(|read| read) {
        Ok(text) if text.len() > bytes_max => Err(too_large),
        Ok(text) => Ok(text),
        Err(_) => Err(damaged),
    }
}

/// Reads one frame and nothing behind it, up to a byte more than there may be.
fn read_zstd(mut decoder: Decoder<'_, impl BufRead>, bytes_max: usize) -> io::Result<Vec<u8>> {
    decoder.window_log_max(COMPRESSION_WINDOW_LOG_MAX)?;
    let mut decoder = decoder.single_frame();
    let text = read_bounded(&mut decoder, bytes_max)?;
    if text.len() <= bytes_max {
        let mut rest = decoder.finish();
        check_end(&mut rest)?;
    }
    Ok(text)
}

/// Reads one stream and nothing behind it, up to a byte more than there may be.
fn read_deflate(body: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut decoder = DeflateDecoder::new(body);
    let text = read_bounded(&mut decoder, bytes_max)?;
    let is_whole = usize::try_from(decoder.total_in()).is_ok_and(|read| read == body.len());
    if text.len() <= bytes_max && !is_whole {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(text)
}

fn check_end(rest: &mut impl Read) -> io::Result<()> {
    match rest.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn read_bounded(reader: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    reader
        .take(u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1))
        .read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
