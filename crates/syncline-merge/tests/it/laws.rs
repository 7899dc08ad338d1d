//! The laws of merging, on states that random histories reach and on what plain writers do.

use proptest::prelude::*;
use syncline_merge::codec::{decode_base, decode_record, decode_token};
use syncline_merge::codec::{decode_base_near, decode_record_near};
use syncline_merge::codec::{encode_base, encode_base_beside, encode_record, encode_token};
use syncline_merge::commit::{Site, operate};
use syncline_merge::conflict::conflicts;
use syncline_merge::display::{Fields, shown, to_object, visible};
use syncline_merge::join::join;
use syncline_merge::operation::{Effect, FieldOperation, Operation};
use syncline_merge::plain::{Base, Intent, Reading, take};
use syncline_merge::rules::{Approver, CustomRule, EntityRules, FieldRules, Rule, Shape};
use syncline_merge::state::{Entry, Record, Register};
use syncline_merge::token::{Context, Token};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::fields::flatten;
use syncline_model::json::{Json, Leaf};
use syncline_model::path::{Path, Pattern};
use syncline_model::version::Version;

use crate::world::random::Random;
use crate::world::{Wish, play};

/// Histories whose states are joined.
const HISTORIES: u64 = 60;

/// The states of one record that a history has met.
pub(crate) fn reached(seed: u64) -> Vec<Record> {
    let world = play(seed, &Wish { keeps: true, ..Wish::default() }).expect("a sound history");
    let kept = world.kept.unwrap_or_default().into_iter();
    kept.filter(|(record, _)| *record == 0).map(|(_, state)| state).collect()
}

#[test]
fn join_is_commutative_associative_and_idempotent_on_states_that_are_reached() {
    for seed in 10_000..10_000 + HISTORIES {
        let states = reached(seed);
        let mut random = Random::new(seed, 9);
        for _ in 0..states.len().min(60) {
            let [a, b, c] = [0; 3].map(|_| &states[random.below(states.len())]);
            let ab = join(a, b).unwrap();
            assert_eq!(ab, join(b, a).unwrap(), "commutative, history {seed}");
            assert_eq!(join(a, a).unwrap(), *a, "idempotent, history {seed}");
            assert_eq!(join(&ab, b).unwrap(), ab, "absorbing, history {seed}");
            let left = join(&ab, c).unwrap();
            let right = join(a, &join(b, c).unwrap()).unwrap();
            assert_eq!(left, right, "associative, history {seed}");
        }
    }
}

#[test]
fn every_state_base_and_token_that_is_reached_is_read_back_as_it_was() {
    let rules = EntityRules::default();
    for seed in 20_000..20_000 + HISTORIES {
        for state in reached(seed).iter().step_by(7) {
            let bytes = encode_record(state);
            assert_eq!(decode_record(&bytes).as_ref(), Ok(state), "history {seed}");
            let token = Token::of(state, &rules, None, &[]);
            assert_eq!(decode_token(&encode_token(&token)).as_ref(), Ok(&token));
            let rendering = visible(state, &rules, None);
            let intent = Some(Intent { rendering: rendering.clone(), token: token.clone() });
            let base = Base { rendering, own: state.live.clone(), token, intent };
            assert_eq!(decode_base(&encode_base(&base)).as_ref(), Ok(&base));
            let kept = base.rendering.clone();
            let (bytes, refers) = encode_base_beside(&base, kept.as_ref());
            assert_eq!(refers, kept.is_some(), "history {seed}");
            assert_eq!(decode_base_near(&bytes, kept.as_ref(), &[]).as_ref(), Ok(&base));
            assert_eq!(decode_base(&bytes).is_err(), refers, "history {seed}");
        }
    }
}

#[test]
fn no_decoder_panics_on_damaged_bytes() {
    let rules = EntityRules::default();
    for seed in 30_000..30_030 {
        let mut random = Random::new(seed, 5);
        for state in reached(seed).iter().step_by(11) {
            let token = Token::of(state, &rules, None, &[]);
            let base = Base { token, ..Base::default() };
            for mut bytes in [encode_record(state), encode_base(&base), encode_token(&base.token)] {
                for _ in 0..20 {
                    damage(&mut bytes, &mut random);
                    let _ = (decode_record(&bytes), decode_base(&bytes), decode_token(&bytes));
                }
            }
        }
    }
}

