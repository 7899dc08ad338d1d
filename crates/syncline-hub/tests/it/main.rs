//! Tests of the hub on real folders and a real store.
#![cfg(test)]

mod desk;
mod sync;
