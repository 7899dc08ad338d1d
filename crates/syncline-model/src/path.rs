//! Where a field is in a record: RFC 6901 pointers, and patterns over them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;
use thiserror::Error;

use crate::limits::{PATH_BYTES_MAX, PATH_SEGMENTS_MAX};

/// A pointer to a field of a record: `/name/first`.
///
/// Every `/` begins a segment, which is the key of a member; in it `~1` stands for `/` and `~0` for
/// `~`. The empty pointer is the root, the record itself. Segments that look like numbers are keys
/// like any other: paths never lead into arrays.
///
/// The order is that of the segments, from the first on, each by its bytes as written. What is
/// inside a path follows it directly, without anything in between: `/a`, `/a/b`, `/a-b`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Path {
    text: SmolStr,
}

/// Why a text is not a path or a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// A pointer is empty or begins with `/`.
    #[error("a path begins with `/`")]
    NoLeadingSlash,
    /// A `~` is not followed by a digit that means something.
    #[error("`~` at byte {offset} is not part of `~0` or `~1`")]
    InvalidEscape {
        /// Where the `~` is.
        offset: usize,
    },
    /// There are too many segments.
    #[error("a path has at most {PATH_SEGMENTS_MAX} segments")]
    TooManySegments {
        /// How many segments there are.
        segments: usize,
    },
    /// The text is too long.
    #[error("a path has {bytes} bytes; at most {PATH_BYTES_MAX} are accepted")]
    TooLong {
        /// The length in bytes.
        bytes: usize,
    },
    /// The root was given where a field is needed.
    #[error("the root is not a field")]
    Root,
    /// `**` stands elsewhere than at the end of a pattern.
    #[error("`**` stands only at the end of a pattern")]
    MisplacedAnyDepth,
}

impl PathError {
    /// Returns the stable code; codes are never renamed or used again.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoLeadingSlash => "PATH_NO_LEADING_SLASH",
            Self::InvalidEscape { .. } => "PATH_INVALID_ESCAPE",
            Self::TooManySegments { .. } => "PATH_TOO_MANY_SEGMENTS",
            Self::TooLong { .. } => "PATH_TOO_LONG",
            Self::Root => "PATH_ROOT",
            Self::MisplacedAnyDepth => "PATH_MISPLACED_ANY_DEPTH",
        }
    }

    /// Returns what the writer of the path can do; trying again unchanged never helps.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::NoLeadingSlash => "put `/` before every key, the first one too",
            Self::InvalidEscape { .. } => "write `~0` for `~` and `~1` for `/`",
            Self::TooManySegments { .. } => "nest the field less deeply",
            Self::TooLong { .. } => "shorten the keys or nest the field less deeply",
            Self::Root => "name a field of the record",
            Self::MisplacedAnyDepth => "use `*` for one key, and `**` only as the last segment",
        }
    }
}

impl Path {
    /// Returns the root: the record itself.
    pub fn root() -> Self {
        Self { text: "".into() }
    }

    /// Reads a pointer; the empty one is the root.
    ///
    /// # Errors
    ///
    /// A [`PathError`], but neither [`PathError::Root`] nor [`PathError::MisplacedAnyDepth`].
    pub fn parse(pointer: &str) -> Result<Self, PathError> {
        check_pointer(pointer, b"01")?;
        Ok(Self { text: pointer.into() })
    }

    /// Takes a pointer that is well-formed and within the limits.
    pub(crate) fn from_checked(pointer: &str) -> Self {
        debug_assert!(check_pointer(pointer, b"01").is_ok(), "a checked pointer is well-formed");
        Self { text: pointer.into() }
    }

    /// Reads the pointer of a field.
    ///
    /// # Errors
    ///
    /// [`PathError::Root`] for the empty pointer, else as [`parse`](Self::parse).
    pub fn parse_field(pointer: &str) -> Result<Self, PathError> {
        if pointer.is_empty() { Err(PathError::Root) } else { Self::parse(pointer) }
    }

