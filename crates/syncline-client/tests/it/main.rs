//! Clients and a hub on loopback: the real store, machine, engine and merge, over real sockets.
#![cfg(test)]

mod anew;
mod checksums;
mod horizon;
mod hub;
mod live;
mod offline;
mod restored;
mod texts;
mod views;
