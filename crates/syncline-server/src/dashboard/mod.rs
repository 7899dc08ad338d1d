//! The dashboard: pages that the binary holds, for whoever looks after a hub with a browser.
//!
//! They hold nothing that is secret and know of no hub: what they show they ask for by the routes, as everybody does.
//!
//! | You want | Read |
//! |---|---|
//! | which files there are, and which one a path means | `files.rs` |
//! | how they are answered: encoding, caching, what a page may load | `serve.rs` |

mod files;
mod serve;

pub(crate) use serve::routes;
