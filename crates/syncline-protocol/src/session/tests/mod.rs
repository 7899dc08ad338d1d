//! What the two ends promise, alone and as a pair with a bad network between them.
//!
//! | You want | Read |
//! |---|---|
//! | when the client's end sends what, and when it gives a connection up | `client` |
//! | when a hub asks what its client holds | `anew` |
//! | the network, the clock, and what may happen | `world` |
//! | a hub of one table in memory; what it is to keep | `model` |
//! | a client's shell and its disk; what it may do | `shell` |
//! | the runs, and the planted faults that they find | `pair` |

mod anew;
mod client;
mod model;
mod pair;
mod random;
mod shell;
mod world;
