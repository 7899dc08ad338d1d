//! The TypeScript side: compiled, tested, weighed, packed; and tried in real browsers.
//!
//! What is done stands in `sdk/package.json`, so that whoever knows npm needs no Rust for it; this
//! installs what it needs, has it meet the hub of this build, and counts its tests.

use crate::failed::Failed;
use crate::failure::Failure;
use crate::process::{cargo, run};
use crate::suite::{Tally, Tested};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspaces of npm, from the root of the repository.
const FOLDER: &str = "sdk";
/// What is installed: the workspaces, and the dashboard with packages of its own, which is checked and tested with them.
const INSTALLED: &[&str] = &[FOLDER, "dashboard"];
/// Package and binary of the hub that tests start.
const HUB: &str = "syncline";
/// Where the tests find it.
const HUB_VARIABLE: &str = "SYNCLINE_BIN";
/// A reporter of vitest that writes down what failed, from the workspaces' folder, and where to.
const FAILURES_REPORTER: &str = "failures.mjs";
const FAILURES_VARIABLE: &str = "FAILURES";
/// Oldest Node that serves, and what else must be there.
const NODE_VERSION_MIN: u32 = 20;
/// Installs browsers and what drives them.
const BROWSERS_INSTALLER: &str = "scripts/install-browsers.sh";
/// Scripts of `sdk/package.json` that pass or fail as one, in this order.
const CHECKS: &[&str] = &["build", "check", "size"];
/// Scripts that run tests.
const TESTS: &[&str] = &["test", "packaging"];

/// Compiles, tests, weighs and packs what is published; all of it even behind a failure.
///
/// # Errors
///
/// Fails when a tool is missing or nothing can be installed; what failed besides is in the tally.
pub(crate) fn check(root: &Path) -> Result<Tested, Failure> {
    let workspace = Workspace::prepare(root)?;
    let mut tested = Tested::default();
    for script in CHECKS {
        if let Err(failure) = run(&mut workspace.npm_run(script)) {
            println!("`npm run {script}` in {FOLDER}/: {failure}");
            tested.add_failure(&format!("`npm run {script}` in {FOLDER}/"), &failure.to_string());
        }
    }
    for script in TESTS {
        tested += workspace.test(script, &[])?;
    }
    Ok(tested)
}

/// Installs browsers where they are missing, and runs the client in them; `arguments` go to vitest.
///
/// # Errors
///
/// Fails when a browser or a tool cannot be installed; failed tests are in the tally.
pub(crate) fn browsers(root: &Path, arguments: &[String]) -> Result<Tested, Failure> {
    run(&mut Command::new(root.join(BROWSERS_INSTALLER)))?;
    Workspace::prepare(root)?.test("browsers", arguments)
}

/// Installs what the workspaces need, unless it is there.
///
/// # Errors
///
/// Fails when npm does.
pub(crate) fn install(root: &Path) -> Result<(), Failure> {
    for folder in INSTALLED.iter().map(|folder| root.join(folder)) {
        if !is_installed(&folder) {
            run(Command::new("npm").current_dir(&folder).args(["ci", "--no-audit", "--no-fund"]))?;
        }
    }
    Ok(())
}

/// Returns whether everything is installed that the packages of a folder need.
pub(crate) fn is_installed(folder: &Path) -> bool {
    let [installed, wanted] = ["node_modules/.package-lock.json", "package-lock.json"];
    is_newer(&folder.join(installed), &folder.join(wanted))
}

/// The workspaces, with everything installed and a hub to meet.
struct Workspace {
    folder: PathBuf,
    hub: PathBuf,
    /// Where reports are written.
    stage: PathBuf,
}

impl Workspace {
    fn prepare(root: &Path) -> Result<Self, Failure> {
        require_node()?;
        run(cargo(root).args(["build", "--quiet", "--package", HUB, "--bin", HUB]))?;
        let folder = root.join(FOLDER);
        let stage = root.join("target").join("sdk-test");
        fs::create_dir_all(&stage)?;
        install(root)?;
        // Cargo puts both programs into the same folder: same profile, same workspace.
        let hub = std::env::current_exe()?.with_file_name(HUB);
        Ok(Self { folder, hub, stage })
    }

