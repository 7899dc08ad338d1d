//! The end of every history: everything reaches everyone, and all of it must agree.

use syncline_merge::codec::{decode_record, encode_record};
use syncline_merge::conflict::conflicts;
use syncline_merge::display::{to_object, visible};
use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::Json;

use super::random::Random;
use super::{RECORDS, World};

/// Most times that files are read and written until nothing changes.
const ROUNDS_MAX: usize = 6;

impl World {
    /// Heals the world: all links up, clocks right, one set of rules, nothing withheld.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        self.open_up();
        let rules = self.hubs[0].rules.clone();
        self.hubs.iter_mut().for_each(|hub| hub.rules = rules.clone());
        self.exchange_all()?;
        self.agree()?;
        self.files_settle()?;
        self.agree()?;
        for _ in 0..2 {
            for hub in 0..self.hubs.len() {
                for record in 0..RECORDS {
                    self.forget(hub, record)?;
                }
            }
            self.exchange_all()?;
            self.agree()?;
        }
        Ok(())
    }

    /// Reads and writes the files until they hold what their hubs show.
    fn files_settle(&mut self) -> Result<(), String> {
        let mut random = Random::new(0, 4);
        for _ in 0..ROUNDS_MAX {
            let mut changed = false;
            for writer in 0..self.writers() {
                for record in 0..RECORDS {
                    changed |= self.read(writer, record, &mut random)?;
                }
            }
            self.settle_deleted_here();
            self.exchange_all()?;
            for writer in 0..self.writers() {
                for record in 0..RECORDS {
                    changed |= self.write(writer, record, 9, &mut random)?;
                }
            }
            if !changed {
                return Ok(());
            }
        }
        Err(format!("files and hubs have not settled after {ROUNDS_MAX} rounds"))
    }

    /// Every hub shows the same, byte for byte, and holds what the oracle expects.
    fn agree(&mut self) -> Result<(), String> {
        for record in 0..RECORDS {
            let first = self.rendering(0, record)?;
            for hub in 0..self.hubs.len() {
                self.check(hub, record)?;
                let other = self.rendering(hub, record)?;
                if other != first {
                    return Err(format!("hub 0: {first}\nhub {hub}: {other}"));
                }
            }
            let mut held = self.hubs.iter().filter_map(|hub| hub.records[record].as_ref());
            let Some(one) = held.next() else { continue };
            if let Some(other) = held.find(|other| *other != one) {
                return Err(format!("states of record {record} differ:\n{one:#?}\n{other:#?}"));
            }
        }
        Ok(())
    }

    /// What a hub shows of a record, with its conflicts.
    fn rendering(&self, hub: usize, record: usize) -> Result<String, String> {
        let at = &self.hubs[hub];
        let Some(real) = &at.records[record] else {
            return Ok(String::new());
        };
        let again = decode_record(&encode_record(real)).map_err(|error| error.to_string())?;
        if again != *real {
            return Err(format!("a state is not read back as it was: {real:?}"));
        }
        let (entity, id) = (EntityName::new("e").unwrap(), RecordId::new("r").unwrap());
        let mut said = String::new();
        if let Some(fields) = visible(real, &at.rules, None) {
            said += &Json::Object(to_object(&fields)).to_canonical_string();
        }
        for conflict in conflicts(real, &at.rules) {
            let said_of = (&conflict.path, conflict.kind, conflict.shown, conflict.open);
            said += &format!("\n{} {said_of:?} {:?}", conflict.id(&entity, &id), conflict.sides);
        }
        Ok(said)
    }
}
