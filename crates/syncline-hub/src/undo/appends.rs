//! Append lists in an undo.
//!
//! Such a list only grows: what a run has appended stays in the record, and only the files go back.
//! So an undo neither writes elements of a list that is still there, nor lets a domain be known to
//! hold anything but what its file holds: the next run then writes there what is missing, and
//! nothing counts as appended twice.

use std::collections::BTreeSet;

use syncline_merge::diff::{fits, members};
use syncline_merge::display::Fields;
use syncline_merge::operation::FieldOperation;
use syncline_merge::rules::{EntityRules, Shape};
use syncline_model::json::fields::unflatten;
use syncline_model::json::{Json, Leaf};
use syncline_model::path::Path;

/// The append lists that a record shows both before and after a run.
pub(super) struct Lasting<'r> {
    rules: &'r EntityRules,
    /// By their whole paths, also within the members of keyed arrays.
    paths: BTreeSet<Path>,
}

impl<'r> Lasting<'r> {
    pub(super) fn of(
        rules: &'r EntityRules,
        earlier: Option<&Fields>,
        now: Option<&Fields>,
    ) -> Self {
        let mut lasting = Self { rules, paths: BTreeSet::new() };
        if let (Some(earlier), Some(now)) = (earlier, now) {
            lasting.collect(&Path::root(), earlier, now);
        }
        lasting
    }

    fn collect(&mut self, within: &Path, earlier: &Fields, now: &Fields) {
        for (path, before) in earlier {
            let Some(after) = value(now, path) else { continue };
            let full = within.join(path);
            match self.rules.shape(&full) {
                shape @ Shape::Append { .. } if fits(shape, before) && fits(shape, after) => {
                    self.paths.insert(full);
                }
                Shape::Keyed { key } => {
                    let (before, after) = (members(before, key), members(after, key));
                    for (name, before) in before.unwrap_or_default() {
                        let after = after.as_ref().and_then(|members| members.get(&name));
                        if let Some(after) = after {
                            self.collect(&full.within_key(&name), &before, after);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Returns whether a field of the record is such a list.
    pub(super) fn is_list(&self, path: &Path) -> bool {
        self.paths.contains(path)
    }

    /// Leaves out what appends to such a list, also within members.
    pub(super) fn without_appends(
        &self,
        within: &Path,
        operations: Vec<FieldOperation>,
    ) -> Vec<FieldOperation> {
        let kept = operations.into_iter().filter_map(|operation| match operation {
            FieldOperation::Append { ref path, .. } if self.is_list(&within.join(path)) => None,
            FieldOperation::PutMember { path, key, create, fields } => {
                let member = within.join(&path).within_key(&key);
                let fields = self.without_appends(&member, fields);
                let says_something = create || !fields.is_empty();
                says_something.then_some(FieldOperation::PutMember { path, key, create, fields })
            }
            other => Some(other),
        });
        kept.collect()
    }

    /// Returns a value that a domain is to be known to hold, with such lists within its members as
    /// the domain holds them.
    pub(super) fn as_held(&self, path: &Path, value: Leaf, held: &Fields) -> Leaf {
        let Shape::Keyed { key } = self.rules.shape(path) else { return value };
        let held = self::value(held, path).and_then(|held| members(held, key));
        let (Some(held), Some(own)) = (held, members(&value, key)) else { return value };
        let member = |(name, mut fields): (Box<str>, Fields)| {
            let full = path.within_key(&name);
            if let Some(held) = held.get(&name) {
                let is_list = |field: &(Path, Leaf)| self.is_list(&full.join(&field.0));
                fields.retain(|field| !is_list(field));
                fields.extend(held.iter().filter(|field| is_list(field)).cloned());
                fields.sort();
            }
            unflatten(fields.iter().map(|(path, leaf)| (path, leaf))).ok().map(Json::Object)
        };
        let array: Option<Vec<Json>> = own.into_iter().map(member).collect();
        array.and_then(|array| Leaf::from_json(&Json::Array(array)).ok()).unwrap_or(value)
    }
}

fn value<'f>(fields: &'f Fields, path: &Path) -> Option<&'f Leaf> {
    let at = fields.binary_search_by(|(own, _)| own.cmp(path)).ok()?;
    fields.get(at).map(|(_, leaf)| leaf)
}
