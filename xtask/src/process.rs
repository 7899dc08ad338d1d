//! Other programs: how they are started, and whether they are there.

use crate::failure::Failure;
use std::path::Path;
use std::process::Command;

/// Variables that `cargo run` sets for this program and that would mislead the next cargo: a
/// build script that watches one of them would run again for nothing.
const VARIABLES_OF_CARGO_RUN: &[&str] = &["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];

/// Returns a command that runs cargo in `folder`, with the cargo that started this program.
pub(crate) fn cargo(folder: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_str().is_some_and(|name| {
            VARIABLES_OF_CARGO_RUN.iter().any(|prefix| name.starts_with(prefix))
        });
        if is_ours {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end, its output going where ours goes.
///
/// # Errors
///
/// Fails when it cannot be started or ends with another code than 0.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status =
        command.status().map_err(|error| Failure::new(format!("cannot start {name}: {error}")))?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::new(format!("{name} failed: {status}"))),
    }
}

/// Returns whether a program is on the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_there_or_not() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program-anywhere"));
    }

    #[test]
    fn a_command_that_ends_with_an_error_is_a_failure() {
        assert!(run(&mut Command::new("true")).is_ok());
        assert!(run(&mut Command::new("false")).is_err());
        assert!(run(&mut Command::new("no-such-program-anywhere")).is_err());
    }
}
