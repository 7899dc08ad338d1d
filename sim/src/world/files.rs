//! Folders of files, and the people who edit them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use syncline_engine::link::Side;
use syncline_model::id::RecordId;
use syncline_model::json::{Json, Object, parse};

use super::{Event, World};
use crate::history::{RecordKey, Stamps};
use crate::lineage::Deletion;

/// The two folders of a site.
const FOLDERS: [&str; 2] = ["/personal", "/business"];
/// Name of the file that both hold.
pub(crate) const FILE: &str = "contacts.json";
/// The fields that people edit; the last one is in no schema.
pub(crate) const FIELDS: [&str; 3] = ["name", "phone", LAST_FIELD];
/// The field that the target is not to see at times.
pub(crate) const LAST_FIELD: &str = "x-note";
/// Most records that people add to a file.
const RECORDS_MAX: usize = 8;

/// The folders of one site.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    /// By side: the good content of a file that came to harm, and the harm.
    pub(crate) harmed: [Option<Harm>; 2],
    /// Whether the target is not to see the last field for now.
    pub(crate) withholds: bool,
    /// By record of the target: what it was not to see of it when it was last written.
    pub(crate) hidden: BTreeMap<String, Vec<String>>,
    /// By record: the changes that a run knew which left both files as the hub shows them.
    pub(crate) shown: BTreeMap<RecordKey, Rc<Stamps>>,
}

/// A file that is not what its owner wants it to be.
#[derive(Clone, Debug)]
pub(crate) struct Harm {
    /// What it is to be.
    good: Vec<u8>,
    /// What it is; nothing if it is missing.
    pub(crate) bad: Option<Vec<u8>>,
}

/// Returns the path of a side's folder.
pub(crate) fn folder(side: Side) -> PathBuf {
    FOLDERS.get(side.index()).map_or_else(PathBuf::new, PathBuf::from)
}

/// Returns the path of a side's file.
pub(crate) fn file(side: Side) -> PathBuf {
    folder(side).join(FILE)
}

/// Returns the records of a file that have an id and only what people write, as id and fields.
pub(crate) fn items(bytes: &[u8]) -> Option<Vec<Object>> {
    let Ok(Json::Object(document)) = parse(bytes) else {
        return None;
    };
    let items = document.get("contacts")?.as_array()?;
    Some(items.iter().filter_map(|item| item.as_object().cloned()).collect())
}

/// Returns the text of a member.
pub(crate) fn text<'a>(item: &'a Object, member: &str) -> Option<&'a str> {
    item.get(member).and_then(Json::as_str)
}

fn document(items: Vec<Object>) -> Vec<u8> {
    let mut document = Object::new();
    document.insert("kept", "as it is");
    document.insert("contacts", Json::Array(items.into_iter().map(Json::Object).collect()));
    Json::Object(document).to_pretty_string().into_bytes()
}

impl World {
    pub(crate) fn begin_folders(&mut self, index: usize) {
        if self.swarm.sync_pause_ms == 0 {
            return;
        }
        let Some(site) = self.sites.get(index) else {
            return;
        };
        for side in Side::BOTH {
            site.disk.make_folder(&folder(side));
            site.disk.poke(&file(side), &document(Vec::new()));
        }
        site.disk.make_folder(Path::new("/state/undo"));
    }

    /// Somebody edits one of the two files, or it comes to harm.
    pub(crate) fn edit_file(&mut self, index: usize) {
        self.after(self.swarm.edit_pause_ms, Event::Edit(index));
        if self.swarm.sync_pause_ms == 0 {
            return;
        }
        let side = if self.random.chance(500) { Side::Source } else { Side::Target };
        if self.repair(index, side) {
            return;
        }
        if self.random.chance(self.swarm.broken_edit) {
            self.harm(index, side);
        } else {
            self.edit(index, side);
        }
    }

    /// Makes an edit that its author means.
    pub(crate) fn edit(&mut self, index: usize, side: Side) {
        let Some(site) = self.sites.get(index) else {
            return;
        };
        site.disk.set_now(site.wall_ms(self.now_ms));
        let Some(mut items) = site.disk.peek(&file(side)).as_deref().and_then(items) else {
            return;
        };
        let draw = self.random.below(10);
        let fresh = self.fresh_value();
        if items.is_empty() || (draw < 3 && items.len() < RECORDS_MAX) {
            let mut item = Object::new();
            item.insert("id", format!("{}-{index}-{fresh}", side.index()));
            self.set_field(index, side, &mut item, fresh);
            items.push(item);
        } else {
            let at = self.random.index(items.len());
            if draw == 3 {
                let item = items.remove(at);
                self.removed_by_user(index, side, &item);
            } else if let Some(item) = items.get_mut(at) {
                self.set_field(index, side, item, fresh);
            }
        }
        let bytes = document(items);
        if let Some(site) = self.sites.get(index) {
            site.disk.poke(&file(side), &bytes);
        }
        self.count("edit of a file");
    }

