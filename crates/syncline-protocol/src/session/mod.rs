//! The two ends of a live connection, as machines without a socket and without a clock.
//!
//! | You want | Read |
//! |---|---|
//! | the client's end | [`client::Session`] |
//! | the hub's end, one per connection | [`hub::Session`] |
//! | what the suites break on purpose | [`fault`] |
//!
//! Each has three kinds of method: `handle_*` (something happened), `poll_*` (what to do next) and
//! facts. After every `handle_*` the shell asks all `poll_*` until they answer `None`, then sleeps
//! until `poll_deadline` and calls `handle_time`. Times are milliseconds of a clock that never goes
//! back; only differences matter.
//!
//! # What may overtake what
//!
//! A **result overtakes changes**: it tells a state of the record, and a change that is told later
//! and is not newer than that is ignored. So a result never waits for the credit that a slow client
//! has not given. A **change never overtakes a result**: what may hold the effect of a push that the
//! hub's shell was given waits until the results of that push are told. So a client never shows an
//! operation twice, as confirmed and as its own, and an edit is never made on what was shown twice.
//!
//! A hub **leaves out changes that are not newer than a result** which it told of the same record on
//! the same connection. It remembers that for the connection only: had the result been lost on its
//! way, the connection is lost too, and on the next one the client is told its own changes as those
//! of others, from its cursor on. The client sends again what was not answered, and holds changes
//! back until that is answered.

pub mod client;
pub mod fault;
pub mod hub;
#[cfg(test)]
mod tests;
