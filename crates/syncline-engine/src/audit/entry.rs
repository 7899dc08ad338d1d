//! The readable row of the log, and its stored bytes.

use std::fmt;

use super::bytes::{DecodeError, FieldError, Reader, Writer, check_length};
use super::commitment::{Canonical, Shreddable};
use super::hash::Hash;
use super::leaf::{BatchFacts, BatchLeaf};
use super::limits::{ACTOR_NAME_BYTES_MAX, DETAILS_BYTES_MAX, ROW_BYTES_MAX};

/// Version of the stored row.
const ROW_VERSION: u8 = 1;
const ACTOR_VERSION: u8 = 1;
const ACTOR_KIND: u8 = b'a';
const DETAILS_VERSION: u8 = 1;
const DETAILS_KIND: u8 = b'd';

/// Who caused a batch: a user, a session, both or neither (the hub itself).
///
/// Canonical bytes (version 1): `01`, `'a'`, user (optional text), session (optional text).
#[derive(Clone, PartialEq, Eq)]
pub struct Actor {
    user: Option<String>,
    session: Option<String>,
}

impl Actor {
    /// Names the actor.
    ///
    /// # Errors
    ///
    /// [`FieldError::TooLong`] if a name is above its limit.
    pub fn new(user: Option<&str>, session: Option<&str>) -> Result<Self, FieldError> {
        check_length("user", user.unwrap_or_default().as_bytes(), ACTOR_NAME_BYTES_MAX)?;
        check_length("session", session.unwrap_or_default().as_bytes(), ACTOR_NAME_BYTES_MAX)?;
        Ok(Self { user: user.map(Into::into), session: session.map(Into::into) })
    }

    /// Returns the user's name, if a user is known.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Returns the session's name, if a session is known.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }
}

impl fmt::Debug for Actor {
    /// Tells what is known, not who it is.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (has_user, has_session) = (self.user.is_some(), self.session.is_some());
        write!(out, "Actor(user known: {has_user}, session known: {has_session})")
    }
}

impl Canonical for Actor {
    const BYTES_MAX: usize = 32 + 2 * ACTOR_NAME_BYTES_MAX;

    fn canonical(&self) -> Vec<u8> {
        Writer::new(ACTOR_VERSION)
            .byte(ACTOR_KIND)
            .optional_text(self.user())
            .optional_text(self.session())
            .finish()
    }

    fn from_canonical(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, ACTOR_VERSION, Self::BYTES_MAX)?;
        reader.kind(ACTOR_KIND)?;
        let user = reader.optional_text("user", ACTOR_NAME_BYTES_MAX)?;
        let session = reader.optional_text("session", ACTOR_NAME_BYTES_MAX)?;
        reader.finish()?;
        Ok(Self::new(user, session)?)
    }
}

/// A JSON text with names, counts and ids; never field values. It is kept as it was given.
///
/// Canonical bytes (version 1): `01`, `'d'`, the JSON (text).
#[derive(Clone, PartialEq, Eq)]
pub struct Details(String);

impl Details {
    /// Wraps a JSON text.
    ///
    /// # Errors
    ///
    /// [`FieldError::TooLong`] above [`DETAILS_BYTES_MAX`].
    pub fn new(json: &str) -> Result<Self, FieldError> {
        check_length("details", json.as_bytes(), DETAILS_BYTES_MAX)?;
        Ok(Self(json.into()))
    }

    /// Returns details that say nothing: the empty text.
    pub const fn none() -> Self {
        Self(String::new())
    }

    /// Returns the JSON text; empty if there are no details.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Details {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Details({} bytes)", self.0.len())
    }
}

impl Canonical for Details {
    const BYTES_MAX: usize = 32 + DETAILS_BYTES_MAX;

    fn canonical(&self) -> Vec<u8> {
        Writer::new(DETAILS_VERSION).byte(DETAILS_KIND).text(&self.0).finish()
    }

