//! The pages that the hub serves of its own: built, compressed and laid where its crate takes them from.

use crate::failure::Failure;
use crate::process::run;
use std::path::Path;
use std::process::Command;

/// The pages, from the root of the repository.
const FOLDER: &str = "dashboard";
/// What building them makes, within their folder.
const BUILT: &str = "dist";
/// Compresses, and lays them where they belong.
const LAY: &str = "xtask/dashboard/lay.mjs";
/// Where the crate of the server takes them from.
const PLACE: &str = "crates/syncline-server/dashboard/built";

/// Builds the pages, so that the next build of the binary holds them.
///
/// # Errors
///
/// Fails when they are not there, or npm or Node does.
pub(crate) fn build(root: &Path) -> Result<(), Failure> {
    let folder = root.join(FOLDER);
    if !folder.join("package.json").is_file() {
        return Err(Failure::new(format!("there is no {FOLDER}/package.json")));
    }
    let npm = |arguments: &[&str]| run(Command::new("npm").current_dir(&folder).args(arguments));
    if !crate::sdk::is_installed(&folder) {
        npm(&["ci", "--no-audit", "--no-fund"])?;
    }
    npm(&["run", "--silent", "build"])?;
    let mut lay = Command::new("node");
    lay.current_dir(root).arg(LAY).arg(folder.join(BUILT)).arg(root.join(PLACE));
    run(&mut lay)
}