#[test]
fn what_is_read_does_not_depend_on_the_fields_that_somebody_holds() {
    let rules = EntityRules::default();
    for seed in 40_000..40_000 + HISTORIES / 2 {
        let (mut random, states) = (Random::new(seed, 6), reached(seed));
        for state in states.iter().step_by(9) {
            let rendering = visible(state, &rules, None);
            let token = Token::of(state, &rules, None, &[]);
            let intent = Some(Intent { rendering: rendering.clone(), token: token.clone() });
            let base = Base { rendering, own: state.live.clone(), token, intent };
            let other = &states[random.below(states.len())];
            let mut held = visible(other, &rules, None).unwrap_or_default();
            held.retain(|_| random.below(5) > 0);
            let (mut record, mut base) = (encode_record(state), encode_base(&base));
            for _ in 0..8 {
                let (near, alone) = (decode_record_near(&record, &held), decode_record(&record));
                assert_eq!(near, alone, "history {seed}");
                // Equal leaves may have different texts; equal bytes tell them apart.
                assert_eq!(near.map(|read| encode_record(&read)), alone.map(|r| encode_record(&r)));
                let (near, alone) = (decode_base_near(&base, None, &held), decode_base(&base));
                assert_eq!(near, alone, "history {seed}");
                assert_eq!(near.map(|read| encode_base(&read)), alone.map(|r| encode_base(&r)));
                damage(&mut record, &mut random);
                damage(&mut base, &mut random);
            }
        }
    }
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(4) {
        0 if bytes.len() > 1 => bytes.truncate(at),
        1 => bytes.insert(at, 0xff),
        2 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        _ if !bytes.is_empty() => bytes[at] = bytes[at].wrapping_add(1),
        _ => {}
    }
}

/// A hub without a log, for laws about values.
struct Hub {
    rules: EntityRules,
    record: Option<Record>,
    clock: Clock,
    now_ms: u64,
}

impl Hub {
    fn new(rules: EntityRules) -> Self {
        Self { rules, record: None, clock: Clock::default(), now_ms: 1_700_000_000_000 }
    }

    fn read(&mut self, writer: &str, base: Option<Base>, holds: Option<&Fields>) -> Option<Base> {
        self.now_ms += 10;
        let writer = Writer::new(writer).unwrap();
        let edited = Clock::new(self.now_ms, 0);
        let reading =
            Reading { fields: holds, writer: &writer, edited, timed: true, written: None };
        let floor = Version::new();
        let (clock, now_ms) = (&mut self.clock, self.now_ms);
        let mut site = Site { id: SiteId(1), clock, now_ms, floor: &floor, lost: &[] };
        let taken = take(self.record.take(), base, &reading, &self.rules, &mut site).unwrap();
        self.record = taken.record;
        taken.base
    }

    fn shown(&self) -> Option<String> {
        let fields = visible(self.record.as_ref()?, &self.rules, None)?;
        Some(Json::Object(to_object(&fields)).to_canonical_string())
    }

    fn is_open(&self) -> bool {
        conflicts(self.record.as_ref().unwrap(), &self.rules).iter().any(|conflict| conflict.open)
    }

    fn base(&self) -> Base {
        let record = self.record.as_ref().unwrap();
        let token = Token::of(record, &self.rules, None, &[]);
        Base { rendering: visible(record, &self.rules, None), token, ..Base::default() }
    }
}

