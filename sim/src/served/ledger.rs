//! What the log says of notes, entry by entry, and so what each may ever have been shown.

use std::collections::{BTreeMap, BTreeSet};

use syncline_hub::served::Served;
use syncline_model::id::{EntityName, Position};

use super::check::Finding;
use super::rights::{BUDGET, Class, Note, PLACE, Rights, TEAMS, shows};

/// Entries of the log that are read at once.
const ENTRIES: usize = 500;

/// The notes of a hub, and who may know of what.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The type of record.
    entity: EntityName,
    read: Position,
    /// What the log said at each position that told of a note: the log forgets its beginning, and this not.
    told: Vec<(Position, String, Option<Note>)>,
    pub(super) notes: BTreeMap<String, Note>,
    /// Words that name one thing in all of the world: ids of notes and values in them.
    words: BTreeSet<String>,
    /// Of these, what was ever in sight.
    seen: BTreeMap<Class, BTreeSet<String>>,
}

/// Returns those whom not everything is shown.
fn classes() -> impl Iterator<Item = Class> {
    let members = TEAMS.map(|team| Rights::Member { team });
    members.into_iter().flat_map(|rights| [(rights, false), (rights, true)])
}

impl Ledger {
    pub(super) fn new(entity: EntityName) -> Self {
        let (notes, words, seen) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { entity, read: Position(0), told: Vec::new(), notes, words, seen }
    }

    /// Reads the log again, as far as it is there: the hub starts, and its log may be another one.
    ///
    /// - `horizon`: what is forgotten of it. It was read before, and has not changed since.
    pub(super) fn begin_anew(&mut self, horizon: Position) {
        self.read = horizon;
        self.notes.clear();
        self.told.retain(|(position, ..)| *position <= horizon);
        for (_, id, note) in &self.told {
            match note {
                Some(note) => drop(self.notes.insert(id.clone(), note.clone())),
                None => drop(self.notes.remove(id)),
            }
        }
    }

    /// Reads what is new of the log.
    ///
    /// - `writer`: whose push it was, where it was one: all of it must have been allowed.
    pub(super) fn read(&mut self, served: &Served, writer: Option<Class>) -> Option<Finding> {
        let mut finding = None;
        while self.read < served.position() {
            // A store that fails says nothing; its hub will start again.
            let Ok(entries) = served.log(self.read, ENTRIES) else { return finding };
            if entries.is_empty() {
                return Some(("I16", format!("the log ends at {}", self.read.0)));
            }
            for (position, entry) in entries {
                self.read = position;
                if entry.entity != self.entity {
                    continue;
                }
                let id = entry.id.as_str().to_owned();
                let before = self.notes.remove(&id);
                let mut paths: Vec<String> = Vec::new();
                let images = [&entry.before, &entry.after].into_iter().flatten().flatten();
                paths.extend(images.map(|(path, _)| path.as_str().to_owned()));
                let after = entry.after.map(|fields| {
                    let mut note = before.clone().unwrap_or_default();
                    note.retain(|path, _| !paths.contains(path));
                    for (path, leaf) in fields {
                        note.insert(path.as_str().to_owned(), leaf.as_str().to_owned());
                    }
                    note
                });
                if let Some(class) = writer
                    && !may_write(class, before.as_ref(), after.as_ref(), &paths)
                {
                    finding = Some(("I18", format!("{class:?} wrote {paths:?} of {id}")));
                }
                self.told.push((position, id.clone(), after.clone()));
                if let Some(note) = &after {
                    self.take_note_of(&id, note);
                    self.notes.insert(id, note.clone());
                }
            }
        }
        finding
    }

    fn take_note_of(&mut self, id: &str, note: &Note) {
        self.words.insert(id.to_owned());
        self.words.extend(note.values().flat_map(|value| words_of(value)).map(str::to_owned));
        for class in classes().filter(|class| class.0.sees(note)) {
            let seen = self.seen.entry(class).or_default();
            seen.insert(id.to_owned());
            for (_, value) in note.iter().filter(|(path, _)| shows(class, path)) {
                seen.extend(words_of(value).map(str::to_owned));
            }
        }
    }

    /// Returns what a text tells that none of these may know, if there is anything.
    ///
    /// - `own`: words that whoever is told has written.
    pub(super) fn leak<'t>(
        &self,
        text: &'t str,
        classes: &[Class],
        own: &BTreeSet<String>,
    ) -> Option<&'t str> {
        if classes.iter().any(|class| class.0 == Rights::Chief) {
            return None;
        }
        let is_known = |word: &str| {
            let mut seen = classes.iter().filter_map(|class| self.seen.get(class));
            !self.words.contains(word)
                || own.contains(word)
                || seen.any(|words| words.contains(word))
        };
        if let Some(path) = [BUDGET, PLACE].into_iter().find(|path| text.contains(path))
            && !classes.iter().any(|class| shows(*class, path))
        {
            return Some(path);
        }
        words_of(text).find(|word| !is_known(word))
    }
}

/// Returns the words of a text that may name something in a note.
pub(super) fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split(move |c| !is_part(c)).filter(|word| word.contains("-note-"))
}

fn may_write(class: Class, before: Option<&Note>, after: Option<&Note>, paths: &[String]) -> bool {
    let images = [before, after].into_iter().flatten();
    let is_deletion = after.is_none();
    images.into_iter().all(|note| class.0.sees(note))
        && (is_deletion || paths.iter().all(|path| shows(class, path)))
}
