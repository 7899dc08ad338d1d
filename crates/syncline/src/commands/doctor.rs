//! `syncline doctor`: look for damage, and mend what can be mended.

use std::fs;
use std::path::Path;

use syncline_hub::Hub;
use syncline_model::json::{Json, Object};

use crate::config::Config;
use crate::config::check::{Severity, check};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Paint;
use crate::run::Context;

/// What one look has found.
struct Found {
    name: &'static str,
    /// The exit code that follows; [`Exit::Ok`] if all is well.
    exit: Exit,
    text: String,
}

impl Found {
    fn well(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, exit: Exit::Ok, text: text.into() }
    }

    fn ill(name: &'static str, exit: Exit, text: impl Into<String>) -> Self {
        Self { name, exit, text: text.into() }
    }

    fn of(name: &'static str, failure: &Failure) -> Self {
        let text = format!("{}: {failure}; {}", failure.code(), failure.next());
        Self::ill(name, failure.exit(), text)
    }

    /// Returns the word that stands before it.
    const fn word(&self) -> (Paint, &'static str) {
        match self.exit {
            Exit::Ok => (Paint::Green, "ok  "),
            // Nobody can say whether it is ill before the other process is done.
            Exit::Locked => (Paint::Yellow, "busy"),
            _ => (Paint::Red, "ill "),
        }
    }
}

/// Runs the command. Its exit code is that of the gravest finding.
///
/// # Errors
///
/// None of its own: what it finds is its result.
pub fn run(context: &Context, repair: bool) -> Result<Exit, Failure> {
    let mut found = Vec::new();
    match context.load() {
        Err(failure) => found.push(Found::of("configuration", &failure)),
        Ok(loaded) => {
            let findings = check(&loaded, &[]);
            let errors = findings.iter().filter(|one| one.severity == Severity::Error).count();
            let all = findings.len();
            let noun = if all == 1 { "finding" } else { "findings" };
            found.push(match errors {
                0 => Found::well("configuration", format!("{all} {noun}; see `syncline check`")),
                _ => Found::ill(
                    "configuration",
                    Exit::Config,
                    format!("{errors} errors; see `syncline check`"),
                ),
            });
            look_into_state(context, &loaded.config, repair, &mut found);
        }
    }
    let exit = gravest(&found);
    print(context, &found, exit);
    Ok(exit)
}

fn look_into_state(context: &Context, config: &Config, repair: bool, found: &mut Vec<Found>) {
    if !Hub::exists(&config.state) {
        found.push(Found::well("state", "none yet: nothing was ever synchronised here"));
        return;
    }
    found.push(permissions(&config.state, repair));
    let mut hub = match context.open_hub(&config.state, true) {
        Ok(hub) => hub,
        Err(failure) => return found.push(Found::of("store", &failure)),
    };
    found.push(Found::well("store", "every page and every row is sound"));
    found.push(match hub.recover() {
        Ok(done) if done.is_empty() => Found::well("journal", "nothing was left half done"),
        Ok(done) => Found::well("journal", done.join("; ")),
        Err(error) => Found::of("journal", &Failure::from(error)),
    });
    found.push(match hub.audit_verify() {
        Ok(head) => Found::well("audit", format!("intact, {} entries", head.size)),
        Err(error) => Found::of("audit", &Failure::from(error)),
    });
    found.push(match hub.conflicts() {
        Ok(rows) => Found::well("conflicts", format!("{} on record, all readable", rows.len())),
        Err(error) => Found::of("conflicts", &Failure::from(error)),
    });
}

/// Looks at who may enter the folder of the state; with `repair` only its owner may afterwards.
#[cfg(unix)]
fn permissions(state: &Path, repair: bool) -> Found {
    use std::os::unix::fs::PermissionsExt;
    const OWNER_ONLY: u32 = 0o700;
    let Ok(metadata) = fs::metadata(state) else {
        return Found::ill(
            "permissions",
            Exit::Config,
            "the folder of the state cannot be looked at",
        );
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Found::well("permissions", "only you can enter the folder of the state");
    }
    if !repair {
        let text = "other users can enter the folder of the state; mend: syncline doctor --repair";
        return Found::ill("permissions", Exit::Config, text);
    }
    match fs::set_permissions(state, fs::Permissions::from_mode(OWNER_ONLY)) {
        Ok(()) => Found::well("permissions", "mended: only you can enter the folder of the state"),
        Err(error) => Found::ill("permissions", Exit::Config, error.to_string()),
    }
}

#[cfg(not(unix))]
fn permissions(_state: &Path, _repair: bool) -> Found {
    Found::well("permissions", "not looked at on this system")
}

/// Damage first, then whatever has the highest code.
fn gravest(found: &[Found]) -> Exit {
    found.iter().map(|one| one.exit).max().unwrap_or(Exit::Ok)
}

fn print(context: &Context, found: &[Found], exit: Exit) {
    let output = &context.output;
    let mut document = Object::new();
    document.insert("schema", "doctor/1");
    document.insert("healthy", Json::Bool(exit == Exit::Ok));
    let looks = found.iter().map(|one| {
        let mut look = Object::new();
        look.insert("name", one.name);
        look.insert("ok", Json::Bool(one.exit == Exit::Ok));
        look.insert("text", one.text.as_str());
        Json::Object(look)
    });
    document.insert("looks", Json::Array(looks.collect()));
    output.json(document);
    for one in found {
        let (paint, word) = one.word();
        let word = output.paint(paint, word);
        output.line(&format!("{word} {:14} {}", one.name, one.text));
    }
}
