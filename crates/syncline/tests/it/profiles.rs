//! Profiles: a configuration and a state of one's own in the folders of the user, by name.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::desk::{Answer, Desk, answer, numbered};

/// What the environment says of the user's folders, each below the folder of the desk.
struct Homes {
    home: Option<&'static str>,
    config: Option<&'static str>,
    state: Option<&'static str>,
}

const HOME: Homes = Homes { home: Some("home"), config: None, state: None };

impl Desk {
    fn at_home(&self, homes: &Homes, arguments: &str) -> Answer {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = self.command(&words);
        let variables = [
            ("HOME", homes.home),
            ("XDG_CONFIG_HOME", homes.config),
            ("XDG_STATE_HOME", homes.state),
        ];
        for (name, folder) in variables {
            match folder {
                Some(folder) => command.env(name, self.path(folder)),
                None => command.env_remove(name),
            };
        }
        answer(&command.output().unwrap())
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).unwrap().permissions().mode() & 0o777
    }
}

/// Makes a desk with a profile `work` whose two folders lie in the home folder.
fn with_profile(config: &str) -> Desk {
    let desk = Desk::new();
    for (side, records) in [("own", numbered(0..3)), ("firm", numbered(2..4))] {
        let file = serde_json::json!({ "contacts": records }).to_string();
        desk.put(&format!("home/records/{side}/contacts.json"), file.as_bytes());
    }
    let text = "[domains.own]\npath = \"~/records/own\"\n[domains.firm]\npath = \"~/records/firm\"\n\
                [links.main]\nsource = \"own\"\ntarget = \"firm\"\n[entities.contacts]\n";
    desk.put(&format!("{config}/syncline/work.toml"), text.as_bytes());
    desk
}

#[test]
fn a_profile_has_its_configuration_and_its_state_in_the_folders_of_the_user() {
    let elsewhere = Homes { home: Some("home"), config: Some("etc"), state: Some("var") };
    let cases = [(HOME, "home/.config", "home/.local/state"), (elsewhere, "etc", "var")];
    for (homes, config, state) in cases {
        let desk = with_profile(config);
        desk.at_home(&homes, "check --profile work").exits(0);
        desk.at_home(&homes, "sync --profile work").exits(0);
        let firm = desk.bytes("home/records/firm/contacts.json");
        let firm: Value = serde_json::from_slice(&firm).unwrap();
        assert_eq!(firm["contacts"].as_array().unwrap().len(), 4);
        assert_eq!(desk.mode(&format!("{state}/syncline/work")), 0o700);
        assert!(!desk.path(".syncline").exists() && !desk.path("home/.syncline").exists());
        let log = desk.at_home(&homes, "log --json --profile work").exits(0).json();
        assert_eq!(log["runs"].as_array().unwrap().len(), 1);
        desk.at_home(&homes, "--profile work undo latest --yes").exits(0);
        // Without a profile nothing of it is known.
        desk.at_home(&homes, "log").exits(3).says("STATE_MISSING");
    }
}

#[test]
fn two_profiles_know_nothing_of_each_other() {
    let desk = with_profile("home/.config");
    let text = desk.bytes("home/.config/syncline/work.toml");
    desk.put("home/.config/syncline/other.toml", &text);
    desk.at_home(&HOME, "sync --profile work").exits(0);
    desk.at_home(&HOME, "log --profile other").exits(3).says("STATE_MISSING");
    assert!(!desk.path("home/.local/state/syncline/other").exists());
}

#[test]
fn a_path_of_a_profile_starts_at_its_file_or_at_home() {
    let desk = with_profile("home/.config");
    let text = "state = \"~/kept\"\n[domains.own]\npath = \"own\"\n[domains.firm]\npath = \"~/records/firm\"\n\
                [links.main]\nsource = \"own\"\ntarget = \"firm\"\n[entities.contacts]\n";
    desk.put("home/.config/syncline/work.toml", text.as_bytes());
    desk.put("home/.config/syncline/own/contacts.json", b"{\"contacts\": [{\"id\": \"a\"}]}");
    desk.at_home(&HOME, "sync --profile work").exits(0);
    let firm = String::from_utf8(desk.bytes("home/records/firm/contacts.json")).unwrap();
    assert!(firm.contains("\"a\""), "{firm}");
    assert!(desk.path("home/kept").is_dir() && !desk.path("home/.local").exists());
    // In any other configuration `~` is a name like any other.
    let text = "[domains.personal]\npath = \"~/x\"\n[domains.business]\npath = \"data/business\"\n";
    desk.put("syncline.toml", text.as_bytes());
    desk.put("~/x/contacts.json", b"{\"contacts\": [{\"id\": \"b\"}]}");
    desk.at_home(&HOME, "sync").exits(0);
    assert!(desk.read("business").contains_key("b"));
}

