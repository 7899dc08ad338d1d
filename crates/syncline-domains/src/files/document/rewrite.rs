//! From items to bytes.

use std::collections::BTreeSet;

use syncline_model::id::RecordId;
use syncline_model::json::raw::Span;
use syncline_model::json::{Json, Number, Object};
use syncline_model::path::Path;

use super::error::RewriteError;
use super::item::Digest16;
use super::layout::{Layout, lay_out};
use super::lookup::string_end;
use super::read::{Document, digest};

/// A change of one record of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'t> {
    /// Which record.
    pub id: RecordId,
    /// What becomes of it.
    pub kind: ChangeKind<'t>,
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeKind<'t> {
    /// It is replaced where it stands, or appended.
    Put(Object),
    /// It is appended as another file has it.
    Copy(&'t [u8]),
    /// It vanishes; nothing happens if it is not there.
    Remove,
}

/// A file with its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// The records that were written, each once and in the file's order, with the digests of their
    /// items. All other items that were not removed are what they were.
    pub written: Vec<(RecordId, Digest16)>,
}

impl<'t> Change<'t> {
    /// Returns the change that writes a record.
    ///
    /// The id in the object may be missing or of the other type: it is written as the file has it.
    pub const fn put(id: RecordId, object: Object) -> Self {
        Self { id, kind: ChangeKind::Put(object) }
    }

    /// Returns the change that adds a record which another file holds.
    ///
    /// - `text`: an item of that file, which is an object and says its id where this file does. The
    ///   record is not in this file; one that is there is left as it is.
    pub const fn copy(id: RecordId, text: &'t [u8]) -> Self {
        Self { id, kind: ChangeKind::Copy(text) }
    }

    /// Returns the change that removes a record.
    pub const fn remove(id: RecordId) -> Self {
        Self { id, kind: ChangeKind::Remove }
    }
}

impl Document<'_> {
    /// Returns the file's bytes with these changes, each of another record, in any order.
    ///
    /// New records are appended in the order given. Where a file holds copies of a record, all of
    /// them are changed alike. Without changes, the bytes are the same. See the [module](super) for
    /// the layout.
    ///
    /// # Errors
    ///
    /// [`RewriteError`] if a record is withheld or changed twice; nothing is written then.
    pub fn rewrite(&self, changes: Vec<Change<'_>>) -> Result<Rewritten, RewriteError> {
        if changes.is_empty() {
            return Ok(Rewritten { bytes: self.bytes().to_vec(), written: Vec::new() });
        }
        let copied = changes.iter().map(|change| match change.kind {
            ChangeKind::Copy(text) => text.len() + SEPARATOR_BYTES,
            _ => 0,
        });
        let mut writer = Writer::new(self, copied.sum());
        let mut changes = Changes::new(changes, self)?;
        for element in self.elements() {
            match element.id.and_then(|id| changes.find(id)) {
                None => writer.keep(element.span),
                Some(ChangeKind::Copy(_)) => writer.keep(element.span),
                Some(ChangeKind::Remove) => writer.remove(element.span),
                Some(ChangeKind::Put(object)) => {
                    fit_id(object, &self.id_path, element.id, element.id_is_number);
                    writer.replace(element.span, element.id, object);
                }
            }
        }
        for change in changes.into_unused() {
            match change.kind {
                ChangeKind::Remove => {}
                ChangeKind::Copy(text) => writer.append(change.id, text),
                ChangeKind::Put(mut object) => {
                    fit_id(&mut object, &self.id_path, Some(&change.id), None);
                    let text = Json::Object(object).to_compact_string();
                    writer.append(change.id, text.as_bytes());
                }
            }
        }
        Ok(writer.finish())
    }

    /// Returns the elements of the array in their order; a withheld id has no change.
    fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        let mut items = self.items().iter().peekable();
        let mut rejected = self.rejected().iter().peekable();
        std::iter::from_fn(move || {
            let next_rejected = rejected.peek().map_or(usize::MAX, |rejected| rejected.index);
            if let Some(item) = items.next_if(|item| item.index < next_rejected) {
                let id_is_number = Some(item.id_is_number);
                return Some(Element { span: item.span, id: Some(&item.id), id_is_number });
            }
            let rejected = rejected.next()?;
            Some(Element { span: rejected.span, id: rejected.id.as_ref(), id_is_number: None })
        })
    }
}

