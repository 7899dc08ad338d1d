//! The same work for both sides, side by side where it is worth a thread.

use std::thread;

/// From so many bytes on the work on a file outlasts the making of a thread many times over.
const BYTES_MIN: usize = 256 << 10;

/// Returns what both pieces of work come to.
///
/// - `bytes`: how much there is to work on, of the smaller piece.
///
/// The pieces are pure: nobody can tell in which order they were done.
pub(super) fn both<T: Send>(
    bytes: usize,
    [first, second]: [impl FnOnce() -> T + Send; 2],
) -> [T; 2] {
    if bytes < BYTES_MIN {
        return [first(), second()];
    }
    thread::scope(|scope| {
        let second = scope.spawn(second);
        let first = first();
        let second = second.join();
        [first, second.unwrap_or_else(|panic| std::panic::resume_unwind(panic))]
    })
}
