//! Tests of the hub on real folders and a real store.
#![cfg(test)]

mod afterwards;
mod ahead;
mod approval;
mod backup;
mod convergence;
mod crash;
mod desk;
mod hunt;
mod hunt_kit;
mod hunt_undo;
mod lists;
mod mirror;
mod moved;
mod moved_oracle;
mod moved_undo;
mod names;
mod names_oracle;
mod passing;
mod policy;
mod private;
mod questions;
mod random;
mod served;
mod served_client;
mod served_oracle;
mod star;
mod sync;
mod ten_defects;
mod undo_appends;
mod undo_conflicts;
mod undo_oracle;
mod undo_policy;
mod undo_since;
mod writer;
