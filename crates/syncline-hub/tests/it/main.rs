//! Tests of the hub on real folders and a real store.
#![cfg(test)]

mod afterwards;
mod desk;
mod sync;
