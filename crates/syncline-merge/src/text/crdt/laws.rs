//! What the replicated text promises, and a letter-by-letter model that it must agree with.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::SiteId;

use super::{TextError, TextState};
use crate::text::limits::RUN_CHARS_MAX;
use crate::text::ot::Component::{self, Delete, Insert, Retain};
use crate::text::ot::TextOperation;

fn stamp(clock: u64, site: u64) -> Stamp {
    Stamp::new(Clock(clock), SiteId(site))
}

fn operation(components: impl IntoIterator<Item = Component>) -> TextOperation {
    TextOperation::new(components).unwrap()
}

/// The published algorithm, one node per character, nothing clever.
#[derive(Clone, Default)]
struct Model {
    /// Character → (parent, stands behind it, value).
    nodes: BTreeMap<Id, (Option<Id>, bool, char)>,
    gone: BTreeSet<Id>,
}

type Id = (Stamp, u32);
type Children = BTreeMap<(Option<Id>, bool), Vec<Id>>;

impl Model {
    fn join(&mut self, other: &Self) {
        self.nodes.extend(other.nodes.iter().map(|(id, node)| (*id, *node)));
        self.gone.extend(&other.gone);
    }

    fn walk(children: &Children, parent: Option<Id>, order: &mut Vec<Id>) {
        let of = |behind| children.get(&(parent, behind)).into_iter().flatten();
        of(false).for_each(|child| Self::walk(children, Some(*child), order));
        order.extend(parent);
        of(true).for_each(|child| Self::walk(children, Some(*child), order));
    }

    fn order(&self) -> Vec<Id> {
        let mut children = Children::new();
        for (id, &(parent, behind, _)) in &self.nodes {
            children.entry((parent, behind)).or_default().push(*id);
        }
        let mut order = Vec::new();
        Self::walk(&children, None, &mut order);
        order
    }

    fn text(&self) -> String {
        let shown = self.order().into_iter().filter(|id| !self.gone.contains(id));
        shown.map(|id| self.nodes[&id].2).collect()
    }

