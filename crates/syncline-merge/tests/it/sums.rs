//! What becomes of additions to a sum when a site is lost, or a record forgotten elsewhere.

use syncline_merge::commit::{Site, operate};
use syncline_merge::conflict::{Decision, settle};
use syncline_merge::display::sum_value;
use syncline_merge::dots::Dots;
use syncline_merge::error::Refusal;
use syncline_merge::join::join;
use syncline_merge::operation::{Effect, FieldOperation, Operation};
use syncline_merge::rules::{Deletion, EntityRules, FieldRules, Rule, Shape};
use syncline_merge::state::Record;
use syncline_merge::token::{Context, Token};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::{Leaf, Number};
use syncline_model::path::{Path, Pattern};
use syncline_model::version::Version;

const HOME: SiteId = SiteId(1);
const OTHER: SiteId = SiteId(2);

fn rules() -> EntityRules {
    EntityRules {
        fields: vec![FieldRules {
            pattern: Pattern::parse("/n").unwrap(),
            shape: Shape::Sum { minimum: None },
            rule: Rule::Latest,
        }],
        rule_default: Rule::Latest,
        deletion: Deletion::EditWins,
    }
}

/// Commits at a hub that knows no other floor than nothing.
fn commit(
    record: Option<Record>,
    at: SiteId,
    effect: Effect,
    context: &Context,
    lost: &[SiteId],
) -> (Record, Stamp) {
    let clock_max = record.as_ref().map_or(Clock::default(), |record| record.clock_max());
    let mut clock = clock_max;
    let mut site = Site { id: at, clock: &mut clock, now_ms: 1_000, floor: &Version::new(), lost };
    let operation = Operation {
        effect,
        writer: Writer::new("somebody").unwrap(),
        edited: Clock::new(1_000, 0),
        timed: true,
    };
    let done = operate(record, &operation, context, &rules(), &mut site).unwrap();
    (done.record, done.stamp)
}

fn add(by: i64) -> Effect {
    Effect::Write(vec![FieldOperation::Increment {
        path: Path::parse("/n").unwrap(),
        by: Number::from(by),
    }])
}

/// The context of a writer who is shown the record.
fn seeing(record: &Record) -> Context {
    let token = Token::of(record, &rules(), None, &[]);
    Context { creates: token.invisible, base: Some(token), own: Dots::new() }
}

fn number(record: &Record) -> Number {
    let sum = record.body.sums.get(&Path::parse("/n").unwrap());
    sum.map_or(Number::from(0_i64), |sum| sum_value(sum).unwrap())
}

/// Adds 7 blindly and deletes that again, at home.
fn deleted() -> Record {
    let (record, _) = commit(None, HOME, add(7), &Context::default(), &[]);
    let context = seeing(&record);
    commit(Some(record), HOME, Effect::Delete, &context, &[]).0
}

#[test]
fn a_blind_addition_to_a_deleted_record_counts_alike_where_it_was_forgotten() {
    let forgotten = deleted();
    let (revived, _) = commit(Some(forgotten.clone()), HOME, add(2), &Context::default(), &[]);
    let elsewhere = join(&Record::begun(&forgotten.version), &revived).unwrap();
    assert_eq!(number(&revived), Number::from(2_i64));
    assert_eq!(number(&elsewhere), Number::from(2_i64));
}

#[test]
fn an_addition_by_somebody_who_sees_the_record_revives_it_with_its_sum() {
    let (record, _) = commit(None, HOME, add(7), &Context::default(), &[]);
    let context = seeing(&record);
    let (deleted, _) = commit(Some(record), HOME, Effect::Delete, &context, &[]);
    let (revived, _) = commit(Some(deleted), HOME, add(2), &context, &[]);
    assert_eq!(number(&revived), Number::from(9_i64));
}

#[test]
fn a_creator_that_may_not_see_a_sum_begins_it_anew() {
    let forgotten = deleted();
    let hidden = [Path::parse("/n").unwrap()];
    let token = Token::of(&forgotten, &rules(), None, &hidden);
    let context = Context { creates: token.invisible, base: Some(token), own: Dots::new() };
    let (created, _) = commit(Some(forgotten.clone()), HOME, add(2), &context, &[]);
    let elsewhere = join(&Record::begun(&forgotten.version), &created).unwrap();
    assert_eq!(number(&created), Number::from(2_i64));
    assert_eq!(number(&elsewhere), Number::from(2_i64));
}

