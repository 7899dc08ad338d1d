//! What a sender tells of an attempt, and what that means.

use std::fmt;

use syncline_model::id::{EndpointId, Position};

use super::limits::Millis;

/// What came of an attempt, as the sender tells it. `Debug` shows no word of the answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Which of the endpoints of that id, as [`Sending::made`](super::Sending::made) has said.
    pub made: u64,
    /// The event's place in the log.
    pub position: Position,
    /// Which attempt, as [`Sending::attempt`](super::Sending::attempt) has said.
    pub attempt: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// The beginning of the answer, redacted; cut to
    /// [`EXCERPT_BYTES_MAX`](super::limits::EXCERPT_BYTES_MAX) bytes.
    pub excerpt: Box<str>,
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("endpoint", &self.endpoint)
            .field("made", &self.made)
            .field("position", &self.position)
            .field("attempt", &self.attempt)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered.
    Answered {
        /// The status of the answer.
        status: u16,
        /// How long it says to wait, in milliseconds from now.
        retry_after_ms: Option<Millis>,
    },
    /// There was no answer.
    Failed(Failure),
    /// Nothing was sent: the endpoint's filter leaves the event out.
    LeftOut,
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The name of the host could not be resolved.
    Resolve,
    /// No connection was made.
    Connect,
    /// The host could not prove who it is.
    Tls,
    /// It took too long.
    Timeout,
    /// The connection ended, or what came was no answer.
    Broken,
    /// The address is one that must not be sent to.
    AddressRefused,
    /// The address must not be sent to without encryption.
    PlainRefused,
    /// The port is one that must not be sent to.
    PortRefused,
    /// The address is no URL that can be sent to.
    UrlInvalid,
    /// The endpoint has no secret to sign with.
    SecretMissing,
    /// The body could not be made.
    BodyInvalid,
    /// The filter failed: nobody knows whether the event is wanted.
    FilterFailed,
    /// The transformation failed.
    TransformationFailed,
    /// A policy forbids it.
    PolicyRefused,
    /// The payload is not kept any more: no attempt can succeed.
    PayloadGone,
    /// The attempt broke off by a mistake of the hub's own.
    Internal,
}

impl Failure {
    /// All failures.
    pub const ALL: [Self; 16] = [
        Self::Resolve,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Broken,
        Self::AddressRefused,
        Self::PlainRefused,
        Self::PortRefused,
        Self::UrlInvalid,
        Self::SecretMissing,
        Self::BodyInvalid,
        Self::FilterFailed,
        Self::TransformationFailed,
        Self::PolicyRefused,
        Self::PayloadGone,
        Self::Internal,
    ];

    /// Returns the stable word for it, as in attempts and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::AddressRefused => "address_refused",
            Self::PlainRefused => "plain_refused",
            Self::PortRefused => "port_refused",
            Self::UrlInvalid => "url_invalid",
            Self::SecretMissing => "secret_missing",
            Self::BodyInvalid => "body_invalid",
            Self::FilterFailed => "filter_failed",
            Self::TransformationFailed => "transformation_failed",
            Self::PolicyRefused => "policy_refused",
            Self::PayloadGone => "payload_gone",
            Self::Internal => "internal",
        }
    }

    /// Returns whether it says nothing of the endpoint: what was to be sent could not be made.
    pub const fn is_of_event(self) -> bool {
        matches!(
            self,
            Self::BodyInvalid
                | Self::FilterFailed
                | Self::TransformationFailed
                | Self::PolicyRefused
                | Self::PayloadGone
                | Self::SecretMissing
                | Self::Internal
        )
    }
}

/// What an outcome means for the delivery and for the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The receiver has it.
    Delivered,
    /// The endpoint wants nothing more.
    Gone,
    /// The endpoint wants a pause; nothing is wrong with it.
    Throttled,
    /// The endpoint answers, and refuses this event.
    Refused,
    /// The endpoint does not work.
    Failing,
    /// The endpoint is not to be asked.
    LeftOut,
    /// What was to be sent could not be made: the endpoint was not asked.
    Unsent {
        /// Whether no attempt can succeed.
        is_hopeless: bool,
    },
}

impl Outcome {
    /// Returns what it means.
    pub(super) const fn verdict(self) -> Verdict {
        match self {
            Self::Answered { status: 200..=299, .. } => Verdict::Delivered,
            Self::Answered { status: 410, .. } => Verdict::Gone,
            Self::Answered { status: 429, .. } => Verdict::Throttled,
            Self::Answered { status: 408 | 425, .. } => Verdict::Failing,
            Self::Answered { status: 300..=499, .. } => Verdict::Refused,
            Self::Failed(failure) if failure.is_of_event() => {
                Verdict::Unsent { is_hopeless: matches!(failure, Failure::PayloadGone) }
            }
            Self::LeftOut => Verdict::LeftOut,
            Self::Answered { .. } | Self::Failed(_) => Verdict::Failing,
        }
    }

    /// Returns whether a receiver has read what was sent, and taken it or found it unfit: it can be reached and knows the
    /// signature, also where it takes no such events.
    pub const fn is_judged(self) -> bool {
        matches!(self, Self::Answered { status: 200..=299 | 400 | 409 | 422, .. })
    }

    /// Returns whether the receiver was asked, or somebody tried to.
    pub(super) const fn is_sent(self) -> bool {
        !matches!(self.verdict(), Verdict::LeftOut | Verdict::Unsent { .. })
    }

    /// Returns how long the whole endpoint is to be left alone, in milliseconds: only where the status
    /// is one that means it (RFC 9110 §10.2.3 for 503; RFC 6585 §4 for 429; 502 and 504 are what a
    /// gateway before the receiver says).
    pub const fn hold_ms(self) -> Option<Millis> {
        use super::limits::{RETRY_AFTER_MS_MAX, THROTTLED_MS};
        match self {
            Self::Answered { status: 429 | 502..=504, retry_after_ms: Some(ms) } => {
                Some(if ms < RETRY_AFTER_MS_MAX { ms } else { RETRY_AFTER_MS_MAX })
            }
            Self::Answered { status: 429, retry_after_ms: None } => Some(THROTTLED_MS),
            _ => None,
        }
    }

    /// Returns the status of the answer, if there was one.
    pub(super) const fn status(self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(status),
            Self::Failed(_) | Self::LeftOut => None,
        }
    }

    /// Returns the stable word for why it failed; empty if it did not.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Answered { status: 200..=299, .. } | Self::LeftOut => "",
            Self::Answered { status: 300..=399, .. } => "redirect",
            Self::Answered { .. } => "status",
            Self::Failed(failure) => failure.code(),
        }
    }
}
