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
