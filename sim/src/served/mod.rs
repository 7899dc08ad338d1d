//! Worlds of served hubs and whole clients: live connections that break, devices that are offline, hubs
//! that are killed, and clocks that are days off.
//!
//! Hub, writer, both ends of a connection and the clients with their files are the product's own; the
//! world carries texts between them and says what time it is. What stands in a server between a hub
//! and its connections (`syncline-server`'s tasks and feeds) is done here by hand, in the same order.
//!
//! | You want | Read |
//! |---|---|
//! | the loop of events | `play` |
//! | how often what goes wrong | `rates` |
//! | a hub, its disk, and what it tells all who follow | `house` |
//! | a connection | `line` |
//! | what a hub knows of its clients' copies | `copies` |
//! | who may see and write which notes | `rights` |
//! | what the log says of notes, and who may know of what | `ledger` |
//! | who deletes or changes too much | `warden` |
//! | a later version of the protocol | `later` |
//! | words typed and deleted by all at once | `texts` |
//! | a client and the edits of its user | `device` |
//! | what must hold | `check` |
//! | defects planted to see that the checks see | [`ServedFault`] |

mod check;
mod copies;
mod device;
mod fault;
mod house;
mod later;
mod ledger;
mod line;
mod play;
mod rates;
mod rights;
mod texts;
mod warden;

pub use fault::ServedFault;
pub use play::run;
