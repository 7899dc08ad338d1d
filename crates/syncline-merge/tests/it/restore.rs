//! Laws of taking changes back, on states that random histories reach.

use syncline_merge::commit::Site;
use syncline_merge::display::visible;
use syncline_merge::join::join;
use syncline_merge::plain::Base;
use syncline_merge::restore::{Renewals, restore};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_merge::token::Token;
use syncline_model::clock::Clock;
use syncline_model::id::SiteId;
use syncline_model::version::Version;

use crate::laws::reached;
use crate::world::random::Random;

/// Histories whose states are taken back.
const HISTORIES: u64 = 60;

/// Lets `now` say what `earlier` says, and `base` what was seen of it.
fn back(now: &Record, earlier: &Record, base: &mut Base) -> Option<Record> {
    let mut clock = Clock(now.clock_max().0.max(earlier.clock_max().0) + 1);
    let floor = Version::new();
    let mut site = Site { id: SiteId(99), clock: &mut clock, now_ms: 0, floor: &floor, lost: &[] };
    let restored = restore(now, earlier, &Renewals::new(), &mut [base], &mut site).unwrap();
    restored.map(|restored| restored.record)
}

#[test]
fn what_was_taken_back_shows_what_it_showed_and_stays_taken_back_wherever_it_meets_the_past() {
    let rules = EntityRules::default();
    let mut count = 0;
    for seed in 30_000..30_000 + HISTORIES {
        let states = reached(seed);
        let mut random = Random::new(seed, 9);
        for _ in 0..states.len().min(60) {
            let [earlier, other] = [0; 2].map(|_| &states[random.below(states.len())]);
            let now = &join(earlier, other).unwrap();
            let is_whole = |state: &Record| state.exceptions.is_empty();
            if !(is_whole(earlier) && is_whole(now)) {
                continue;
            }
            let rendering = visible(earlier, &rules, None);
            let token = Token::of(earlier, &rules, None, &[]);
            let mut base = Base { rendering, token, ..Base::default() };
            let Some(restored) = back(now, earlier, &mut base) else { continue };
            count += 1;
            let shown = [&restored, earlier].map(|state| visible(state, &rules, None));
            assert_eq!(shown[0], shown[1], "history {seed}");
            assert_eq!(join(&restored, now).unwrap(), restored, "history {seed}");
            assert_eq!(join(&restored, earlier).unwrap(), restored, "history {seed}");
            // Who had seen all of it has seen all of it again.
            let seen = &base.own;
            let live = restored.live.as_slice().iter();
            let registers =
                restored.body.registers.iter().flat_map(|(_, register)| register.keys());
            let is_new = |stamp: &&syncline_model::clock::Stamp| stamp.site == SiteId(99);
            for stamp in live.chain(registers).filter(is_new) {
                let others = base.token.shown.values().any(|v| v.others.contains(*stamp));
                // Who does not see the record covers all that it had seen of it.
                let is_hidden = base.rendering.is_some() && others;
                assert!(seen.contains(*stamp) != is_hidden, "history {seed}: {stamp:?}");
            }
        }
    }
    assert!(count > 500, "only {count} states were taken back");
}
