//! Asking a program for a secret. Nothing of what it prints is ever in a message.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::notice::ended;
use super::supervisor::SOCKET_VARIABLE;
use crate::config::{COMMAND, words};
use crate::failure::Refusal;

/// Longest that a program may take.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Most bytes that a secret has.
const BYTES_MAX: usize = 4 * 1024;

/// Why a secret was not found.
pub(crate) enum Lost {
    /// The program that is to tell it does not.
    Program(Refusal),
    /// The variable or file is not there; in words.
    Place(String),
}

/// Returns a text as it is written, or what is found where it says: in `env:NAME`, in `file:PATH`, or printed by the
/// program of `cmd:PROGRAM`.
///
/// # Errors
///
/// [`Lost`]; it holds nothing of what was found.
pub(crate) fn found(text: &str) -> Result<String, Lost> {
    if let Some(command) = text.strip_prefix(COMMAND) {
        let unclosed = || Lost::Place("a quote in the command is not closed".to_owned());
        let words = words(command).ok_or_else(unclosed)?;
        return printed_by(&words).map(|(_, text)| text).map_err(Lost::Program);
    }
    if let Some(name) = text.strip_prefix("env:") {
        return std::env::var(name).map_err(|_| Lost::Place(format!("{name} is not set")));
    }
    if let Some(path) = text.strip_prefix("file:") {
        let read = std::fs::read_to_string(path).map(|text| text.trim().to_owned());
        return read.map_err(|error| Lost::Place(format!("{path}: {error}")));
    }
    Ok(text.to_owned())
}

/// Starts a program without a shell and returns its name and what it printed, less one newline at
/// the end.
///
/// # Errors
///
/// [`Refusal::Secret`] if it fails, takes too long, or prints nothing, too much or no text.
pub(super) fn printed_by(words: &[String]) -> Result<(&str, String), Refusal> {
    let (program, arguments) =
        words.split_first().map_or(("", [].as_slice()), |(program, rest)| (program.as_str(), rest));
    let printed = printed(program, arguments, TIME_MAX);
    let text = printed.map_err(|reason| Refusal::Secret { program: program.to_owned(), reason });
    Ok((program, text?))
}

fn printed(program: &str, arguments: &[String], time: Duration) -> Result<String, String> {
    let deadline = Instant::now() + time;
    let too_long = || format!("took more than {} s", time.as_secs());
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env_remove(SOCKET_VARIABLE);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let output = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    // Read aside: a program of the program may keep the output open for ever.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.map(|output| output.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
        // Nobody waits any more where it took too long.
        let _ = sender.send(read.unwrap_or(Ok(0)).map(|_| bytes));
    });
    let read = receiver.recv_timeout(time);
    let is_too_much = matches!(&read, Ok(Ok(bytes)) if bytes.len() > BYTES_MAX);
    // What printed too much, or not to its end in time, is not waited for.
    let left = match (&read, is_too_much) {
        (Ok(_), false) => deadline.saturating_duration_since(Instant::now()),
        _ => Duration::ZERO,
    };
    let status = ended(&mut child, left).map_err(|error| error.to_string())?;
    if is_too_much {
        return Err(format!("printed more than {BYTES_MAX} bytes"));
    }
    let bytes = read.map_err(|_| too_long())?.map_err(|error| error.to_string())?;
    match status {
        None => return Err(too_long()),
        Some(status) if !status.success() => return Err(format!("ended with {status}")),
        Some(_) => {}
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "printed no text".to_owned())?;
    if text.ends_with('\n') {
        text.pop();
    }
    match text.is_empty() {
        true => Err("printed nothing".to_owned()),
        false => Ok(text),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn of(script: &str, time: Duration) -> Result<String, String> {
        printed("sh", &["-c", script].map(str::to_owned), time)
    }

    #[test]
    fn one_newline_is_dropped_and_no_more() {
        let whole = "x".repeat(BYTES_MAX);
        #[rustfmt::skip]
        let cases = [
            ("printf 'a b'",     Some("a b")), ("printf 'a\\n\\n'", Some("a\n")), ("echo a; echo b", Some("a\nb")),
            ("printf '\\n'",      None),        ("printf ''",       None),
            ("echo a; exit 1",    None),        ("printf '\\377'",    None),
        ];
        for (script, expected) in cases {
            assert_eq!(of(script, TIME_MAX).ok().as_deref(), expected, "case: {script}");
        }
        assert_eq!(of(&format!("printf {whole}"), TIME_MAX), Ok(whole.clone()));
        assert!(of(&format!("printf {whole}x"), TIME_MAX).is_err());
    }

    /// Also where what it has started keeps the output open, or where it closes it and goes on.
    #[test]
    fn a_program_that_does_not_end_is_ended() {
        for script in ["sleep 60", "sleep 60 & echo a", "exec >&-; sleep 60", "yes"] {
            let begun = Instant::now();
            let refused = of(script, Duration::from_millis(300)).unwrap_err();
            assert!(begun.elapsed() < Duration::from_secs(10), "case: {script}");
            assert!(refused.contains("more than"), "case: {script}: {refused}");
        }
    }
}
