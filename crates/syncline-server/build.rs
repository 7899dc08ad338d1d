//! Gathers what the server shows and does not make: the pages of the error codes, which are below `/problems/`, and the
//! files of the dashboard, if `cargo xtask dashboard` has laid them here.
//!
//! Only names are written down. The compiler finds the files by the folder of the crate as it is when it compiles, so
//! that a build folder that was copied or moved shows those of where it is now.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The pages of the error codes, from the folder of the crate.
const PAGES: &str = "../../docs/errors";
/// What there may be of the dashboard, from the folder of the crate; it is always there.
const DASHBOARD: &str = "dashboard";
/// What was built of it, within.
const BUILT: &str = "built";
/// Most bytes of it in all: they are in every binary.
const DASHBOARD_BYTES_MAX: u64 = 4 << 20;

fn main() -> io::Result<()> {
    for folder in [PAGES, DASHBOARD] {
        println!("cargo::rerun-if-changed={folder}");
    }
    let out = PathBuf::from(env::var("OUT_DIR").unwrap_or_default());
    fs::write(out.join("pages.rs"), pages()?)?;
    fs::write(out.join("dashboard.rs"), dashboard()?)
}

fn pages() -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(PAGES)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "md") && name != "README" {
            names.push(name);
        }
    }
    names.sort();
    let mut text = String::from("&[\n");
    for name in names {
        let path = included(&format!("{PAGES}/{name}.md"));
        let _ = writeln!(text, "    ({name:?}, include_str!({path})),");
    }
    text.push_str("]\n");
    Ok(text)
}

/// Returns the files of the dashboard, by their names, each with its compressed forms.
fn dashboard() -> io::Result<String> {
    let built = Path::new(DASHBOARD).join(BUILT);
    let mut names = Vec::new();
    if built.is_dir() {
        gather(&built, "", &mut names)?;
    }
    names.sort();
    let mut bytes = 0;
    let mut text = String::from("&[\n");
    for name in &names {
        let path = built.join(name);
        bytes += fs::metadata(&path)?.len();
        let form = |ending: &str| {
            let form = format!("{name}.{ending}");
            names.contains(&form).then(|| included(&format!("{DASHBOARD}/{BUILT}/{form}")))
        };
        let is_form = |ending: &str| {
            name.strip_suffix(ending).is_some_and(|plain| names.iter().any(|name| name == plain))
        };
        if is_form(".br") || is_form(".gz") {
            continue;
        }
        let some = |form: Option<String>| {
            form.map_or("None".to_owned(), |path| format!("Some(include_bytes!({path}))"))
        };
        let path = included(&format!("{DASHBOARD}/{BUILT}/{name}"));
        let (brotli, gzip) = (some(form("br")), some(form("gz")));
        let _ = writeln!(
            text,
            "    File {{ name: {name:?}, bytes: include_bytes!({path}), brotli: {brotli}, gzip: {gzip} }},"
        );
    }
    text.push_str("]\n");
    if bytes > DASHBOARD_BYTES_MAX {
        let text = format!("the dashboard has {bytes} bytes; at most {DASHBOARD_BYTES_MAX}");
        return Err(io::Error::other(text));
    }
    Ok(text)
}

fn gather(folder: &Path, before: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|_| io::Error::other("a file of the dashboard has an odd name"))?;
        let name = format!("{before}{name}");
        if entry.file_type()?.is_dir() {
            gather(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

/// Returns what names a file of the crate where it is compiled.
fn included(path: &str) -> String {
    format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?})", format!("/{path}"))
}
