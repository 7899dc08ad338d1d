//! Contents at rest: as they are, or sealed with the app's key.
//!
//! There are two ways of sealing, by what the file is asked for:
//!
//! - **Contents** (fields, operations, texts, tokens, cursors) are sealed by ChaCha20-Poly1305, together with
//!   the place where they stand: what was moved to another row is refused. Each has a key of its own, made
//!   of the file's key and of 24 random bytes that stand in front of it, so no nonce is ever used twice.
//! - **Names** (types, ids and paths) are asked for, so the same name in the same place looks the same, and is
//!   never anything else. They are sealed as by RFC 5297: a keyed digest of the name and its place, and the
//!   name under a stream that is made of the digest.
//!
//! The file's key is made of the app's key and of random bytes of the file: two files with one key of an app
//! share nothing. Keyed digests, streams and keys are BLAKE3's.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use syncline_model::base64url;

use crate::error::{ClientError, StoreError};
use crate::machine;

/// What stands in a file that is not sealed.
const PLAIN: &str = "none";

/// The form of the note in a sealed file.
const FORM: &str = "1";

/// Random bytes of a file that its key is made of.
const SALT_BYTES: usize = 16;

/// Random bytes in front of a sealed content: however many are drawn, no two are the same.
const DRAWN_BYTES: usize = 24;

/// The digest in front of a sealed name.
const DIGEST_BYTES: usize = 16;

/// How contents are kept.
#[derive(Clone, Debug, Default)]
pub(crate) enum Seal {
    /// As they are.
    #[default]
    Plain,
    /// Sealed.
    Sealed(Arc<Keys>),
}

/// The keys of one file.
pub(crate) struct Keys {
    salt: [u8; SALT_BYTES],
    contents: [u8; 32],
    names: [u8; 32],
    streams: [u8; 32],
    check: [u8; 32],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// Where something stands: a name of the kind, and which row.
pub(super) type At<'a> = &'a [&'a str];

impl Seal {
    /// Returns how a new file is kept.
    ///
    /// - `key`: the app's; `None` keeps contents as they are.
    pub(crate) fn new(key: Option<&[u8; 32]>) -> Result<Self, ClientError> {
        let Some(key) = key else { return Ok(Self::Plain) };
        let mut salt = [0; SALT_BYTES];
        machine::fill(&mut salt).ok_or(ClientError::Machine { what: "random numbers" })?;
        Ok(Self::Sealed(Arc::new(Keys::of(key, salt))))
    }

    /// Returns how a file is kept that says this of itself.
    pub(crate) fn of_note(key: Option<&[u8; 32]>, note: &str) -> Result<Self, StoreError> {
        let Some(key) = key else {
            return if note == PLAIN { Ok(Self::Plain) } else { Err(StoreError::Sealed) };
        };
        if note == PLAIN {
            return Err(StoreError::NotSealed);
        }
        let (form, rest) = note.split_once(' ').unwrap_or((note, ""));
        let (salt, check) = rest.split_once(' ').unwrap_or_default();
        let salt = base64url::decode(salt).ok().and_then(|salt| salt.try_into().ok());
        let (FORM, Some(salt)) = (form, salt) else {
            return Err(StoreError::Damaged { table: "meta" });
        };
        let keys = Keys::of(key, salt);
        match keys.check_text() == check {
            true => Ok(Self::Sealed(Arc::new(keys))),
            false => Err(StoreError::Key),
        }
    }

    /// Returns what the file says of itself: by what a key is known, and not the key.
    pub(super) fn note(&self) -> String {
        match self {
            Self::Plain => PLAIN.to_owned(),
            Self::Sealed(keys) => {
                format!("{FORM} {} {}", base64url::encode(&keys.salt), keys.check_text())
            }
        }
    }

    /// Returns a text as it is kept in a place.
    pub(super) fn close(&self, text: String, at: At<'_>) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Plain => Ok(text.into_bytes()),
            Self::Sealed(keys) => keys.close(text.as_bytes(), at),
        }
    }

    /// Returns the text that was kept in a place of `table`.
    pub(super) fn open(
        &self,
        table: &'static str,
        bytes: Vec<u8>,
        at: At<'_>,
    ) -> Result<String, StoreError> {
        let bytes = match self {
            Self::Plain => Some(bytes),
            Self::Sealed(keys) => keys.open(&bytes, at),
        };
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or(StoreError::Damaged { table })
    }

    /// As [`Seal::close`], for a column of text.
    pub(super) fn close_text<'t>(
        &self,
        text: &'t str,
        at: At<'_>,
    ) -> Result<Cow<'t, str>, StoreError> {
        match self {
            Self::Plain => Ok(text.into()),
            Self::Sealed(keys) => Ok(base64url::encode(&keys.close(text.as_bytes(), at)?).into()),
        }
    }

    /// As [`Seal::open`], for a column of text.
    pub(super) fn open_text(
        &self,
        table: &'static str,
        text: String,
        at: At<'_>,
    ) -> Result<String, StoreError> {
        if matches!(self, Self::Plain) {
            return Ok(text);
        }
        let bytes = base64url::decode(&text).map_err(|_| StoreError::Damaged { table })?;
        self.open(table, bytes, at)
    }

    /// Returns a name as it is kept in a place: always the same.
    pub(super) fn name<'t>(&self, name: &'t str, at: At<'_>) -> Cow<'t, str> {
        match self {
            Self::Plain => name.into(),
            Self::Sealed(keys) => {
                let digest = keys.digest_of(name, at);
                let mut sealed = digest.to_vec();
                sealed.extend(keys.hidden(&digest, name.as_bytes()));
                base64url::encode(&sealed).into()
            }
        }
    }

    /// Returns the name that was kept in a place of `table`.
    pub(super) fn opened_name<'t>(
        &self,
        table: &'static str,
        kept: &'t str,
        at: At<'_>,
    ) -> Result<Cow<'t, str>, StoreError> {
        let Self::Sealed(keys) = self else { return Ok(kept.into()) };
        let open = || {
            let bytes = base64url::decode(kept).ok()?;
            let (digest, hidden) = bytes.split_first_chunk::<DIGEST_BYTES>()?;
            let name = String::from_utf8(keys.hidden(digest, hidden)).ok()?;
            (*digest == keys.digest_of(&name, at)).then_some(name.into())
        };
        open().ok_or(StoreError::Damaged { table })
    }
}

