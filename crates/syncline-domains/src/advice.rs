//! What a caller does about an error.

/// What a caller does about an error of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Nothing was written. Read again, plan again and try again, after a pause.
    Retry,
    /// The same call can never succeed: change the call.
    GiveUp,
    /// Only a person can help: with the file, the folder, its rights or its disk.
    AskHuman,
}
