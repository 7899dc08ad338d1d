//! Paths and patterns.

use proptest::collection::vec;
use proptest::prelude::*;
use syncline_model::path::{Path, PathError, Pattern};

use crate::json_support::string;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn keys() -> impl Strategy<Value = Vec<String>> {
    vec(prop_oneof![2 => "[ab]{0,2}", 1 => string(), 1 => "[~/01*-]{0,3}"], 0..5)
}

fn made_of(keys: &[String]) -> Path {
    Path::from_segments(keys.iter().map(String::as_str)).unwrap()
}

/// Writes keys as a pattern that means just them.
fn literal_pattern(path: &Path) -> Pattern {
    Pattern::parse(&path.as_str().replace('*', "~2")).unwrap()
}

proptest! {
    #[test]
    fn a_path_is_its_keys(keys in keys(), more in string()) {
        let whole = made_of(&keys);
        prop_assert_eq!(whole.segments().collect::<Vec<_>>(), keys.clone());
        prop_assert_eq!(whole.depth(), keys.len());
        prop_assert_eq!(whole.is_root(), keys.is_empty());
        prop_assert!(whole.last().as_deref() == keys.last().map(String::as_str));
        prop_assert_eq!(&Path::parse(whole.as_str()).unwrap(), &whole);
        let child = whole.child(&more).unwrap();
        prop_assert_eq!(child.parent(), Some(whole.clone()));
        prop_assert_eq!(child.last().unwrap(), more);
        prop_assert_eq!(child.ancestors().count(), keys.len() + 1);
        prop_assert!(whole.is_prefix_of(&child) && !child.is_prefix_of(&whole));
    }

    #[test]
    fn prefixes_and_order_go_by_segments(a in keys(), b in keys(), c in keys()) {
        let (x, y) = (made_of(&a), made_of(&b));
        prop_assert_eq!(x.is_prefix_of(&y), b.starts_with(&a));
        prop_assert_eq!(x == y, a == b);
        let segments = |path: &Path| path.as_str().split('/').map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(x.cmp(&y), segments(&x).cmp(&segments(&y)));
        let rest = y.strip_prefix(&x);
        prop_assert_eq!(rest.is_some(), b.starts_with(&a));
        if let Some(rest) = rest {
            prop_assert_eq!(rest, made_of(&b[a.len()..]));
        }
        // What is inside a path follows it directly: nothing else comes between.
        let (inside, other) = (made_of(&[a.clone(), b].concat()), made_of(&c));
        if x <= other && other <= inside {
            prop_assert!(x.is_prefix_of(&other));
        }
    }

    #[test]
    fn a_pattern_without_wildcards_is_a_path(a in keys(), b in keys()) {
        let (x, y) = (made_of(&a), made_of(&b));
        let pattern = literal_pattern(&x);
        let exactly = Pattern::exactly(&x);
        prop_assert_eq!(exactly.as_str(), pattern.as_str());
        prop_assert_eq!(exactly.matches(&y), a == b);
        prop_assert_eq!(pattern.as_path(), Some(x));
        prop_assert_eq!(pattern.matches(&y), a == b);
        prop_assert_eq!(pattern.covers(&y), b.starts_with(&a));
        let below = Pattern::parse(&format!("{pattern}/**")).unwrap();
        let is_below = b.starts_with(&a) && b.len() > a.len();
        prop_assert_eq!(below.matches(&y), is_below);
        prop_assert_eq!(below.covers(&y), is_below);
        prop_assert_eq!(below.as_path(), None);
    }

    #[test]
    fn any_text_is_a_path_or_refused(text in "[/~012*a]{0,12}") {
        if let Ok(path) = Path::parse(&text) {
            prop_assert_eq!(made_of(&path.segments().map(String::from).collect::<Vec<_>>()), path);
            prop_assert!(Pattern::parse(&text).is_ok() || text.contains("**"));
        }
    }
}

#[test]
fn texts_that_are_no_pointers_are_refused() {
    let deep = "/a".repeat(65);
    let long = format!("/{}", "a".repeat(4_096));
    #[rustfmt::skip]
    let cases = [
        ("a",       PathError::NoLeadingSlash),
        ("#/a",     PathError::NoLeadingSlash),
        ("/a~",     PathError::InvalidEscape { offset: 2 }),
        ("/~2",     PathError::InvalidEscape { offset: 1 }),
        ("/a/~~0",  PathError::InvalidEscape { offset: 3 }),
        (&*deep,    PathError::TooManySegments { segments: 65 }),
        (&*long,    PathError::TooLong { bytes: 4_097 }),
    ];
    for (text, error) in cases {
        assert_eq!(Path::parse(text), Err(error), "{text}");
        assert!(!error.code().is_empty() && !error.advice().is_empty());
    }
    assert_eq!(Path::parse_field(""), Err(PathError::Root));
    assert_eq!(Path::parse(""), Ok(Path::root()));
    assert_eq!(path(&"/a".repeat(64)).child("b"), Err(PathError::TooManySegments { segments: 65 }));
    assert_eq!(Pattern::parse("/a/**/b"), Err(PathError::MisplacedAnyDepth));
}

/// RFC 6901 section 5.
#[test]
fn pointers_of_the_rfc_name_their_keys() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("/foo", &["foo"]),
        ("/foo/0", &["foo", "0"]),
        ("/", &[""]),
        ("/a~1b", &["a/b"]),
        ("/c%d", &["c%d"]),
        ("/ ", &[" "]),
        ("/m~0n", &["m~n"]),
        ("/~01", &["~1"]),
    ];
    for (pointer, keys) in cases {
        assert_eq!(path(pointer).segments().collect::<Vec<_>>(), *keys, "{pointer}");
        assert_eq!(Path::from_segments(keys.iter().copied()), Ok(path(pointer)));
    }
}

#[test]
fn patterns_match_and_cover_what_they_say() {
    #[rustfmt::skip]
    let cases = [
        // pattern       path           matches covers
        ("/name",        "/name",       true,   true),
        ("/name",        "/name/first", false,  true),
        ("/name",        "/names",      false,  false),
        ("/*",           "/name",       true,   true),
        ("/*",           "",            false,  false),
        ("/t/*/title",   "/t/7/title",  true,   true),
        ("/t/*/title",   "/t/7/title/x", false, true),
        ("/t/*/title",   "/t/title",    false,  false),
        ("/t/*/title",   "/t//title",   true,   true),
        ("/name/**",     "/name",       false,  false),
        ("/name/**",     "/name/a",     true,   true),
        ("/name/**",     "/name/a/b",   true,   true),
        ("/*/b/**",      "/a/b/c",      true,   true),
        ("/**",          "",            false,  false),
        ("/**",          "/a",          true,   true),
        ("",             "",            true,   true),
        ("",             "/a/b",        false,  true),
        ("/~2",          "/*",          true,   true),
        ("/~2",          "/a",          false,  false),
        ("/a*",          "/a*",         true,   true),
        ("/a*",          "/ab",         false,  false),
        ("/a~1*",        "/a~1*",       true,   true),
    ];
    for (pattern, text, matches, covers) in cases {
        let pattern = Pattern::parse(pattern).unwrap();
        assert_eq!(pattern.matches(&path(text)), matches, "{pattern} matches {text}");
        assert_eq!(pattern.covers(&path(text)), covers, "{pattern} covers {text}");
    }
}