/// Merges two edits of one base, as two plain writers of one hub; nothing stands for no record.
fn merge(base: &Fields, left: Option<&Fields>, right: Option<&Fields>) -> Option<String> {
    let union = |pattern, shape| FieldRules {
        pattern: Pattern::parse(pattern).unwrap(),
        shape,
        rule: Rule::Latest,
    };
    let fields = vec![
        union("/set", Shape::Union),
        union("/keyed", Shape::Keyed { key: "id".into() }),
        union("/text", Shape::Text),
        union("/list", Shape::Append { keep: 100 }),
    ];
    let mut hub = Hub::new(EntityRules { fields, ..EntityRules::default() });
    hub.read("origin", None, Some(base));
    let known = hub.base();
    hub.read("left", Some(known.clone()), left);
    hub.read("right", Some(known), right);
    hub.shown()
}

fn said(fields: Option<&Fields>) -> Option<String> {
    fields.map(|fields| Json::Object(to_object(fields)).to_canonical_string())
}

fn field() -> impl Strategy<Value = (&'static str, String)> {
    prop_oneof![
        ("(a|b|c)", 0..4_u32).prop_map(|(_, n)| ("a", n.to_string())),
        (0..4_u32).prop_map(|n| ("b", format!("\"v{n}\""))),
        (0..4_u32).prop_map(|n| ("deep", format!("{{\"x\":{n},\"y\":[{n}]}}"))),
        prop::sample::subsequence(vec!["1", "2", "3"], 0..3)
            .prop_map(|set| ("set", format!("[{}]", set.join(",")))),
        (0..3_u32, 0..3_u32)
            .prop_map(|(x, y)| ("keyed", format!("[{{\"id\":\"p\",\"x\":{x},\"y\":{y}}}]"))),
        "[a-d]{0,6}".prop_map(|text| ("text", format!("\"{text}\""))),
    ]
}

fn record() -> impl Strategy<Value = Fields> {
    prop::collection::vec(field(), 0..5).prop_map(|fields| {
        let fields: std::collections::BTreeMap<_, _> = fields.into_iter().collect();
        let members = fields.iter().map(|(key, value)| format!("\"{key}\":{value}"));
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        flatten(text.as_bytes()).unwrap()
    })
}

/// Arrays that are sets and have lost their last element are shown as nothing.
fn without_empty(said: Option<String>) -> Option<String> {
    let text = said?.replace("\"set\":[]", "").replace("\"keyed\":[]", "");
    Some(text.replace(",,", ",").replace("{,", "{").replace(",}", "}"))
}

/// The elements of a set stand in the order in which they came, which says nothing.
fn sorted_set(said: Option<String>) -> Option<String> {
    let text = without_empty(said)?;
    let Some(start) = text.find("\"set\":[").map(|at| at + 7) else {
        return Some(text);
    };
    let end = start + text[start..].find(']').unwrap();
    let mut elements: Vec<&str> = text[start..end].split(',').collect();
    elements.sort_unstable();
    Some(format!("{}{}{}", &text[..start], elements.join(","), &text[end..]))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn who_changes_nothing_changes_nothing(base in record(), edit in prop::option::of(record())) {
        let wanted = sorted_set(said(edit.as_ref()));
        prop_assert_eq!(&sorted_set(merge(&base, Some(&base), edit.as_ref())), &wanted);
        prop_assert_eq!(&sorted_set(merge(&base, edit.as_ref(), Some(&base))), &wanted);
    }

    #[test]
    fn who_says_the_same_is_agreed_with(base in record(), edit in record()) {
        // A text written twice is two insertions of the same letters, as a sum is two additions;
        // lists likewise.
        let drop = |fields: &Fields| -> Fields {
            fields.iter().filter(|(path, _)| path.as_str() != "/text").cloned().collect()
        };
        let (base, edit) = (drop(&base), drop(&edit));
        let merged = merge(&base, Some(&edit), Some(&edit));
        prop_assert_eq!(sorted_set(merged), sorted_set(said(Some(&edit))));
    }

    #[test]
    fn disjoint_edits_both_survive(a in 0..9_u32, b in 0..9_u32, c in 0..9_u32) {
        let fields = |a, b, c| {
            flatten(format!("{{\"a\":{a},\"b\":{{\"x\":{b},\"y\":{c}}}}}").as_bytes()).unwrap()
        };
        let base = fields(10, 10, 10);
        let merged = merge(&base, Some(&fields(a, 10, 10)), Some(&fields(10, b, 10)));
        prop_assert_eq!(merged, said(Some(&fields(a, b, 10))));
        let merged = merge(&base, Some(&fields(10, b, 10)), Some(&fields(10, 10, c)));
        prop_assert_eq!(merged, said(Some(&fields(10, b, c))));
    }
}