/// About what stands between two items, in bytes. It decides nothing but how much room is made.
const SEPARATOR_BYTES: usize = 8;

/// An element of the array.
struct Element<'d> {
    span: Span,
    id: Option<&'d RecordId>,
    id_is_number: Option<bool>,
}

/// The changes, to be found by id.
struct Changes<'t> {
    given: Vec<Change<'t>>,
    /// Indexes of `given`, sorted by id.
    by_id: Vec<usize>,
    used: Vec<bool>,
    /// Where in `by_id` the last one was found: files and changes are often in the same order.
    last: usize,
}

impl<'t> Changes<'t> {
    fn new(given: Vec<Change<'t>>, document: &Document<'_>) -> Result<Self, RewriteError> {
        if let Some(change) = given.iter().find(|change| document.is_withheld(&change.id)) {
            return Err(RewriteError::Withheld { id: change.id.clone() });
        }
        let mut sorted: Vec<(&RecordId, usize)> =
            given.iter().enumerate().map(|(at, change)| (&change.id, at)).collect();
        sorted.sort();
        let mut neighbours = sorted.iter().zip(sorted.iter().skip(1));
        if let Some(((id, _), _)) = neighbours.find(|((a, _), (b, _))| a == b) {
            return Err(RewriteError::ChangedTwice { id: (*id).clone() });
        }
        let by_id = sorted.into_iter().map(|(_, at)| at).collect();
        let used = vec![false; given.len()];
        Ok(Self { given, by_id, used, last: 0 })
    }

    /// Returns what becomes of a record, if it changes.
    fn find(&mut self, id: &RecordId) -> Option<&mut ChangeKind<'t>> {
        let is_here = |&slot: &usize| {
            let at = self.by_id.get(slot);
            at.and_then(|&at| self.given.get(at)).is_some_and(|change| change.id == *id)
        };
        let slot = match [self.last + 1, self.last].into_iter().find(is_here) {
            Some(slot) => slot,
            None => self
                .by_id
                .binary_search_by(|&at| self.given.get(at).map(|change| &change.id).cmp(&Some(id)))
                .ok()?,
        };
        self.last = slot;
        let at = *self.by_id.get(slot)?;
        *self.used.get_mut(at)? = true;
        self.given.get_mut(at).map(|change| &mut change.kind)
    }

    /// Returns the changes that were not found, in the order given.
    fn into_unused(self) -> impl Iterator<Item = Change<'t>> {
        self.given.into_iter().zip(self.used).filter(|(_, used)| !used).map(|(change, _)| change)
    }
}

/// Puts the id into a record as the file has it; for a new record any spelling that says the same.
fn fit_id(object: &mut Object, path: &Path, id: Option<&RecordId>, is_number: Option<bool>) {
    let Some(id) = id else { return };
    let fits = match value_at(object, path) {
        Some(Json::String(text)) => is_number != Some(true) && text == id.as_str(),
        Some(Json::Number(number)) => is_number != Some(false) && number.as_str() == id.as_str(),
        _ => false,
    };
    if fits {
        return;
    }
    let number = Number::parse(id.as_str()).ok().filter(|_| is_number == Some(true));
    let value = number.map_or_else(|| Json::from(id.as_str()), Json::from);
    let keys: Vec<_> = path.segments().collect();
    set(object, &keys, value);
}

