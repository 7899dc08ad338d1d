//! Whether one pattern leaves nothing to another.

use syncline_model::path::Pattern;

/// Returns whether `earlier` decides every path that `later` matches.
///
/// - `inside`: whether a rule for a field holds for everything inside of it, as in policies.
pub(super) fn shadows(earlier: &Pattern, later: &Pattern, inside: bool) -> bool {
    let (early, early_deep) = steps(earlier);
    let (late, late_deep) = steps(later);
    let late_depth_min = late.len() + usize::from(late_deep);
    let fits = early.iter().enumerate().all(|(index, step)| match late.get(index) {
        Some(other) => *step == "*" || step == other,
        None => *step == "*" && index < late_depth_min,
    });
    fits && match (early_deep, inside) {
        (true, _) => late_depth_min > early.len(),
        (false, true) => late_depth_min >= early.len(),
        (false, false) => !late_deep && late.len() == early.len(),
    }
}

/// Returns the steps of a pattern, and whether it ends in `/**`.
fn steps(pattern: &Pattern) -> (Vec<&str>, bool) {
    let text = pattern.as_str();
    let (text, deep) = text.strip_suffix("/**").map_or((text, false), |text| (text, true));
    (text.split('/').skip(1).collect(), deep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_pattern_shadows_what_it_leaves_nothing_to() {
        #[rustfmt::skip]
        let cases = [
            // earlier, later, as a rule for one field, as a rule for all inside
            ("/a",    "/a",     true,  true),
            ("/a",    "/a/b",   false, true),
            ("/a",    "/a/**",  false, true),
            ("/a/b",  "/a",     false, false),
            ("/a",    "/ab",    false, false),
            ("/*",    "/a",     true,  true),
            ("/a",    "/*",     false, false),
            ("/**",   "/a",     true,  true),
            ("/**",   "/a/b/c", true,  true),
            ("/a/**", "/a",     false, false),
            ("/a/**", "/a/*",   true,  true),
            ("/a/**", "/a/**",  true,  true),
            ("/a/*",  "/a/**",  false, true),
            ("/*/b",  "/a/b",   true,  true),
            ("/*/b",  "/a/c",   false, false),
        ];
        for (earlier, later, one_field, inside) in cases {
            let (first, second) =
                (Pattern::parse(earlier).unwrap(), Pattern::parse(later).unwrap());
            assert_eq!(shadows(&first, &second, false), one_field, "{earlier} before {later}");
            assert_eq!(shadows(&first, &second, true), inside, "{earlier} before {later}, inside");
        }
    }
}
