//! Programs of others, from npm: they are installed into a folder of their own below `target/`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binary::repository;

/// What npm makes, and nobody copies.
const PACKAGES: &str = "node_modules";

/// Copies the programs of `benches/peers/<name>`, and installs what they need if that has changed.
/// Returns the folder.
///
/// # Errors
///
/// If a file cannot be copied, or npm fails.
pub fn install(name: &str) -> io::Result<PathBuf> {
    let sources = repository().join("benches/peers").join(name);
    let folder = repository().join("target/peers").join(name);
    copy(&sources, &folder)?;
    packages(&folder)?;
    Ok(folder)
}

/// Installs the packages of a folder, unless that was done since its lock file was written.
///
/// # Errors
///
/// If npm fails.
pub fn packages(folder: &Path) -> io::Result<()> {
    let at = |path: &str| fs::metadata(folder.join(path)).and_then(|found| found.modified()).ok();
    // npm notes there what it has installed, last of all.
    let (installed, wanted) = (at("node_modules/.package-lock.json"), at("package-lock.json"));
    if installed.is_some() && installed >= wanted {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--silent"]).current_dir(folder);
    done(npm.stdout(Stdio::null()).status()?.success(), "npm ci")
}

/// Turns a failure into an error with the name of what failed.
///
/// # Errors
///
/// If it is not done.
pub fn done(is_done: bool, what: &str) -> io::Result<()> {
    if is_done { Ok(()) } else { Err(io::Error::other(format!("{what} failed"))) }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if name == PACKAGES {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            let (text, to) = (fs::read(path)?, to.join(name));
            // What is the same keeps its time, by which `packages` goes.
            if fs::read(&to).ok().as_ref() != Some(&text) {
                fs::write(to, text)?;
            }
        }
    }
    Ok(())
}
