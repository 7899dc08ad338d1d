//! What a person and a program read: results on standard output, everything else on standard error.
//!
//! | You want | Read |
//! |---|---|
//! | where lines go, colours, `--json` | [`Output`] |
//! | the progress line | [`ProgressLine`] |
//! | the result of a run, for people | [`run_text`] |
//! | conflicts, for people | [`conflict_text`] |
//! | columns and values | [`table`] |

pub mod conflict_text;
mod console;
mod entity_text;
mod progress;
pub mod run_text;
pub mod table;

pub use console::{Format, Output, Paint};
pub(crate) use console::{output_failure, to_stdout};
pub use progress::ProgressLine;
