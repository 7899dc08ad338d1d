//! Where lines go, and how they look.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

use syncline_model::json::{Json, Object};

use crate::arguments::{ColorWhen, Global};
use crate::failure::Failure;

/// The form of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    Text,
    /// One JSON document.
    Json,
    /// One JSON document per line.
    JsonLines,
}

/// How a word stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Something was added.
    Green,
    /// Something waits or was stopped.
    Yellow,
    /// Something went wrong or was deleted.
    Red,
    /// A heading.
    Bold,
    /// Less important.
    Dim,
}

/// Results go to standard output, everything else to standard error.
#[derive(Clone, Debug)]
pub struct Output {
    /// The form of the result.
    pub format: Format,
    /// Whether only what went wrong is printed.
    pub quiet: bool,
    /// Whether every record and field is printed.
    pub verbose: bool,
    /// Whether a progress line is shown.
    pub progress: bool,
    color_out: bool,
    color_err: bool,
}

impl Output {
    /// Decides by the options, the environment and the terminal.
    pub fn new(global: &Global) -> Self {
        let format = match (global.json, global.jsonl) {
            (_, true) => Format::JsonLines,
            (true, false) => Format::Json,
            (false, false) => Format::Text,
        };
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_colored = |is_terminal: bool| match global.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => is_terminal && !no_color,
        };
        let err_is_terminal = io::stderr().is_terminal();
        Self {
            format,
            quiet: global.quiet,
            verbose: global.verbose,
            progress: err_is_terminal && !global.no_progress && !global.quiet,
            color_out: is_colored(io::stdout().is_terminal()),
            color_err: is_colored(err_is_terminal),
        }
    }

    /// Returns whether people read the result.
    pub fn is_text(&self) -> bool {
        self.format == Format::Text
    }

    /// Paints a word of the result.
    pub fn paint(&self, paint: Paint, text: &str) -> String {
        painted(self.color_out, paint, text)
    }

    /// Prints text of the result, as it is. Nothing is printed with `--json` or `--quiet`.
    pub fn text(&self, text: &str) {
        if self.is_text() && !self.quiet {
            to_stdout(text);
        }
    }

    /// Prints one line of the result. Nothing is printed with `--json` or `--quiet`.
    pub fn line(&self, text: &str) {
        self.text(&format!("{text}\n"));
    }

    /// Prints the result as JSON, if JSON was asked for.
    pub fn json(&self, document: Object) {
        match self.format {
            Format::Text => {}
            Format::Json => to_stdout(&format!("{}\n", Json::Object(document).to_pretty_string())),
            Format::JsonLines => {
                to_stdout(&format!("{}\n", Json::Object(document).to_compact_string()));
            }
        }
    }

    /// Prints a list: with `--json` as one document under `member`, with `--jsonl` one per line.
    pub fn json_list(&self, schema: &str, member: &str, items: Vec<Object>) {
        match self.format {
            Format::Text => {}
            Format::JsonLines => items.into_iter().for_each(|item| self.json(item)),
            Format::Json => {
                let mut document = Object::new();
                document.insert("schema", schema);
                document.insert(member, Json::Array(items.into_iter().map(Json::Object).collect()));
                self.json(document);
            }
        }
    }

    /// As [`json_list`](Self::json_list), of items that name no schema of their own: each line of
    /// `--jsonl` does then.
    ///
    /// - `item_schema`: the name and version of the form of one item.
    pub fn json_list_of(&self, schema: &str, member: &str, item_schema: &str, items: Vec<Object>) {
        if self.format != Format::JsonLines {
            return self.json_list(schema, member, items);
        }
        for item in items {
            let mut line = Object::new();
            line.insert("schema", item_schema);
            for (name, value) in item.iter() {
                line.insert(name, value.clone());
            }
            self.json(line);
        }
    }

    /// Prints raw text whatever the form, such as a completion script.
    pub fn raw(&self, text: &str) {
        to_stdout(text);
    }

    /// Tells something beside the result.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            to_stderr(&format!("{text}\n"));
        }
    }

    /// Warns, whatever was asked for.
    pub fn warn(&self, text: &str) {
        let word = painted(self.color_err, Paint::Yellow, "warning");
        to_stderr(&format!("{word} {text}\n"));
    }

    /// Prints text on standard error, as it is, whatever was asked for.
    pub fn error_text(&self, text: &str) {
        to_stderr(text);
    }

    /// Prints why a command failed: for people on standard error, with `--json` on standard output.
    pub fn failure(&self, failure: &Failure) {
        self.failure_text(failure);
        self.json(failure.to_json());
    }

    /// Prints on standard error why something failed, or would.
    pub fn failure_text(&self, failure: &Failure) {
        let word = painted(self.color_err, Paint::Red, "error");
        to_stderr(&format!(
            "{word} {}: {failure}\n  why:  {}\n  next: {}\n",
            failure.code(),
            failure.why(),
            failure.next()
        ));
    }
}

fn painted(is_colored: bool, paint: Paint, text: &str) -> String {
    if !is_colored {
        return text.to_owned();
    }
    let code = match paint {
        Paint::Green => "32",
        Paint::Yellow => "33",
        Paint::Red => "31",
        Paint::Bold => "1",
        Paint::Dim => "2",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Why the standard output took not everything, if so.
static OUTPUT_FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes to standard output; a reader that went away is no error, any other trouble is kept for
/// [`output_failure`].
pub(crate) fn to_stdout(text: &str) {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
        && let Ok(mut failure) = OUTPUT_FAILURE.lock()
    {
        failure.get_or_insert(error);
    }
}

/// Returns why the standard output took not everything that was written, and forgets it.
pub(crate) fn output_failure() -> Option<io::Error> {
    OUTPUT_FAILURE.lock().ok()?.take()
}

/// Writes to standard error; a reader that went away is no error.
pub(crate) fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
