//! Which records each of two domains holds.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::shapes::record;
use super::{Entity, Json};

/// One of the two domains of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The domain named by `--source`.
    Source,
    /// The domain named by `--target`.
    Target,
}

/// How many records of an entity each side holds, and how they relate.
///
/// The numbers hold exactly. The sides' own and shared records are spread evenly over the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The entity.
    pub entity: Entity,
    /// Records at the source.
    pub source: u64,
    /// Records at the target.
    pub target: u64,
    /// Records with the same id on both sides.
    pub shared: u64,
    /// Shared records whose contents differ; the other shared ones are equal, byte for byte.
    pub differing: u64,
    /// What the contents depend on.
    pub seed: u64,
}

/// What a plan says about one number of the union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    SourceOnly,
    TargetOnly,
    Equal,
    Differing,
}

impl Plan {
    /// Builds a plan with the same number of records on both sides.
    ///
    /// - `shared`, `differing`: shares in percent, of the records of a side and of the shared
    ///   records. More than 100 counts as 100.
    pub fn even(entity: Entity, items: u64, shared: u64, differing: u64, seed: u64) -> Self {
        let shared = items * shared.min(100) / 100;
        let differing = shared * differing.min(100) / 100;
        Self { entity, source: items, target: items, shared, differing, seed }
    }

    /// Returns the number of different ids on both sides together.
    ///
    /// # Panics
    ///
    /// If more records are shared than a side holds, or more differ than are shared.
    pub fn union(&self) -> u64 {
        assert!(self.shared <= self.source.min(self.target), "shared records are on both sides");
        assert!(self.differing <= self.shared, "only shared records can differ");
        self.source + self.target - self.shared
    }

    /// Writes one side's file: `{"<entity>": [ … ]}` as `JSON.stringify(…, null, 2)` writes it,
    /// and a newline at the end, as `fs.writeJson` of spec 001 puts one.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    ///
    /// # Panics
    ///
    /// As [`Plan::union`].
    pub fn write_side(&self, side: Side, out: &mut impl Write) -> io::Result<()> {
        let records = (0..self.union()).filter_map(|index| self.record_of(side, index));
        write_entity_file(self.entity, records, out)
    }

    /// Writes `<dir>/<domain>/<entity>.json`, making the folder when it is missing.
    ///
    /// # Errors
    ///
    /// When the folder or the file cannot be written.
    pub fn write_file(&self, side: Side, dir: &Path, domain: &str) -> io::Result<()> {
        let folder = dir.join(domain);
        fs::create_dir_all(&folder)?;
        let file = File::create(folder.join(format!("{}.json", self.entity.name())))?;
        let mut out = BufWriter::new(file);
        self.write_side(side, &mut out)?;
        out.flush()
    }

    fn record_of(&self, side: Side, index: u64) -> Option<Json> {
        let revision = match (self.place(index), side) {
            (Place::SourceOnly, Side::Target) | (Place::TargetOnly, Side::Source) => return None,
            (Place::Differing, Side::Target) => 1,
            _ => 0,
        };
        Some(record(self.entity, self.seed, index + 1, revision))
    }

    fn place(&self, index: u64) -> Place {
        let own_total = self.union() - self.shared;
        match share(index, self.shared, self.union()) {
            (true, rank) if share(rank, self.differing, self.shared).0 => Place::Differing,
            (true, _) => Place::Equal,
            (false, shared_before) => {
                let rank = index - shared_before;
                if share(rank, self.source - self.shared, own_total).0 {
                    Place::SourceOnly
                } else {
                    Place::TargetOnly
                }
            }
        }
    }
}

/// Spreads `marked` of `total` places evenly; returns whether `index` is one, and how many are before.
fn share(index: u64, marked: u64, total: u64) -> (bool, u64) {
    let before = index * marked / total;
    ((index + 1) * marked / total > before, before)
}

/// Writes `{"<entity>": [ records ]}` with two spaces per level and a newline at the end.
///
/// # Errors
///
/// Those of `out`.
pub fn write_entity_file(
    entity: Entity,
    records: impl Iterator<Item = Json>,
    out: &mut impl Write,
) -> io::Result<()> {
    write!(out, "{{\n  \"{}\": [", entity.name())?;
    let mut any = false;
    for record in records {
        out.write_all(if any { b",\n    " } else { b"\n    " })?;
        record.write(2, out)?;
        any = true;
    }
    out.write_all(if any { b"\n  ]\n}\n" } else { b"]\n}\n" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(plan: &Plan) -> [usize; 4] {
        let kinds = [Place::SourceOnly, Place::TargetOnly, Place::Equal, Place::Differing];
        kinds.map(|kind| (0..plan.union()).filter(|index| plan.place(*index) == kind).count())
    }

    #[test]
    fn a_plan_holds_exactly() {
        #[rustfmt::skip]
        let cases = [
            // name               source target shared differing  source-only, target-only, equal, differing
            ("spec 001 contacts",    150,   120,    90,   15, [60, 30, 75, 15]),
            ("nothing shared",         3,     2,     0,    0, [3, 2, 0, 0]),
            ("all shared and equal",   5,     5,     5,    0, [0, 0, 5, 0]),
            ("all shared and odd",     5,     5,     5,    5, [0, 0, 0, 5]),
            ("nothing at all",         0,     0,     0,    0, [0, 0, 0, 0]),
            ("one side empty",         0,     7,     0,    0, [0, 7, 0, 0]),
        ];
        for (name, source, target, shared, differing, expected) in cases {
            let plan =
                Plan { entity: Entity::Contacts, source, target, shared, differing, seed: 1 };
            assert_eq!(places(&plan), expected, "case: {name}");
        }
    }

    #[test]
    fn an_empty_file_is_written_as_javascript_writes_it() {
        let mut out = Vec::new();
        write_entity_file(Entity::Tasks, std::iter::empty(), &mut out).unwrap();
        assert_eq!(out, b"{\n  \"tasks\": []\n}\n");
    }
}
