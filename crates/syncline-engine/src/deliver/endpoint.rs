//! The row of an endpoint: its settings and its secrets.

use std::fmt;

use syncline_model::codec::{DecodeError, Reader, Writer as Bytes};
use syncline_model::envelope::Envelope;

use super::limits::{Millis, SECRET_BYTES_MAX, SECRETS_MAX};
use super::settings::{Settings, SettingsError};
use super::stored::{optional, text, unfit};

/// The version of the stored form. Bump it with every change, keep the old reader.
pub const ENDPOINT_FORMAT: u8 = 2;

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// `v1` of Standard Webhooks: HMAC-SHA256, written `whsec_…`.
    Hmac,
    /// `v1a` of Standard Webhooks: Ed25519, written `whsk_…`.
    Ed25519,
    /// `x-webhook-signature` of spec 004: HMAC-SHA256 with the text as it is.
    Plain,
}

impl SecretKind {
    const ALL: [Self; 3] = [Self::Hmac, Self::Ed25519, Self::Plain];

    fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == tag)
    }
}

/// A secret that deliveries are signed with. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// What it is for.
    pub kind: SecretKind,
    /// The secret, as it is written.
    pub text: Box<str>,
    /// Since when it counts, in milliseconds since the Unix epoch.
    pub since_ms: Millis,
    /// Until when it counts, where a newer one has taken its place.
    pub until_ms: Option<Millis>,
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSecret").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The row of an endpoint. Only what an operator settles: how it goes is in its
/// [`CursorRow`](super::CursorRow).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRow {
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// Whether it was removed: its rows are being deleted, and then this one.
    pub is_removed: bool,
    /// What the operator has settled.
    pub settings: Settings,
    /// What its deliveries are signed with: at most [`SECRETS_MAX`].
    pub secrets: Vec<StoredSecret>,
}

impl EndpointRow {
    /// Checks everything that the types do not.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] with what is too long, too much or out of range.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.settings.check()?;
        if self.secrets.len() > SECRETS_MAX {
            return Err(SettingsError::Range { what: "the number of secrets" });
        }
        for secret in &self.secrets {
            let (bytes, bytes_max) = (secret.text.len(), SECRET_BYTES_MAX);
            if bytes > bytes_max {
                return Err(SettingsError::TooLong { what: "secret", bytes, bytes_max });
            }
        }
        Ok(())
    }

    /// Encodes the row. The address and the secrets lie in the envelope.
    pub fn encode(&self) -> Vec<u8> {
        let mut values = Bytes::new();
        self.settings.write(&mut values);
        values.count(self.secrets.len());
        for secret in &self.secrets {
            values.u8(secret.kind as u8);
            values.str(&secret.text);
            values.varint(secret.since_ms);
            values.varint(secret.until_ms.map_or(0, |ms| ms.saturating_add(1)));
        }
        let mut out = Bytes::with_capacity(32 + values.as_bytes().len());
        out.u8(ENDPOINT_FORMAT);
        out.varint(self.created_ms);
        out.u8(self.is_removed.into());
        Envelope::Plain(values.as_bytes()).write(&mut out);
        out.into_bytes()
    }

    /// Decodes a row. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut head = Reader::new(bytes);
        let version = head.tag(|tag| (1..=ENDPOINT_FORMAT).contains(&tag).then_some(tag))?;
        let (created_ms, is_removed) = (head.varint()?, head.flag()?);
        let mut values = Reader::new(Envelope::open(head.rest())?);
        let settings = Settings::read(&mut values, version)?;
        let at = values.offset();
        let count = values.count(4)?;
        if count > SECRETS_MAX {
            return Err(unfit(at));
        }
        let mut secret = || {
            Ok(StoredSecret {
                kind: values.tag(SecretKind::from_tag)?,
                text: text(&mut values, SECRET_BYTES_MAX)?,
                since_ms: values.varint()?,
                until_ms: optional(&mut values)?,
            })
        };
        let secrets = (0..count).map(|_| secret()).collect::<Result<_, _>>()?;
        values.finish().map(|()| Self { created_ms, is_removed, settings, secrets })
    }
}
