//! Reports of a day or a week: what a hub did, in numbers. They are asked for, and sent as e-mails by the clock.
//!
//! What is counted is `syncline_engine::tally`, which each hub keeps beside its store.
//!
//! | You want | Read |
//! |---|---|
//! | days, weeks, and when one is due | `period.rs` |
//! | a report as a document | `document.rs` |
//! | the same for people | `text.rs` |
//! | what is counted, over a restart | `kept.rs` |
//! | who is sent one | `alerting/reports.rs` |

mod document;
mod kept;
mod period;
mod text;

pub(crate) use document::document;
pub(crate) use kept::KeptTally;
pub use period::Period;
pub use text::report_rows;