fn rules() -> Vec<(&'static str, Rule)> {
    vec![
        ("latest", Rule::Latest),
        ("max", Rule::Max),
        ("min", Rule::Min),
        (
            "priority",
            Rule::Priority([Writer::new("w1").unwrap(), Writer::new("w0").unwrap()].into()),
        ),
        ("ranked, then latest", ranked(Rule::Latest)),
        ("ranked, then review", ranked(Rule::Review)),
        ("ranked, then max", ranked(Rule::Max)),
        ("review", Rule::Review),
        ("max, to be approved", approved(Rule::Max)),
        ("ranked, to be approved", approved(ranked(Rule::Min))),
        ("custom", Rule::Custom(CustomRule::new("undecided", |_| None))),
    ]
}

fn approved(rule: Rule) -> Rule {
    let approvers = [Approver::Role("manager".into())].into();
    Rule::Approval { provisional: rule.into(), approvers }
}

/// One writer comes before two others.
fn ranked(rest: Rule) -> Rule {
    let [w0, w1, w2] = [0, 1, 2].map(|number| Writer::new(&format!("w{number}")).unwrap());
    Rule::Ranked { ranks: [[w1].into(), [w2, w0].into()].into(), rest: rest.into() }
}

/// Values that compare in odd ways: absent, equal numbers, equal clocks, equal writers.
fn entries() -> Vec<(Stamp, Entry)> {
    let values = [
        None,
        Some("1"),
        Some("1.0"),
        Some("2"),
        Some("10"),
        Some("-0"),
        Some("0"),
        Some("null"),
        Some("\"1\""),
        Some("\"é\""),
        Some("\"e\u{301}\""),
        Some("true"),
        Some("{}"),
        Some("[]"),
    ];
    let mut entries = Vec::new();
    for (index, value) in values.iter().enumerate() {
        for site in 0..2 {
            let value = value.map(|text| Leaf::parse(text).unwrap());
            let edited = Clock(5 + (index as u64 + site) % 2);
            let writer = Writer::new(&format!("w{}", index % 3)).unwrap();
            let stamp = Stamp::new(Clock(100 + index as u64 % 4), SiteId(10 * index as u64 + site));
            entries.push((stamp, Entry { value, edited, timed: true, writer }));
        }
    }
    entries
}

#[test]
fn the_displayed_winner_is_a_strict_total_order() {
    let entries = entries();
    for (name, rule) in rules() {
        let wins = |a: &(Stamp, Entry), b: &(Stamp, Entry)| {
            let register: Register = [a, b].map(Clone::clone).into();
            shown(&register, &rule, None).unwrap().weight.1 == a.0
        };
        for a in &entries {
            for b in entries.iter().filter(|b| b.0 != a.0) {
                assert_ne!(wins(a, b), wins(b, a), "{name}: total and asymmetric: {a:?} {b:?}");
                for c in entries.iter().filter(|c| c.0 != a.0 && c.0 != b.0) {
                    let transitive = !(wins(a, b) && wins(b, c)) || wins(a, c);
                    assert!(transitive, "{name}: {a:?} {b:?} {c:?}");
                    let all: Register = [a, b, c].map(Clone::clone).into();
                    let winner = shown(&all, &rule, None).unwrap().weight.1;
                    let beats = |x, y, z| wins(x, y) && wins(x, z);
                    assert_eq!(winner == a.0, beats(a, b, c), "{name}: {a:?} {b:?} {c:?}");
                }
            }
        }
    }
}

