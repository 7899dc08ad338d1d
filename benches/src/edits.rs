//! Edits on files of generated records, as a person's program would make them.
//!
//! The editor works line by line on the two-space form that [`crate::records`] writes, so it
//! needs no memory for the file and leaves every other byte as it is.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use crate::records::{Dice, Entity, fresh_value};

/// Which records are edited, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Edits {
    /// The entity of the file.
    pub entity: Entity,
    /// One record in so many is edited; chosen by its id.
    pub one_in: u64,
    /// Which of the `one_in` classes; two sides with different classes never edit the same id.
    pub class: u64,
    /// Makes the values of each round new.
    pub round: u64,
}

impl Edits {
    /// Edits `path` in place and returns how many records changed.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or replaced.
    pub fn apply(&self, path: &Path) -> io::Result<u64> {
        let draft = path.with_extension("json.draft");
        let mut out = BufWriter::new(File::create(&draft)?);
        let edited = self.copy(BufReader::new(File::open(path)?), &mut out)?;
        out.flush()?;
        fs::rename(&draft, path)?;
        Ok(edited)
    }

    fn copy(&self, input: impl BufRead, out: &mut impl Write) -> io::Result<u64> {
        let field_start = format!("      \"{}\": \"", self.entity.edited_fields()[0]);
        let mut edited = 0;
        let mut chosen: Option<Dice> = None;
        for line in input.lines() {
            let line = line?;
            if let Some(id) = line.strip_prefix("      \"id\": \"") {
                chosen = self.dice_if_chosen(id);
                edited += u64::from(chosen.is_some());
            }
            let starts = [field_start.as_str(), "      \"lastModified\": \""];
            let start = starts.into_iter().find(|start| line.starts_with(start));
            match (&mut chosen, start) {
                (Some(dice), Some(start)) => {
                    let field = start.trim_matches([' ', ':', '"']);
                    let comma = if line.ends_with(',') { "," } else { "" };
                    writeln!(out, "{start}{}\"{comma}", fresh_value(field, dice))?;
                }
                _ => writeln!(out, "{line}")?,
            }
        }
        Ok(edited)
    }

    fn dice_if_chosen(&self, id: &str) -> Option<Dice> {
        let number = id.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(257) + u64::from(byte));
        let class = Dice::new(&[number]).below(self.one_in);
        (class == self.class).then(|| Dice::new(&[number, self.class, self.round]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Plan, Side};

    fn edit(file: &[u8], entity: Entity, class: u64, round: u64) -> (String, u64) {
        let mut out = Vec::new();
        let edits = Edits { entity, one_in: 10, class, round };
        let edited = edits.copy(file, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), edited)
    }

    #[test]
    fn edits_change_two_lines_of_each_chosen_record_and_nothing_else() {
        for entity in Entity::ALL {
            let mut file = Vec::new();
            Plan::even(entity, 500, 50, 50, 9).write_side(Side::Source, &mut file).unwrap();
            let before = String::from_utf8(file.clone()).unwrap();
            let (after, edited) = edit(&file, entity, 3, 1);
            assert!((25..=80).contains(&edited), "{entity:?}: {edited} of 500");
            let changed = before.lines().zip(after.lines()).filter(|(old, new)| old != new).count();
            // A fresh value may by chance be the old one; that is rare.
            assert!((2 * edited - 4..=2 * edited).contains(&(changed as u64)), "{entity:?}");
            assert_eq!(before.lines().count(), after.lines().count());
            assert!(serde_json::from_str::<serde_json::Value>(&after).is_ok());
        }
    }

    #[test]
    fn two_classes_never_edit_the_same_record() {
        let mut file = Vec::new();
        Plan::even(Entity::Contacts, 500, 50, 50, 9).write_side(Side::Source, &mut file).unwrap();
        let before = String::from_utf8(file.clone()).unwrap();
        let (first, _) = edit(&file, Entity::Contacts, 0, 1);
        let (second, _) = edit(&file, Entity::Contacts, 5, 1);
        let both = before
            .lines()
            .zip(first.lines().zip(second.lines()))
            .filter(|(old, (one, two))| old != one && old != two)
            .count();
        assert_eq!(both, 0);
    }
}