impl Keys {
    fn of(key: &[u8; 32], salt: [u8; SALT_BYTES]) -> Self {
        let derived = |what: &str| {
            let mut hasher =
                blake3::Hasher::new_derive_key("syncline 2026 a client's file at rest");
            hasher.update(key).update(&salt).update(what.as_bytes());
            *hasher.finalize().as_bytes()
        };
        let [contents, names] = ["contents", "names"].map(derived);
        let [streams, check] = ["streams", "check"].map(derived);
        Self { salt, contents, names, streams, check }
    }

    /// Returns by what the key is known, of which nothing else is made.
    fn check_text(&self) -> String {
        let digest = blake3::keyed_hash(&self.check, &self.salt);
        base64url::encode(
            digest.as_bytes().first_chunk::<DIGEST_BYTES>().unwrap_or(&[0; DIGEST_BYTES]),
        )
    }

    /// Returns the key of one content.
    fn key_of(&self, drawn: &[u8; DRAWN_BYTES]) -> Option<LessSafeKey> {
        let key = blake3::keyed_hash(&self.contents, drawn);
        Some(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.as_bytes()).ok()?))
    }

    fn close(&self, content: &[u8], at: At<'_>) -> Result<Vec<u8>, StoreError> {
        let mut drawn = [0; DRAWN_BYTES];
        machine::fill(&mut drawn).ok_or(StoreError::Unsealable)?;
        let mut sealed = content.to_vec();
        let key = self.key_of(&drawn).ok_or(StoreError::Unsealable)?;
        // Once: the key is of this content alone.
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        key.seal_in_place_append_tag(nonce, Aad::from(place(at)), &mut sealed)
            .map_err(|_| StoreError::Unsealable)?;
        let mut bytes = drawn.to_vec();
        bytes.append(&mut sealed);
        Ok(bytes)
    }

    fn open(&self, bytes: &[u8], at: At<'_>) -> Option<Vec<u8>> {
        let (drawn, sealed) = bytes.split_first_chunk::<DRAWN_BYTES>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let opened = self.key_of(drawn)?.open_in_place(nonce, Aad::from(place(at)), &mut sealed);
        let length = opened.ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }

    fn digest_of(&self, name: &str, at: At<'_>) -> [u8; DIGEST_BYTES] {
        let mut digest = [0; DIGEST_BYTES];
        let mut hasher = blake3::Hasher::new_keyed(&self.names);
        hasher.update(&place(at)).update(name.as_bytes()).finalize_xof().fill(&mut digest);
        digest
    }

    /// Returns bytes under the stream that a digest makes: what is hidden by that is shown by it again.
    fn hidden(&self, digest: &[u8; DIGEST_BYTES], bytes: &[u8]) -> Vec<u8> {
        let mut stream = vec![0; bytes.len()];
        let mut hasher = blake3::Hasher::new_keyed(&self.streams);
        hasher.update(digest).finalize_xof().fill(&mut stream);
        bytes.iter().zip(stream).map(|(byte, hidden)| byte ^ hidden).collect()
    }
}

