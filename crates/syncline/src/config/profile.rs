//! Profiles: configurations of the user, by name, in the folders of the XDG base directories.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{At, Refusal as Refused};
use super::names::{NAME_NEXT, is_allowed};
use crate::failure::Refusal;

/// The folder of this program in those of the user.
const OWN: &str = "syncline";
/// What stands at the front of a path that starts at the home folder.
const AT_HOME: &str = "~";

/// A configuration of the user's own, and where its state and the paths in it start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its configuration, whether or not there is one.
    pub file: PathBuf,
    /// Where its state is unless it says otherwise, if that is known.
    state: Option<PathBuf>,
    /// The home folder of the user, if that is known.
    home: Option<PathBuf>,
}

impl Profile {
    /// Reads the name of a profile.
    ///
    /// # Errors
    ///
    /// A sentence that says what a name looks like.
    pub fn name(text: &str) -> Result<String, String> {
        match is_allowed(text) {
            true => Ok(text.to_owned()),
            false => Err(format!("{NAME_NEXT}; it is no path")),
        }
    }

    /// Returns where the profile of this name is kept, as the environment has it.
    ///
    /// # Errors
    ///
    /// [`Refusal::HomeUnknown`] if there is no folder for configurations.
    pub fn find(name: &str) -> Result<Self, Refusal> {
        Self::find_in(name, |variable| std::env::var_os(variable))
    }

    fn find_in(name: &str, get: impl Fn(&str) -> Option<OsString>) -> Result<Self, Refusal> {
        // As the specification has it, a path that is empty or relative is none.
        let folder = |variable| get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = folder("HOME");
        let at_home = |usual| home.as_ref().map(|home| home.join(usual));
        let config = folder("XDG_CONFIG_HOME").or_else(|| at_home(".config"));
        let config = config.ok_or(Refusal::HomeUnknown { variable: "XDG_CONFIG_HOME" })?;
        let state = folder("XDG_STATE_HOME").or_else(|| at_home(".local/state"));
        Ok(Self {
            name: name.to_owned(),
            file: config.join(OWN).join(format!("{name}.toml")),
            state: state.map(|state| state.join(OWN).join(name)),
            home,
        })
    }

    /// Returns the folder of the user's profiles.
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(&self.file)
    }

    /// Returns the home folder of the user.
    ///
    /// # Errors
    ///
    /// [`Refusal::HomeUnknown`] if the environment does not say.
    pub fn home(&self) -> Result<&Path, Refusal> {
        self.home.as_deref().ok_or(Refusal::HomeUnknown { variable: "HOME" })
    }

    /// Returns the names of the profiles that there are.
    pub fn known(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        let names = files.filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            name.strip_suffix(".toml").filter(|name| is_allowed(name)).map(str::to_owned)
        });
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    }
}

/// Where the paths of a configuration start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    /// The folder of the file that was read.
    pub(super) dir: &'a Path,
    /// The profile that it is, if it is one.
    pub(super) profile: Option<&'a Profile>,
}

impl Start<'_> {
    /// Returns the place of a path; in a profile `~/` at its front is the home folder.
    pub(super) fn place(&self, path: &Path, at: &At) -> Result<PathBuf, Refused> {
        let inside = self.profile.zip(path.strip_prefix(AT_HOME).ok());
        let Some((profile, inside)) = inside else { return Ok(self.dir.join(path)) };
        let home = profile.home.as_ref().ok_or_else(|| {
            let why = "`~/` is the home folder, and HOME names none";
            Refused::new(at.clone(), "cannot be found", why, "set HOME, or write the whole path")
        })?;
        Ok(home.join(inside))
    }

    /// Returns the place of the state.
    pub(super) fn state(&self, written: Option<&Path>) -> Result<PathBuf, Refused> {
        let at = At::new("state");
        match (written, self.profile) {
            (Some(path), _) => self.place(path, &at),
            (None, None) => Ok(self.dir.join(".syncline")),
            (None, Some(profile)) => profile.state.clone().ok_or_else(|| {
                let why = "neither XDG_STATE_HOME nor HOME names a folder";
                Refused::new(at, "has no place", why, "set one of them, or `state` in the profile")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Option<Profile> {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Profile::find_in("work", get).ok()
    }

    #[test]
    fn the_folders_of_the_user_are_those_of_the_environment() {
        let home = ("HOME", "/h");
        #[rustfmt::skip]
        let cases: [(&[_], _, _); 6] = [
            (&[home], Some("/h/.config/syncline/work.toml"), Some("/h/.local/state/syncline/work")),
            (&[home, ("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s")],
                Some("/c/syncline/work.toml"), Some("/s/syncline/work")),
            (&[home, ("XDG_CONFIG_HOME", ""), ("XDG_STATE_HOME", "s")],
                Some("/h/.config/syncline/work.toml"), Some("/h/.local/state/syncline/work")),
            (&[("XDG_CONFIG_HOME", "/c")], Some("/c/syncline/work.toml"), None),
            (&[("XDG_STATE_HOME", "/s")], None, None),
            (&[("HOME", "h")], None, None),
        ];
        for (variables, file, state) in cases {
            let profile = found(variables);
            let found = profile.as_ref().map(|profile| profile.file.as_path());
            assert_eq!(found, file.map(Path::new), "case: {variables:?}");
            let found = profile.as_ref().and_then(|profile| profile.state.as_deref());
            assert_eq!(found, state.map(Path::new), "case: {variables:?}");
        }
    }
}
