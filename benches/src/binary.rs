//! The program that is measured.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the folder of the workspace.
///
/// # Panics
///
/// Never: this crate lies within it.
pub fn repository() -> PathBuf {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
    benches.parent().expect("invariant: benches/ is inside the repository").to_path_buf()
}

/// Builds the release binary and returns its path, as cargo tells it.
///
/// # Errors
///
/// If it does not build.
#[expect(clippy::print_stderr, reason = "it takes minutes")]
pub fn build() -> io::Result<PathBuf> {
    eprintln!("building the release binary …");
    let output = Command::new("cargo")
        .args(["build", "--release", "-p", "syncline", "--bin", "syncline"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(repository())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other("the release binary does not build"));
    }
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "syncline")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| io::Error::other("cargo named no executable"))
}
