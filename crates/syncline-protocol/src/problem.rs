//! What was wrong, as a person and a program are told (RFC 9457).

/// A problem: of an operation, of a request or of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The stable code; its page is `/problems/<code>`.
    pub code: Box<str>,
    /// What was wrong here, without any value of a record.
    pub detail: Box<str>,
    /// Whether the same may succeed later.
    pub is_retryable: bool,
}
