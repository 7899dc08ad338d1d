//! `syncline hooks`: events, and what becomes of them, at a hub that is served.

mod delivery;
mod endpoint;
mod event;
mod listen;
mod replay;
mod signature;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use syncline_model::json::{Json, Object};
use syncline_protocol::webhook::secret::Secret;

use crate::arguments::HooksCommand;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::table::printable;
use crate::run::Context;

/// Longest file with a secret, in bytes.
const SECRET_BYTES_MAX: u64 = 4 << 10;
/// Longest body or data that is read, in bytes: what a hub takes at most.
const BODY_BYTES_MAX: u64 = 16 << 20;

/// Runs the command.
///
/// # Errors
///
/// Any [`Failure`]; what a hub refuses has the hub's own code.
pub fn run(context: &Context, command: &HooksCommand) -> Result<Exit, Failure> {
    match command {
        HooksCommand::Endpoint(command) => endpoint::run(context, command),
        HooksCommand::Event(command) => event::run(context, command),
        HooksCommand::Delivery(command) => delivery::run(context, command),
        HooksCommand::Replay(replay) => replay::run(context, replay),
        HooksCommand::Listen(listen) => listen::run(context, listen),
        HooksCommand::Sign(sign) => signature::sign(context, sign),
        HooksCommand::Verify(verify) => signature::verify(context, verify),
    }
}

/// Returns a document of the hub under the name of its form.
fn named(schema: &str, answer: &Object) -> Object {
    let mut document = Object::new();
    document.insert("schema", schema);
    for (name, value) in answer.iter() {
        document.insert(name, value.clone());
    }
    document
}

/// Returns the items of a list of the hub.
fn listed(answer: &Object, name: &str) -> Vec<Object> {
    let items = answer.get(name).and_then(Json::as_array).unwrap_or_default();
    items.iter().filter_map(|item| item.as_object().cloned()).collect()
}

/// Returns a member for people; nothing where it is not there.
fn told(document: &Object, name: &str) -> String {
    match document.get(name) {
        Some(Json::String(text)) => printable(text),
        Some(Json::Null) | None => String::new(),
        Some(other) => printable(&other.to_compact_string()),
    }
}

/// Reads the secrets of files. One that begins with `whs` is of Standard Webhooks, any other of spec 004.
fn secrets(files: &[impl AsRef<Path>]) -> Result<Vec<Secret>, Failure> {
    let read = |file: &Path| {
        let text = read_all(file, SECRET_BYTES_MAX)?;
        let text = String::from_utf8(text).unwrap_or_default();
        let text = text.trim();
        let secret =
            if text.starts_with("whs") { Secret::parse(text) } else { Secret::plain(text) };
        secret.map_err(|error| {
            let what = format!("{} holds no secret: {error}", file.display());
            Refusal::usage(what, "syncline hooks endpoint add prints one").into()
        })
    };
    files.iter().map(|file| read(file.as_ref())).collect()
}

/// Reads a file, or standard input where it is called `-`.
fn read_all(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |source| Refusal::File { action: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let limit = bytes_max + 1;
    let read = match path.as_os_str() == "-" {
        true => io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false => File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    read.map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        let what = format!("{} has more than {bytes_max} bytes", path.display());
        return Err(Refusal::usage(what, "name another file").into());
    }
    Ok(bytes)
}

/// Returns the seconds since the Unix epoch.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
