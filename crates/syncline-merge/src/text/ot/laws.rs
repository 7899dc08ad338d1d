//! The laws of operations, over texts with characters of one to four bytes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::Component::{Delete, Insert, Retain};
use super::{Component, Side, TextOperation, transform};
use crate::text::units;

fn text() -> impl Strategy<Value = String> {
    let character = prop::sample::select(vec!['a', 'b', ' ', '\n', 'é', '字', '😀', '𝄞']);
    prop::collection::vec(character, 0..12).prop_map(String::from_iter)
}

/// An operation on a text of `len` characters, made of (kind, length, text) as far as they fit.
fn operation_on(len: usize, plan: &[(u8, usize, String)]) -> TextOperation {
    let mut left = len;
    let mut components = Vec::new();
    for (kind, length, text) in plan {
        let length = (*length).min(left);
        components.push(match kind {
            0 => Insert(text.clone()),
            1 => {
                left -= length;
                Delete(length)
            }
            _ => {
                left -= length;
                Retain(length)
            }
        });
    }
    components.push(Retain(left));
    TextOperation::new(components).unwrap()
}

fn plan() -> impl Strategy<Value = Vec<(u8, usize, String)>> {
    prop::collection::vec((0u8..3, 0usize..5, text()), 0..7)
}

fn edit() -> impl Strategy<Value = (String, TextOperation)> {
    (text(), plan()).prop_map(|(base, plan)| {
        let operation = operation_on(base.chars().count(), &plan);
        (base, operation)
    })
}

fn two_edits() -> impl Strategy<Value = (String, TextOperation, TextOperation)> {
    (text(), plan(), plan()).prop_map(|(base, a, b)| {
        let len = base.chars().count();
        let (a, b) = (operation_on(len, &a), operation_on(len, &b));
        (base, a, b)
    })
}

fn side() -> impl Strategy<Value = Side> {
    prop::sample::select(vec![Side::Left, Side::Right])
}

proptest! {
    #[test]
    fn lengths_are_those_of_the_texts((base, operation) in edit()) {
        let target = operation.apply(&base).unwrap();
        prop_assert_eq!(operation.base_len(), base.chars().count());
        prop_assert_eq!(operation.target_len(), target.chars().count());
        prop_assert!(!operation.is_identity() || target == base);
    }

    #[test]
    fn compose_does_both_in_a_row((base, first) in edit(), second in plan(), third in plan()) {
        let middle = first.apply(&base).unwrap();
        let second = operation_on(first.target_len(), &second);
        let third = operation_on(second.target_len(), &third);
        let both = first.compose(&second).unwrap();
        prop_assert_eq!(both.apply(&base).unwrap(), second.apply(&middle).unwrap());
        let left = both.compose(&third).unwrap().apply(&base).unwrap();
        let right = first.compose(&second.compose(&third).unwrap()).unwrap().apply(&base).unwrap();
        prop_assert_eq!(left, right);
    }

    #[test]
    fn invert_takes_the_edit_back((base, operation) in edit()) {
        let inverse = operation.invert(&base).unwrap();
        let target = operation.apply(&base).unwrap();
        prop_assert_eq!(inverse.apply(&target).unwrap(), base.clone());
        prop_assert_eq!(operation.compose(&inverse).unwrap().apply(&base).unwrap(), base);
    }

    #[test]
    fn tp1_holds((base, a, b) in two_edits(), tie in side()) {
        let (a_after, b_after) = transform(&a, &b, tie).unwrap();
        let one = b_after.apply(&a.apply(&base).unwrap()).unwrap();
        let other = a_after.apply(&b.apply(&base).unwrap()).unwrap();
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(a.compose(&b_after).unwrap().apply(&base).unwrap(), one);
        // Two peers who call themselves first agree if they name the same author.
        let (b_mirrored, a_mirrored) = transform(&b, &a, tie.other()).unwrap();
        prop_assert_eq!((a_after, b_after), (a_mirrored, b_mirrored));
    }

    #[test]
    fn transform_drops_what_a_side_drops_and_nothing_else(
        len in 0u32..12, a in plan(), b in plan(), tie in side(),
    ) {
        // Every character is unique: base, inserted by a, inserted by b.
        let base: String = ('\u{4e00}'..).take(len as usize).collect();
        let unique = |plan: &[(u8, usize, String)], first: char| {
            let mut next = first..;
            let renamed: Vec<_> = plan.iter().map(|(kind, length, text)| {
                (*kind, *length, next.by_ref().take(text.chars().count()).collect())
            }).collect();
            operation_on(len as usize, &renamed)
        };
        let (a, b) = (unique(&a, '\u{1f300}'), unique(&b, '\u{ac00}'));
        let (_, b_after) = transform(&a, &b, tie).unwrap();
        let (after_a, after_b) = (a.apply(&base).unwrap(), b.apply(&base).unwrap());
        let merged = b_after.apply(&after_a).unwrap();
        let set = |text: &str| text.chars().collect::<BTreeSet<char>>();
        let (base, after_a, after_b) = (set(&base), set(&after_a), set(&after_b));
        let expected: BTreeSet<char> = after_a.union(&after_b).copied()
            .filter(|c| !base.contains(c) || (after_a.contains(c) && after_b.contains(c)))
            .collect();
        prop_assert_eq!(set(&merged), expected);
        prop_assert_eq!(merged.chars().count(), set(&merged).len());
    }

    #[test]
    fn a_diff_makes_the_new_text(old in text(), new in text()) {
        let diff = TextOperation::from_diff(&old, &new).unwrap();
        prop_assert_eq!(diff.apply(&old).unwrap(), new.clone());
        prop_assert_eq!(diff.is_identity(), old == new);
    }

    #[test]
    fn utf16_and_back_is_the_same_operation((base, operation) in edit()) {
        let javascript = units::to_utf16(&base, &operation).unwrap();
        prop_assert_eq!(units::from_utf16(&base, javascript).unwrap(), operation);
    }

    #[test]
    fn any_components_are_refused_or_built(lens in prop::collection::vec(any::<usize>(), 0..6)) {
        let components = lens.iter().map(|len| if len % 2 == 0 { Retain(*len) } else { Delete(*len) });
        if let Ok(operation) = TextOperation::new(components) {
            prop_assert!(operation.apply("abc").is_ok() || operation.base_len() != 3);
        }
    }
}

#[test]
fn ties_go_to_the_named_side() {
    let insert =
        |text: &str| TextOperation::new([Retain(1), Insert(text.into()), Retain(1)]).unwrap();
    for (tie, expected) in [(Side::Left, "(ab)"), (Side::Right, "(ba)")] {
        let (_, b_after) = transform(&insert("a"), &insert("b"), tie).unwrap();
        assert_eq!(b_after.apply("(a)").unwrap(), expected, "{tie:?}");
    }
}

#[test]
fn operations_on_different_lengths_do_not_mix() {
    let of = |components: Vec<Component>| TextOperation::new(components).unwrap();
    let (two, three) = (of(vec![Retain(2)]), of(vec![Retain(3)]));
    assert_eq!(transform(&two, &three, Side::Left).unwrap_err().code(), "TEXT_LENGTH_MISMATCH");
    assert_eq!(two.compose(&three).unwrap_err().code(), "TEXT_LENGTH_MISMATCH");
}
