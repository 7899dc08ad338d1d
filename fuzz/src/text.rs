//! Operations on text, and the replicated text.

use syncline_merge::text::crdt::TextState;
use syncline_merge::text::ot::{Component, TextOperation, transform};
use syncline_merge::text::{Side, merge3};

/// Builds operations from bytes and holds them against the laws of transformation.
pub(crate) fn operations(bytes: &[u8]) {
    let (head, rest) = bytes.split_at(bytes.len().min(8));
    let base: String = head.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    let (first, second) = rest.split_at(rest.len() / 2);
    let [a, b] = [first, second].map(|bytes| operation(bytes, base.chars().count()));
    let (on_a, on_b) = (a.apply(&base), b.apply(&base));
    let (on_a, on_b) = (on_a.expect("it fits"), on_b.expect("it fits"));
    let (a_after_b, b_after_a) = transform(&a, &b, Side::Left).expect("they share their base");
    let left = b_after_a.apply(&on_a).expect("TP1");
    assert_eq!(left, a_after_b.apply(&on_b).expect("TP1"), "TP1");
    assert_eq!(a.invert(&base).expect("it fits").apply(&on_a).expect("inverse"), base);
    let both = a.compose(&b_after_a).expect("one after the other");
    assert_eq!(both.apply(&base).expect("it fits"), left);
    let merged = merge3(&base, &on_a, &on_b, Side::Left).expect("short texts");
    let mirrored = merge3(&base, &on_b, &on_a, Side::Right).expect("short texts");
    assert_eq!(merged, mirrored);
}

fn operation(bytes: &[u8], base_len: usize) -> TextOperation {
    let mut left = base_len;
    let mut components = Vec::new();
    for byte in bytes.iter().take(64) {
        let count = usize::from(byte >> 2).min(left);
        match byte % 3 {
            0 => components.push(Component::Insert(char::from(b'A' + byte % 26).to_string())),
            1 => {
                components.push(Component::Retain(count));
                left -= count;
            }
            _ => {
                components.push(Component::Delete(count));
                left -= count;
            }
        }
    }
    components.push(Component::Retain(left));
    TextOperation::new(components).expect("short components")
}

pub(crate) fn state(bytes: &[u8]) {
    if let Ok(state) = TextState::from_bytes(bytes) {
        assert_eq!(state.to_bytes(), bytes, "one state, one encoding");
        let mut twice = state.clone();
        twice.join(&state).expect("a state joins itself");
        assert_eq!(twice, state);
    }
}
