//! Tests of merging through its public operations.
//!
//! | You want | Read |
//! |---|---|
//! | what a person sees who keeps records in two places | `plain` |
//! | what they see while a value waits for approval | `approval` |
//! | what several of them append to the same list | `lists` |
//! | what a writer has seen that is not shown a field | `withheld` |
//! | what becomes of additions when a site is lost or a record forgotten | `sums` |
//! | what a hub answers that does not know a floor | `floors` |
//! | random histories against the causal oracle | `oracle_histories`, `oracle`, `world` |
//! | that the suite sees each known way to lose data | `faults` |
//! | the laws of joining, of plain writers, of what is shown, of taking back | `laws`, `restore` |
//! | stored forms that must be read for ever, and their size | `golden`, `metadata` |
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod approval;
mod desk;
mod faults;
mod floors;
mod golden;
mod laws;
mod lists;
mod lost_texts;
mod metadata;
mod oracle;
mod oracle_histories;
mod plain;
mod restore;
mod sums;
mod withheld;
mod world;
