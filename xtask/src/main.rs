//! The project's own commands: `cargo xtask {ci,tidy,test,api,sdk,browsers,dashboard,demo,bench,sim}`.
//!
//! Nothing here is part of what users get. It has no dependencies, so that the first command on
//! a fresh clone answers within seconds, and it decides nothing that a workflow file or a script
//! would decide differently: continuous integration only calls it.
//!
//! | You want | Read |
//! |---|---|
//! | a rule of the repository | [`tidy`] |
//! | what continuous integration runs | [`ci`] |
//! | how tests are run and counted | [`suite`] |
//! | what a log ends with where something failed | [`failed`] |
//! | what is asked of a served hub | [`api`] |
//! | the TypeScript side, and browsers | [`sdk`] |
//! | the pages that a hub serves | [`dashboard`] |
//! | what the demo plays | [`demo`] |
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program talks to a person")]

mod api;
mod arguments;
mod bench;
mod ci;
mod dashboard;
mod demo;
mod failed;
mod failure;
mod manifest;
mod process;
mod repo;
mod rust_source;
mod sdk;
mod sim;
mod suite;
mod tidy;

use arguments::Request;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments::parse(&arguments).and_then(answer) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn answer(request: Request) -> Result<ExitCode, Failure> {
    if let Request::Help(text) = request {
        println!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    let folder = std::env::current_dir()?;
    let Some(root) = repo::find_root(&folder) else {
        return Err(Failure::new("run this inside the repository"));
    };
    match request {
        Request::Help(_) => unreachable!("answered above"),
        Request::Ci => return Ok(counted(ci::run_all(&root))),
        Request::Test => return Ok(tested(&suite::test(&root)?)),
        Request::Tidy => tidy::run(&root)?,
        Request::Api { arguments } => api::check(&root, &arguments)?,
        Request::Sdk => return Ok(tested(&sdk::check(&root)?)),
        Request::Browsers { arguments } => return Ok(tested(&sdk::browsers(&root, &arguments)?)),
        Request::Dashboard => dashboard::build(&root)?,
        Request::Demo { stay } => demo::play(&root, stay, demo::Browser::Welcome)?,
        Request::Bench { name, arguments } => bench::start(&root, name.as_deref(), &arguments)?,
        Request::Sim { arguments } => sim::start(&root, &arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what failed, and then the tally.
fn tested(tested: &suite::Tested) -> ExitCode {
    if !tested.failed.is_empty() {
        print!("\n── failed\n{}", tested.failed);
    }
    counted(tested.tally)
}

/// Prints the tally as the last line of standard output and answers with the exit code it means.
fn counted(tally: suite::Tally) -> ExitCode {
    println!("{tally}");
    match tally.is_good() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
