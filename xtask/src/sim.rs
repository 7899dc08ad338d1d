//! Starts the simulation, in release: one seed is one world, and replays exactly.

use crate::failure::Failure;
use crate::process::{cargo, run};
use std::path::Path;

/// Package and binary of the simulation.
const SIMULATION: &str = "syncline-sim";

/// Runs the simulation with `arguments` (`--seed N`, `--seeds N`, …), which it reads itself.
///
/// # Errors
///
/// Fails when a seed does, or when the simulation is not there yet.
pub(crate) fn start(root: &Path, arguments: &[String]) -> Result<(), Failure> {
    if !root.join("sim/src/main.rs").is_file() {
        return Err(Failure::new("the simulation has no binary yet: sim/src/main.rs"));
    }
    let mut command = cargo(root);
    command
        .args(["run", "--release", "--package", SIMULATION, "--bin", SIMULATION, "--"])
        .args(arguments);
    run(&mut command)
}