#[test]
fn ranks_decide_between_groups_and_the_rest_within_one() {
    let entry = |site, writer: &str, value: &str, timed| {
        let (value, writer) = (Leaf::parse(value).ok(), Writer::new(writer).unwrap());
        (Stamp::new(Clock(9), SiteId(site)), Entry { value, edited: Clock(site), timed, writer })
    };
    let shows = |entries: Vec<(Stamp, Entry)>, rest| {
        let register: Register = entries.into_iter().collect();
        let shown = shown(&register, &ranked(rest), None).unwrap();
        (shown.value.unwrap().as_str().to_owned(), shown.open, shown.contested)
    };
    let first = || entry(1, "w1", "\"first\"", false);
    let a = || entry(2, "w2", "\"a\"", false);
    let b = || entry(3, "w0", "\"b\"", false);
    let other = || entry(4, "someone", "\"other\"", true);
    let is = |value: &str, open| (format!("\"{value}\""), open, true);
    assert_eq!(shows(vec![first(), a(), b(), other()], Rule::Review), is("first", false));
    assert_eq!(shows(vec![a(), b(), other()], Rule::Review), is("b", true));
    assert_eq!(shows(vec![a(), b(), other()], Rule::Latest), is("b", true));
    assert_eq!(shows(vec![a(), b(), other()], Rule::Min), is("a", false));
    assert_eq!(shows(vec![a(), other()], Rule::Review), is("a", false));
}

fn set(hub: &mut Hub, claimed_ms: u64, base: Option<Token>, value: i64) -> Stamp {
    let (path, value) = (Path::parse("/a").unwrap(), Leaf::from(value));
    let operation = Operation {
        effect: Effect::Write(vec![FieldOperation::Set { path, value }]),
        writer: Writer::new("w").unwrap(),
        edited: Clock::new(claimed_ms, 0),
        timed: true,
    };
    let context = Context { base, ..Context::default() };
    let floor = Version::new();
    let (clock, now_ms) = (&mut hub.clock, hub.now_ms);
    let mut site = Site { id: SiteId(1), clock, now_ms, floor: &floor, lost: &[] };
    let done = operate(hub.record.take(), &operation, &context, &hub.rules, &mut site).unwrap();
    hub.record = Some(done.record);
    done.stamp
}

#[test]
fn cause_beats_clock_under_every_rule() {
    for (name, rule) in rules() {
        let mut hub = Hub::new(EntityRules { rule_default: rule, ..EntityRules::default() });
        let now_ms = hub.now_ms;
        set(&mut hub, now_ms + 10_000_000_000, None, 9);
        let seen = Token::of(hub.record.as_ref().unwrap(), &hub.rules, None, &[]);
        set(&mut hub, 1, Some(seen), 5);
        assert_eq!(hub.shown().as_deref(), Some(r#"{"a":5}"#), "{name}");
    }
}

#[test]
fn a_clock_that_is_wrong_by_years_gains_at_most_the_drift() {
    const DRIFT_MS: u64 = 60_000;
    let cases = [
        ("one who is right comes within the drift", DRIFT_MS - 1_000, 9),
        ("one who is right comes after the drift", DRIFT_MS + 1_000, 5),
    ];
    for (name, later_ms, winner) in cases {
        let mut hub = Hub::new(EntityRules::default());
        let start_ms = hub.now_ms;
        set(&mut hub, start_ms + 94_670_856_000, None, 9);
        hub.now_ms = start_ms + later_ms;
        let now_ms = hub.now_ms;
        set(&mut hub, now_ms, None, 5);
        assert_eq!(hub.shown(), Some(format!("{{\"a\":{winner}}}")), "{name}");
        assert!(hub.is_open(), "{name}: it decides nothing alone");
    }
}

#[test]
fn edits_that_claim_to_be_older_than_what_they_replace_decide_nothing() {
    let mut hub = Hub::new(EntityRules::default());
    let now_ms = hub.now_ms;
    set(&mut hub, now_ms, None, 1);
    let seen = Token::of(hub.record.as_ref().unwrap(), &hub.rules, None, &[]);
    set(&mut hub, now_ms - 10_000_000, Some(seen.clone()), 2);
    // What it replaces is gone by now, so that its time is taken as it is.
    set(&mut hub, now_ms - 5_000_000, Some(seen), 3);
    assert!(hub.is_open());
}
