//! What a hub answers to a token that names the floor at which a copy began elsewhere.

use syncline_merge::commit::{Committed, Site, operate};
use syncline_merge::dots::Dots;
use syncline_merge::error::Refusal;
use syncline_merge::operation::{Effect, FieldOperation, Operation};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_merge::token::{Context, Token};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_model::version::Version;

const OTHER: SiteId = SiteId(1);
const BEFORE: SiteId = SiteId(2);
const RESTORED: SiteId = SiteId(3);

/// Sets a field at a hub; once the hub is restored, the site that it was before is lost.
fn set(
    record: Option<&Record>,
    at: SiteId,
    floor: &Version,
    context: &Context,
) -> Result<Committed, Refusal> {
    let mut clock = Clock::new(500, 0);
    let lost = if at == RESTORED { &[BEFORE][..] } else { &[] };
    let mut site = Site { id: at, clock: &mut clock, now_ms: 1_000, floor, lost };
    let path = Path::parse("/a").unwrap();
    let operation = Operation {
        effect: Effect::Write(vec![FieldOperation::Set { path, value: Leaf::from(1_i64) }]),
        writer: Writer::new("somebody").unwrap(),
        edited: Clock::new(1_000, 0),
        timed: true,
    };
    operate(record.cloned(), &operation, context, &EntityRules::default(), &mut site)
}

#[test]
fn a_token_that_names_a_floor_waits_until_the_hub_knows_of_that_forgetting() {
    let nothing = Version::new();
    let mut floor = Version::new();
    floor.observe(Stamp { site: OTHER, clock: Clock::new(100, 0) });
    let copy = set(None, BEFORE, &floor, &Context::default()).unwrap().record;
    let token = Token::of(&copy, &EntityRules::default(), None, &[]);
    let context = Context { base: Some(token), own: Dots::new(), creates: false };

    let answer = |record, floor| set(record, RESTORED, floor, &context).map(|_| ());
    assert_eq!(answer(None, &nothing), Err(Refusal::Behind), "neither copy nor floor is here");
    assert_eq!(answer(None, &floor), Err(Refusal::Rebase), "the floor has come");
    assert_eq!(answer(Some(&copy), &nothing), Ok(()), "a peer's copy has come");
}

fn floor(clock_ms: u64) -> Version {
    let mut floor = Version::new();
    floor.observe(Stamp { site: BEFORE, clock: Clock::new(clock_ms, 0) });
    floor
}

/// A hub forgets the beginning of its log, makes a record, and is put back from a backup without it: what was
/// seen of that record is lost and not forgotten.
#[test]
fn what_was_made_after_a_forgetting_and_was_lost_is_made_again() {
    let forgotten = floor(100);
    let made = set(None, BEFORE, &forgotten, &Context::default()).unwrap().record;
    let token = Token::of(&made, &EntityRules::default(), None, &[]);
    let context = Context { base: Some(token), own: Dots::new(), creates: false };
    let again = set(None, RESTORED, &forgotten, &context).map(|done| done.record);
    assert!(!again.as_ref().unwrap().live.is_empty());
    // So it is where another writer has made it again already.
    assert!(set(Some(&again.unwrap()), RESTORED, &forgotten, &context).is_ok());
    // Had it been there before, it would be here, or had been deleted.
    let old = floor(40);
    let seen = Token { version: old, ..Token::default() };
    let context = Context { base: Some(seen), ..Context::default() };
    let refused = set(None, RESTORED, &forgotten, &context).map(|_| ());
    assert_eq!(refused, Err(Refusal::Rebase));
}

/// Who was shown that a record is gone may make it anew, also once that is forgotten.
#[test]
fn who_knows_that_a_record_is_gone_makes_it_anew_once_that_is_forgotten() {
    let made = set(None, BEFORE, &Version::new(), &Context::default()).unwrap().record;
    let seen = Token::of(&made, &EntityRules::default(), None, &[]);
    let gone = Token { invisible: true, ..seen.clone() };
    let knows = |token: &Token| {
        let stamp = made.version.entries().iter().map(|(site, clock)| Stamp::new(*clock, *site));
        let creates = token.invisible;
        Context { base: Some(token.clone()), own: stamp.collect(), creates }
    };
    let floor = made.version.clone();
    let write = |here: Option<&Record>, token: &Token, floor: &Version| {
        let context = knows(token).without_forgotten(here, floor);
        set(here, BEFORE, floor, &context).map(|done| done.record)
    };
    let anew = write(None, &gone, &floor).unwrap();
    assert!(!anew.live.is_empty());
    assert!(write(Some(&anew), &gone, &floor).is_ok(), "somebody was faster");
    for here in [None, Some(&anew)] {
        let refused = write(here, &seen, &floor).map(|_| ());
        assert_eq!(refused, Err(Refusal::Rebase), "it does not know that the record is gone");
    }
    let elsewhere = write(None, &gone, &Version::new()).map(|_| ());
    assert_eq!(elsewhere, Err(Refusal::Behind), "nothing is forgotten here");
}
