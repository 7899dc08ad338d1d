//! Ctrl-C: once stops before anything is written, twice stops at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;

/// Returns a flag that the first Ctrl-C, or a request to terminate, sets. The second one ends the
/// process: every write is journaled, so the next run finds a state that it can go on from.
pub fn watch_for_interrupts() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let status = i32::from(Exit::Interrupted.number());
        // The order matters: the first signal finds the flag unset and only sets it.
        let second = flag::register_conditional_shutdown(signal, status, Arc::clone(&interrupted));
        let first = flag::register(signal, Arc::clone(&interrupted));
        // Without handlers a signal ends the process at once, which the journal survives as well.
        let _ = (second, first);
    }
    interrupted
}
