//! Plays random histories against the causal oracle, as the tests do, but many of them.
//!
//! `cargo run --release -p syncline-merge --example histories -- --histories 100000 [--seed n] [--hides]
//! [--late] [--fails] [--digests] [--withholds] [--approves]`
//!
//! With `--hides` files are not shown some fields, with `--late` hubs join that begin empty, with `--fails`
//! rules fail, with `--digests` hubs compare digests, with `--withholds` they keep records whole from each other,
//! with `--approves` some fields wait for approval.
//! Prints the first history that fails, with as few actions as can be, and ends with exit code 1.
#![expect(clippy::disallowed_methods, reason = "a tool reads its arguments; the library does not")]
#![expect(clippy::print_stdout, reason = "the figures are its output")]
#![expect(clippy::unwrap_used, reason = "a check that cannot go on panics")]

#[path = "../tests/it/oracle/mod.rs"]
mod oracle;
#[path = "../tests/it/world/mod.rs"]
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;

use world::{More, Wish, minimised, play};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let histories = number("--histories").unwrap_or(10_000);
    let first = number("--seed").unwrap_or(0);
    let names = ["--hides", "--late", "--fails", "--digests", "--withholds", "--approves"];
    let is_asked_for = |name: &str| arguments.iter().any(|argument| argument == name);
    let asked_for = More::ALL.into_iter().zip(names).filter(|(_, name)| is_asked_for(name));
    let more: Vec<More> = asked_for.map(|(more, _)| more).collect();
    let (mut changes, mut longest) = (0, 0);
    let mut counts = BTreeMap::new();
    for seed in first..first.saturating_add(histories) {
        match play(seed, &Wish { more: &more, ..Wish::default() }) {
            Ok(world) => {
                changes += world.oracle.changes.len();
                for (what, count) in world.counts {
                    *counts.entry(what).or_insert(0) += count;
                }
                longest = longest.max(world.oracle.changes.len());
            }
            Err(failure) => {
                println!("{}", minimised(failure));
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{histories} histories from seed {first} agree: {changes} changes, {longest} at most");
    for (what, count) in counts {
        println!("{count:>10} {what}");
    }
    ExitCode::SUCCESS
}
