//! Limits, users, secrets and notices.

use std::fs;
use std::path::Path;

use syncline_policy::EVERYBODY;

use super::super::error::At;
use super::super::limits::{BYTES_SENSIBLE_MAX, ITEMS_SENSIBLE_MAX, RUN_MS_SENSIBLE_MAX};
use super::super::load::Loaded;
use super::super::program::COMMAND;
use super::super::settings::Config;
use super::finding::{Fault, Findings};
use super::places::is_exposed;

pub(super) fn check(loaded: &Loaded, findings: &mut Findings<'_>) {
    let config = &loaded.config;
    for file in &loaded.ignored {
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        let why = "`syncline.toml` takes its place as a whole";
        let mend = "move what still holds into `syncline.toml`, and remove the file";
        findings.add(Fault::FileIgnored, &At::new(&name), "is not read", why, mend);
    }
    limits(config, findings);
    users(config, findings);
    secrets(config, findings);
    alerts(config, findings);
}

fn limits(config: &Config, findings: &mut Findings<'_>) {
    let limits = config.limits;
    let raised = [
        ("items_per_entity", limits.items_per_entity > ITEMS_SENSIBLE_MAX),
        ("bytes_per_run", limits.bytes_per_run > BYTES_SENSIBLE_MAX),
        ("run_time", limits.run_ms > RUN_MS_SENSIBLE_MAX),
    ];
    for (name, _) in raised.into_iter().filter(|(_, is_raised)| *is_raised) {
        let at = At::new("limits").key(name);
        let why = "one run holds what it reads in memory, and nobody waits for longer than a day";
        let mend = "lower it, or sync fewer entities at once";
        findings.add(Fault::LimitExcessive, &at, "is higher than makes sense", why, mend);
    }
}

/// Reports users whom the machine does not know. Where its list cannot be read, nobody is.
fn users(config: &Config, findings: &mut Findings<'_>) {
    let Ok(accounts) = fs::read_to_string("/etc/passwd") else {
        return;
    };
    let has_account =
        |user: &str| accounts.lines().any(|line| line.split(':').next() == Some(user));
    let is_known = |user: &str| user == EVERYBODY || has_account(user);
    for (user, _) in config.permissions.users().filter(|(user, _)| !is_known(user)) {
        let what = format!("no account on this machine is called `{}`", user.escape_debug());
        let why = "a misspelt user is refused everything";
        let mend = "correct the name, unless it comes from elsewhere or is given by flag";
        findings.add(Fault::UserUnknown, &At::new("permissions"), what, why, mend);
    }
}

pub(super) fn secrets(config: &Config, findings: &mut Findings<'_>) {
    let at = At::new("notify");
    let why = "the file is copied, shown and kept in histories";
    let mend = "keep it elsewhere: `env:NAME`, `file:PATH` or `cmd:PROGRAM` name where it is found";
    if let Some(url) = config.notify.url.as_deref() {
        let is_written = url.starts_with("http") || url.starts_with(COMMAND);
        if is_written && holds_secret(url) {
            findings.add(Fault::SecretLiteral, &at.key("url"), "holds a secret", why, mend);
        }
        if url.strip_prefix("file:").is_some_and(|file| is_exposed_file(Path::new(file))) {
            let what = "others may read the file that it names";
            let why = "whoever reads the address can post there too";
            let mend = "run `chmod 600` on it";
            findings.add(Fault::SecretExposed, &at.key("url"), what, why, mend);
        }
        if url.starts_with("http://") && !is_local(url) {
            let why = "reports name entities, counts and files, for everybody on the way to read";
            let what = "is not encrypted";
            findings.add(Fault::NotifyPlaintext, &at.key("url"), what, why, "use `https://`");
        }
    }
    for (index, word) in config.notify.command.iter().enumerate() {
        if holds_secret(word) {
            let at = at.key("command").index(index);
            let mend = "let the program read it from its environment or from a file";
            findings.add(Fault::SecretLiteral, &at, "holds a secret", why, mend);
        }
    }
}

