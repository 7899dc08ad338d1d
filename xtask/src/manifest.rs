//! The few facts that the checks need from `Cargo.toml` and `Cargo.lock`, read line by line.

/// What a crate's `Cargo.toml` says.
#[derive(Default)]
pub(crate) struct Manifest {
    /// Name of the package; empty if there is none.
    pub(crate) name: String,
    /// What it depends on, in order.
    pub(crate) dependencies: Vec<Dependency>,
    /// Files named by `path` in a target section such as `[[bin]]`.
    pub(crate) target_paths: Vec<String>,
    /// Whether the lints of the workspace apply.
    pub(crate) inherits_lints: bool,
    /// Whether it is the root of a workspace.
    pub(crate) is_workspace: bool,
}

/// One line of a dependency section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// Name of the package, also where it is renamed.
    pub(crate) package: String,
    /// Whether only tests, examples and benchmarks see it.
    pub(crate) dev: bool,
}

impl Manifest {
    /// Reads a manifest as `cargo` would write it: one key per line.
    pub(crate) fn parse(text: &str) -> Self {
        let mut manifest = Self::default();
        let mut section = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(header) = line.strip_prefix('[').filter(|_| line.ends_with(']')) {
                section = header.trim_matches(['[', ']']).to_owned();
                manifest.is_workspace |= section == "workspace";
                manifest.take_header(&section);
            } else if let Some((key, value)) = line.split_once('=') {
                manifest.take_key(&section, key.trim(), value.trim());
            }
        }
        manifest
    }

    /// `[dependencies.name]` names a dependency in its header.
    fn take_header(&mut self, section: &str) {
        if let Some((before, name)) = section.rsplit_once("dependencies.") {
            let dev = before.ends_with("dev-");
            self.dependencies.push(Dependency { package: unquoted(name), dev });
        }
    }

    fn take_key(&mut self, section: &str, key: &str, value: &str) {
        match section {
            "package" if key == "name" => self.name = unquoted(value),
            "lints" if key == "workspace" => self.inherits_lints = value == "true",
            "lib" | "bin" | "test" | "bench" | "example" if key == "path" => {
                self.target_paths.push(unquoted(value));
            }
            _ if section.ends_with("dependencies") && !section.starts_with("workspace") => {
                let name = key.split('.').next().unwrap_or(key);
                let renamed = value.split_once("package = \"").map(|(_, rest)| rest);
                let package = renamed.and_then(|rest| rest.split('"').next()).unwrap_or(name);
                let dev = section.ends_with("dev-dependencies");
                self.dependencies.push(Dependency { package: unquoted(package), dev });
            }
            _ => {}
        }
    }
}

/// One package of `Cargo.lock`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    /// Its name.
    pub(crate) name: String,
    /// Its exact version.
    pub(crate) version: String,
    /// Where it comes from; empty for a crate of this workspace.
    pub(crate) source: String,
}

/// Returns the packages of a lock file, in its order.
pub(crate) fn locked_packages(lock: &str) -> Vec<Locked> {
    let mut packages: Vec<Locked> = Vec::new();
    for line in lock.lines() {
        if line == "[[package]]" {
            packages.push(Locked::default());
        }
        let (Some(package), Some((key, value))) = (packages.last_mut(), line.split_once(" = "))
        else {
            continue;
        };
        match key {
            "name" => package.name = unquoted(value),
            "version" => package.version = unquoted(value),
            "source" => package.source = unquoted(value),
            _ => {}
        }
    }
    packages
}

/// Returns the lines of one section of a TOML file, without its header.
pub(crate) fn section_lines<'a>(text: &'a str, header: &str) -> Vec<&'a str> {
    text.lines()
        .skip_while(|line| line.trim() != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .collect()
}

/// Returns every string between double quotes of a line, comments left out.
pub(crate) fn quoted(line: &str) -> Vec<&str> {
    let code = line.split('#').next().unwrap_or(line);
    code.split('"').skip(1).step_by(2).collect()
}

fn unquoted(value: &str) -> String {
    value.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_found_however_they_are_written() {
        let manifest = Manifest::parse(
            "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\nc = \"1\"\n\
             d = { package = \"real\", version = \"1\" }\n[dependencies.e]\nversion = \"1\"\n\
             [target.'cfg(unix)'.build-dependencies]\nf = \"1\"\n[dev-dependencies]\ng = \"1\"\n\
             [dev-dependencies.h]\nversion = \"1\"\n[[bin]]\npath = \"src/x.rs\"\n\
             [lints]\nworkspace = true\n",
        );
        let found: Vec<(&str, bool)> =
            manifest.dependencies.iter().map(|one| (one.package.as_str(), one.dev)).collect();
        let expected =
            [("b", false), ("c", false), ("real", false), ("e", false), ("f", false), ("g", true)];
        assert_eq!(found[..6], expected);
        assert_eq!(found[6], ("h", true));
        assert_eq!(found.len(), 7, "`version` inside a section of its own is not a dependency");
        assert_eq!((manifest.name.as_str(), manifest.inherits_lints), ("a", true));
        assert_eq!(manifest.target_paths, ["src/x.rs"]);
    }

    #[test]
    fn packages_of_a_lock_file_have_name_version_and_source() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\
                    source = \"registry+x\"\ndependencies = [\n \"b\",\n]\n\n\
                    [[package]]\nname = \"b\"\nversion = \"0.1.0\"\n";
        let packages = locked_packages(lock);
        assert_eq!(packages.len(), 2);
        assert_eq!((packages[0].name.as_str(), packages[0].source.as_str()), ("a", "registry+x"));
        assert_eq!((packages[1].version.as_str(), packages[1].source.as_str()), ("0.1.0", ""));
    }
}
