//! What one run of a program costs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

/// A program with its arguments, and which exit codes mean that it did its job.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable; looked up in `PATH` unless it is a path.
    pub executable: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Exit codes of a run that did its job.
    pub good_codes: &'static [i32],
}

/// The cost of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// From before the program starts until after it has ended.
    pub wall: Duration,
    /// Processor time of the program and its children, outside the kernel.
    pub user: Duration,
    /// Processor time of the program and its children, inside the kernel.
    pub system: Duration,
    /// Largest resident memory, in bytes; never less than the harness' own few MiB, which the
    /// kernel counts in before the program starts.
    pub peak_bytes: u64,
}

impl Cost {
    /// Returns user and system time together.
    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

/// Why a run has no cost.
#[derive(Debug)]
pub enum RunError {
    /// The program could not be started or watched.
    Io(io::Error),
    /// The program ended with another code than its good ones.
    Failed {
        /// Its exit code; `None` after a signal.
        code: Option<i32>,
        /// The last line of its standard error.
        last_line: String,
    },
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for RunError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(out, "cannot run: {error}"),
            Self::Failed { code: Some(code), last_line } => write!(out, "exit {code}: {last_line}"),
            Self::Failed { code: None, last_line } => write!(out, "killed: {last_line}"),
        }
    }
}

/// Runs `program` in `folder` and returns its cost; its output goes nowhere.
///
/// # Errors
///
/// - [`RunError::Io`] when it cannot be started.
/// - [`RunError::Failed`] when it ends with a code that is not one of the good ones.
pub fn run(program: &Program, folder: &Path) -> Result<Cost, RunError> {
    let complaints = folder.with_extension("stderr");
    let mut command = Command::new(&program.executable);
    command
        .args(&program.arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&complaints)?);
    let started = Instant::now();
    let ended = command.spawn()?.wait4()?;
    let wall = started.elapsed();
    match ended.status.code() {
        Some(code) if program.good_codes.contains(&code) => Ok(Cost {
            wall,
            user: ended.rusage.utime,
            system: ended.rusage.stime,
            peak_bytes: ended.rusage.maxrss,
        }),
        code => Err(RunError::Failed { code, last_line: last_line(&complaints)? }),
    }
}

fn last_line(path: &Path) -> io::Result<String> {
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("(silent)");
    Ok(line.chars().take(160).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        Program { executable: "sh".into(), arguments, good_codes: &[0, 5] }
    }

    #[test]
    fn the_cost_of_each_child_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let heavy = run(&shell(busy), folder.path()).unwrap();
        let light = run(&shell("sleep 0.05; exit 5"), folder.path()).unwrap();
        assert!(heavy.cpu() > light.cpu(), "{heavy:?} against {light:?}");
        assert!(light.wall >= Duration::from_millis(50));
        assert!(light.peak_bytes > 0);
    }

    #[test]
    fn a_failed_run_has_no_cost_but_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let failed = run(&shell("echo why >&2; exit 3"), folder.path()).unwrap_err();
        assert_eq!(failed.to_string(), "exit 3: why");
    }
}
