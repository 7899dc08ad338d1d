//! The command `syncline`. Everything it does is in the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    syncline::program::run(std::env::args_os())
}