/// Returns a place as bytes that no other place has, however its parts are cut.
fn place(at: At<'_>) -> Vec<u8> {
    let mut bytes = (at.len() as u64).to_be_bytes().to_vec();
    for part in at {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_with_its_key_and_nowhere_else() {
        let key = [7; 32];
        let seal = Seal::new(Some(&key)).unwrap();
        for text in ["", "a", "a longer text that says something, and more than one block of it"] {
            let at: At<'_> = &["records.fields", "tasks", "t1"];
            let sealed = seal.close(text.to_owned(), at).unwrap();
            assert_ne!(sealed, seal.close(text.to_owned(), at).unwrap(), "never twice the same");
            assert_eq!(seal.open("records", sealed.clone(), at).unwrap(), text);
            let others: [At<'_>; 4] = [
                &["records.fields", "tasks", "t2"],
                &["records.fields", "task", "st1"],
                &["records.token", "tasks", "t1"],
                &["records.fields", "tasks"],
            ];
            for other in others {
                assert!(seal.open("records", sealed.clone(), other).is_err(), "{other:?}");
            }
            for byte in 0..sealed.len() {
                let mut altered = sealed.clone();
                altered[byte] ^= 1;
                assert!(seal.open("records", altered, at).is_err(), "altered at {byte}");
                assert!(
                    seal.open("records", sealed[..byte].to_vec(), at).is_err(),
                    "cut at {byte}"
                );
            }
            let name = seal.name(text, &["id", "tasks"]);
            assert_eq!(name, seal.name(text, &["id", "tasks"]), "always the same");
            assert_eq!(seal.opened_name("records", &name, &["id", "tasks"]).unwrap(), text);
            assert!(seal.opened_name("records", &name, &["id", "notes"]).is_err());
            let other = Seal::new(Some(&key)).unwrap();
            assert!(other.open("records", sealed, at).is_err(), "another file with the same key");
            assert_ne!(other.name(text, &["id", "tasks"]), name);
        }
    }

    #[test]
    fn a_file_knows_its_key() {
        let (right, wrong) = ([7; 32], [8; 32]);
        let note = Seal::new(Some(&right)).unwrap().note();
        assert!(matches!(Seal::of_note(Some(&right), &note), Ok(Seal::Sealed(_))));
        assert!(matches!(Seal::of_note(Some(&wrong), &note), Err(StoreError::Key)));
        assert!(matches!(Seal::of_note(None, &note), Err(StoreError::Sealed)));
        assert!(matches!(Seal::of_note(Some(&right), PLAIN), Err(StoreError::NotSealed)));
        assert!(matches!(Seal::of_note(None, PLAIN), Ok(Seal::Plain)));
        assert!(matches!(Seal::of_note(Some(&right), "2 a b"), Err(StoreError::Damaged { .. })));
    }
}
