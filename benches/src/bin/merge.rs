//! How many records one processor merges per second, from stored bytes to stored bytes.
//!
//! Each record has 10 fields. Two writers share a base; one has changed three fields at the hub,
//! then the other is read with three fields changed: the same ones (three conflicts, which are
//! listed) or others (a plain three-way merge). Measured is what a run does per record: decode
//! state and base, take the reading, list the conflicts, encode state, base and conflicts. Parsing
//! and writing files are not in it.
//!
//! ```text
//! cargo xtask bench merge [--case conflict] [--seconds 2] [--rounds 5]
//! ```
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for people, run by hand")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use clap::Parser;
use syncline_benches::machine;
use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_merge::codec::{decode_base_near, decode_record_near, encode_base, encode_record};
use syncline_merge::commit::Site;
use syncline_merge::conflict::conflicts;
use syncline_merge::display::Fields;
use syncline_merge::plain::{Base, Reading, take};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_model::clock::Clock;
use syncline_model::id::{EntityName, RecordId, SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_model::version::Version;

/// As in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Merging from stored bytes to stored bytes.
#[derive(Parser)]
struct Arguments {
    /// Only the cases whose names contain this.
    #[arg(long, default_value = "")]
    case: String,
    /// Length of a round, in seconds.
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    /// Rounds of each case; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// A case: its name, the target of the issue in records per CPU-second, the fields that the hub's
/// writer changed and those that the one read has changed.
type Case = (&'static str, f64, &'static [usize], &'static [usize]);

const CASES: [Case; 3] = [
    ("conflict", 700_000.0, &[1, 4, 7], &[1, 4, 7]),
    ("three-way", 2_000_000.0, &[1, 4, 7], &[2, 5, 8]),
    ("unchanged", f64::NAN, &[1, 4, 7], &[]),
];

/// Records that are merged in turn, so that not all of them stay in the nearest cache.
const RECORDS: usize = 512;

/// One record before the merge.
struct Stored {
    id: RecordId,
    record: Vec<u8>,
    base: Vec<u8>,
    read: Fields,
}

/// The hub's clock, and all that is the same for every record.
struct Hub {
    clock: Clock,
    floor: Version,
    rules: EntityRules,
    entity: EntityName,
    writers: [Writer; 2],
}

impl Hub {
    fn take(
        &mut self,
        record: Option<Record>,
        base: Option<Base>,
        fields: &Fields,
        writer: usize,
    ) -> (Option<Record>, Option<Base>) {
        let mut site = Site {
            id: SiteId(7),
            clock: &mut self.clock,
            now_ms: 1_800_000_000_000,
            floor: &self.floor,
            lost: &[],
        };
        let reading = Reading {
            fields: Some(fields),
            writer: &self.writers[writer],
            edited: Clock::new(1_799_999_000_000, 0),
            timed: true,
            written: None,
        };
        let taken = take(record, base, &reading, &self.rules, &mut site).unwrap();
        (taken.record, taken.base)
    }

    /// Builds a record that both writers hold and the first has changed since.
    fn stored(&mut self, number: usize, (theirs, ours): (&[usize], &[usize])) -> Stored {
        let first = fields(number, &[], "");
        let (record, base_a) = self.take(None, None, &first, 0);
        let (record, base_b) = self.take(record, None, &first, 1);
        let (record, _) = self.take(record, base_a, &fields(number, theirs, "hub"), 0);
        Stored {
            id: RecordId::new(&format!("contact-{number:07}")).unwrap(),
            record: encode_record(&record.unwrap()),
            base: encode_base(&base_b.unwrap()),
            read: fields(number, ours, "read"),
        }
    }

    /// Does what a run does for one record; answers how many bytes are to be stored.
    fn merge(&mut self, stored: &Stored) -> usize {
        let record = decode_record_near(&stored.record, &stored.read).unwrap();
        let base = decode_base_near(&stored.base, None, &stored.read).unwrap();
        let (record, base) = self.take(Some(record), Some(base), &stored.read, 1);
        let (record, base) = (record.unwrap(), base.unwrap());
        let mut bytes = encode_record(&record).len() + encode_base(&base).len();
        for conflict in conflicts(&record, &self.rules) {
            let row = ConflictRow {
                entity: self.entity.clone(),
                id: stored.id.clone(),
                conflict,
                status: Status::Settled,
                base: None,
                found: None,
                decision: None,
            };
            bytes += row.conflict_id().len() + row.encode().len();
        }
        bytes
    }
}

/// Returns the ten fields of a record, of which some were changed.
fn fields(number: usize, changed: &[usize], how: &str) -> Fields {
    let names = [
        "city",
        "company",
        "country",
        "email",
        "firstName",
        "lastName",
        "note",
        "phone",
        "street",
        "zip",
    ];
    let field = |(index, name): (usize, &&str)| {
        let path = Path::parse(&format!("/{name}")).unwrap();
        let change = if changed.contains(&index) { how } else { "" };
        (path, Leaf::string(&format!("{name} of {number}{change}")))
    };
    names.iter().enumerate().map(field).collect()
}

/// Merges for some time; answers records per CPU-second.
fn round(hub: &mut Hub, stored: &[Stored], time: Duration) -> f64 {
    let (start, cpu) = (Instant::now(), machine::own_processor_time());
    let mut merged = 0_usize;
    while start.elapsed() < time {
        for record in stored {
            black_box(hub.merge(black_box(record)));
        }
        merged += stored.len();
    }
    merged as f64 / (machine::own_processor_time() - cpu).as_secs_f64().max(0.01)
}

fn main() {
    let arguments = Arguments::parse();
    let load = machine::load_average().unwrap_or(f64::NAN);
    println!("{}, commit {}, load {load}", machine::processor(), machine::commit());
    println!("{:<12}{:>16}{:>12}", "case", "records/CPU-s", "target");
    let wanted = CASES.iter().filter(|case| case.0.contains(&arguments.case));
    for (name, target, theirs, ours) in wanted {
        let mut hub = Hub {
            clock: Clock::default(),
            floor: Version::new(),
            rules: EntityRules::default(),
            entity: EntityName::new("contacts").unwrap(),
            writers: ["personal", "business"].map(|name| Writer::new(name).unwrap()),
        };
        let stored: Vec<Stored> =
            (0..RECORDS).map(|number| hub.stored(number, (theirs, ours))).collect();
        let time = Duration::from_secs(arguments.seconds);
        let mut rates: Vec<f64> =
            (0..arguments.rounds).map(|_| round(&mut hub, &stored, time)).collect();
        rates.sort_by(f64::total_cmp);
        println!("{name:<12}{:>16.0}{target:>12.0}", rates[rates.len() / 2]);
    }
}