    fn set_field(&mut self, index: usize, side: Side, item: &mut Object, fresh: u64) {
        let field = self.random.pick(&FIELDS).copied().unwrap_or("name");
        let value = format!("v{fresh}");
        let id = text(item, "id").unwrap_or_default().to_owned();
        if let Some(key) = self.contact(&id) {
            let old = text(item, field).map(str::to_owned);
            self.note(format_args!("u{index} writes {id} {field} {old:?} -> {value} at {side:?}"));
            self.history.lineage.wrote(&key, &value, old.as_deref());
        }
        if self.swarm.timed_edits
            && let Some(site) = self.sites.get(index)
        {
            item.insert("at", Json::Number(site.wall_ms(self.now_ms).into()));
        }
        item.insert(field, value);
    }

    fn removed_by_user(&mut self, index: usize, side: Side, item: &Object) {
        let id = text(item, "id").unwrap_or_default();
        let Some(key) = self.contact(id) else { return };
        self.note(format_args!("u{index} removes {id} at {side:?}"));
        let seen = FIELDS.iter().filter_map(|field| text(item, field)).map(str::to_owned);
        let mut values: BTreeSet<String> = seen.collect();
        let folders = self.folders.get(index);
        if side == Side::Target {
            // Who deletes a record deletes all of it, also what it holds besides.
            values.extend(folders.and_then(|f| f.hidden.get(id)).into_iter().flatten().cloned());
        }
        let changes = folders.and_then(|folders| folders.shown.get(&key));
        let changes = changes.map(|changes| (**changes).clone()).unwrap_or_default();
        self.history.lineage.removed(Deletion { key, change: None, values, changes });
    }

    /// Returns the key of a contact.
    pub(crate) fn contact(&self, id: &str) -> Option<RecordKey> {
        Some((self.schema.contacts.clone(), RecordId::new(id).ok()?))
    }

    /// Does a file harm: it is emptied, cut off or lost, by a failed program or a full disk.
    fn harm(&mut self, index: usize, side: Side) {
        let Some(good) = self.sites.get(index).and_then(|site| site.disk.peek(&file(side))) else {
            return;
        };
        let bad = match self.random.below(4) {
            0 => Some(document(Vec::new())),
            1 => Some(Vec::new()),
            2 => good.get(..self.random.index(good.len())).map(<[u8]>::to_vec),
            _ => None,
        };
        let Some(site) = self.sites.get(index) else {
            return;
        };
        match &bad {
            Some(bad) => site.disk.poke(&file(side), bad),
            None => site.disk.lose(&file(side)),
        }
        let len = bad.as_ref().map(Vec::len);
        self.note(format_args!("u{index}: the file at {side:?} comes to harm: {len:?} bytes"));
        self.count_fault("file emptied, cut off or lost");
        if let Some(folders) = self.folders.get_mut(index) {
            folders.harmed[side.index()] = Some(Harm { good, bad });
        }
    }

    /// Puts the good content back; answers whether there was any harm.
    pub(crate) fn repair(&mut self, index: usize, side: Side) -> bool {
        let harmed =
            self.folders.get_mut(index).and_then(|folders| folders.harmed[side.index()].take());
        let (Some(harm), Some(site)) = (harmed, self.sites.get(index)) else {
            return false;
        };
        // A hub that never held this file takes the harmed one for new, and may have written it.
        let untouched = site.disk.peek(&file(side)) == harm.bad;
        if untouched {
            site.disk.poke(&file(side), &harm.good);
            if harm.bad == Some(document(Vec::new())) {
                // A run may have taken the empty list for its owner's word, where the other side held
                // nothing either: then what comes back was put there anew.
                for item in items(&harm.good).unwrap_or_default() {
                    if let Some(key) = self.contact(text(&item, "id").unwrap_or_default()) {
                        self.history.lineage.put_back(&key);
                    }
                }
            }
            self.note(format_args!("u{index}: the file at {side:?} is repaired"));
        }
        untouched
    }
}
