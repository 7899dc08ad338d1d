//! Items that are taken under other ids than the file gives them.

use std::collections::BTreeMap;

use syncline_model::id::RecordId;

use super::read::Document;

impl Document<'_> {
    /// Tells whether the item of a record can be taken under another id: it is there once, and
    /// nothing else has that id.
    pub fn can_rename(&self, from: &RecordId, to: &RecordId) -> bool {
        let is_free = |id: &RecordId| self.rejected.iter().all(|r| r.id.as_ref() != Some(id));
        self.item(from).is_some() && self.item(to).is_none() && is_free(from) && is_free(to)
    }

    /// Takes items under other ids, which the file gives them once they are written: a change that
    /// puts such a record replaces the item where it stands, with the new id. Until then its bytes
    /// are what they were.
    ///
    /// - `ids`: the id that an item has, and the one that it gets; those that cannot be renamed stay.
    pub fn rename(&mut self, ids: &BTreeMap<RecordId, RecordId>) {
        let can = |(from, to): &(&RecordId, &RecordId)| self.can_rename(from, to);
        let ids: BTreeMap<&RecordId, &RecordId> = ids.iter().filter(can).collect();
        for item in &mut self.items {
            if let Some(id) = ids.get(&item.id) {
                item.id = (*id).clone();
            }
        }
        let items = &self.items;
        self.by_id.sort_by_key(|&index| items.get(index).map(|item| &item.id));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Change;
    use super::*;
    use syncline_model::json::{Json, parse};
    use syncline_model::path::Path;

    #[test]
    fn a_renamed_item_is_written_where_it_stands_with_its_new_id() {
        let id = |text: &str| RecordId::new(text).unwrap();
        let text = br#"{"c": [{"x": 1, "id": 7}, {"id": "b"}, {"id": "d"}, {"id": "d"}]}"#;
        let mut document =
            Document::parse(text.to_vec(), "c", &Path::parse("/id").unwrap()).unwrap();
        let ids = [("7", "ada"), ("b", "d"), ("d", "e"), ("none", "f")];
        document.rename(&ids.iter().map(|(from, to)| (id(from), id(to))).collect());
        let held: Vec<&str> = document.items_by_id().map(|item| item.id.as_str()).collect();
        assert_eq!(held, ["ada", "b", "d"], "what is there twice, or taken, keeps its id");
        assert_eq!(document.rewrite(Vec::new()).unwrap().bytes, text, "nothing is written");

        let Ok(Json::Object(object)) = parse(document.raw(document.item(&id("ada")).unwrap()))
        else {
            panic!("an object")
        };
        let rewritten = document.rewrite(vec![Change::put(id("ada"), object)]).unwrap();
        let written: Vec<&str> = rewritten.written.iter().map(|(id, _)| id.as_str()).collect();
        let text = String::from_utf8(rewritten.bytes).unwrap();
        assert_eq!(written, ["ada"]);
        let whole = text.split_whitespace().collect::<String>();
        assert!(whole.starts_with(r#"{"c":[{"x":1,"id":"ada"},{"id":"b"}"#), "{text}");
    }
}