    fn npm_run(&self, script: &str) -> Command {
        let mut command = Command::new("npm");
        command.current_dir(&self.folder).env(HUB_VARIABLE, &self.hub);
        command.args(["run", "--silent", script]);
        command
    }

    /// Runs a script that is vitest, counts its tests and reads which failed.
    fn test(&self, script: &str, arguments: &[String]) -> Result<Tested, Failure> {
        println!("\n`npm run {script}` in {FOLDER}/");
        let report = self.stage.join(format!("{script}.json"));
        let failures = self.stage.join(format!("{script}.failed.txt"));
        for written_before in [&report, &failures] {
            if written_before.exists() {
                fs::remove_file(written_before)?;
            }
        }
        let option = |name: &str, path: &Path| {
            let mut option = OsString::from(name);
            option.push(path);
            option
        };
        let ended = run(self
            .npm_run(script)
            .env(FAILURES_VARIABLE, &failures)
            .args(["--", "--reporter=default", "--reporter=json"])
            .arg(option("--outputFile.json=", &report))
            .arg(option("--reporter=", &self.folder.join(FAILURES_REPORTER)))
            .args(arguments));
        // No report: it died before it could write one.
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let mut tested =
            Tested { tally: tally_of(&read(&report)), failed: Failed::of_vitest(&read(&failures)) };
        let script = format!("`npm run {script}`");
        if tested.tally.failed == 0
            && let Err(failure) = ended
        {
            println!("{script}: {failure}; counted as one failure");
            tested.add_failure(&script, &failure.to_string());
        }
        if tested.tally.passed + tested.tally.failed == 0 {
            println!("{script}: no test ran; counted as one failure");
            tested.add_failure(&script, "no test ran");
        }
        Ok(tested)
    }
}

/// Counts the tests of a report that vitest writes as JSON, where the sums stand before all else.
fn tally_of(report: &str) -> Tally {
    let count = |name: &str| {
        let (_, rest) = report.split_once(&format!("\"{name}\":"))?;
        let digits = rest.trim_start().split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<usize>().ok()
    };
    Tally {
        passed: count("numPassedTests").unwrap_or(0),
        failed: count("numFailedTests").unwrap_or(0),
        skipped: count("numPendingTests").unwrap_or(0) + count("numTodoTests").unwrap_or(0),
    }
}

fn require_node() -> Result<(), Failure> {
    let needed =
        format!("Node {NODE_VERSION_MIN} or later with npm is needed (https://nodejs.org)");
    let asked = Command::new("node").arg("--version").output();
    let said = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let version = said.as_deref().ok().and_then(major_of);
    let has_npm = Command::new("npm").arg("--version").output().is_ok_and(|it| it.status.success());
    match version {
        Some(version) if version >= NODE_VERSION_MIN && has_npm => Ok(()),
        Some(version) => {
            Err(Failure::new(format!("{needed}; here is Node {version}, npm: {has_npm}")))
        }
        None => Err(Failure::new(format!("{needed}; there is none"))),
    }
}

/// Reads `v20.20.2`.
fn major_of(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Returns whether the first file is there and not older than the second.
fn is_newer(first: &Path, second: &Path) -> bool {
    let written = |path: &Path| fs::metadata(path).and_then(|facts| facts.modified()).ok();
    matches!((written(first), written(second)), (Some(first), Some(second)) if first >= second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_vitest_is_counted_and_none_is_nothing() {
        let report = r#"{"numTotalTestSuites":3,"numPassedTestSuites":1,"numTotalTests":12,
            "numPassedTests":7,"numFailedTests":2,"numPendingTests":2,"numTodoTests":1,
            "testResults":[{"assertionResults":[{"title":"\"numPassedTests\":99"}]}]}"#;
        assert_eq!(tally_of(report), Tally { passed: 7, failed: 2, skipped: 3 });
        assert_eq!(tally_of(""), Tally::default());
    }

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(major_of("v20.20.2"), Some(20));
        assert_eq!(major_of("20"), None);
        assert_eq!(major_of(""), None);
    }
}