fn value_at<'o>(object: &'o Object, path: &Path) -> Option<&'o Json> {
    let mut keys = path.segments();
    let outermost = object.get(&keys.next()?)?;
    keys.try_fold(outermost, |value, key| value.as_object()?.get(&key))
}

/// Sets a value, putting objects in its way; a new key of the record goes to its front.
fn set(object: &mut Object, keys: &[std::borrow::Cow<'_, str>], value: Json) {
    let Some((key, deeper)) = keys.split_first() else {
        return;
    };
    let value = if deeper.is_empty() {
        value
    } else {
        let mut inner = object.get(key).and_then(Json::as_object).cloned().unwrap_or_default();
        set(&mut inner, deeper, value);
        inner.into()
    };
    if object.contains_key(key) {
        object.insert(&**key, value);
        return;
    }
    let members = std::mem::take(object);
    object.insert(&**key, value);
    object.extend(members);
}

/// Writes the file element by element; what is kept is copied in runs as long as possible.
struct Writer<'d> {
    document: &'d Document<'d>,
    bytes: &'d [u8],
    out: Vec<u8>,
    /// The items that were written anew.
    items: Vec<(RecordId, Digest16)>,
    /// Up to where `bytes` was copied or left out.
    cursor: usize,
    /// The last element seen, and the one before it.
    last: Option<Span>,
    before_last: Option<Span>,
    first_start: usize,
    /// How many elements the new file has so far.
    written: usize,
    line_end: &'static str,
    new: Option<Layout>,
}

impl<'d> Writer<'d> {
    /// Begins a file that is about so many bytes longer than the old one.
    fn new(document: &'d Document<'d>, longer: usize) -> Self {
        Self {
            document,
            bytes: document.bytes(),
            out: Vec::with_capacity(document.bytes().len() + longer + 1_024),
            items: Vec::new(),
            cursor: 0,
            last: None,
            before_last: None,
            first_start: 0,
            written: 0,
            line_end: if document.uses_crlf() { "\r\n" } else { "\n" },
            new: None,
        }
    }

    fn slice(&self, start: usize, end: usize) -> &'d [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Copies everything up to `end`.
    fn copy_until(&mut self, end: usize) {
        if self.cursor < end {
            self.out.extend_from_slice(self.slice(self.cursor, end));
            self.cursor = end;
        }
    }

    fn see(&mut self, element: Span) {
        if self.last.is_none() {
            self.first_start = element.start;
        }
        self.before_last = self.last.replace(element);
    }

    fn keep(&mut self, element: Span) {
        self.see(element);
        if self.written == 0 && element.start > self.first_start {
            // Everything before was removed: what stood before the first one stays.
            self.copy_until(self.first_start);
            self.cursor = element.start;
        }
        self.written += 1;
    }

    fn replace(&mut self, element: Span, id: Option<&RecordId>, object: &mut Object) {
        self.keep(element);
        self.copy_until(element.start);
        let layout = self.layout_of(element);
        // A copy of the item may follow, which is written alike.
        let value = Json::Object(std::mem::take(object));
        self.write(id, value.to_compact_string().as_bytes(), &layout);
        if let Json::Object(written) = value {
            *object = written;
        }
        self.cursor = element.end;
    }

    fn remove(&mut self, element: Span) {
        let end_before = self.last.map(|last| last.end);
        self.see(element);
        if self.written > 0 {
            // The comma and the space before it go, too.
            self.copy_until(end_before.unwrap_or(element.start));
            self.cursor = element.end;
        }
    }

    fn append(&mut self, id: RecordId, text: &[u8]) {
        let layout = match self.new.take() {
            Some(layout) => layout,
            None => self.begin_appending(),
        };
        if self.written > 0 {
            let separator = self.separator(&layout);
            self.out.extend_from_slice(&separator);
        }
        self.write(Some(&id), text, &layout);
        self.written += 1;
        self.new = Some(layout);
    }

