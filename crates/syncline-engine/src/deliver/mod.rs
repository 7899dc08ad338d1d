//! Deliveries: which event goes to which endpoint, when, and what became of it.
//!
//! Nothing here sends anything, or knows what an event says. [`Dispatch`] is the machine of all endpoints of
//! one hub: it says what is to be read, written and sent, and is told what came of it.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | the machine | [`Dispatch`] |
//! | what an operator settles of an endpoint | [`Settings`], [`Filter`], [`Schedule`], [`EndpointRow`] |
//! | how far an endpoint is in the log, and how it is | [`CursorRow`], [`EndpointFacts`] |
//! | what became of one event at one endpoint | [`Delivery`], [`DeadLetter`] |
//! | what came of an attempt | [`Report`], [`Outcome`] |
//! | what is to be sent again | [`Selection`], [`Replay`] |
//! | the bounds, with their reasons | [`limits`] |
//!
//! # How it works
//!
//! The log is the queue: each endpoint is a cursor over it, and the deliveries of one record at one endpoint
//! are a **lane**. Within a lane events are sent one after the other; lanes do not wait for each other.
//! A first attempt is counted by moving the cursor ([`CursorRow`]), one row for many attempts, before they are
//! made; a further one is counted in the delivery's own row. What comes of an attempt is one row. So after a
//! crash every attempt is known, and of some not what came of it: these are made again, under the same id.
//!
//! Where the first of a lane fails, the others wait in memory for [`Settings::block_ms`]; after that the lane is
//! **parked**: they wait on disk. In either case the first goes on by its schedule, until it is delivered, or
//! given up as a dead letter, and the lane goes on behind it.
//!
//! Memory is bounded: an endpoint that has [`limits::PENDING_MAX`] deliveries in memory reads no further.
//!
//! # How a shell drives it
//!
//! At the start: [`handle_log`](Dispatch::handle_log) with the end of the log, then
//! [`handle_stored`](Dispatch::handle_stored) for every endpoint. Then, for ever:
//!
//! 1. [`poll_load`](Dispatch::poll_load) until it answers nothing: read what it asks for, and answer with
//!    `handle_entries`, `handle_lane` or `handle_rows`. What these wrote to a batch must be committed before
//!    the next rows are read; a page of the log may be read at any time.
//! 2. [`poll_sends`](Dispatch::poll_sends), into the same batch.
//! 3. Commit the batch, if there is anything in it, and only then make the attempts that were answered. One for which
//!    there is no room yet [waits](Dispatch::handle_waits); with each turn, before 2, it is
//!    [asked about](Dispatch::poll_counted), and it [begins](Dispatch::handle_begun) when there is room.
//! 4. Wait until an attempt ends, the log grows, somebody asks for something, or
//!    [`poll_due`](Dispatch::poll_due). Without any of these nothing is to be done, and nothing is read.
//! 5. Tell what happened: [`handle_report`](Dispatch::handle_report) for each attempt that has ended, all
//!    into one batch; [`handle_log`](Dispatch::handle_log). Go on with 1.
//!
//! Batches are committed in the order in which they were written. If a commit fails, the machine is of no
//! more use: drop it, and start anew from what the store holds and [whom it left alone](Dispatch::pauses). `now` is milliseconds since the Unix epoch and
//! must not go back: where the clock does, give the latest value again.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use syncline_engine::deliver::{Dispatch, EventRef, Load, Outcome, Report, Settings};
//! use syncline_engine::rows::Batch;
//! use syncline_model::id::{EndpointId, EntityName, EventId, EventType, Position, RecordId};
//!
//! let (mut dispatch, mut batch, now) = (Dispatch::new(), Batch::new(), 1_000);
//! let shop = EndpointId::new("shop")?;
//! let settings = Arc::new(Settings::new("https://example.org/hook"));
//! dispatch.handle_created(now, shop.clone(), settings, Position(0), &mut batch).unwrap();
//!
//! dispatch.handle_log(now, Position(1));
//! let Some(Load::Log(read)) = dispatch.poll_load(now) else { panic!("a page of the log is due") };
//! let event = Arc::new(EventRef {
//!     position: Position(1),
//!     event: EventId::new("evt_1")?,
//!     event_type: EventType::new("tasks.created")?,
//!     entity: EntityName::new("tasks")?,
//!     id: RecordId::new("t1")?,
//!     created_ms: now,
//!     bytes: 120,
//! });
//! dispatch.handle_entries(now, &read, Position(1), &[event], &mut batch);
//!
//! let sends = dispatch.poll_sends(now, 100, &mut batch);
//! // Commit `batch`, send, and tell what came of it.
//! let report = Report {
//!     endpoint: sends[0].endpoint.clone(),
//!     made: sends[0].made,
//!     position: sends[0].event.position,
//!     attempt: sends[0].attempt,
//!     outcome: Outcome::Answered { status: 200, retry_after_ms: None },
//!     duration_ms: 3,
//!     excerpt: "".into(),
//! };
//! dispatch.handle_report(now + 3, 7, &report, &mut batch);
//! assert_eq!(dispatch.poll_due(), None);
//! # Ok::<(), syncline_model::id::IdError>(())
//! ```

mod breaker;
mod counted;
mod cursor;
mod delivery;
mod endpoint;
mod exchange;
mod filter;
mod hosts;
mod lanes;
pub mod limits;
mod machine;
mod outcome;
mod queue;
mod rate;
mod report;
mod selection;
mod settings;
mod stored;

pub use breaker::BreakerState;
pub use cursor::{
    CURSOR_FORMAT, CursorRow, DisableReason, Disabled, Failing, Forgotten, Pause, Rest,
};
pub use delivery::{
    Attempt, AttemptResult, DELIVERY_FORMAT, DeadLetter, Delivery, DeliveryState, EventRef,
    decode_due, encode_due, forget,
};
pub use endpoint::{ENDPOINT_FORMAT, EndpointRow, SecretKind, StoredSecret};
pub use exchange::{
    Backlog, EndpointFacts, LaneRead, Load, LogRead, Notice, Refusal, Replay, Replayed, RowsRead,
    Sending, Stored,
};
pub use filter::{Filter, FilterError};
pub use machine::Dispatch;
pub use outcome::{Failure, Outcome, Report};
pub use selection::{Past, Selection, SelectionError};
pub use settings::{BodyForm, BreakerSettings, Rate, Schedule, Settings, SettingsError};
pub use stored::LaneName;
