//! Reads licence expressions (SPDX) far enough to say whether they are allowed.

/// Returns whether `expression` can be satisfied with licences from `allowed`.
///
/// `OR` needs one side, `AND` both; `X WITH Y` is allowed only if written so in the list; the
/// old spelling `A/B` means `A OR B`.
///
/// # Source
///
/// SPDX specification 2.3, annex D.
pub(super) fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    let answer = either(&mut words, allowed);
    words.is_empty() && answer
}

/// `words` is reversed: the next one is popped from its end.
fn either(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let mut answer = both(words, allowed);
    while words.pop_if(|word| *word == "OR").is_some() {
        answer |= both(words, allowed);
    }
    answer
}

fn both(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let mut answer = one(words, allowed);
    while words.pop_if(|word| *word == "AND").is_some() {
        answer &= one(words, allowed);
    }
    answer
}

fn one(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    match words.pop() {
        None => false,
        Some("(") => {
            let answer = either(words, allowed);
            words.pop() == Some(")") && answer
        }
        Some(name) => match words.pop_if(|word| *word == "WITH").and_then(|_| words.pop()) {
            None => allowed.contains(&name),
            Some(exception) => allowed.contains(&format!("{name} WITH {exception}").as_str()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_follow_and_or_with_and_brackets() {
        let allowed = ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"];
        let cases = [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
            ("MIT OR GPL-3.0 AND GPL-2.0", true),
            ("(MIT OR GPL-3.0) AND GPL-2.0", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH LLVM-exception", false),
            ("GPL-3.0", false),
            ("", false),
            ("MIT MIT", false),
        ];
        for (expression, expected) in cases {
            assert_eq!(is_allowed(expression, &allowed), expected, "case: {expression}");
        }
    }
}
