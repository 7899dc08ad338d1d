//! Which events concern an endpoint.

use std::fmt;

use syncline_model::id::EventType;
use syncline_model::limits::EVENT_TYPE_BYTES_MAX;
use thiserror::Error;

use super::limits::PATTERNS_MAX;

/// Which types of events concern an endpoint: any of some patterns.
///
/// In a pattern `*` stands for any characters, dots with them, or none; all else stands for itself.
///
/// ```
/// use syncline_engine::deliver::Filter;
/// use syncline_model::id::EventType;
///
/// let filter = Filter::new(["enrollment.*", "*.deleted"])?;
/// let concerns = |name| filter.matches(&EventType::new(name).unwrap());
/// assert!(concerns("enrollment.created") && concerns("profile.deleted"));
/// assert!(!concerns("profile.updated"));
/// # Ok::<(), syncline_engine::deliver::FilterError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Filter(Box<[Box<str>]>);

/// Why patterns are no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FilterError {
    /// There are too many of them, or none.
    #[error("a filter has 1 to {patterns_max} patterns, this has {patterns}")]
    Count {
        /// How many there are.
        patterns: usize,
        /// How many there may be.
        patterns_max: usize,
    },
    /// One is empty, too long, or holds a control character.
    #[error("pattern {index} is not the type of an event with `*` for some characters of it")]
    Pattern {
        /// Which one, counted from 0.
        index: usize,
    },
}

impl FilterError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Count { .. } | Self::Pattern { .. } => "EVENT_FILTER_INVALID",
        }
    }
}

impl Filter {
    /// Checks patterns and takes them as they are.
    ///
    /// # Errors
    ///
    /// [`FilterError`] if there are none or too many, or one cannot be meant.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, FilterError> {
        let patterns: Vec<&str> = patterns.into_iter().collect();
        if patterns.is_empty() || patterns.len() > PATTERNS_MAX {
            let (patterns, patterns_max) = (patterns.len(), PATTERNS_MAX);
            return Err(FilterError::Count { patterns, patterns_max });
        }
        let is_odd = |text: &&str| {
            text.is_empty()
                || text.len() > EVENT_TYPE_BYTES_MAX
                || text.chars().any(char::is_control)
        };
        if let Some(index) = patterns.iter().position(is_odd) {
            return Err(FilterError::Pattern { index });
        }
        Ok(Self(patterns.into_iter().map(Box::from).collect()))
    }

    /// Returns the filter that lets every event through.
    pub fn all() -> Self {
        Self(Box::new(["*".into()]))
    }

    /// Returns whether an event of this type concerns the endpoint.
    pub fn matches(&self, event_type: &EventType) -> bool {
        self.0.iter().any(|pattern| is_match(pattern.as_bytes(), event_type.as_str().as_bytes()))
    }

    /// Returns the patterns, as they were given.
    pub fn patterns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|pattern| &**pattern)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.patterns()).finish()
    }
}

/// Walks both from the left; where they differ, the latest `*` takes one byte more. It costs at most the
/// product of both lengths.
fn is_match(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut latest_star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                latest_star = Some((rest, text));
                pattern = rest;
            }
            (Some((wanted, pattern_rest)), Some((found, text_rest))) if wanted == found => {
                (pattern, text) = (pattern_rest, text_rest);
            }
            (None, None) => return true,
            _ => match latest_star {
                Some((behind, [_, taken @ ..])) => {
                    latest_star = Some((behind, taken));
                    (pattern, text) = (behind, taken);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        #[rustfmt::skip]
        let cases = [
            ("*",            "a.b",                true),
            ("a.b",          "a.b",                true),
            ("a.b",          "a.bc",               false),
            ("a.*",          "a.b.c",              true),
            ("a.*",          "a",                  false),
            ("*.deleted",    "x.y.deleted",        true),
            ("*.deleted",    "x.deleted.y",        false),
            ("a*b*c",        "axxbxbyc",           true),
            ("a*b*c",        "axxbxby",            false),
            ("a**",          "a",                  true),
            ("*a*a*a*a*b",   "aaaaaaaaaaaaaaaaaa", false),
            ("A-1.*",        "A-1.x",              true),
        ];
        for (pattern, text, expected) in cases {
            let filter = Filter::new([pattern]).unwrap();
            let event_type = EventType::new(text).unwrap();
            assert_eq!(filter.matches(&event_type), expected, "{pattern} on {text}");
        }
        let two = Filter::new(["a.*", "b"]).unwrap();
        assert!(two.matches(&EventType::new("b").unwrap()));
    }

    #[test]
    fn patterns_are_bounded() {
        let many = vec!["a"; PATTERNS_MAX + 1];
        let count = |patterns| Err(FilterError::Count { patterns, patterns_max: PATTERNS_MAX });
        assert_eq!(Filter::new([]), count(0));
        assert_eq!(Filter::new(many.iter().copied()), count(PATTERNS_MAX + 1));
        assert!(Filter::new(many[1..].iter().copied()).is_ok());
        let long = "a".repeat(EVENT_TYPE_BYTES_MAX + 1);
        for odd in ["", "a\n", &long] {
            assert_eq!(Filter::new(["a", odd]), Err(FilterError::Pattern { index: 1 }));
        }
    }
}
