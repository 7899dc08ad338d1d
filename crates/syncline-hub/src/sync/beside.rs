//! Work on a file that is done beside other work, where it is worth a thread.

use std::thread::{self, Scope, ScopedJoinHandle};

/// From so many bytes on the work on a file outlasts the making of a thread many times over.
const BYTES_MIN: usize = 256 << 10;

/// Pure work on a file: nobody can tell when it was done.
pub(super) enum Beside<'scope, T> {
    /// It is done.
    Done(T),
    /// A thread of its own does it.
    UnderWay(ScopedJoinHandle<'scope, T>),
}

impl<'scope, T: Send + 'scope> Beside<'scope, T> {
    /// Begins the work.
    ///
    /// - `bytes`: how much there is to work on.
    pub(super) fn begin(
        scope: &'scope Scope<'scope, '_>,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> Self {
        match bytes < BYTES_MIN {
            true => Self::Done(work()),
            false => Self::UnderWay(scope.spawn(work)),
        }
    }

    /// Waits for what the work comes to.
    pub(super) fn wait(self) -> T {
        match self {
            Self::Done(result) => result,
            Self::UnderWay(thread) => {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
        }
    }
}

/// Returns what both pieces of work come to, the second done beside the first.
///
/// - `bytes`: how much there is to work on, of the smaller piece.
pub(super) fn both<T: Send>(
    bytes: usize,
    [first, second]: [impl FnOnce() -> T + Send; 2],
) -> [T; 2] {
    if bytes < BYTES_MIN {
        return [first(), second()];
    }
    thread::scope(|scope| {
        let second = Beside::begin(scope, bytes, second);
        [first(), second.wait()]
    })
}
