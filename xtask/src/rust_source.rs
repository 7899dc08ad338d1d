//! Just enough understanding of Rust text for the checks: what is code, what is a test, where a
//! function ends. A real parser would be a dependency; these checks only need offsets.

/// Returns `text` with comments and the insides of string and character literals blanked.
///
/// The result has the same length in bytes and the same lines, so an offset found in it points at
/// the same place in `text`.
pub(crate) fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let Some(skipped) = Skipped::starting_at(bytes, at) else {
            at += 1;
            continue;
        };
        for byte in &mut out[skipped.start..skipped.end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = skipped.next;
    }
    String::from_utf8(out).expect("invariant: only whole characters are blanked")
}

/// A comment or the inside of a literal: `start..end` is blanked, reading goes on at `next`.
struct Skipped {
    start: usize,
    end: usize,
    next: usize,
}

impl Skipped {
    fn starting_at(bytes: &[u8], at: usize) -> Option<Self> {
        let rest = &bytes[at..];
        if rest.starts_with(b"//") {
            return Some(Self::comment(at, line_end(bytes, at)));
        }
        if rest.starts_with(b"/*") {
            return Some(Self::comment(at, block_comment_end(bytes, at)));
        }
        let (start, end) = match rest[0] {
            b'"' => (at + 1, string_end(bytes, at + 1)),
            b'r' => raw_string(bytes, at)?,
            b'\'' => char_literal(bytes, at)?,
            _ => return None,
        };
        Some(Self { start, end, next: (end + 1).min(bytes.len()) })
    }

    fn comment(start: usize, end: usize) -> Self {
        Self { start, end, next: end }
    }
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn block_comment_end(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut end = at;
    while end < bytes.len() {
        if bytes[end..].starts_with(b"/*") {
            depth += 1;
            end += 2;
        } else if bytes[end..].starts_with(b"*/") {
            depth -= 1;
            end += 2;
            if depth == 0 {
                return end;
            }
        } else {
            end += 1;
        }
    }
    bytes.len()
}

/// Returns the offset of the quote that closes the string whose inside starts at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    end.min(bytes.len())
}

fn raw_string(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let starts_a_word = match at.checked_sub(1).map(|before| bytes[before]) {
        Some(b'b' | b'c') => at < 2 || !is_word(bytes[at - 2]),
        Some(before) => !is_word(before),
        None => true,
    };
    if !starts_a_word {
        return None;
    }
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let inside = at + 1 + hashes + 1;
    if bytes.get(inside - 1) != Some(&b'"') {
        return None;
    }
    let closing: Vec<u8> = [b'"'].into_iter().chain(std::iter::repeat_n(b'#', hashes)).collect();
    let length = bytes[inside..].windows(closing.len()).position(|window| window == closing);
    Some((inside, length.map_or(bytes.len(), |length| inside + length)))
}

/// Returns the inside of a character literal, or nothing when the quote starts a lifetime.
fn char_literal(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let next = *bytes.get(at + 1)?;
    if next == b'\\' {
        let length = bytes.get(at + 3..)?.iter().position(|byte| *byte == b'\'')?;
        return Some((at + 1, at + 3 + length));
    }
    let width = match next {
        0..=0x7f => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    (bytes.get(at + 1 + width) == Some(&b'\'')).then_some((at + 1, at + 1 + width))
}

/// Returns masked code with every item under `#[cfg(test)]` blanked too.
pub(crate) fn without_tests(masked: &str) -> String {
    let mut out = masked.to_owned();
    for marker in ["#[cfg(test)]", "#[cfg(all(test"] {
        while let Some(start) = out.find(marker) {
            let end = item_end(&out, start + marker.len());
            let blank: String =
                out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            out.replace_range(start..end, &blank);
        }
    }
    out
}

/// Returns the offset just behind the item that starts at or after `at`.
pub(crate) fn item_end(masked: &str, at: usize) -> usize {
    match masked[at..].find(['{', ';']).map(|offset| at + offset) {
        None => masked.len(),
        Some(found) if masked.as_bytes()[found] == b';' => found + 1,
        Some(open) => closing_brace(masked, open).map_or(masked.len(), |close| close + 1),
    }
}

/// Returns the offset of the brace that closes the one at `open`.
pub(crate) fn closing_brace(masked: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in masked.as_bytes().iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return Some(offset),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A function found in a file.
pub(crate) struct Function<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Offset of its `fn` keyword.
    pub(crate) start: usize,
    /// Offset just behind its body.
    pub(crate) end: usize,
}

/// Returns the functions of masked code, with or without a body, in order.
pub(crate) fn functions(masked: &str) -> Vec<Function<'_>> {
    word_offsets(masked, "fn")
        .filter_map(|start| {
            let rest = masked.get(start + 3..)?;
            let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
            (length > 0).then(|| Function {
                name: &rest[..length],
                start,
                end: item_end(masked, start),
            })
        })
        .collect()
}

