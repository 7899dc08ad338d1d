//! Texts and lists that all users of a hub write into at once, word by word.
//!
//! Every word is another one and is typed between two others. Whoever is shown a word may delete it. So it
//! is known of each word whether it must be there.

use std::collections::{BTreeMap, BTreeSet};

use syncline_client::{Client, ClientError, Edit, Edited, Json, Record};

use super::check::Finding;
use crate::random::Random;
use crate::schema::field;

/// Texts of a hub.
const TEXTS: u64 = 2;

/// What users have done to texts and lists.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// By record: the words that were typed into its text.
    typed: BTreeMap<String, BTreeSet<String>>,
    /// Words that somebody deleted who was shown them.
    deleted: BTreeSet<String>,
    /// By record: the elements that were appended to its list.
    appended: BTreeMap<String, BTreeSet<String>>,
    /// By operation: its word.
    by_operation: BTreeMap<String, String>,
    /// Words whose typing or deletion the hub has refused, as a restored hub lacks what they count on, or
    /// whose device failed.
    refused: BTreeSet<String>,
    /// Whether texts are sent whole: a defect, planted.
    pub(super) is_whole: bool,
}

impl Words {
    /// Types or deletes a word, or appends one to the list.
    ///
    /// - `begins`: whether this user begins texts.
    pub(super) fn edit(
        &mut self,
        client: &Client,
        random: &mut Random,
        word: &str,
        begins: bool,
    ) -> Result<&'static str, ClientError> {
        let id = format!("text-{}", random.below(TEXTS));
        if random.chance(250) {
            let edited = client.edit("tasks", &id, |r| r.append(field::LINES, word));
            self.note_operation(word, edited)?;
            self.appended.entry(id).or_default().insert(word.to_owned());
            return Ok("line appended");
        }
        let text = client.get("tasks", &id)?.and_then(|record| record.text(field::BODY));
        let Some(text) = text else {
            // Of texts begun at once one would be shown, and the other wait for a person.
            if begins && !self.typed.contains_key(&id) {
                let text = format!("{word} ");
                let edited = client.edit("tasks", &id, |r| r.begin_text(field::BODY, &text));
                self.note_typed(&id, word, edited)?;
                return Ok("text begun");
            }
            return Ok("no text yet");
        };
        let starts = text.char_indices().filter(|(_, c)| *c == ' ').map(|(at, _)| at + 1);
        let starts: Vec<usize> = std::iter::once(0).chain(starts).collect();
        let at = random.index(starts.len());
        let (from, to) = (starts.get(at).copied().unwrap_or(0), starts.get(at + 1).copied());
        if let Some(to) = to.filter(|_| random.chance(300)) {
            let old = text.get(from..to).unwrap_or_default().trim_end().to_owned();
            let edit = |r: Edit| r.splice_text(field::BODY, from, to - from, "");
            let edited = client.edit("tasks", &id, edit);
            self.deleted.insert(old.clone());
            self.note_operation(&old, edited)?;
            return Ok("word deleted");
        }
        let new = format!("{word} ");
        let is_whole = self.is_whole;
        let edited = client.edit("tasks", &id, |r| match is_whole {
            true => r.begin_text(field::BODY, &format!("{new}{text}")),
            false => r.splice_text(field::BODY, from, 0, &new),
        });
        self.note_typed(&id, word, edited)?;
        Ok("word typed")
    }

    fn note_typed(
        &mut self,
        id: &str,
        word: &str,
        edited: Result<Edited, ClientError>,
    ) -> Result<(), ClientError> {
        self.typed.entry(id.to_owned()).or_default().insert(word.to_owned());
        self.note_operation(word, edited)
    }

    /// Takes note of which operation is about a word; of one whose device failed nobody knows.
    fn note_operation(
        &mut self,
        word: &str,
        edited: Result<Edited, ClientError>,
    ) -> Result<(), ClientError> {
        if edited.is_err() {
            self.refused.insert(word.to_owned());
        }
        let edited = edited?;
        for operation in edited.operations() {
            self.by_operation.insert(format!("{operation:?}"), word.to_owned());
        }
        Ok(())
    }

    /// Takes note of what was set aside: of these words nobody knows what is to become of them.
    pub(super) fn note_refused(&mut self, client: &Client) {
        for waiting in client.quarantine().unwrap_or_default() {
            let word = self.by_operation.get(&format!("{:?}", waiting.operation));
            self.refused.extend(word.cloned());
        }
    }

    /// I8: a client shows each word that its user has typed and nobody has deleted, once.
    pub(super) fn own(&self, user: &str, records: &[Record]) -> Vec<Finding> {
        let is_own = |word: &&String| word.contains(&format!("-{user}-"));
        let mut findings = Vec::new();
        for (id, typed) in &self.typed {
            let record = records.iter().find(|record| record.id().as_str() == id);
            let text = record.and_then(|record| record.text(field::BODY)).unwrap_or_default();
            let missing = typed.iter().filter(is_own).find(|word| {
                let is_free = self.deleted.contains(*word) || self.refused.contains(*word);
                !is_free && !text.split(' ').any(|shown| shown == word.as_str())
            });
            if let Some(word) = missing {
                findings
                    .push(("I8", format!("{user} typed {word} into {id} and is shown {text:?}")));
            }
        }
        findings
    }

    /// I8, I3 and I6: what was typed and not deleted is there, what was deleted is not, each once.
    ///
    /// - `value`: a field of a record as the hub shows it.
    pub(super) fn at_the_end(&self, value: impl Fn(&str, &str) -> Option<Json>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (id, typed) in &self.typed {
            let text = value(id, field::BODY);
            let text = text.as_ref().and_then(Json::as_str).unwrap_or_default();
            let mut times: BTreeMap<&str, u32> = BTreeMap::new();
            for word in text.split(' ').filter(|word| !word.is_empty()) {
                *times.entry(word).or_default() += 1;
            }
            for word in typed {
                let found = times.remove(word.as_str()).unwrap_or_default();
                let rule = match (self.refused.contains(word), self.deleted.contains(word), found) {
                    (_, _, 2..) => "I6",
                    (true, ..) | (false, false, 1) | (false, true, 0) => continue,
                    (false, true, _) => "I3",
                    (false, false, _) => "I8",
                };
                findings.push((rule, format!("{word} stands {found} time(s) in {id}: {text:?}")));
            }
            if let Some(torn) = times.keys().next() {
                findings.push(("I8", format!("nobody typed {torn} into {id}: {text:?}")));
            }
        }
        for (id, appended) in &self.appended {
            let lines = match value(id, field::LINES) {
                Some(Json::Array(lines)) => lines,
                _ => Vec::new(),
            };
            let found: BTreeSet<&str> = lines.iter().filter_map(Json::as_str).collect();
            if found.len() != lines.len() {
                findings.push(("I6", format!("{id} has a line twice: {lines:?}")));
            }
            let is_there = |line: &String| found.contains(line.as_str());
            let missing =
                appended.iter().find(|line| !is_there(line) && !self.refused.contains(*line));
            if let Some(line) = missing {
                findings.push(("I2", format!("{line} was appended to {id} and is not there")));
            }
        }
        findings
    }
}
