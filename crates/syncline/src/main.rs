//! The command `syncline`. Everything it does is in the library of this crate.

use std::process::ExitCode;

/// Merging makes and drops many small texts, at which this allocator is quick.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    syncline::program::run(std::env::args_os())
}
