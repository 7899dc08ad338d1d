//! `syncline completions`, `man` and `version`: what the command says about itself.

use std::path::Path;

use clap_complete::{Shell as Known, generate};
use clap_complete_nushell::Nushell;
use syncline_model::json::Object;

use super::sync::{make_folder, write_text};
use crate::arguments::{Arguments, Shell};
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::run::Context;

/// The name that completions are for.
const PROGRAM: &str = "syncline";

/// Prints completions for a shell.
///
/// # Errors
///
/// None.
pub fn completions(context: &Context, shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    let (mut command, out) = (Arguments::definition(), &mut script);
    match shell {
        Shell::Bash => generate(Known::Bash, &mut command, PROGRAM, out),
        Shell::Elvish => generate(Known::Elvish, &mut command, PROGRAM, out),
        Shell::Fish => generate(Known::Fish, &mut command, PROGRAM, out),
        Shell::Nushell => generate(Nushell, &mut command, PROGRAM, out),
        Shell::PowerShell => generate(Known::PowerShell, &mut command, PROGRAM, out),
        Shell::Zsh => generate(Known::Zsh, &mut command, PROGRAM, out),
    }
    context.output.raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Ok)
}

/// Prints the manual page, or writes one page per command into a folder.
///
/// # Errors
///
/// [`Refusal::File`] if a page cannot be written.
pub fn manual(context: &Context, folder: Option<&Path>) -> Result<Exit, Failure> {
    let mut command = Arguments::definition();
    command.build();
    let Some(folder) = folder else {
        context.output.raw(&page(&command)?);
        return Ok(Exit::Ok);
    };
    make_folder(folder)?;
    let mut waiting = vec![command];
    while let Some(command) = waiting.pop() {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        write_text(&folder.join(format!("{name}.1")), &page(&command)?)?;
        waiting.extend(command.get_subcommands().cloned());
    }
    Ok(Exit::Ok)
}

fn page(command: &clap::Command) -> Result<String, Refusal> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command.clone()).render(&mut page);
    rendered.map_err(|source| Refusal::File { action: "render", path: "manual".into(), source })?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// Prints the version.
///
/// # Errors
///
/// None.
pub fn version(context: &Context) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let mut document = Object::new();
    document.insert("schema", "version/1");
    document.insert("name", "syncline");
    document.insert("version", version);
    context.output.json(document);
    context.output.line(&format!("syncline {version}"));
    Ok(Exit::Ok)
}
