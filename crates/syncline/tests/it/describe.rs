//! Help, completions, the manual, the version: one definition, and quick.

use std::time::{Duration, Instant};

use crate::desk::Desk;

#[test]
fn help_names_every_command_and_every_exit_code() {
    let desk = Desk::new();
    let help = desk.run("--help").exits(0).stdout;
    for command in [
        "init",
        "sync",
        "plan",
        "apply",
        "diff",
        "twins",
        "status",
        "log",
        "show",
        "undo",
        "conflicts",
        "watch",
        "serve",
        "hooks",
        "events",
        "report",
        "doctor",
        "check",
        "audit",
        "backup",
        "restore",
        "verify",
        "types",
        "completions",
        "man",
        "version",
        "cross-domain-sync",
    ] {
        assert!(help.contains(&format!("  {command} ")), "{command}\n{help}");
        desk.run(&format!("{command} --help")).exits(0);
    }
    for line in ["  0  done", "  6  stopped by a guard", "130  interrupted"] {
        assert!(help.contains(line), "{line}\n{help}");
    }
}

#[test]
fn completions_come_for_every_shell() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish", "nushell"] {
        desk.run(&format!("completions {shell}")).exits(0).says("conflicts");
    }
    desk.run("completions nonsense").exits(2);
}

#[test]
fn the_manual_has_a_page_per_command() {
    let desk = Desk::new();
    desk.run("man").exits(0).says(".TH syncline 1");
    desk.run("man --output pages").exits(0);
    let pages = desk.files("pages");
    for name in ["/syncline.1", "/syncline-sync.1", "/syncline-conflicts-resolve.1"] {
        assert!(pages.contains_key(name), "{name}: {:?}", pages.keys());
    }
}

#[test]
fn the_version_is_there_at_once() {
    let desk = Desk::new();
    let best = (0..10).map(|_| {
        let begun = Instant::now();
        desk.run("version").exits(0).says(env!("CARGO_PKG_VERSION"));
        begun.elapsed()
    });
    // A release build is measured by the bench; this notices work done before it is needed.
    assert!(best.min().unwrap() < Duration::from_millis(100));
    desk.run("--version").exits(0);
}

#[test]
fn init_writes_a_configuration_that_checks_and_overwrites_nothing() {
    let desk = Desk::copy_of("fixtures/spec001/expected");
    desk.run("init").exits(0);
    desk.run("check").exits(0);
    desk.run("sync").exits(0);
    let before = desk.bytes("syncline.toml");
    desk.run("init").exits(2).says("FILE_EXISTS");
    assert_eq!(desk.bytes("syncline.toml"), before);
}
