//! Finding and reading the configuration: `syncline.toml`, the two files of spec 001, or nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cross_domain;
use super::document::Document;
use super::error::{ConfigError, Invalid, Position, Refusal};
use super::limits::FILE_BYTES_MAX;
use super::profile::{Profile, Start};
use super::resolve::resolve;
use super::settings::Config;

/// The name of the configuration file.
pub const FILE: &str = "syncline.toml";
/// The domain configuration of spec 001.
pub const CROSS_DOMAIN_FILE: &str = "cross_domain_config.json";
/// The entity mappings of spec 001.
pub const MAPPINGS_FILE: &str = "entity_mappings.json";

/// A configuration, and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// The files that were read, in order; empty where none is there and the defaults apply.
    pub read: Vec<PathBuf>,
    /// Files that lie there and were not read, because another one takes precedence.
    pub ignored: Vec<PathBuf>,
    /// The text of `syncline.toml`, for line numbers in findings.
    pub(super) text: Option<String>,
}

impl Config {
    /// Loads the configuration of the folder `dir`.
    ///
    /// In this order: the file `explicit` (`.json` means the files of spec 001), else
    /// `syncline.toml`, else `cross_domain_config.json` and `entity_mappings.json` (either may be
    /// missing), else the defaults. Relative paths start at the folder of the file that was read.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::Unreadable`] if a file is there, or was asked for, and cannot be read.
    /// - [`ConfigError::Invalid`] if it is not understood; nothing is guessed.
    pub fn load(dir: &Path, explicit: Option<&Path>) -> Result<Loaded, ConfigError> {
        if let Some(file) = explicit {
            let is_json = file.extension().is_some_and(|extension| extension == "json");
            return if is_json { json(folder_of(file), Some(file)) } else { toml(file, None) };
        }
        let file = dir.join(FILE);
        let spec_files = [dir.join(CROSS_DOMAIN_FILE), dir.join(MAPPINGS_FILE)];
        let ignored = spec_files.into_iter().filter(|file| file.exists());
        // A dangling link or an unreadable file is an error, not a reason to use the defaults.
        match fs::symlink_metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => json(dir, None),
            _ => toml(&file, None).map(|loaded| Loaded { ignored: ignored.collect(), ..loaded }),
        }
    }

    /// Loads the configuration of a profile. Relative paths start at its folder, `~/` is the home
    /// folder, and the state is among those of the user.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn load_profile(profile: &Profile) -> Result<Loaded, ConfigError> {
        toml(&profile.file, Some(profile))
    }

    /// Reads the text of a `syncline.toml`; relative paths start at `dir`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] if it is not understood.
    pub fn parse(text: &str, dir: &Path) -> Result<Loaded, ConfigError> {
        parse(text, Start { dir, profile: None }, None)
    }

    /// Reads the texts of spec 001's `cross_domain_config.json` and `entity_mappings.json`, as far as
    /// there are any; relative paths start at `dir`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] if one is not understood.
    pub fn parse_spec001(
        main: Option<&str>,
        mappings: Option<&str>,
        dir: &Path,
    ) -> Result<Loaded, ConfigError> {
        let files = [Path::new(CROSS_DOMAIN_FILE), Path::new(MAPPINGS_FILE)];
        parse_json([main, mappings], dir, files)
    }
}

fn toml(file: &Path, profile: Option<&Profile>) -> Result<Loaded, ConfigError> {
    let text = read(file)?;
    let loaded = parse(&text, Start { dir: folder_of(file), profile }, Some(file))?;
    Ok(Loaded { read: vec![file.to_owned()], ..loaded })
}

fn parse(text: &str, start: Start<'_>, file: Option<&Path>) -> Result<Loaded, ConfigError> {
    let document: Document = toml::from_str(text).map_err(|error| {
        let position = error.span().map(|span| Position::of(text, span.start));
        not_understood(file, position, error.message())
    })?;
    let config = resolve(document, start).map_err(|refusal| refusal.in_file(file, text))?;
    Ok(Loaded { config, read: Vec::new(), ignored: Vec::new(), text: Some(text.to_owned()) })
}

