//! A large text told by what differs from the one that the reader holds.
//!
//! A [`Delta`] is a frame of Zstandard that looks back at the former text, and the digest of the text that it
//! makes: what comes out is that text or nothing, whatever the reader holds. Of a text that is base64 both
//! sides take the bytes that it stands for, so that a byte put in does not move all that follows.
//!
//! ```
//! use syncline_model::json::Leaf;
//! use syncline_protocol::delta::Delta;
//!
//! let text = |title: &str| Leaf::string(&format!("{title}{}", "Nothing else changed. ".repeat(500)));
//! let (base, result) = (text("Draft. "), text("Final. "));
//! let delta = Delta::between(&base, &result).unwrap();
//! assert_eq!(delta.apply(&base).unwrap(), result);
//! assert!(delta.apply(&Leaf::string("Another.")).is_err());
//! ```

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use syncline_model::base64url;
use syncline_model::json::Leaf;
use thiserror::Error;
use zstd::stream::{read, write};

use crate::compress::ZSTD_MAGIC;
use crate::limits::{
    COMPRESSION_WINDOW_LOG_MAX, DELTA_PART, DELTA_TEXT_BYTES_MIN, MESSAGE_BYTES_MAX,
};
use crate::session::fault::{Fault, is_planted};

/// How hard Zstandard tries. Source: its own default.
const LEVEL: i32 = 3;

/// Smallest window, as a power of two of bytes. Source: `ZSTD_WINDOWLOG_MIN`.
const WINDOW_LOG_MIN: u32 = 10;

/// How many times as long as its frame a text has to be for nothing shorter to be looked for.
const SHORT_ENOUGH: usize = 64;

/// What differs between two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// What the frame is about.
    pub kind: Kind,
    /// How many bytes the frame grows to.
    pub bytes: usize,
    /// Which text it makes.
    pub digest: u128,
    /// The frame, without its first four bytes.
    pub frame: Box<[u8]>,
}

/// What the frame of a delta is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The texts, in UTF-8.
    Text,
    /// The bytes that both texts stand for in base64, with padding.
    Base64,
    /// The bytes that both texts stand for in base64url, without padding.
    Base64Url,
}

/// A delta does not make the text that it promises: it was made against another one than is held, or it is
/// damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a delta of {bytes} bytes does not make its text of what is held")]
pub struct Unfit {
    /// How many bytes it says that it grows to.
    pub bytes: usize,
}

impl Unfit {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "DELTA_DOES_NOT_FIT"
    }
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Text, Self::Base64, Self::Base64Url];

    /// Returns the bytes that a text has or stands for; `None` if there is another text for these.
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Text => Some(text.into()),
            Self::Base64Url => base64url::decode(text).ok(),
            Self::Base64 => {
                let inner = text.strip_suffix("==").or_else(|| text.strip_suffix('='));
                let inner = inner.unwrap_or(text);
                if !text.len().is_multiple_of(4) || inner.contains(['-', '_']) {
                    return None;
                }
                let bytes = base64url::decode(&inner.replace('+', "-").replace('/', "_")).ok()?;
                // A padding that is too long or short is another text.
                (inner.len().div_ceil(4) * 4 == text.len()).then_some(bytes)
            }
        }
    }

    /// Returns the text that has these bytes, or stands for them.
    fn encode(self, bytes: Vec<u8>) -> Option<String> {
        match self {
            Self::Text => String::from_utf8(bytes).ok(),
            Self::Base64Url => Some(base64url::encode(&bytes)),
            Self::Base64 => {
                let mut text = base64url::encode(&bytes).replace('-', "+").replace('_', "/");
                text.extend(std::iter::repeat_n('=', text.len().wrapping_neg() % 4));
                Some(text)
            }
        }
    }
}

