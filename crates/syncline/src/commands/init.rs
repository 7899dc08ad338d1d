//! `syncline init`: a first configuration and the folders that it names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use syncline_model::json::{Json, Object};

use super::sync::write_text;
use crate::config::FILE;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::run::Context;

/// What a new configuration says; `docs/guide/configuration.md` explains every member.
const CONFIGURATION: &str = r#"# What Syncline keeps the same, and by which rules.
# `syncline check` looks for mistakes, `syncline plan` shows what a sync would do.

# Two places that hold records: one JSON file per entity, {"contacts": [{"id": …}, …]}.

[domains.personal]
path = "data/personal"

[domains.business]
path = "data/business"

# What must never cross between business and everywhere else:
# [domains.business.policy]
# fields = [{ path = "/notes", action = "deny" }]
# records = [{ entity = "contacts", path = "/category", in = ["family", "friend"] }]

# What is kept the same. `time` says where a record holds the time of its last edit; where both
# sides changed a field, the value edited last is shown and the other one is kept in a conflict.

[entities.contacts]
time = "/lastModified"

# [entities.contacts.fields]
# "/tags" = "union"      # keep the tags of both sides
# "/email" = "review"    # leave this one to a person

[entities.calendar]
time = "/lastModified"

[entities.tasks]
time = "/lastModified"

[entities.documents]
time = "/lastModified"

[entities.communications]
time = "/lastModified"

[links.main]
source = "personal"
target = "business"

# What one run may do before it stops and asks:
# [limits]
# max_delete = "20%"
"#;

/// The folders that it names.
const FOLDERS: [&str; 2] = ["data/personal", "data/business"];

/// Runs the command. Nothing that exists is overwritten.
///
/// # Errors
///
/// [`Refusal::FileExists`] if there is a configuration, [`Refusal::File`] if something cannot be
/// written.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    let Plan { file, folders, configuration, next } = plan(context)?;
    if fs::symlink_metadata(&file).is_ok() {
        return Err(Refusal::FileExists { path: file }.into());
    }
    let mut made = vec![file.display().to_string()];
    for path in folders.iter().filter(|path| !path.exists()) {
        fs::create_dir_all(path).map_err(|source| cannot_create(path, source))?;
        made.push(path.display().to_string());
    }
    write_text(&file, &configuration)?;
    let mut document = Object::new();
    document.insert("schema", "init/1");
    document
        .insert("made", Json::Array(made.iter().map(|name| Json::from(name.as_str())).collect()));
    context.output.json(document);
    for name in &made {
        context.output.line(&format!("made {name}"));
    }
    context.output.line(&format!("Next: put files into both folders, then: {next}"));
    Ok(Exit::Ok)
}

/// What is to be made.
struct Plan {
    file: PathBuf,
    folders: [PathBuf; 2],
    configuration: String,
    next: String,
}

fn plan(context: &Context) -> Result<Plan, Refusal> {
    let Some(profile) = context.profile()? else {
        let file = context.global.config.clone().unwrap_or_else(|| FILE.into());
        let root = file.parent().filter(|root| !root.as_os_str().is_empty());
        let folders = FOLDERS.map(|folder| root.unwrap_or(Path::new(".")).join(folder));
        let (configuration, next) = (CONFIGURATION.to_owned(), "syncline plan".to_owned());
        return Ok(Plan { file, folders, configuration, next });
    };
    // Not in the folder of the profiles, which would be that of the records of all of them.
    let (home, name) = (profile.home()?, &profile.name);
    let of_profile = format!("syncline/{name}/");
    let folders = FOLDERS.map(|folder| home.join(folder.replace("data/", &of_profile)));
    let configuration = CONFIGURATION.replace("\"data/", &format!("\"~/{of_profile}"));
    own_folder(profile.folder()).map_err(|source| cannot_create(profile.folder(), source))?;
    let next = format!("syncline plan --profile {name}");
    Ok(Plan { file: profile.file, folders, configuration, next })
}

/// Makes a folder for the eyes of its owner only, where there is none.
fn own_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn cannot_create(path: &Path, source: io::Error) -> Refusal {
    Refusal::File { action: "create", path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_first_configuration_is_understood() {
        let loaded = Config::parse(CONFIGURATION, Path::new(".")).unwrap();
        assert_eq!((loaded.config.domains.len(), loaded.config.entities.len()), (2, 5));
    }
}