/// What was taken of a count goes on where the count itself was forgotten, but is nothing that
/// anybody sees: who removes the field then removes no sum and no member.
#[test]
fn a_field_of_which_only_a_reset_is_left_becomes_absent_when_it_is_removed() {
    let by = || Number::from(7_i64);
    let path = |path: &str| Path::parse(path).unwrap();
    let in_member = FieldOperation::PutMember {
        path: path("/k"),
        key: "m".into(),
        create: false,
        fields: vec![FieldOperation::Increment { path: path("/n"), by: by() }],
    };
    let alone = FieldOperation::Increment { path: path("/n"), by: by() };
    for addition in [alone, in_member] {
        let field = addition.path().clone();
        let (record, _) =
            commit(None, HOME, Effect::Write(vec![addition]), &Context::default(), &[]);
        let context = seeing(&record);
        let (deleted, _) = commit(Some(record), HOME, Effect::Delete, &context, &[]);
        let context = seeing(&deleted);
        let (created, _) =
            commit(Some(deleted.clone()), HOME, Effect::Write(vec![]), &context, &[]);
        let elsewhere = join(&Record::begun(&deleted.version), &created).unwrap();
        assert!(!elsewhere.body.is_empty(), "what was taken is still known: {field}");

        let unset = Effect::Write(vec![FieldOperation::Unset { path: field.clone() }]);
        let (removed, _) = commit(Some(elsewhere), HOME, unset, &Context::default(), &[]);
        let register = removed.body.registers.get(&field);
        let values: Vec<_> = register.into_iter().flat_map(|r| r.values()).collect();
        assert!(matches!(values[..], [entry] if entry.value.is_none()), "{field}: {values:?}");
    }
}

#[test]
fn a_conflict_of_a_deleted_record_cannot_be_settled_any_more() {
    let path = Path::parse("/title").unwrap();
    let set = |text: &str| {
        let (path, value) = (path.clone(), Leaf::string(text));
        Effect::Write(vec![FieldOperation::Set { path, value }])
    };
    let (one, first) = commit(None, HOME, set("one"), &Context::default(), &[]);
    let (both, second) = commit(Some(one), HOME, set("two"), &Context::default(), &[]);
    // Each of the two deletes what it has written itself: a value that was not shown keeps the record.
    let by = |stamp| Context { own: Dots::from_iter([stamp]), ..Context::default() };
    let (deleted, _) = commit(Some(both.clone()), HOME, Effect::Delete, &by(first), &[]);
    assert!(!deleted.live.is_empty());
    let (mut deleted, _) = commit(Some(deleted), HOME, Effect::Delete, &by(second), &[]);
    let settle = |record: &mut Record| {
        let (mut clock, writer) = (record.clock_max(), Writer::new("judge").unwrap());
        let floor = Version::new();
        let mut site =
            Site { id: HOME, clock: &mut clock, now_ms: 1_000, floor: &floor, lost: &[] };
        let decision = Decision::Value(Some(Leaf::string("one")));
        settle(record, &path, &[first, second], decision, &writer, &mut site)
    };
    assert!(settle(&mut both.clone()).is_ok());
    assert_eq!(settle(&mut deleted), Err(Refusal::Stale));
    assert!(deleted.live.is_empty());
}

#[test]
fn a_new_life_does_not_take_additions_of_a_lost_site_that_were_not_here() {
    let (backup, _) = commit(None, OTHER, add(2), &Context::default(), &[]);
    // Of the lost site the writer has seen two additions; the second was in no backup.
    let (seen, _) = commit(Some(backup.clone()), OTHER, add(3), &seeing(&backup), &[]);
    let mut context = seeing(&seen);
    context.creates = true;
    for (here, left) in [(None, 2_i64), (Some(backup.clone()), 0)] {
        let empty = commit(here, HOME, add(5), &Context::default(), &[]).0;
        let (created, _) = commit(Some(empty), HOME, add(1), &context, &[OTHER]);
        let joined = join(&created, &backup).unwrap();
        assert_eq!(number(&joined), Number::from(5 + 1 + left));
    }
}
