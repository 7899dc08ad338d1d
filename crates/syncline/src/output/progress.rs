//! The progress line: one line on a terminal's standard error, removed when the run ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use syncline_hub::Progress;
use syncline_model::id::EntityName;

use super::console::{Output, to_stderr};

/// Shows what a run is at, and passes on that the person asked to stop.
#[derive(Debug)]
pub struct ProgressLine {
    is_shown: bool,
    is_dirty: bool,
    cancelled: Arc<AtomicBool>,
}

impl ProgressLine {
    /// Makes a line; nothing is shown before the first entity, nor where nobody watches.
    pub fn new(output: &Output, cancelled: Arc<AtomicBool>) -> Self {
        Self { is_shown: output.progress, is_dirty: false, cancelled }
    }

    /// Shows a text in place of the one before.
    pub fn show(&mut self, text: &str) {
        if self.is_shown {
            to_stderr(&format!("\r\x1b[2K{text}"));
            self.is_dirty = true;
        }
    }

    /// Removes the line.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_dirty) {
            to_stderr("\r\x1b[2K");
        }
    }
}

impl Progress for ProgressLine {
    fn entity_started(&mut self, entity: &EntityName) {
        self.show(&format!("reading {entity} …"));
    }

    fn entity_planned(&mut self, entity: &EntityName, records: u64) {
        self.show(&format!("{entity}: {records} records compared"));
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}