    fn from_canonical(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, DETAILS_VERSION, Self::BYTES_MAX)?;
        reader.kind(DETAILS_KIND)?;
        let json = reader.text("details", DETAILS_BYTES_MAX)?;
        reader.finish()?;
        Ok(Self::new(json)?)
    }
}

/// One row of the audit log: one batch of one origin.
///
/// Stored bytes (version 1): `01`, index, the open facts as in [`BatchLeaf`], actor, details, leaf
/// hash. Actor and details are `01` salt and canonical bytes (blob), or `00` commitment when
/// shredded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    index: u64,
    facts: BatchFacts,
    actor: Shreddable<Actor>,
    details: Shreddable<Details>,
}

impl AuditEntry {
    /// Builds the entry at `index`, which is the size of the log before it.
    ///
    /// # Errors
    ///
    /// - [`FieldError::TooLong`] if a fact is above its limit.
    /// - [`FieldError::NotAWord`] if category or action is not an upper-case word.
    /// - [`FieldError::TooManyRecords`] if the batch must be split.
    pub fn new(
        index: u64,
        facts: BatchFacts,
        actor: Shreddable<Actor>,
        details: Shreddable<Details>,
    ) -> Result<Self, FieldError> {
        facts.check()?;
        Ok(Self { index, facts, actor, details })
    }

    /// Returns the place in the log, from 0.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Returns the open facts of the batch.
    pub const fn facts(&self) -> &BatchFacts {
        &self.facts
    }

    /// Returns who caused the batch; `None` once shredded.
    pub const fn actor(&self) -> Option<&Actor> {
        self.actor.value()
    }

    /// Returns the details; `None` once shredded.
    pub const fn details(&self) -> Option<&Details> {
        self.details.value()
    }

    /// Forgets who caused the batch. The leaf hash stays as it is.
    pub fn shred_actor(&mut self) {
        self.actor.shred();
    }

    /// Forgets the details. The leaf hash stays as it is.
    pub fn shred_details(&mut self) {
        self.details.shred();
    }

    /// Returns the content of the leaf.
    pub fn leaf(&self) -> BatchLeaf {
        BatchLeaf {
            index: self.index,
            facts: self.facts.clone(),
            actor: self.actor.commitment(),
            details: self.details.commitment(),
        }
    }

    /// Returns the hash that stands in the tree, computed from the row.
    pub fn leaf_hash(&self) -> Hash {
        self.leaf().hash()
    }

    /// Returns the bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        let start = self.facts.write(Writer::new(ROW_VERSION).number(self.index));
        let parts = self.details.write(self.actor.write(start));
        parts.hash(self.leaf_hash()).finish()
    }
}

/// A row as it was read: its entry, and the leaf hash stored beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    entry: AuditEntry,
    leaf_hash: Hash,
}

impl StoredEntry {
    /// Reads stored bytes. Whether entry and hash agree is for [`is_intact`](Self::is_intact).
    ///
    /// # Errors
    ///
    /// Any [`DecodeError`]; the row is damaged or from a newer program.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, ROW_VERSION, ROW_BYTES_MAX)?;
        let entry = AuditEntry {
            index: reader.number()?,
            facts: BatchFacts::read(&mut reader)?,
            actor: Shreddable::read(&mut reader, "actor")?,
            details: Shreddable::read(&mut reader, "details")?,
        };
        let leaf_hash = reader.hash()?;
        reader.finish()?;
        Ok(Self { entry, leaf_hash })
    }

    /// Tells whether the stored leaf hash is that of the entry.
    pub fn is_intact(&self) -> bool {
        self.entry.leaf_hash() == self.leaf_hash
    }

    /// Returns the entry.
    pub const fn entry(&self) -> &AuditEntry {
        &self.entry
    }

    /// Returns the leaf hash as it was stored.
    pub const fn leaf_hash(&self) -> Hash {
        self.leaf_hash
    }
}
