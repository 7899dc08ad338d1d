//! What an app does to a record, step by step.

use syncline_merge::display::Fields;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::text::ot::{Component, TextOperation};
use syncline_model::json::fields::flatten_json;
use syncline_model::json::{Json, Leaf, Number};
use syncline_model::path::Path;
use syncline_protocol::predict::predict;

use crate::error::EditError;
use crate::record::value_at;
use crate::view::value_of;

/// An edit of one record on its way. Each step sees what the ones before it left.
///
/// Paths are JSON pointers: `/title`, `/address/city`. A path or a value that is none makes the whole
/// edit fail when it is done; nothing of it is queued then.
///
/// ```
/// use syncline_client::{Client, Options};
///
/// let folder = tempfile::tempdir()?;
/// let client = Client::open(Options::offline(folder.path().join("app.db")))?;
/// client.edit("tasks", "t1", |r| r.set("/title", "Call back").increment("/views", 1))?;
/// client.edit("tasks", "t1", |r| r.increment("/views", 2).add("/tags", "urgent"))?;
/// let task = client.get("tasks", "t1")?.expect("it was just made");
/// assert_eq!(task.to_json().to_compact_string(),
///     r#"{"tags":["urgent"],"title":"Call back","views":3}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the edit is made by what the closure returns"]
pub struct Edit {
    shown: Option<Fields>,
    parts: Vec<Vec<FieldOperation>>,
    priority: bool,
    problem: Option<EditError>,
}

impl Edit {
    pub(crate) const fn new(shown: Option<Fields>) -> Self {
        Self { shown, parts: Vec::new(), priority: false, problem: None }
    }

    /// Returns the effects, in order, and whether they are sent before others.
    pub(crate) fn finish(self) -> Result<(Vec<Effect>, bool), EditError> {
        match self.problem {
            Some(problem) => Err(problem),
            None if self.parts.is_empty() => Err(EditError::Empty),
            None => Ok((self.parts.into_iter().map(Effect::Write).collect(), self.priority)),
        }
    }

    /// Returns what the record holds at a path, with the steps so far.
    pub fn get(&self, path: &str) -> Option<Json> {
        self.shown.as_ref().and_then(|shown| value_at(shown, path))
    }

    /// Has the edit sent before what waits already.
    pub const fn priority(mut self) -> Self {
        self.priority = true;
        self
    }

    /// Gives a field a value. An object becomes the fields that it has; others below the path go.
    pub fn set(self, path: &str, value: impl Into<Json>) -> Self {
        let value = value.into();
        self.step(path, |edit, path| match &value {
            Json::Object(object) if !object.is_empty() => {
                let fields = flatten_json(object)?;
                let is_told = |below: &Path| fields.iter().any(|(p, _)| path.join(p) == *below);
                let shown = edit.shown.iter().flatten().map(|(known, _)| known);
                let gone = shown.filter(|known| path.is_prefix_of(known) && !is_told(known));
                let unset: Vec<Path> = gone.cloned().collect();
                let unset = unset.into_iter().map(|path| FieldOperation::Unset { path });
                let set = fields.iter().map(|(inner, value)| FieldOperation::Set {
                    path: path.join(inner),
                    value: value.clone(),
                });
                Ok(unset.chain(set).collect())
            }
            value => {
                Ok(vec![FieldOperation::Set { path: path.clone(), value: Leaf::from_json(value)? }])
            }
        })
    }

    /// Removes a field and all below it.
    pub fn unset(self, path: &str) -> Self {
        self.step(path, |_, path| Ok(vec![FieldOperation::Unset { path: path.clone() }]))
    }

    /// Adds to a sum; what others add meanwhile is added as well.
    pub fn increment(self, path: &str, by: impl Into<Number>) -> Self {
        let by = by.into();
        self.step(path, |_, path| {
            Ok(vec![FieldOperation::Increment { path: path.clone(), by: by.clone() }])
        })
    }

