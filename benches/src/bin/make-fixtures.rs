//! Writes the committed data sets of spec 001 again: `make-fixtures fixtures/spec001`.

use std::io;
use std::path::PathBuf;

use clap::Parser;
use syncline_benches::spec001::write_fixtures;

/// Writes the data sets of spec 001; their bytes never change by themselves.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder that holds `contacts/` and `five-entities/`.
    #[arg(default_value = "fixtures/spec001")]
    dir: PathBuf,
}

fn main() -> io::Result<()> {
    write_fixtures(&Arguments::parse().dir)
}