    /// Returns the path that these keys make, one after another.
    ///
    /// # Errors
    ///
    /// [`PathError::TooManySegments`] and [`PathError::TooLong`].
    pub fn from_segments<'k>(keys: impl IntoIterator<Item = &'k str>) -> Result<Self, PathError> {
        let mut pointer = String::new();
        for key in keys {
            push_segment(&mut pointer, key);
            if pointer.len() > PATH_BYTES_MAX {
                return Err(PathError::TooLong { bytes: pointer.len() });
            }
        }
        Self::parse(&pointer)
    }

    /// Returns the pointer as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether it is the root.
    pub fn is_root(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the number of segments; 0 for the root.
    pub fn depth(&self) -> usize {
        self.text.bytes().filter(|&byte| byte == b'/').count()
    }

    /// Returns the keys that lead to the field, from the outermost, with escapes resolved.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = Cow<'_, str>> {
        raw_segments(&self.text).map(unescape_segment)
    }

    /// Returns the last key, with escapes resolved; nothing for the root.
    pub fn last(&self) -> Option<Cow<'_, str>> {
        self.segments().next_back()
    }

    /// Returns the path of the member `key` inside of this one.
    ///
    /// # Errors
    ///
    /// [`PathError::TooManySegments`] and [`PathError::TooLong`].
    pub fn child(&self, key: &str) -> Result<Self, PathError> {
        let mut pointer = String::with_capacity(self.text.len() + key.len() + 1);
        pointer.push_str(&self.text);
        push_segment(&mut pointer, key);
        Self::parse(&pointer)
    }

    /// Returns the path `inner`, taken as relative to this one.
    ///
    /// The bounds of [`parse`](Self::parse) hold for each part, not for the result.
    #[must_use]
    pub fn join(&self, inner: &Self) -> Self {
        match (self.is_root(), inner.is_root()) {
            (true, _) => inner.clone(),
            (_, true) => self.clone(),
            _ => Self { text: [&*self.text, &*inner.text].concat().into() },
        }
    }

    /// Returns the path of what is known as `key` inside of this one, for keys that were checked.
    ///
    /// The bounds of [`parse`](Self::parse) hold for each part, not for the result.
    #[must_use]
    pub fn within_key(&self, key: &str) -> Self {
        let mut text = String::with_capacity(self.text.len() + key.len() + 1);
        text.push_str(&self.text);
        push_segment(&mut text, key);
        Self { text: text.into() }
    }

    /// Returns the path that this one is a member of; nothing for the root.
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.text.rsplit_once('/')?;
        Some(Self { text: parent.into() })
    }

    /// Returns the paths above this one, from the parent to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// Tells whether `other` is this path or inside of it.
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        let rest = other.text.strip_prefix(&*self.text);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Returns this path as seen from `prefix`, if it is inside of it; the root if it is the same.
    pub fn strip_prefix(&self, prefix: &Self) -> Option<Self> {
        let rest = self.text.strip_prefix(&*prefix.text)?;
        let is_whole = rest.is_empty() || rest.starts_with('/');
        is_whole.then(|| Self { text: rest.into() })
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Path {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // Segment by segment is the same as byte by byte with `/` before every other byte.
        let rank = |byte: u8| if byte == b'/' { 0 } else { u16::from(byte) + 1 };
        let (mine, theirs) = (self.text.as_bytes(), other.text.as_bytes());
        match mine.iter().zip(theirs).find(|(a, b)| a != b) {
            Some((&a, &b)) => rank(a).cmp(&rank(b)),
            None => mine.len().cmp(&theirs.len()),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({})", self.text)
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(pointer: &str) -> Result<Self, PathError> {
        Self::parse(pointer)
    }
}

/// A set of paths: a pointer in which the segment `*` is any one key and a last segment `**` is
/// one key or more.
///
/// | Pattern | Matches | Does not match |
/// |---|---|---|
/// | `/name` | `/name` | `/name/first` |
/// | `/tasks/*/title` | `/tasks/7/title` | `/tasks/title`, `/tasks/7/8/title` |
/// | `/name/**` | `/name/first`, `/name/first/x` | `/name` |
///
/// `~2` stands for `*` itself, as `~1` does for `/`: `/~2` is the member whose key is one asterisk.
#[derive(Clone)]
pub struct Pattern {
    text: SmolStr,
    segments: Box<[PatternSegment]>,
    /// Whether the pattern ends in `**`, which is then not among the segments.
    any_depth: bool,
}

/// One segment of a pattern.
#[derive(Clone)]
enum PatternSegment {
    /// Any one key.
    Any,
    /// This key, as paths write it.
    Key(Box<str>),
}

impl Pattern {
    /// Reads a pattern. Every path is a pattern that matches itself, unless it contains `*`.
    ///
    /// # Errors
    ///
    /// A [`PathError`], but never [`PathError::Root`]: the empty pattern matches the root.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        check_pointer(text, b"012")?;
        let any_depth = text.ends_with("/**");
        let pointer = if any_depth { text.strip_suffix("/**").unwrap_or(text) } else { text };
        if raw_segments(pointer).any(|segment| segment == "**") {
            return Err(PathError::MisplacedAnyDepth);
        }
        let segments = raw_segments(pointer).map(|segment| match segment {
            "*" => PatternSegment::Any,
            key => PatternSegment::Key(key.replace("~2", "*").into()),
        });
        Ok(Self { text: text.into(), segments: segments.collect(), any_depth })
    }

    /// Builds the pattern that matches one path.
    pub fn exactly(path: &Path) -> Self {
        let text = path.as_str().replace('*', "~2");
        let segments = raw_segments(path.as_str()).map(|key| PatternSegment::Key(key.into()));
        Self { text: text.as_str().into(), segments: segments.collect(), any_depth: false }
    }

    /// Returns the pattern as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the only path that the pattern matches, if it has no wildcard.
    pub fn as_path(&self) -> Option<Path> {
        let is_path = !self.any_depth
            && self.segments.iter().all(|segment| matches!(segment, PatternSegment::Key(_)));
        is_path.then(|| Path { text: self.text.replace("~2", "*").into() })
    }

    /// Tells whether the pattern matches exactly this path.
    pub fn matches(&self, path: &Path) -> bool {
        let extra = path.depth().checked_sub(self.segments.len());
        let has_right_depth = extra.is_some_and(|extra| (extra > 0) == self.any_depth);
        has_right_depth && self.begins(path)
    }

    /// Tells whether the pattern matches this path or one that it is inside of.
    ///
    /// A rule for a field thus holds for all that is in the field.
    pub fn covers(&self, path: &Path) -> bool {
        let extra = path.depth().checked_sub(self.segments.len());
        extra.is_some_and(|extra| extra > 0 || !self.any_depth) && self.begins(path)
    }

    /// Tells whether the segments match those that the path begins with; it has enough of them.
    fn begins(&self, path: &Path) -> bool {
        let pairs = self.segments.iter().zip(raw_segments(&path.text));
        pairs.into_iter().all(|(wanted, segment)| match wanted {
            PatternSegment::Any => true,
            PatternSegment::Key(key) => **key == *segment,
        })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.text)
    }
}

