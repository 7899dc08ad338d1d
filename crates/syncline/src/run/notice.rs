//! Telling somebody that a run failed or waits: a command, or a post to an address.

use std::io::Write;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use syncline_model::json::{Json, Object};

use super::post::Address;
use super::secret;
use super::supervisor::SOCKET_VARIABLE;
use crate::config::{COMMAND, CONFLICT_ID, Notify, words};
use crate::failure::Refusal;
use crate::output::conflict_text::short_id;

/// Longest that a command may take; the run ends only after it.
const COMMAND_TIME: Duration = Duration::from_mins(1);
/// How often a command is asked whether it has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Most conflicts that a notice names one by one.
const CONFLICTS_NAMED_MAX: usize = 20;

/// Where notices go, and what they say of conflicts.
#[derive(Clone, Debug, Default)]
pub struct Receivers {
    told: Vec<Receiver>,
    link: Option<String>,
}

/// A conflict that waits for a person, as it is told: neither its values nor its record's id.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its id, 32 hexadecimal digits.
    pub conflict: String,
    /// The type of record.
    pub entity: String,
    /// The users and roles who must approve; empty where everybody may decide.
    pub approvers: Vec<String>,
}

/// Where a notice goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Receiver {
    /// A program and its arguments; the notice is its standard input.
    Command(Vec<String>),
    /// An `http://` or `https://` address that the notice is posted to.
    Address(Address),
    /// A program and its arguments, which prints the address; it runs when somebody is told.
    Secret(Vec<String>),
}

/// Returns where notices go: what was asked for, else what is configured.
///
/// # Errors
///
/// [`Refusal::Notice`] if an address or a command cannot be used.
pub fn receivers(asked: Option<&str>, configured: &Notify) -> Result<Receivers, Refusal> {
    let link = configured.link.clone();
    if let Some(asked) = asked {
        return Ok(Receivers { told: vec![receiver(asked)?], link });
    }
    let mut told = Vec::new();
    if !configured.command.is_empty() {
        told.push(Receiver::Command(configured.command.clone()));
    }
    if let Some(url) = &configured.url {
        told.push(configured_address(url)?);
    }
    Ok(Receivers { told, link })
}

impl Receivers {
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.told.len()
    }

    /// Returns whether there is nobody to tell.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Tells all of them; answers why some could not be told.
    pub fn tell<'r>(&'r self, notice: &'r Object) -> impl Iterator<Item = Refusal> + 'r {
        self.told.iter().filter_map(|receiver| tell(receiver, notice).err())
    }

    /// Adds to a notice which conflicts are new and wait for a person: an id, a link and who
    /// must approve, for the first of them; neither values nor the ids of records.
    pub fn name(&self, notice: &mut Object, waiting: &[Waiting]) {
        if waiting.is_empty() {
            return;
        }
        notice.insert("newConflicts", Json::Number((waiting.len() as u64).into()));
        let listed = waiting.iter().take(CONFLICTS_NAMED_MAX).map(|waiting| {
            let id = waiting.conflict.as_str();
            let mut conflict = Object::new();
            conflict.insert("conflict", id);
            conflict.insert("entity", waiting.entity.as_str());
            if !waiting.approvers.is_empty() {
                let names = waiting.approvers.iter().map(|name| Json::from(name.as_str()));
                conflict.insert("approval", Json::Array(names.collect()));
            }
            conflict.insert("look", format!("syncline conflicts show {}", short_id(id)));
            if let Some(link) = &self.link {
                conflict.insert("link", link.replace(CONFLICT_ID, id));
            }
            Json::Object(conflict)
        });
        notice.insert("conflicts", Json::Array(listed.collect()));
    }
}

/// Tells a receiver. The notice holds names, counts and codes, never values.
///
/// # Errors
///
/// [`Refusal::Notice`] if it could not be told, [`Refusal::Secret`] if nobody says where.
fn tell(receiver: &Receiver, notice: &Object) -> Result<(), Refusal> {
    let body = Json::Object(notice.clone()).to_compact_string();
    match receiver {
        Receiver::Command(words) => start(words, &body, COMMAND_TIME),
        Receiver::Address(address) => {
            let posted = address.post(&body);
            posted.map_err(|reason| refused(format!("{}: {reason}", address.authority())))
        }
        Receiver::Secret(words) => {
            let (program, address) = secret_address(words)?;
            let posted = address.post(&body);
            let whose = format!("the address that `{program}` tells");
            posted.map_err(|reason| refused(format!("{whose}: {reason}")))
        }
    }
}

