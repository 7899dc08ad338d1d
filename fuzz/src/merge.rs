//! The three-way merge of plain writers against an oracle that knows nothing of stamps.

use std::collections::BTreeMap;

use syncline_merge::commit::Site;
use syncline_merge::display::{Fields, visible};
use syncline_merge::plain::{Base, Reading, take};
use syncline_merge::rules::{EntityRules, Rule};
use syncline_merge::state::Record;
use syncline_merge::token::Token;
use syncline_model::clock::Clock;
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_model::version::Version;

/// What each field says: nothing, or one of a few values.
type Says = BTreeMap<&'static str, u8>;

const NAMES: [&str; 5] = ["/a", "/b", "/c", "/d", "/e"];

/// Merges two edited copies of a record, `priority` first, and compares with the definition:
/// what only one side changed is taken, what both changed alike is taken, else the first wins.
pub(crate) fn three_way(bytes: &[u8]) {
    let mut bytes = bytes.iter();
    let mut says = || -> Says {
        let values = NAMES.into_iter().filter_map(|name| {
            let value = bytes.next().copied().unwrap_or(0) % 5;
            (value > 0).then_some((name, value))
        });
        values.collect()
    };
    let (base, local, remote) = (says(), says(), says());
    let rules = EntityRules {
        rule_default: Rule::Priority([writer("local")].into()),
        ..EntityRules::default()
    };
    let mut hub = Hub { rules, record: None, clock: Clock::default(), now_ms: 1_000 };
    let seen = [hub.first(&base, "local"), hub.first(&base, "remote")];
    let [local_base, remote_base] = seen.map(|_| hub.confirmed(&base));
    hub.read(&local, "local", Some(local_base));
    hub.read(&remote, "remote", Some(remote_base));
    assert_eq!(hub.shows(), fields(&expected(&base, &local, &remote)));
}

fn expected(base: &Says, local: &Says, remote: &Says) -> Says {
    let merged = NAMES.into_iter().filter_map(|name| {
        let (base, local, remote) = (base.get(name), local.get(name), remote.get(name));
        let value = if local == base { remote } else { local };
        value.map(|value| (name, *value))
    });
    merged.collect()
}

struct Hub {
    rules: EntityRules,
    record: Option<Record>,
    clock: Clock,
    now_ms: u64,
}

impl Hub {
    fn first(&mut self, says: &Says, name: &str) {
        self.read(says, name, None);
    }

    fn confirmed(&self, says: &Says) -> Base {
        let record = self.record.as_ref().expect("it was read");
        let token = Token::of(record, &self.rules, None, &[]);
        Base { rendering: Some(fields(says)), token, ..Base::default() }
    }

    fn read(&mut self, says: &Says, name: &str, base: Option<Base>) {
        self.now_ms += 1;
        let fields = fields(says);
        let reading = Reading {
            fields: Some(&fields),
            writer: &writer(name),
            edited: Clock::new(self.now_ms, 0),
            timed: true,
            written: None,
        };
        let floor = Version::new();
        let mut site = Site {
            id: SiteId(1),
            clock: &mut self.clock,
            now_ms: self.now_ms,
            floor: &floor,
            lost: &[],
        };
        let taken = take(self.record.take(), base, &reading, &self.rules, &mut site);
        self.record = taken.expect("a plain reading is never refused").record;
    }

    fn shows(&self) -> Fields {
        let record = self.record.as_ref().expect("it was read");
        visible(record, &self.rules, None).expect("nobody deleted it")
    }
}

fn writer(name: &str) -> Writer {
    Writer::new(name).expect("a short name")
}

fn fields(says: &Says) -> Fields {
    let field = |(name, value): (&&str, &u8)| {
        let path = Path::parse(name).expect("a path");
        (path, Leaf::parse(&value.to_string()).expect("a number"))
    };
    says.iter().map(field).collect()
}
