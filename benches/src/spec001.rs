//! The data sets whose numbers spec 001 prints; they are committed under `fixtures/spec001`.

use std::io;
use std::path::Path;

use crate::records::{Entity, Plan, Side};

/// What the contents of the committed data sets depend on.
const SEED: u64 = 20_260_112;

/// 150 personal and 120 business contacts; 90 shared, 15 of them different; 180 in all.
pub const CONTACTS: Plan = plan(Entity::Contacts, 150, 120, 90, 15);

/// The five entities of spec 001's second example: 450 records at the source.
pub const FIVE_ENTITIES: [Plan; 5] = [
    CONTACTS,
    plan(Entity::Calendar, 45, 60, 20, 5),
    plan(Entity::Tasks, 80, 70, 55, 8),
    plan(Entity::Documents, 120, 90, 65, 10),
    plan(Entity::Communications, 55, 40, 35, 4),
];

const fn plan(entity: Entity, source: u64, target: u64, shared: u64, differing: u64) -> Plan {
    Plan { entity, source, target, shared, differing, seed: SEED }
}

/// Writes both data sets under `dir`: `contacts/data/…` and `five-entities/data/…`.
///
/// # Errors
///
/// When a folder or a file cannot be written.
pub fn write_fixtures(dir: &Path) -> io::Result<()> {
    write_set(&[CONTACTS], &dir.join("contacts/data"))?;
    write_set(&FIVE_ENTITIES, &dir.join("five-entities/data"))
}

fn write_set(plans: &[Plan], data: &Path) -> io::Result<()> {
    for plan in plans {
        plan.write_file(Side::Source, data, "personal")?;
        plan.write_file(Side::Target, data, "business")?;
    }
    Ok(())
}
