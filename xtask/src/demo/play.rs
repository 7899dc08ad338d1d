//! Runs the steps and judges them.

use super::steps::{STEPS, Step};
use crate::failure::Failure;
use crate::process::{cargo, run};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// The example data, from the root of the repository.
const DATA: &str = "examples/demo/data";
/// Where the demo plays, from the root of the repository; left behind to look at.
const STAGE: &str = "demo-output";
/// Package and binary of the command.
const COMMAND: &str = "syncline";

/// Plays the demo and leaves its folder.
///
/// # Errors
///
/// Fails when something is missing or a step does not do what it says.
pub(crate) fn play(root: &Path) -> Result<(), Failure> {
    let data = root.join(DATA);
    if !data.is_dir() {
        return Err(Failure::new(format!(
            "the demo cannot play yet: {DATA} is missing"
        )));
    }
    run(cargo(root).args(["build", "--quiet", "--package", COMMAND, "--bin", COMMAND]))?;
    // Cargo puts both programs into the same folder: same profile, same workspace.
    let program = std::env::current_exe()?.with_file_name(COMMAND);
    let stage = root.join(STAGE);
    if stage.exists() {
        fs::remove_dir_all(&stage)?;
    }
    copy_folder(&data, &stage.join("data"))?;
    for (index, step) in STEPS.iter().enumerate() {
        println!("\n{}. {}", index + 1, step.title);
        println!("   $ {COMMAND} {}", step.arguments.join(" "));
        play_step(&program, &stage, step)?;
    }
    println!("\nThe demo is over; look at {STAGE}/.");
    Ok(())
}

fn play_step(program: &Path, stage: &Path, step: &Step) -> Result<(), Failure> {
    let output = Command::new(program)
        .args(step.arguments)
        .current_dir(stage)
        .output()?;
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in shown
        .lines()
        .chain(String::from_utf8_lossy(&output.stderr).lines())
    {
        println!("   {line}");
    }
    judge(step, output.status.code(), &shown)
}

fn judge(step: &Step, exit_code: Option<i32>, shown: &str) -> Result<(), Failure> {
    if exit_code != Some(step.exit_code) {
        let message = format!(
            "`{}`: exit code {exit_code:?}, expected {}",
            step.title, step.exit_code
        );
        return Err(Failure::new(message));
    }
    match step.shows.iter().find(|words| !shown.contains(**words)) {
        None => Ok(()),
        Some(words) => Err(Failure::new(format!(
            "`{}` does not show `{words}`",
            step.title
        ))),
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_does_something_else_fails_the_demo() {
        let step = Step {
            title: "A",
            arguments: &[],
            exit_code: 4,
            shows: &["contacts", "merged"],
        };
        let cases = [
            ("as told", Some(4), "contacts c1 merged", true),
            ("other exit code", Some(0), "contacts c1 merged", false),
            ("killed", None, "contacts c1 merged", false),
            ("words missing", Some(4), "contacts c1 deleted", false),
        ];
        for (name, exit_code, shown, expected) in cases {
            assert_eq!(
                judge(&step, exit_code, shown).is_ok(),
                expected,
                "case: {name}"
            );
        }
    }
}
