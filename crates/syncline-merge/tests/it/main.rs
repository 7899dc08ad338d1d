//! Tests of merging through its public operations.

mod plain;
