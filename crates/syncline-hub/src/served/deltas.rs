//! Large texts told by what differs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use syncline_merge::display::Fields;
use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_protocol::change::Content;
use syncline_protocol::delta::Delta;
use syncline_protocol::message::Page;

use super::Paged;

/// What differs in the large texts of a stretch of the log, each made once for all who are told it.
#[derive(Debug, Default)]
pub struct Deltas {
    made: BTreeMap<(EntityName, RecordId, Path), Made>,
}

#[derive(Debug)]
struct Made {
    before: Leaf,
    after: Leaf,
    delta: Option<Delta>,
}

impl Deltas {
    /// Returns a page in which large texts are told by what differs from what whoever is told it holds; nothing
    /// if there are none. It is for those who read deltas and stand at the beginning of the stretch or
    /// behind it.
    ///
    /// - `replaced`: of each change of the page, the texts in whose place others stand now.
    pub fn shorten(&mut self, page: &Page, replaced: &[Fields]) -> Option<Page> {
        let mut shorter: Option<Page> = None;
        for (place, (change, replaced)) in page.changes.iter().zip(replaced).enumerate() {
            let Content::Fields { set, .. } = &change.content else { continue };
            let mut found = Vec::new();
            for (path, before) in replaced {
                let after = set.iter().find(|(known, _)| known == path).map(|(_, after)| after);
                let key = (change.entity.clone(), change.id.clone(), path.clone());
                let delta = after.and_then(|after| self.between(key, before, after));
                found.extend(delta.map(|delta| (path.clone(), delta)));
            }
            if found.is_empty() {
                continue;
            }
            let page = shorter.get_or_insert_with(|| page.clone());
            if let Some(change) = page.changes.get_mut(place)
                && let Content::Fields { set, deltas, .. } = &mut change.content
            {
                set.retain(|(path, _)| found.iter().all(|(known, _)| known != path));
                *deltas = found;
            }
        }
        shorter
    }

    fn between(
        &mut self,
        key: (EntityName, RecordId, Path),
        before: &Leaf,
        after: &Leaf,
    ) -> Option<Delta> {
        let is_of = |made: &Made| {
            made.before.as_str() == before.as_str() && made.after.as_str() == after.as_str()
        };
        let make = || Made {
            before: before.clone(),
            after: after.clone(),
            delta: Delta::between(before, after),
        };
        match self.made.entry(key) {
            Entry::Occupied(made) if is_of(made.get()) => made.get().delta.clone(),
            Entry::Occupied(_) => make().delta,
            Entry::Vacant(new) => new.insert(make()).delta.clone(),
        }
    }
}

impl Paged {
    /// Returns the page for who reads deltas.
    #[must_use]
    pub fn differing(self) -> Page {
        let shorter = Deltas::default().shorten(&self.page, &self.replaced);
        shorter.unwrap_or(self.page)
    }
}