    fn apply(&mut self, operation: &TextOperation, stamp: Stamp) {
        let (mut at, mut typed) = (0, 0);
        for component in operation.components() {
            let order = self.order();
            let shown: Vec<Id> =
                order.iter().filter(|id| !self.gone.contains(id)).copied().collect();
            match component {
                Retain(len) => at += len,
                Delete(len) => self.gone.extend(&shown[at..at + len]),
                Insert(text) => {
                    let mut left = at.checked_sub(1).map(|index| shown[index]);
                    for value in text.chars() {
                        let order = self.order();
                        let has_right = self.nodes.values().any(|node| node.0 == left && node.1);
                        let node = if has_right {
                            let next = left.map_or(0, |left| {
                                order.iter().position(|id| *id == left).unwrap() + 1
                            });
                            (Some(order[next]), false, value)
                        } else {
                            (left, true, value)
                        };
                        self.nodes.insert((stamp, typed), node);
                        left = Some((stamp, typed));
                        typed += 1;
                        at += 1;
                    }
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    /// Edits here: at (per mille of the text), drop this many, type this many.
    Edit { site: usize, at: usize, drop: usize, typed: usize, more: bool },
    /// Takes in the state of another site.
    Join { to: usize, from: usize },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let edit = (0usize..3, 0usize..1000, 0usize..4, 0usize..4, any::<bool>())
        .prop_map(|(site, at, drop, typed, more)| Act::Edit { site, at, drop, typed, more });
    let join = (0usize..3, 0usize..3).prop_map(|(to, from)| Act::Join { to, from });
    prop::collection::vec(prop_oneof![3 => edit, 1 => join], 1..30)
}

/// Types and drops at `at`, and, if `more`, types once again at the end.
fn edit_of(len: usize, at: usize, drop: usize, typed: &str, more: Option<char>) -> TextOperation {
    let at = at * len / 1000;
    let drop = drop.min(len - at);
    let end = more.map(|c| Insert(c.into()));
    let start = [Retain(at), Insert(typed.into()), Delete(drop), Retain(len - at - drop)];
    operation(start.into_iter().chain(end))
}

/// Three hubs with a clock each, their models, and who typed and dropped which character.
struct World {
    hubs: Vec<(TextState, Model)>,
    clock: u64,
    next: std::ops::RangeFrom<char>,
    dropped: BTreeSet<char>,
    typed: BTreeSet<char>,
    texts_seen: Vec<String>,
}

impl World {
    fn run(acts: &[Act]) -> Self {
        let mut world = Self {
            hubs: vec![Default::default(); 3],
            clock: 0,
            next: '\u{4e00}'..,
            dropped: BTreeSet::new(),
            typed: BTreeSet::new(),
            texts_seen: Vec::new(),
        };
        for act in acts {
            world.act(act);
        }
        world
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Join { to, from } => {
                let (state, model) = self.hubs[from].clone();
                let bytes = state.to_bytes();
                let received = TextState::from_bytes(&bytes).unwrap();
                assert_eq!(received, state);
                assert_eq!(received.to_bytes(), bytes);
                self.hubs[to].0.join(&received).unwrap();
                self.hubs[to].1.join(&model);
            }
            Act::Edit { site, at, drop, typed, more } => {
                self.clock += 1;
                let typed: String = self.next.by_ref().take(typed).collect();
                let more = more.then(|| self.next.next().unwrap());
                let (state, model) = &mut self.hubs[site];
                let before = state.text();
                let edit = edit_of(state.len(), at, drop, &typed, more);
                let stamp = stamp(self.clock, site as u64);
                state.apply_operation(&edit, stamp).unwrap();
                model.apply(&edit, stamp);
                let after = state.text();
                assert_eq!(after, edit.apply(&before).unwrap());
                self.dropped.extend(before.chars().filter(|c| !after.contains(*c)));
                self.typed.extend(typed.chars().chain(more));
                self.texts_seen.push(after);
            }
        }
        let (Act::Edit { site: changed, .. } | Act::Join { to: changed, .. }) = *act;
        let (state, model) = &self.hubs[changed];
        assert_eq!(state.text(), model.text());
        assert_eq!(state.len(), state.text().chars().count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn hubs_that_saw_the_same_changes_show_the_same_text(acts in acts()) {
        let world = World::run(&acts);
        let [a, b, c] = [0, 1, 2].map(|index: usize| world.hubs[index].0.clone());
        let join = |x: &TextState, y: &TextState| {
            let mut joined = x.clone();
            joined.join(y).unwrap();
            joined
        };
        let whole = join(&join(&a, &b), &c);
        prop_assert_eq!(&whole, &join(&a, &join(&c, &b)));
        prop_assert_eq!(join(&a, &b).to_bytes(), join(&b, &a).to_bytes());
        prop_assert!(!whole.clone().join(&a).unwrap());
        prop_assert_eq!(&join(&whole, &whole), &whole);

        // Exactly what was typed and not dropped is there, and nobody's text was reordered.
        let text = whole.text();
        let there: BTreeSet<char> = text.chars().collect();
        let expected: BTreeSet<char> = world.typed.difference(&world.dropped).copied().collect();
        prop_assert_eq!(&there, &expected);
        for seen in &world.texts_seen {
            let mut rest = text.chars();
            prop_assert!(seen.chars().filter(|c| there.contains(c)).all(|c| rest.any(|d| d == c)));
        }
    }

    #[test]
    fn an_edit_of_an_old_text_is_the_edit_of_a_site_that_was_away(
        acts in acts(), then in acts(), at in 0usize..1000, drop in 0usize..4,
    ) {
        let mut world = World::run(&acts);
        let away = world.hubs[0].0.clone();
        let known = away.version();
        then.iter().for_each(|act| world.act(act));
        let mut hub = world.hubs[0].0.clone();
        prop_assert_eq!(hub.text_at(|stamp| known.covers(stamp)), away.text());

        let edit = edit_of(away.len(), at, drop, "XY", Some('Z'));
        let stamp = stamp(world.clock + 1, 7);
        let mut returned = away;
        returned.apply_operation(&edit, stamp).unwrap();
        returned.join(&hub).unwrap();
        hub.apply_operation_at(&edit, stamp, |stamp| known.covers(stamp)).unwrap();
        prop_assert_eq!(&hub, &returned);
        prop_assert_eq!(hub.text(), returned.text());
        prop_assert!(hub.text().contains("XY"));
    }

    #[test]
    fn damaged_bytes_never_panic(acts in acts(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = World::run(&acts).hubs[0].0.to_bytes();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        if let Ok(mut state) = TextState::from_bytes(&bytes) {
            prop_assert_eq!(state.to_bytes(), bytes);
            let keep_first = operation([Insert("x".into()), Retain(state.len())]);
            let _ = state.apply_operation(&keep_first, stamp(u64::MAX, 1));
            prop_assert_eq!(TextState::from_bytes(&state.to_bytes()).unwrap().text(), state.text());
        }
    }
}

#[test]
fn two_people_typing_at_one_place_do_not_interleave() {
    for (name, backwards) in [("forwards", false), ("backwards", true)] {
        let mut base = TextState::new();
        base.apply_operation(&operation([Insert("[]".into())]), stamp(1, 1)).unwrap();
        let mut hubs = [base.clone(), base.clone()];
        for (clock, (one, two)) in (2..).zip("abcdef".chars().zip("uvwxyz".chars())) {
            for (site, (hub, letter)) in (1..).zip(hubs.iter_mut().zip([one, two])) {
                let at = if backwards { 1 } else { hub.len() - 1 };
                let rest = hub.len() - at;
                let edit = operation([Retain(at), Insert(letter.into()), Retain(rest)]);
                hub.apply_operation(&edit, stamp(clock, site)).unwrap();
            }
        }
        let [mut one, two] = hubs;
        one.join(&two).unwrap();
        let (first, second) = if backwards { ("fedcba", "zyxwvu") } else { ("abcdef", "uvwxyz") };
        let text = one.text();
        assert!(
            text == format!("[{first}{second}]") || text == format!("[{second}{first}]"),
            "{name}: {text}"
        );
    }
}

#[test]
fn a_long_insertion_is_stored_in_pieces_and_edited_within() {
    let long: String = ('a'..='z').cycle().take(3 * RUN_CHARS_MAX + 5).collect();
    let mut state = TextState::new();
    state.apply_operation(&operation([Insert(long.clone())]), stamp(1, 1)).unwrap();
    assert_eq!(state.text(), long);
    let len = state.len();
    let at = RUN_CHARS_MAX;
    let edit = operation([Retain(at), Insert("é".into()), Delete(2), Retain(len - at - 2)]);
    state.apply_operation(&edit, stamp(2, 1)).unwrap();
    assert_eq!(state.text(), edit.apply(&long).unwrap());
    let read = TextState::from_bytes(&state.to_bytes()).unwrap();
    assert_eq!((&read, read.text()), (&state, state.text()));
}

#[test]
fn a_text_typed_backwards_is_read_without_deep_recursion() {
    let mut state = TextState::new();
    for clock in 1..=20_000 {
        let edit = operation([Insert("x".into()), Retain(state.len())]);
        state.apply_operation(&edit, stamp(clock, 1)).unwrap();
    }
    assert_eq!(TextState::from_bytes(&state.to_bytes()).unwrap().len(), 20_000);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut state = TextState::new();
    state.apply_operation(&operation([Insert("ab".into())]), stamp(5, 1)).unwrap();
    let mut forked = TextState::new();
    forked.apply_operation(&operation([Insert("xy".into())]), stamp(5, 1)).unwrap();
    let before = state.clone();
    let add = operation([Retain(2), Insert("c".into())]);
    type Try = fn(&mut TextState, &TextOperation, &TextState) -> Result<(), TextError>;
    let cases: [(&str, Try, &str); 4] = [
        ("same stamp", |s, op, _| s.apply_operation(op, stamp(5, 1)), "TEXT_STAMP_NOT_NEW"),
        ("same clock", |s, op, _| s.apply_operation(op, stamp(5, 2)), "TEXT_STAMP_NOT_NEW"),
        (
            "wrong length",
            |s, op, _| s.apply_operation_at(op, stamp(6, 1), |_| false),
            "TEXT_LENGTH_MISMATCH",
        ),
        ("forked stamp", |s, _, other| s.join(other).map(|_| ()), "TEXT_STAMP_FORKED"),
    ];
    for (name, attempt, code) in cases {
        assert_eq!(attempt(&mut state, &add, &forked).unwrap_err().code(), code, "case: {name}");
        assert_eq!((&state, state.text()), (&before, before.text()), "case: {name}");
    }
}

#[test]
fn malformed_states_are_refused() {
    let site = [0u8; 7];
    let state = |tail: &[u8]| [&[1, 1][..], &site, &[9], tail].concat();
    let cases: [(&str, Vec<u8>, bool); 12] = [
        ("nothing", vec![], false),
        ("another format", vec![2, 0, 0, 0], false),
        ("empty text", vec![1, 0, 0, 0], true),
        ("cut off", vec![1, 0, 0], false),
        ("trailing byte", vec![1, 0, 0, 0, 0], false),
        ("one run", state(&[1, 5, 0, 0, 1, b'a', 0]), true),
        ("site without a change", state(&[0, 0]), false),
        ("run behind itself", state(&[1, 5, 0, 1, 1, b'a', 0]), false),
        ("empty run", state(&[1, 5, 0, 0, 0, 0]), false),
        ("not UTF-8", state(&[1, 5, 0, 0, 1, 0xff, 0]), false),
        ("number longer than needed", state(&[1, 0x85, 0, 0, 0, 1, b'a', 0]), false),
        ("deletion behind the run's end", state(&[1, 5, 0, 0, 1, b'a', 1, 6, 0, 0, 1, 1]), false),
    ];
    for (name, bytes, accepted) in cases {
        assert_eq!(TextState::from_bytes(&bytes).is_ok(), accepted, "case: {name}");
    }
    let dropped = state(&[1, 5, 0, 0, 1, b'a', 1, 6, 0, 0, 0, 1]);
    assert!(TextState::from_bytes(&dropped).unwrap().is_empty());
}