fn refused(reason: impl Into<String>) -> Refusal {
    Refusal::Notice { reason: reason.into() }
}

fn receiver(text: &str) -> Result<Receiver, Refusal> {
    if text.starts_with("http://") || text.starts_with("https://") {
        let address = Address::parse(text).ok_or_else(|| refused("the address is not understood"));
        return Ok(Receiver::Address(address?));
    }
    let words = words(text).ok_or_else(|| refused("a quote in the command is not closed"))?;
    match words.is_empty() {
        true => Err(refused("the command is empty")),
        false => Ok(Receiver::Command(words)),
    }
}

/// Returns where a configured address leads: it is written as it is, named by `env:NAME` or
/// `file:PATH`, or told by the program of `cmd:PROGRAM`.
fn configured_address(url: &str) -> Result<Receiver, Refusal> {
    if let Some(command) = url.strip_prefix(COMMAND) {
        let words = words(command).ok_or_else(|| refused("a quote in the command is not closed"));
        return Ok(Receiver::Secret(words?));
    }
    let found = if let Some(name) = url.strip_prefix("env:") {
        std::env::var(name).map_err(|_| refused(format!("{name} is not set")))?
    } else if let Some(path) = url.strip_prefix("file:") {
        let text = std::fs::read_to_string(path);
        text.map(|text| text.trim().to_owned()).map_err(|error| refused(error.to_string()))?
    } else {
        return receiver(url);
    };
    // What is found there is never shown, nor taken for a program to start.
    let address = Address::parse(&found);
    Ok(Receiver::Address(address.ok_or_else(|| refused(format!("{url} is no http(s) address")))?))
}

/// Asks a program for an address.
fn secret_address(words: &[String]) -> Result<(&str, Address), Refusal> {
    let (program, text) = secret::printed_by(words)?;
    let address = Address::parse(&text);
    let reason = || "printed no address that a notice can be posted to".to_owned();
    let address =
        address.ok_or_else(|| Refusal::Secret { program: program.to_owned(), reason: reason() });
    Ok((program, address?))
}

fn start(words: &[String], body: &str, time: Duration) -> Result<(), Refusal> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| refused("the command is empty"))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null());
    // The supervisor is ours: another program has nothing to tell it.
    command.env_remove(SOCKET_VARIABLE);
    let mut child = command.spawn().map_err(|error| refused(format!("{program}: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read what it is told is still told.
        let _ = stdin.write_all(body.as_bytes());
    }
    match ended(&mut child, time) {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(refused(format!("{program} ended with {status}"))),
        Ok(None) => Err(refused(format!("{program} took more than {} s", time.as_secs()))),
        Err(error) => Err(refused(format!("{program}: {error}"))),
    }
}

/// Waits for a program, and ends it after some time; then there is no status.
pub(super) fn ended(child: &mut Child, time: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_does_not_end_is_ended() {
        let words = ["sleep", "600"].map(str::to_owned);
        let refusal = start(&words, "{}", Duration::ZERO).unwrap_err();
        assert!(refusal.to_string().contains("took more than"), "{refusal}");
    }

    #[test]
    fn a_receiver_is_a_command_or_an_address() {
        let command = |words: &[&str]| {
            Some(Receiver::Command(words.iter().map(|word| (*word).to_owned()).collect()))
        };
        let address = |text: &str| Address::parse(text).map(Receiver::Address);
        let cases = [
            ("mail -s 'sync failed' me", command(&["mail", "-s", "sync failed", "me"])),
            ("a \"\" b", command(&["a", "", "b"])),
            ("http://localhost:8080/hook?a=1", address("http://localhost:8080/hook?a=1")),
            ("https://example.com", address("https://example.com")),
            ("http://", None),
            ("mail 'open", None),
            ("  ", None),
        ];
        for (text, expected) in cases {
            assert_eq!(receiver(text).ok(), expected, "case: {text}");
        }
    }
}
