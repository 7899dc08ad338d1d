//! Runs the steps and judges them.

use super::applications::Applications;
use super::served::Cast;
use super::stage::Stage;
use super::steps::{Action, Run, STEPS};
use crate::dashboard;
use crate::failure::Failure;
use crate::process::{cargo, run};
use crate::sdk;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The example, from the root of the repository.
const EXAMPLE: &str = "examples/personal-business";
/// Where the demo plays, from the root of the repository; left behind to look at.
const STAGE: &str = "demo-output";
/// The side that must not learn what the policy forbids.
const SIDE_GUARDED: &str = "business";
/// Package and binary of the command.
pub(super) const COMMAND: &str = "syncline";
/// The example app in browsers, from the root of the repository.
const BOARD: &str = "sdk/browsers/demo.js";
/// Package and example of a device.
const DEVICE: [&str; 2] = ["syncline-client", "tasks"];
/// What opens browsers.
const BROWSERS: &[&str] =
    &["node", "npm", "chromium", "chromedriver", "firefox-esr", "geckodriver"];
/// Where `scripts/install-browsers.sh` puts what no package brings, from the root of the repository.
const TOOLS: &str = "target/tools/bin";

/// Whether the demo must have browsers, or does without where there are none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Browser {
    /// Without them it fails.
    Needed,
    /// Without them its last scenes are left out, and it says so.
    Welcome,
}

/// Plays the demo and leaves its folder; where somebody wants to `stay`, the hub as well.
///
/// # Errors
///
/// Fails when something is missing or a step does not do what it says.
pub(crate) fn play(root: &Path, stay: bool, browser: Browser) -> Result<(), Failure> {
    let example = root.join(EXAMPLE);
    if !example.join("data").is_dir() {
        return Err(Failure::new(format!("the demo cannot play: {EXAMPLE}/data is missing")));
    }
    let board = board(root, browser)?;
    if board.is_some() {
        // The binary holds the pages that are looked at.
        dashboard::build(root)?;
    }
    run(cargo(root).args(["build", "--quiet", "--package", COMMAND, "--bin", COMMAND]))?;
    let [package, device_name] = DEVICE;
    run(cargo(root).args(["build", "--quiet", "--package", package, "--example", device_name]))?;
    // Cargo puts all programs into the same folder: same profile, same workspace.
    let program = std::env::current_exe()?.with_file_name(COMMAND);
    let device = program.with_file_name("examples").join(device_name);
    let mut stage = Stage::set(&example, &root.join(STAGE))?;
    for (index, step) in STEPS.iter().enumerate() {
        println!("\n{}. {}", index + 1, step.title);
        for action in step.actions {
            act(&program, &mut stage, action)
                .map_err(|failure| Failure::new(format!("step {}: {failure}", index + 1)))?;
        }
    }
    let has_browsers = board.is_some();
    let (mut cast, number) = Cast::play([&program, &device], board, stage.folder(), STEPS.len())?;
    let applications = match has_browsers {
        true => Some(Applications::play(root, &program, number)?),
        false => None,
    };
    if stay {
        return cast.stay();
    }
    drop((cast, applications));
    println!("\nThe demo is over and did what it says. Look at {STAGE}/.");
    Ok(())
}

/// Returns the program of the example app in browsers, with all that it needs installed.
fn board(root: &Path, browser: Browser) -> Result<Option<PathBuf>, Failure> {
    let answers = |program: &Path| {
        Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    let is_there = |name: &str| answers(Path::new(name)) || answers(&root.join(TOOLS).join(name));
    let missing: Vec<_> = BROWSERS.iter().copied().filter(|it| !is_there(it)).collect();
    if missing.is_empty() {
        sdk::install(root)?;
        return Ok(Some(root.join(BOARD)));
    }
    let missing =
        format!("no {} here; scripts/install-browsers.sh installs it", missing.join(", "));
    if browser == Browser::Needed {
        return Err(Failure::new(format!("the demo has no browsers: {missing}")));
    }
    println!("(The scenes in browsers are left out: {missing}.)");
    Ok(None)
}

fn act(program: &Path, stage: &mut Stage, action: &Action) -> Result<(), Failure> {
    match action {
        Action::Run(run) => {
            println!("   $ {COMMAND} {}", run.arguments.join(" "));
            let output =
                Command::new(program).args(run.arguments).current_dir(stage.folder()).output()?;
            let shown = [output.stdout, output.stderr].concat();
            let shown = String::from_utf8_lossy(&shown).into_owned();
            shown.lines().for_each(|line| println!("   {line}"));
            judge(run, output.status.code(), &shown)?;
            match stage.find_word(SIDE_GUARDED, run.hides) {
                None => Ok(()),
                Some(word) => Err(Failure::new(format!("`{word}` reached {SIDE_GUARDED}"))),
            }
        }
        Action::Edit(folder) => {
            println!("   (edits of {folder} are made)");
            Ok(stage.edit(folder)?)
        }
        Action::Keep => Ok(stage.keep()?),
        Action::PutBack => {
            println!("   (the files are put back)");
            Ok(stage.put_back()?)
        }
        Action::SameAsKept => match stage.first_difference()? {
            None => Ok(()),
            Some(file) => Err(Failure::new(format!("{file} is not what it was"))),
        },
    }
}

fn judge(run: &Run, exit_code: Option<i32>, shown: &str) -> Result<(), Failure> {
    if exit_code != Some(run.exit_code) {
        let found = exit_code.map_or("a signal".to_owned(), |code| code.to_string());
        return Err(Failure::new(format!("ended with {found}, expected {}", run.exit_code)));
    }
    if let Some(word) = run.shows.iter().find(|word| !shown.contains(**word)) {
        return Err(Failure::new(format!("the output does not say `{word}`")));
    }
    match run.hides.iter().find(|word| shown.contains(**word)) {
        None => Ok(()),
        Some(word) => Err(Failure::new(format!("the output says `{word}`, which is forbidden"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_does_something_else_fails_the_demo() {
        let run = Run {
            arguments: &[],
            exit_code: 4,
            shows: &["contacts", "merged"],
            hides: &["secret"],
        };
        let cases = [
            ("as told", Some(4), "contacts c1 merged", true),
            ("other exit code", Some(0), "contacts c1 merged", false),
            ("killed", None, "contacts c1 merged", false),
            ("word missing", Some(4), "contacts c1 deleted", false),
            ("forbidden word", Some(4), "contacts c1 merged: secret", false),
        ];
        for (name, exit_code, shown, expected) in cases {
            assert_eq!(judge(&run, exit_code, shown).is_ok(), expected, "case: {name}");
        }
    }
}
