//! A world: hubs, clients, folders, a network and time, driven by one seed.
//!
//! All events stand in one heap, ordered by virtual time and by the order in which they were put
//! there. One thread takes them out one by one; whatever is random is drawn from the seed.
//!
//! | You want | Read |
//! |---|---|
//! | the loop, and the end of chaos | `play` |
//! | hubs: starts, crashes, clocks, exchange | `site` |
//! | clients: what they read, write and send again | `client` |
//! | folders of files and their users | `files` |
//! | runs of the hub over them | `sync` |
//! | runs that are undone | `undo` |

mod client;
mod files;
mod play;
mod site;
mod sync;
mod undo;

pub(crate) use client::draw_field;
pub(crate) use play::Event;
pub use play::{EPOCH_MS, Outcome, World, run};