/// Reports secrets of alerts that stand in the file, and a hub that is served of which nobody is told.
fn alerts(config: &Config, findings: &mut Findings<'_>) {
    let at = At::new("alerts");
    for (index, receiver) in config.alerts.receivers.iter().enumerate() {
        let at = at.key("to").index(index);
        for (member, text) in receiver.channel.secrets() {
            let is_elsewhere =
                ["env:", "file:", COMMAND].iter().any(|place| text.starts_with(place));
            if !is_elsewhere && (member == "secret" || holds_secret(text)) {
                let why = "the file is copied, shown and kept in histories";
                let mend = "name where it is found: `env:NAME`, `file:PATH` or `cmd:PROGRAM`";
                findings.add(Fault::SecretLiteral, &at.key(member), "holds a secret", why, mend);
            }
            if text.strip_prefix("file:").is_some_and(|file| is_exposed_file(Path::new(file))) {
                let what = "others may read the file that it names";
                let why = "whoever reads it can speak in the hub's name";
                findings.add(
                    Fault::SecretExposed,
                    &at.key(member),
                    what,
                    why,
                    "run `chmod 600` on it",
                );
            }
        }
    }
    if config.alerts.receivers.is_empty() && is_served(config) {
        let why = "a queue that grows or an endpoint that fails is seen only by who looks";
        let mend =
            "name somebody under `[[alerts.to]]`: webhook, slack, pagerduty, sentry or email";
        findings.add(Fault::AlertsUntold, &at, "nobody is told when the hub does badly", why, mend);
    }
}

/// Returns whether a configuration, or its state, is one of a hub that is served.
fn is_served(config: &Config) -> bool {
    let has_access = !config.access.views.is_empty() || !config.access.rules.is_empty();
    has_access || !config.issuers.is_empty() || config.state.join("admin.token").is_file()
}

/// Returns whether somebody beside its owner may read a file. What is no file is not kept either.
fn is_exposed_file(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file()) && is_exposed(file)
}

fn is_local(url: &str) -> bool {
    let host = url.trim_start_matches("http://").split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let name = host.strip_prefix("[::1]").map_or_else(|| host.split(':').next(), |_| Some("::1"));
    matches!(name, Some("localhost" | "127.0.0.1" | "::1"))
}

/// Returns whether a text looks like it holds a password, a key or a token.
fn holds_secret(text: &str) -> bool {
    /// Beginnings of tokens of well-known services, and places whose path is itself the secret.
    const MARKS: &[&str] = &[
        "ghp_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "xoxp-",
        "sk-",
        "sk_live_",
        "AKIA",
        "-----BEGIN",
        "Bearer ",
        "hooks.slack.com/services/",
        "/api/webhooks/",
    ];
    /// Names of members and flags whose value is a secret.
    const NAMES: &[&str] = &[
        "token=",
        "key=",
        "apikey=",
        "api_key=",
        "secret=",
        "password=",
        "passwd=",
        "sig=",
        "auth=",
    ];
    let authority = text.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next());
    let has_password = authority.flatten().is_some_and(|host| host.contains('@'));
    let lower = text.to_ascii_lowercase();
    has_password
        || MARKS.iter().any(|mark| text.contains(mark))
        || NAMES.iter().any(|name| {
            // `--token=env:NAME` names a place, not a secret.
            lower.match_indices(name).any(|(start, _)| {
                let value = lower.get(start + name.len()..).unwrap_or_default();
                !value.is_empty() && !value.starts_with("env:") && !value.starts_with("file:")
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_seen_and_an_address_is_not_taken_for_one() {
        #[rustfmt::skip]
        let cases = [
            ("https://user:pw@example.org/", true), ("https://example.org/?token=abc", true),
            ("--password=abc", true), ("--token=env:HOOK", false), ("--password=", false),
            ("https://hooks.slack.com/services/T0/B0/x", true), ("ghp_abcdef", true),
            ("https://example.org/hooks/sync", false), ("notify-send", false),
            ("mail user@example.org", false),
        ];
        for (text, expected) in cases {
            assert_eq!(holds_secret(text), expected, "case: {text}");
        }
    }

    #[test]
    fn a_notice_to_this_machine_needs_no_encryption() {
        #[rustfmt::skip]
        let cases = [
            ("http://localhost:3000/x", true), ("http://127.0.0.1", true), ("http://[::1]:80/", true),
            ("http://localhost.example.org/", false), ("http://example.org/localhost", false),
        ];
        for (url, expected) in cases {
            assert_eq!(is_local(url), expected, "case: {url}");
        }
    }
}
