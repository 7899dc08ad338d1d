//! Prints the longest files and functions: something to look at, never a failure.

use crate::repo::Repo;
use crate::rust_source::{functions, line_of, mask};

/// How many of each are printed.
const SHOWN: usize = 3;

/// Prints the longest Rust files and functions.
pub(super) fn print(repo: &Repo) {
    let mut files = Vec::new();
    let mut bodies = Vec::new();
    for (path, text) in repo.texts(&[".rs"]) {
        files.push((text.lines().count(), path.to_owned()));
        let masked = mask(text);
        for function in functions(&masked) {
            let lines = line_of(text, function.end) - line_of(text, function.start) + 1;
            bodies.push((lines, format!("{path} {}", function.name)));
        }
    }
    for (title, mut longest) in [("longest files", files), ("longest functions", bodies)] {
        longest.sort_unstable_by(|a, b| b.cmp(a));
        println!("{title}:");
        for (lines, name) in longest.into_iter().take(SHOWN) {
            println!("{lines:>6} {name}");
        }
    }
}
