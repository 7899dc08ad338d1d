//! Which crate may depend on which.
//!
//! Dependencies point towards the model only: pure crates never on a driver, a driver never on
//! another driver, nothing on the binary. Tests may look further, but not at the binary either.

use super::Finding;
use crate::repo::Repo;

/// The binary; nothing depends on it.
const BINARY: &str = "syncline";

/// What one crate may use of this workspace in what it ships.
pub(crate) struct Layer {
    /// Name of the crate.
    pub(crate) name: &'static str,
    /// Whether it must do no input or output; see the fences.
    pub(crate) pure: bool,
    /// The crates of this workspace that it may depend on.
    allowed: &'static [&'static str],
}

const MODEL: &str = "syncline-model";
const MERGE: &str = "syncline-merge";
const POLICY: &str = "syncline-policy";
const PROTOCOL: &str = "syncline-protocol";
const ENGINE: &str = "syncline-engine";
const STORE: &str = "syncline-store";
const DOMAINS: &str = "syncline-domains";
const HUB: &str = "syncline-hub";
const SERVER: &str = "syncline-server";
const CLIENT: &str = "syncline-client";

/// Every crate, in the order of the layers. A new crate gets a row here.
#[rustfmt::skip]
pub(crate) const LAYERS: &[Layer] = &[
    Layer { name: MODEL, pure: true, allowed: &[] },
    Layer { name: MERGE, pure: true, allowed: &[MODEL] },
    Layer { name: POLICY, pure: true, allowed: &[MODEL, MERGE] },
    Layer { name: PROTOCOL, pure: true, allowed: &[MODEL, MERGE, POLICY] },
    Layer { name: ENGINE, pure: true, allowed: &[MODEL, MERGE, POLICY, PROTOCOL] },
    Layer { name: STORE, pure: false, allowed: &[MODEL, MERGE, POLICY, ENGINE] },
    Layer { name: DOMAINS, pure: false, allowed: &[MODEL, MERGE, POLICY, PROTOCOL, ENGINE] },
    Layer { name: HUB, pure: false, allowed: &[MODEL, MERGE, POLICY, PROTOCOL, ENGINE, STORE, DOMAINS] },
    Layer { name: SERVER, pure: false, allowed: &[MODEL, MERGE, POLICY, PROTOCOL, ENGINE, STORE, DOMAINS, HUB] },
    Layer { name: CLIENT, pure: false, allowed: &[MODEL, MERGE, PROTOCOL] },
    Layer { name: BINARY, pure: false, allowed: &[MODEL, MERGE, POLICY, PROTOCOL, ENGINE, STORE, DOMAINS, HUB, SERVER, CLIENT] },
    Layer { name: "syncline-sim", pure: false, allowed: &[MODEL, MERGE, POLICY, PROTOCOL, ENGINE, STORE, DOMAINS, HUB, SERVER, CLIENT] },
    Layer { name: "syncline-benches", pure: false, allowed: &[MODEL, MERGE, POLICY, PROTOCOL, ENGINE, STORE, DOMAINS, HUB, SERVER, CLIENT] },
    Layer { name: "syncline-fuzz", pure: false, allowed: &[MODEL, MERGE, POLICY, PROTOCOL, ENGINE, STORE, DOMAINS, HUB, SERVER, CLIENT] },
    Layer { name: "xtask", pure: false, allowed: &[] },
];

/// Packages that exist to do what a pure crate must not: clocks, files, sockets, dice, threads.
const PACKAGES_IMPURE: &[&str] = &[
    "chrono",
    "fastrand",
    "getrandom",
    "jiff",
    "libc",
    "mimalloc",
    "notify",
    "nix",
    "rand",
    "rayon",
    "reqwest",
    "rusqlite",
    "rustix",
    "tempfile",
    "time",
    "tokio",
    "ureq",
    "uuid",
];

/// Returns every dependency that the table does not allow.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let crates = repo.crates();
    let members: Vec<&str> = crates.iter().map(|one| one.manifest.name.as_str()).collect();
    let mut findings = Vec::new();
    for one in &crates {
        let path = format!("{}/Cargo.toml", one.folder);
        let name = one.manifest.name.as_str();
        let mut wrong = |message: String| findings.push(Finding::on_file(&path, message));
        if !one.manifest.inherits_lints {
            wrong("add `[lints] workspace = true`".to_owned());
        }
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
            wrong(format!("crate `{name}` has no row in xtask/src/tidy/edges.rs"));
            continue;
        };
        for dependency in &one.manifest.dependencies {
            let package = dependency.package.as_str();
            if package == BINARY {
                wrong(format!("`{name}` depends on the binary; nothing may"));
            } else if dependency.dev {
                continue;
            } else if members.contains(&package) && !layer.allowed.contains(&package) {
                wrong(format!("`{name}` may not depend on `{package}`: that edge points down"));
            } else if layer.pure && PACKAGES_IMPURE.contains(&package) {
                wrong(format!("`{name}` is pure and may not depend on `{package}`"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(crates: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, String)> = crates
            .iter()
            .map(|(name, dependencies)| {
                let manifest = format!(
                    "[package]\nname = \"{name}\"\n{dependencies}\n[lints]\nworkspace = true\n"
                );
                (format!("crates/{name}/Cargo.toml"), manifest)
            })
            .collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        check(&Repo::from_files(&files)).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn an_edge_that_points_down_is_found() {
        let cases = [
            ("allowed", "[dependencies]\nsyncline-model.workspace = true", ""),
            ("pure on a driver", "[dependencies]\nsyncline-store.workspace = true", "points down"),
            ("build too", "[build-dependencies]\nsyncline-store.workspace = true", "points down"),
            ("tests may look further", "[dev-dependencies]\nsyncline-store.workspace = true", ""),
            ("not at the binary", "[dev-dependencies]\nsyncline.workspace = true", "binary"),
            ("dice in a pure crate", "[dependencies]\nrand = \"1\"", "is pure"),
        ];
        for (name, dependencies, expected) in cases {
            let found = messages(&[
                ("syncline-merge", dependencies),
                ("syncline-model", ""),
                ("syncline-store", ""),
            ]);
            match expected {
                "" => assert!(found.is_empty(), "case: {name}: {found:?}"),
                _ => assert!(found.len() == 1 && found[0].contains(expected), "case: {name}"),
            }
        }
    }

    #[test]
    fn a_crate_without_a_row_or_without_lints_is_found() {
        assert!(messages(&[("syncline-new", "")])[0].contains("no row"));
        let repo = Repo::from_files(&[("xtask/Cargo.toml", "[package]\nname = \"xtask\"\n")]);
        assert!(check(&repo)[0].message.contains("lints"));
    }
}