/// Reads the two files of spec 001 in `dir`; `explicit` is the first of them under another name.
fn json(dir: &Path, explicit: Option<&Path>) -> Result<Loaded, ConfigError> {
    let main = explicit.map_or_else(|| dir.join(CROSS_DOMAIN_FILE), Path::to_owned);
    let mappings = dir.join(MAPPINGS_FILE);
    let is_there = |file: &Path| fs::symlink_metadata(file).is_ok();
    let has_main = explicit.is_some() || is_there(&main);
    let has_mappings = is_there(&mappings) && mappings != main;
    let text = |has: bool, file: &Path| has.then(|| read(file)).transpose();
    let texts = [text(has_main, &main)?, text(has_mappings, &mappings)?];
    let loaded = parse_json(texts.each_ref().map(Option::as_deref), dir, [&main, &mappings])?;
    let files = [(has_main, main), (has_mappings, mappings)].into_iter();
    Ok(Loaded { read: files.filter_map(|(has, file)| has.then_some(file)).collect(), ..loaded })
}

/// Reads the texts of the two files of spec 001, as far as there are any.
fn parse_json(
    [main, mappings]: [Option<&str>; 2],
    dir: &Path,
    files: [&Path; 2],
) -> Result<Loaded, ConfigError> {
    let mut document = Document::default();
    if let Some(text) = main {
        let read = cross_domain::read_domains(text, &mut document);
        read.map_err(|problem| json_problem(problem, files[0]))?;
    }
    if let Some(text) = mappings {
        let read = cross_domain::read_mappings(text, &mut document);
        read.map_err(|problem| json_problem(problem, files[1]))?;
    }
    let file = if main.is_some() { Some(files[0]) } else { mappings.map(|_| files[1]) };
    let start = Start { dir, profile: None };
    let config = resolve(document, start).map_err(|refusal| refusal.in_file(file, ""))?;
    Ok(Loaded { config, read: Vec::new(), ignored: Vec::new(), text: None })
}

fn json_problem(problem: cross_domain::Problem, file: &Path) -> ConfigError {
    match problem {
        cross_domain::Problem::Json(error) => {
            let position = Position { line: error.line(), column: error.column() };
            let text = error.to_string();
            let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
            not_understood(Some(file), Some(position), message)
        }
        cross_domain::Problem::Refused(refusal) => Refusal::in_file(*refusal, Some(file), ""),
    }
}

/// Returns the error for a text that the parser refused.
fn not_understood(file: Option<&Path>, position: Option<Position>, message: &str) -> ConfigError {
    let why = if message.starts_with("unknown field") {
        "a member that is not known is refused, so that a typing mistake never passes for a rule"
    } else {
        "a configuration is understood as a whole or not at all"
    };
    ConfigError::Invalid(Box::new(Invalid {
        file: file.map(Path::to_owned),
        position,
        at: String::new(),
        what: without_values(message),
        why: why.to_owned(),
        next: "correct it; docs/guide/configuration.md lists every member".to_owned(),
    }))
}

/// Drops the text that a parser quotes from the file: an address may hold a secret.
fn without_values(message: &str) -> String {
    let Some((before, rest)) = message.split_once("string \"") else {
        return message.lines().next().unwrap_or_default().to_owned();
    };
    let after = rest.rsplit_once("\", expected").map_or("", |(_, after)| after);
    format!("{before}a text, expected{after}")
}

pub(super) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Reads a file up to the size that a configuration may have.
fn read(file: &Path) -> Result<String, ConfigError> {
    use io::Read;
    let unreadable = |source| ConfigError::Unreadable { file: file.to_owned(), source };
    let mut text = String::new();
    let source = fs::File::open(file).map_err(unreadable)?;
    source.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 <= FILE_BYTES_MAX {
        return Ok(text);
    }
    let what = format!("is larger than {FILE_BYTES_MAX} bytes");
    let what = format!("{} {what}", file.display());
    Err(not_understood(Some(file), None, &what))
}