    /// Sets a sum back to nothing; what others add meanwhile stays.
    pub fn reset(self, path: &str) -> Self {
        self.step(path, |_, path| Ok(vec![FieldOperation::Reset { path: path.clone() }]))
    }

    /// Adds an element to a set.
    pub fn add(self, path: &str, element: impl Into<Json>) -> Self {
        let element = element.into();
        self.step(path, |_, path| {
            let element = Leaf::from_json(&element)?;
            Ok(vec![FieldOperation::Add { path: path.clone(), element }])
        })
    }

    /// Removes an element from a set.
    pub fn remove(self, path: &str, element: impl Into<Json>) -> Self {
        let element = element.into();
        self.step(path, |_, path| {
            let element = Leaf::from_json(&element)?;
            Ok(vec![FieldOperation::Remove { path: path.clone(), element }])
        })
    }

    /// Appends an element to a list that only grows.
    pub fn append(self, path: &str, value: impl Into<Json>) -> Self {
        let value = value.into();
        self.step(path, |_, path| {
            let value = Leaf::from_json(&value)?;
            Ok(vec![FieldOperation::Append { path: path.clone(), value, id: None }])
        })
    }

    /// Writes fields of a member of a keyed array: `r.put("/lines", "7", |m| m.set("/count", 2))`.
    pub fn put(self, path: &str, key: &str, fill: impl FnOnce(Self) -> Self) -> Self {
        let member = self.member(path, key);
        let create = member.is_none();
        let filled = fill(Self::new(Some(member.unwrap_or_default())));
        self.step(path, |_, path| {
            let (effects, _) = filled.finish()?;
            let fields = effects.into_iter().map(|effect| match effect {
                Effect::Write(operations) => operations,
                Effect::Delete => Vec::new(),
            });
            let put = |(at, fields)| FieldOperation::PutMember {
                path: path.clone(),
                key: key.into(),
                create: create && at == 0,
                fields,
            };
            Ok(fields.enumerate().map(put).collect())
        })
    }

    /// Removes a member of a keyed array.
    pub fn drop_member(self, path: &str, key: &str) -> Self {
        self.step(path, |_, path| {
            Ok(vec![FieldOperation::RemoveMember { path: path.clone(), key: key.into() }])
        })
    }

    /// Gives a text field a text: what differs from the text shown becomes an edit of it, which is
    /// merged with what others type. Where there is no text yet one begins.
    pub fn text(self, path: &str, text: &str) -> Self {
        self.step(path, |edit, path| match edit.text_at(path) {
            Some(old) if old == text => Ok(Vec::new()),
            Some(old) => {
                let edit = TextOperation::from_diff(&old, text)?;
                Ok(vec![FieldOperation::EditText { path: path.clone(), edit }])
            }
            None => {
                Ok(vec![FieldOperation::BeginText { path: path.clone(), text: text.to_owned() }])
            }
        })
    }

    /// Begins a text anew, whatever is there.
    pub fn begin_text(self, path: &str, text: &str) -> Self {
        self.step(path, |_, path| {
            Ok(vec![FieldOperation::BeginText { path: path.clone(), text: text.to_owned() }])
        })
    }

    /// Replaces `drop` characters at `at` of the text shown by `insert`. Characters are Unicode scalar
    /// values.
    pub fn splice_text(self, path: &str, at: usize, drop: usize, insert: &str) -> Self {
        self.step(path, |edit, path| {
            let text = edit.text_at(path).ok_or(EditError::NotAText)?;
            let count = text.chars().count();
            let end = at.checked_add(drop).filter(|end| *end <= count);
            let end = end.ok_or(EditError::NotAText)?;
            let splice = TextOperation::new([
                Component::Retain(at),
                Component::Insert(insert.into()),
                Component::Delete(drop),
                Component::Retain(count - end),
            ])?;
            Ok(vec![FieldOperation::EditText { path: path.clone(), edit: splice }])
        })
    }