#[test]
fn a_profile_that_is_not_there_says_which_there_are_and_where() {
    let desk = with_profile("home/.config");
    for name in ["zeta.toml", "notes.txt", "not a name.toml"] {
        desk.put(&format!("home/.config/syncline/{name}"), b"");
    }
    let answer = desk.at_home(&HOME, "sync --profile wrok").exits(3).says("PROFILE_UNKNOWN");
    answer.says("home/.config/syncline").says(": work, zeta\n").says("init --profile wrok");
    let document = desk.at_home(&HOME, "sync --profile wrok --json").exits(3).json();
    crate::documents::check(&document);
    let empty = Homes { home: Some("nobody"), config: None, state: None };
    desk.at_home(&empty, "sync --profile work").exits(3).says("there is none in");
    desk.at_home(&HOME, "doctor --profile wrok").exits(3).says("profile `wrok`");
    for name in ["../work", "a/b", "", ".", "é", "work.toml"] {
        let mut command = desk.command(&["sync", "--profile", name]);
        command.env("HOME", desk.path("home"));
        answer_of(&mut command).exits(2).says("USAGE_INVALID");
    }
}

fn answer_of(command: &mut std::process::Command) -> Answer {
    answer(&command.output().unwrap())
}

#[test]
fn a_profile_and_a_file_exclude_each_other_wherever_they_stand() {
    let desk = with_profile("home/.config");
    let commands = [
        "sync --profile work --config syncline.toml",
        "--config syncline.toml sync --profile work",
        "--profile work init --config syncline.toml",
        "--profile work watch --config syncline.toml",
        "--profile work doctor --config syncline.toml",
    ];
    for command in commands {
        desk.at_home(&HOME, command).exits(2).says("USAGE_INVALID").says("--config");
    }
    assert!(!desk.path("syncline.toml").exists());
}

#[test]
fn without_a_home_nothing_is_guessed() {
    let nowhere = Homes { home: None, config: None, state: None };
    let desk = with_profile("etc");
    for command in ["sync --profile work", "init --profile new"] {
        desk.at_home(&nowhere, command).exits(3).says("HOME_UNKNOWN").says("XDG_CONFIG_HOME");
    }
    // The configuration is there, but not the folders that it names.
    let half = Homes { home: None, config: Some("etc"), state: Some("var") };
    desk.at_home(&half, "sync --profile work").exits(3).says("HOME").says("domains.own.path");
    let text = "[domains.own]\npath = \"own\"\n[domains.firm]\npath = \"firm\"\n\
                [links.main]\nsource = \"own\"\ntarget = \"firm\"\n[entities.contacts]\n";
    desk.put("etc/syncline/near.toml", text.as_bytes());
    let stateless = Homes { home: None, config: Some("etc"), state: None };
    desk.at_home(&stateless, "sync --profile near").exits(3).says("XDG_STATE_HOME");
    // A folder that is not named from the root is none, as the specification has it.
    let mut command = desk.command(&["sync", "--profile", "work"]);
    command.env_remove("HOME").env("XDG_CONFIG_HOME", "etc");
    answer_of(&mut command).exits(3).says("HOME_UNKNOWN");
    // What needs no folder of a user works without.
    desk.at_home(&nowhere, "plan").exits(0);
}

#[test]
fn init_writes_a_profile_that_checks_and_overwrites_none() {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("home")).unwrap();
    let made = desk.at_home(&HOME, "init --profile work --json").exits(0).json();
    crate::documents::check(&made);
    assert_eq!(desk.mode("home/.config/syncline"), 0o700);
    let before = desk.bytes("home/.config/syncline/work.toml");
    desk.at_home(&HOME, "init --profile work").exits(2).says("FILE_EXISTS");
    assert_eq!(desk.bytes("home/.config/syncline/work.toml"), before);
    desk.at_home(&HOME, "init --profile home").exits(0).says("syncline plan --profile home");
    for profile in ["work", "home"] {
        let file = serde_json::json!({ "contacts": numbered(0..2) }).to_string();
        desk.put(&format!("home/syncline/{profile}/personal/contacts.json"), file.as_bytes());
        desk.at_home(&HOME, &format!("check --profile {profile}")).exits(0);
        desk.at_home(&HOME, &format!("sync --profile {profile}")).exits(0);
        assert!(desk.path(&format!("home/syncline/{profile}/business/contacts.json")).exists());
    }
    assert!(!desk.path("syncline.toml").exists());
}

#[test]
fn a_profile_holds_for_the_spelling_of_spec_001_and_is_in_completions_and_manual() {
    let desk = with_profile("home/.config");
    let words = "cross-domain-sync --source own --target firm --profile work";
    desk.at_home(&HOME, words).exits(0);
    desk.at_home(&HOME, "completions bash").exits(0).says("--profile");
    desk.at_home(&HOME, "man").exits(0).says("profile");
}
