//! The files of the dashboard that the binary holds.

use std::sync::OnceLock;

/// A file, with the forms of it that are compressed already.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    /// Its path below the dashboard's.
    pub(super) name: &'static str,
    pub(super) bytes: &'static [u8],
    pub(super) brotli: Option<&'static [u8]>,
    pub(super) gzip: Option<&'static [u8]>,
}

/// All of them, as `cargo xtask dashboard` has laid them; none where it was not run.
static BUILT: &[File] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));
/// What is shown where there are none.
static PLACEHOLDER: &[File] =
    &[File { name: INDEX, bytes: include_bytes!("placeholder.html"), brotli: None, gzip: None }];
/// The page that shows everything, by what its address says.
const INDEX: &str = "index.html";
/// Below this stand files that the page names, each with what is in it in its name.
const ASSETS: &str = "assets/";

/// The files of a dashboard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files(&'static [File]);

/// The file that a path means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) file: &'static File,
    /// Whether another content would have another name.
    pub(super) is_for_good: bool,
}

impl Files {
    /// Returns those of this binary.
    pub(super) fn of_binary() -> Self {
        Self(if BUILT.iter().any(|file| file.name == INDEX) { BUILT } else { PLACEHOLDER })
    }

    /// Returns the file that a path below the dashboard's means: the one of that name; otherwise the page, which reads
    /// the address itself. A file that the page names and that is not there, as behind an update, is none.
    pub(super) fn find(&self, path: &str) -> Option<Found> {
        let named = |name: &str| self.0.iter().find(|file| file.name == name);
        let is_for_good = path.starts_with(ASSETS);
        let found = named(path).or_else(|| if is_for_good { None } else { named(INDEX) });
        found.map(|file| Found { file, is_for_good })
    }
}

impl File {
    /// Returns its media type.
    pub(super) fn media_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("ico") => "image/x-icon",
            Some("woff2") => "font/woff2",
            Some("json" | "webmanifest") => "application/json",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }

    /// Returns what tells this content from another one.
    pub(super) fn tag(&self) -> String {
        static TAGS: OnceLock<Vec<(&'static str, String)>> = OnceLock::new();
        let made = |file: &Self| format!("W/\"{}\"", &blake3::hash(file.bytes).to_hex()[..16]);
        let of_binary = || Files::of_binary().0.iter().map(|file| (file.name, made(file)));
        let known = TAGS.get_or_init(|| of_binary().collect());
        let known = known.iter().find(|(name, _)| std::ptr::eq(*name, self.name));
        known.map_or_else(|| made(self), |(_, tag)| tag.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn file(name: &'static str) -> File {
        File { name, bytes: name.as_bytes(), brotli: None, gzip: None }
    }

    static FILES: &[File] = &[file("assets/index-abc.js"), file("index.html"), file("icon.svg")];

    #[test]
    fn a_path_means_its_file_or_the_page_and_nothing_outside() {
        let found =
            |path| Files(FILES).find(path).map(|found| (found.file.name, found.is_for_good));
        assert_eq!(found("assets/index-abc.js"), Some(("assets/index-abc.js", true)));
        assert_eq!(found("icon.svg"), Some(("icon.svg", false)));
        let pages =
            ["", "index.html", "conflicts/3f", "records/tasks/a.b", "../Cargo.toml", "/etc/passwd"];
        for path in pages {
            assert_eq!(found(path), Some(("index.html", false)), "{path}");
        }
        for path in ["assets/index-old.js", "assets/", "assets/../index.html"] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn each_content_has_a_tag_of_its_own() {
        assert_ne!(file("a").tag(), file("b").tag());
        assert_eq!(Files(PLACEHOLDER).find("").unwrap().file.tag().len(), "W/\"\"".len() + 16);
    }
}