    /// Edits the text shown by an operation that was made for it.
    pub fn edit_text(self, path: &str, edit: TextOperation) -> Self {
        self.step(path, |shown, path| {
            let text = shown.text_at(path).ok_or(EditError::NotAText)?;
            edit.apply(&text)?;
            Ok(vec![FieldOperation::EditText { path: path.clone(), edit: edit.clone() }])
        })
    }

    fn text_at(&self, path: &Path) -> Option<String> {
        let leaf = value_of(self.shown.as_ref()?, path)?;
        leaf.as_string().map(String::from)
    }

    /// Returns the fields of a member of a keyed array, if there is one.
    fn member(&self, path: &str, key: &str) -> Option<Fields> {
        let Some(Json::Array(members)) = self.get(path) else { return None };
        let is_key = |json: &Json| match json {
            Json::String(text) => **text == *key,
            Json::Number(number) => number.as_str() == key,
            _ => false,
        };
        let objects = members.iter().filter_map(Json::as_object);
        let mut named = objects.filter(|object| object.get("id").is_some_and(is_key));
        flatten_json(named.next()?).ok()
    }

    /// Takes a step; it begins another operation where it writes what a step before it wrote, since
    /// the parts of one operation have an order of their own.
    fn step(
        mut self,
        path: &str,
        step: impl FnOnce(&Self, &Path) -> Result<Vec<FieldOperation>, EditError>,
    ) -> Self {
        if self.problem.is_some() {
            return self;
        }
        let parsed = Path::parse_field(path).map_err(EditError::from);
        let operations = parsed.and_then(|path| step(&self, &path));
        match operations {
            Err(problem) => self.problem = Some(problem),
            Ok(operations) => {
                for operation in operations {
                    self.put_operation(operation);
                }
            }
        }
        self
    }

    fn put_operation(&mut self, operation: FieldOperation) {
        let effect = Effect::Write(vec![operation.clone()]);
        self.shown = predict(self.shown.as_ref(), &effect);
        let Some(last) = self.parts.last_mut() else {
            return self.parts.push(vec![operation]);
        };
        if let Some(composed) = composed(last, &operation) {
            return composed;
        }
        let meets = |known: &FieldOperation| {
            let (a, b) = (known.path(), operation.path());
            (a.is_prefix_of(b) || b.is_prefix_of(a)) && !goes_with(known, &operation)
        };
        if last.iter().any(meets) {
            self.parts.push(vec![operation]);
        } else {
            last.push(operation);
        }
    }
}

/// Puts an edit of a text into the one before it.
fn composed(last: &mut [FieldOperation], next: &FieldOperation) -> Option<()> {
    let FieldOperation::EditText { path, edit } = next else { return None };
    let known = last.iter_mut().find(|known| known.path() == path)?;
    match known {
        FieldOperation::EditText { edit: first, .. } => *first = first.compose(edit).ok()?,
        FieldOperation::BeginText { text, .. } => *text = edit.apply(text).ok()?,
        _ => return None,
    }
    Some(())
}

/// Returns whether two steps on one path can stand in one operation: elements of one kind, members
/// that are not the same.
fn goes_with(a: &FieldOperation, b: &FieldOperation) -> bool {
    match (a, b) {
        (FieldOperation::Add { .. }, FieldOperation::Add { .. })
        | (FieldOperation::Remove { .. }, FieldOperation::Remove { .. })
        | (FieldOperation::Append { .. }, FieldOperation::Append { .. }) => a.path() == b.path(),
        (
            FieldOperation::PutMember { path, key, .. },
            FieldOperation::PutMember { path: other, key: other_key, .. },
        )
        | (
            FieldOperation::RemoveMember { path, key },
            FieldOperation::RemoveMember { path: other, key: other_key },
        ) => path == other && key != other_key,
        _ => false,
    }
}
