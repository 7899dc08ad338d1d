//! Seeds that must be clean, seeds that once were not, and faults that must be found.

mod clean;
mod ingest;
mod planted;
mod regressions;
mod served;
