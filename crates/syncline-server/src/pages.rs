//! The pages of the error codes, as `docs/errors/` has them.

/// Every page by its code, sorted.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Returns the page of a code.
pub(crate) fn page(code: &str) -> Option<&'static str> {
    let index = PAGES.binary_search_by(|(known, _)| (*known).cmp(code)).ok()?;
    PAGES.get(index).map(|(_, page)| *page)
}

/// Returns what a code means in one sentence, without the full stop: the first of its page.
pub(crate) fn title(code: &str) -> Option<&'static str> {
    let mut lines = page(code)?.lines().skip(1).filter(|line| !line.trim().is_empty());
    let line = lines.next()?;
    Some(line.strip_suffix('.').unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_a_title() {
        for (code, page) in PAGES {
            assert!(page.starts_with(&format!("# {code}")), "{code}");
            assert!(title(code).is_some_and(|title| title.len() > 10), "{code}");
        }
        assert_eq!(page("NONSENSE"), None);
        assert_eq!(title("CURSOR_DAMAGED"), Some("A cursor cannot be read"));
    }
}
