//! Tests of the audit log: laws of the tree, golden files of every stored form, hostile input, and
//! damage of every kind.

mod decoding;
mod golden;
mod proofs;
mod sample;
mod stored_log;
mod tree_laws;
