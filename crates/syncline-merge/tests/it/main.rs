//! Tests of merging through its public operations.

mod faults;
mod oracle;
mod oracle_histories;
mod plain;
mod world;