impl Delta {
    /// Returns what differs between two values, if both are large texts and it is much shorter than the
    /// second.
    ///
    /// It costs about 10 ms for each 1 MiB; of base64 at most twice that.
    pub fn between(base: &Leaf, result: &Leaf) -> Option<Self> {
        if !is_large(base) || !is_large(result) {
            return None;
        }
        let (base, result) = (base.as_string()?, result.as_string()?);
        let shortest = |found: Option<Self>, kind| match found {
            Some(found) if found.frame.len() * SHORT_ENOUGH <= result.len() => Some(found),
            Some(found) => match Self::of(kind, &base, &result) {
                Some(other) if other.frame.len() < found.frame.len() => Some(other),
                _ => Some(found),
            },
            None => Self::of(kind, &base, &result),
        };
        let delta = Kind::ALL.into_iter().fold(None, shortest)?;
        (delta.frame.len() * DELTA_PART <= result.len()).then_some(delta)
    }

    fn of(kind: Kind, base: &str, result: &str) -> Option<Self> {
        let (from, to) = (kind.decode(base)?, kind.decode(result)?);
        if from.len().max(to.len()) > MESSAGE_BYTES_MAX {
            return None;
        }
        let frame = compress(&from, &to).ok()?;
        let frame = frame.get(ZSTD_MAGIC.len()..)?.into();
        Some(Self { kind, bytes: to.len(), digest: digest(result), frame })
    }

    /// Returns the value that this makes of the one that is held.
    ///
    /// # Errors
    ///
    /// [`Unfit`] if that is not the one that was meant: whoever was told this needs the whole value.
    pub fn apply(&self, base: &Leaf) -> Result<Leaf, Unfit> {
        let unfit = Unfit { bytes: self.bytes };
        let base = base.as_string().ok_or(unfit)?;
        let is_meant =
            |text: &String| digest(text) == self.digest || is_planted(Fault::DeltaUnchecked);
        match self.made_of(&base).filter(is_meant) {
            Some(text) => Ok(Leaf::string(&text)),
            // What was said once more may be there already.
            None if digest(&base) == self.digest => Ok(Leaf::string(&base)),
            None => Err(unfit),
        }
    }

    fn made_of(&self, base: &str) -> Option<String> {
        let base = self.kind.decode(base)?;
        if self.bytes.max(base.len()) > MESSAGE_BYTES_MAX {
            return None;
        }
        let bytes = decompress(&base, &self.frame, self.bytes).ok()?;
        self.kind.encode(bytes)
    }
}

/// Returns whether a value is a text that is worth a delta.
pub fn is_large(value: &Leaf) -> bool {
    value.as_str().len() >= DELTA_TEXT_BYTES_MIN && value.as_str().starts_with('"')
}

/// Returns the first 16 bytes of the SHA-256 of a text, big end first.
fn digest(text: &str) -> u128 {
    let digest: [u8; 32] = Sha256::digest(text).into();
    digest.first_chunk().map_or(0, |first| u128::from_be_bytes(*first))
}

fn compress(base: &[u8], bytes: &[u8]) -> io::Result<Vec<u8>> {
    let together = u64::try_from(base.len() + bytes.len()).map_err(io::Error::other)?;
    let window_log = together.next_power_of_two().ilog2();
    let mut encoder = write::Encoder::with_ref_prefix(Vec::new(), LEVEL, base)?;
    encoder.window_log(window_log.clamp(WINDOW_LOG_MIN, COMPRESSION_WINDOW_LOG_MAX))?;
    // What moved is found however far away it is.
    encoder.long_distance_matching(true)?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Reads one frame of so many bytes, and nothing behind it.
fn decompress(base: &[u8], frame: &[u8], bytes: usize) -> io::Result<Vec<u8>> {
    let mut decoder = read::Decoder::with_ref_prefix(ZSTD_MAGIC.chain(frame), base)?.single_frame();
    decoder.window_log_max(COMPRESSION_WINDOW_LOG_MAX)?;
    let mut found = Vec::new();
    let limit = u64::try_from(bytes).map_err(io::Error::other)? + 1;
    decoder.by_ref().take(limit).read_to_end(&mut found)?;
    let mut rest = decoder.finish();
    let is_whole = found.len() == bytes && rest.read(&mut [0])? == 0;
    is_whole.then_some(found).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests;