    /// Copies what comes before the new items; returns how they are laid out.
    fn begin_appending(&mut self) -> Layout {
        let Some(last) = self.last else {
            return self.open_empty();
        };
        self.copy_until(if self.written > 0 { last.end } else { self.first_start });
        self.cursor = last.end;
        self.layout_of(last)
    }

    /// Opens an array that has no items to imitate.
    fn open_empty(&mut self) -> Layout {
        let array = self.document.array;
        self.copy_until(array.start + 1);
        self.cursor = array.end - 1;
        let key = self.document.key;
        let between = self.slice(key.end, array.start);
        let has_lines = self.bytes.trim_ascii_end().contains(&b'\n');
        if between == b":" && !has_lines {
            return Layout::OneLine { spaced: false };
        }
        let outer = self.key_indent();
        let indent = if outer.is_empty() { b"  ".to_vec() } else { [outer, outer].concat() };
        self.out.extend_from_slice(self.line_end.as_bytes());
        self.out.extend_from_slice(&indent);
        Layout::Lines(indent)
    }

    /// Returns what stands before the entity's key on its line, if that is nothing but space.
    fn key_indent(&self) -> &'d [u8] {
        let key = self.document.key.start;
        let before = self.slice(line_start(self.bytes, key), key);
        if before.iter().all(u8::is_ascii_whitespace) { before } else { b"" }
    }

    /// Returns what stands between two items.
    fn separator(&self, layout: &Layout) -> Vec<u8> {
        match (self.before_last, self.last) {
            (Some(before), Some(last)) => self.slice(before.end, last.start).to_vec(),
            (None, Some(last)) => {
                [b",", self.slice(self.document.array.start + 1, last.start)].concat()
            }
            _ => match layout {
                Layout::Lines(indent) => [b",", self.line_end.as_bytes(), indent].concat(),
                Layout::OneLine { .. } => b",".to_vec(),
            },
        }
    }

    fn layout_of(&self, element: Span) -> Layout {
        let text = self.slice(element.start, element.end);
        if text.contains(&b'\n') {
            let line = self.slice(line_start(self.bytes, element.start), element.start);
            let is_indent = |byte: &&u8| matches!(byte, b' ' | b'\t');
            return Layout::Lines(line.iter().take_while(is_indent).copied().collect());
        }
        let key = text.iter().position(|&byte| byte == b'"');
        let after_key = key.map(|key| string_end(text, key));
        let spaced = after_key.is_some_and(|end| text.get(end..end + 2) == Some(b": "));
        Layout::OneLine { spaced }
    }

    fn write(&mut self, id: Option<&RecordId>, text: &[u8], layout: &Layout) {
        let start = self.out.len();
        lay_out(text, layout, self.line_end, &mut self.out);
        let item = self.out.get(start..).unwrap_or_default();
        self.items.extend(id.map(|id| (id.clone(), digest(item))));
    }

    fn finish(mut self) -> Rewritten {
        if self.written == 0 && self.last.is_some() {
            self.copy_until(self.document.array.start);
            self.out.extend_from_slice(b"[]");
            self.cursor = self.document.array.end;
        } else if self.new.is_some() && self.last.is_none() {
            self.close_opened();
        }
        self.copy_until(self.bytes.len());
        if !self.document.rejected().is_empty() {
            // Of copies of an item the first one is taken.
            let mut seen = BTreeSet::new();
            self.items.retain(|(id, _)| seen.insert(id.clone()));
        }
        Rewritten { bytes: self.out, written: self.items }
    }

    /// Puts the closing bracket of an array that was empty on a line of its own.
    fn close_opened(&mut self) {
        if matches!(self.new, Some(Layout::Lines(_))) {
            self.out.extend_from_slice(self.line_end.as_bytes());
            self.out.extend_from_slice(self.key_indent());
        }
    }
}

/// Returns where the line that holds `position` begins.
fn line_start(bytes: &[u8], position: usize) -> usize {
    let before = bytes.get(..position).unwrap_or_default();
    before.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1)
}
