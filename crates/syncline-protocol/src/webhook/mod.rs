//! Webhooks: what is sent of an event, how it is signed, and how what comes is verified.
//!
//! | You want | Read |
//! |---|---|
//! | an event: its id, its type, what it tells | [`event`] |
//! | the body that is sent of it | [`body`] |
//! | the headers of a delivery | [`delivery`], [`headers`] |
//! | what is signed with, and shown to nobody | [`secret`] |
//! | signatures: Standard Webhooks and spec 004's | [`sign`], [`verify`] |
//! | whether a body is the one that was sent | [`digest`] |
//! | an event as CloudEvents has it | [`cloud_events`] |
//! | which trace an event belongs to | [`trace`] |
//! | how long a receiver asks to be left alone | [`retry_after`] |
//!
//! # Example
//!
//! ```
//! use syncline_protocol::webhook::secret::Secret;
//! use syncline_protocol::webhook::sign::Signer;
//! use syncline_protocol::webhook::verify::{Received, Verifier};
//!
//! let secret = Secret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")?;
//! let (id, body) = ("msg_1", br#"{"n":1}"#);
//! let signature = Signer::new([&secret])?.signature(id, 1_700_000_000, body);
//!
//! let received = Received {
//!     id: Some(id.as_bytes()),
//!     timestamp: Some(b"1700000000"),
//!     signature: Some(signature.as_bytes()),
//!     plain_signature: None,
//!     body,
//! };
//! let verified = Verifier::new([&secret])?.verify(&received, 1_700_000_060)?;
//! assert!(verified.is_standard);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Source
//!
//! Standard Webhooks 1.0.0; CloudEvents 1.0, HTTP binding in binary and in structured mode; RFC 9530
//! (Content-Digest); RFC 9110 §10.2.3 (Retry-After); W3C Trace Context.

mod base64;
pub mod body;
pub mod cloud_events;
pub mod delivery;
pub mod digest;
pub mod event;
pub mod headers;
pub mod retry_after;
pub mod secret;
pub mod sign;
pub mod trace;
pub mod verify;