impl FromStr for Pattern {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

/// Checks the form and the size of a pointer in which these digits may follow a `~`.
fn check_pointer(pointer: &str, escapes: &[u8]) -> Result<(), PathError> {
    // Nearly every pointer is too short to have too many segments, and has no escapes.
    let is_short = pointer.starts_with('/') && pointer.len() <= PATH_SEGMENTS_MAX;
    if is_short && !pointer.bytes().any(|byte| byte == b'~') {
        return Ok(());
    }
    if pointer.len() > PATH_BYTES_MAX {
        return Err(PathError::TooLong { bytes: pointer.len() });
    }
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(PathError::NoLeadingSlash);
    }
    let segments = raw_segments(pointer).count();
    if segments > PATH_SEGMENTS_MAX {
        return Err(PathError::TooManySegments { segments });
    }
    for (offset, _) in pointer.match_indices('~') {
        let digit = pointer.as_bytes().get(offset + 1);
        if !digit.is_some_and(|digit| escapes.contains(digit)) {
            return Err(PathError::InvalidEscape { offset });
        }
    }
    Ok(())
}

/// Returns the segments of a well-formed pointer, with their escapes.
fn raw_segments(pointer: &str) -> impl DoubleEndedIterator<Item = &str> {
    let rest = pointer.strip_prefix('/');
    rest.into_iter().flat_map(|rest| rest.split('/'))
}

fn unescape_segment(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') {
        Cow::Owned(segment.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(segment)
    }
}

/// Appends a `/` and the key with its escapes.
pub(crate) fn push_segment(pointer: &mut String, key: &str) {
    pointer.push('/');
    if !key.contains(['~', '/']) {
        pointer.push_str(key);
        return;
    }
    for character in key.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}