/// Returns the names of the functions marked as tests.
pub(crate) fn test_functions(masked: &str) -> Vec<&str> {
    let functions = functions(masked);
    let plain = masked.match_indices("test]").map(|(at, _)| at);
    let plain = plain.filter(|at| masked[..*at].ends_with("#[") || masked[..*at].ends_with("::"));
    let with_options = masked.match_indices("#[tokio::test(").map(|(at, _)| at);
    let mut marks: Vec<usize> = plain.chain(with_options).collect();
    marks.sort_unstable();
    marks
        .into_iter()
        .filter_map(|at| functions.iter().find(|function| function.start > at))
        .map(|function| function.name)
        .collect()
}

/// Returns where `word` stands as a whole word.
pub(crate) fn word_offsets<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = text.as_bytes();
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let after = bytes.get(at + word.len());
        !before.is_some_and(|byte| is_word(*byte)) && !after.is_some_and(|byte| is_word(*byte))
    })
}

/// Returns the line number, from 1, of an offset.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_left_after_masking() {
        let cases = [
            ("comment before a string", "/* */\"a\" b", "     \" \" b"),
            ("raw identifier", "r#fn x", "r#fn x"),
            ("line comment", "a // Instant\nb", "a           \nb"),
            ("nested block comment", "a /* x /* y */ z */ b", "a                   b"),
            ("string", r#"f("a\"b") c"#, r#"f("    ") c"#),
            ("empty string", r#"f("") c // d"#, r#"f("") c     "#),
            ("raw string", r###"f(r#"a"b"#) c"###, r###"f(r#"   "#) c"###),
            ("byte string", r#"b"xy" z"#, r#"b"  " z"#),
            ("character", "'x' '\\'' '\"' y", "' ' '  ' ' ' y"),
            ("lifetime", "&'a str // b", "&'a str     "),
            ("not ASCII", "\"é\" x", "\"  \" x"),
        ];
        for (name, text, expected) in cases {
            assert_eq!(mask(text), expected, "case: {name}");
        }
    }

    #[test]
    fn tests_are_blanked_and_the_code_behind_them_stays() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { } }\nfn c() {}";
        let left = without_tests(&mask(code));
        assert!(left.contains("fn a") && left.contains("fn c") && !left.contains("fn b"));
        assert_eq!(left.len(), code.len());
    }

    #[test]
    fn functions_have_names_and_ends() {
        let code = "trait T { fn a(&self); }\nfn b() {\n  { }\n}\n";
        let found = functions(code);
        let names: Vec<&str> = found.iter().map(|function| function.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(line_of(code, found[1].end), 4);
    }

    #[test]
    fn tests_are_found_by_their_attribute() {
        let code = "fn a() {}\n#[test]\n#[ignore]\nfn b() {}\n#[tokio::test]\nasync fn c() {}\n\
            #[tokio::test(flavor = \"multi_thread\")]\nasync fn d() {}\nfn e() { a::test(1) }";
        assert_eq!(test_functions(code), ["b", "c", "d"]);
    }
}
