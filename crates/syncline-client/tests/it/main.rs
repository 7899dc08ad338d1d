//! Clients and a hub on loopback: the real store, machine, engine and merge, over real sockets.
#![cfg(test)]

mod hub;
mod live;
mod offline;
mod restored;
mod texts;
