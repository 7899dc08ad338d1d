//! From bytes to items.

use std::borrow::Cow;

use syncline_model::id::RecordId;
use syncline_model::json::fields::overlong_path;
use syncline_model::json::raw::{self, Content, LenientElement, Span};
use syncline_model::json::{self, JsonError, Kind, Leaf};
use syncline_model::path::Path;

use super::error::DocumentError;
use super::item::{Digest16, Item, Reason, Rejected};
use super::lookup::{self, Found};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A file of records, cut into items.
///
/// It holds the file's bytes, borrowed or its own, and some 64 bytes and the id for each item.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) id_path: Path,
    /// The entity's key, with its quotes.
    pub(super) key: Span,
    /// The array under it, with its brackets.
    pub(super) array: Span,
    pub(super) items: Vec<Item>,
    /// Indexes of `items`, sorted by id.
    pub(super) by_id: Vec<usize>,
    pub(super) rejected: Vec<Rejected>,
    /// Ids of which rejected items are there; sorted, unique.
    withheld: Vec<RecordId>,
}

impl<'a> Document<'a> {
    /// Cuts a file into items, in one pass over its bytes.
    ///
    /// - `bytes`: the whole file, borrowed or owned.
    /// - `entity`: the member that holds the records.
    /// - `id_path`: where an item's id is, mostly `/id`.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] if the file as a whole cannot be trusted.
    pub fn parse(
        bytes: impl Into<Cow<'a, [u8]>>,
        entity: &str,
        id_path: &Path,
    ) -> Result<Self, DocumentError> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err(DocumentError::Empty { entity: entity.to_owned() });
        }
        if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
            return Err(DocumentError::Utf16);
        }
        let shift = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let body = bytes.get(shift..).unwrap_or_default();
        let list = List::find(body, entity, shift)?;
        let keys: Vec<Cow<'_, str>> = id_path.segments().collect();
        let mut sorting = Sorting::default();
        sorting.items.reserve_exact(list.elements.len());
        for (index, (span, fault)) in list.elements.into_iter().enumerate() {
            let text = body.get(span.range()).unwrap_or_default();
            sorting.take(index, text, shifted(span, shift), fault.err(), shift, &keys);
        }
        let by_id = sorting.settle_duplicates(&bytes);
        let (items, rejected, withheld) = sorting.finish();
        let (key, array) = (shifted(list.key, shift), shifted(list.array, shift));
        Ok(Self { id_path: id_path.clone(), bytes, key, array, items, by_id, rejected, withheld })
    }

    /// Returns a document without items, as `JSON.stringify` writes it.
    pub fn empty(entity: &str, id_path: &Path) -> Document<'static> {
        let key = Leaf::string(entity);
        let text = format!("{{\n  {key}: []\n}}");
        let key = Span { start: 4, end: 4 + key.as_str().len() };
        Document {
            bytes: Cow::Owned(text.into_bytes()),
            id_path: id_path.clone(),
            key,
            array: Span { start: key.end + 2, end: key.end + 4 },
            items: Vec::new(),
            by_id: Vec::new(),
            rejected: Vec::new(),
            withheld: Vec::new(),
        }
    }

    /// Returns the file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the items that can be taken, in the file's order; ids are unique.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Returns the items that can be taken, sorted by id.
    pub fn items_by_id(&self) -> impl Iterator<Item = &Item> {
        self.by_id.iter().filter_map(|&index| self.items.get(index))
    }

    /// Returns the item of a record.
    pub fn item(&self, id: &RecordId) -> Option<&Item> {
        let id_at = |index: usize| self.items.get(index).map(|item| &item.id);
        let slot = self.by_id.binary_search_by(|&index| id_at(index).cmp(&Some(id))).ok()?;
        self.items.get(*self.by_id.get(slot)?)
    }

    /// Returns the items that are reported and stay as they are, in the file's order.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// Returns the raw bytes of one of this document's items, a strictly valid JSON object.
    pub fn raw(&self, item: &Item) -> &[u8] {
        self.bytes.get(item.span.range()).unwrap_or_default()
    }

    /// Returns the raw bytes of one of this document's rejected items.
    pub fn raw_rejected(&self, rejected: &Rejected) -> &[u8] {
        self.bytes.get(rejected.span.range()).unwrap_or_default()
    }

    /// Returns the ids under which rejected items are there; sorted, unique.
    ///
    /// Nothing is known of these records and nothing can be written to them, until somebody has
    /// mended the file.
    pub fn withheld(&self) -> &[RecordId] {
        &self.withheld
    }

    /// Tells whether rejected items are there under this id.
    pub fn is_withheld(&self, id: &RecordId) -> bool {
        self.withheld.binary_search(id).is_ok()
    }

    /// Tells whether an item was rejected whose id cannot be read. It may be any record.
    pub fn has_unnamed(&self) -> bool {
        self.rejected.iter().any(|rejected| rejected.id.is_none())
    }

    /// Tells whether a record that is not among the items was really taken out of the file.
    ///
    /// It is not certain while rejected items have this id, or an id that cannot be read
    /// (invariant 3: what was read only in part never turns into deletes).
    pub fn is_gone(&self, id: &RecordId) -> bool {
        !self.has_unnamed() && !self.is_withheld(id)
    }

    /// Tells whether the file starts with a UTF-8 byte order mark, which is kept.
    pub fn has_byte_order_mark(&self) -> bool {
        self.bytes.starts_with(BYTE_ORDER_MARK)
    }

    /// Tells whether there are lines and all of them end in CR LF. New lines do then, too.
    pub fn uses_crlf(&self) -> bool {
        let mut before = 0;
        let mut found = false;
        for &byte in self.bytes.iter() {
            if byte == b'\n' {
                if before != b'\r' {
                    return false;
                }
                found = true;
            }
            before = byte;
        }
        found
    }
}

fn shifted(span: Span, shift: usize) -> Span {
    Span { start: span.start + shift, end: span.end + shift }
}

/// The entity's member, in offsets of the text without its mark.
struct List {
    key: Span,
    array: Span,
    elements: Vec<LenientElement>,
}

impl List {
    fn find(body: &[u8], entity: &str, shift: usize) -> Result<Self, DocumentError> {
        let collections = raw::collections(body).map_err(|source| {
            let offset = source.offset() + shift;
            match source {
                JsonError::NotAnObject { .. } if raw::validate(body).is_ok() => {
                    DocumentError::NotAnObject { entity: entity.to_owned(), offset }
                }
                _ => DocumentError::NotJson { offset, source },
            }
        })?;
        let member_count = collections.len();
        let found = collections.into_iter().find(|collection| collection.member.key == entity);
        let Some(collection) = found else {
            return Err(DocumentError::NoMember { entity: entity.to_owned(), member_count });
        };
        let array = collection.member.value_span;
        match collection.content {
            Content::Elements(elements) => {
                Ok(Self { key: collection.member.key_span, array, elements })
            }
            Content::Other(_) => Err(DocumentError::NotAnArray {
                entity: entity.to_owned(),
                offset: array.start + shift,
            }),
        }
    }
}

/// Items on their way into a document.
#[derive(Default)]
struct Sorting {
    items: Vec<Item>,
    rejected: Vec<Rejected>,
}

/// An id and who has it.
struct Claim<'s> {
    fingerprint: u64,
    id: &'s RecordId,
    index: usize,
    /// Where the item is among the sound ones; nothing for a rejected one.
    slot: Option<usize>,
}

impl Sorting {
    /// Takes in the next element of the array.
    fn take(
        &mut self,
        index: usize,
        text: &[u8],
        span: Span,
        fault: Option<JsonError>,
        shift: usize,
        keys: &[Cow<'_, str>],
    ) {
        let start = span.start - shift;
        let overlong = || Some(JsonError::PathTooLong { offset: start + overlong_path(text)? });
        let fault = fault.or_else(overlong);
        let found = match lookup::kind(text) {
            Kind::Object => lookup::id_of(text, keys, fault.is_none()),
            found if fault.is_none() => {
                return self.reject(index, span, None, Reason::NotAnObject { found });
            }
            _ => Found::Nothing,
        };
        if let Some(source) = fault {
            let id = match found {
                Found::Id(id, _) => Some(id),
                _ => None,
            };
            let offset = source.offset() + shift;
            return self.reject(index, span, id, Reason::Broken { offset, source });
        }
        let reason = match found {
            Found::Id(id, id_is_number) => {
                let digest = digest(text);
                self.items.push(Item { id, span, digest, index, id_is_number });
                return;
            }
            Found::Nothing | Found::Several => Reason::NoId,
            Found::OtherType(found) => Reason::IdOfOtherType { found },
            Found::Invalid(error) => Reason::IdInvalid(error),
        };
        self.reject(index, span, None, reason);
    }

    fn reject(&mut self, index: usize, span: Span, id: Option<RecordId>, reason: Reason) {
        self.rejected.push(Rejected { index, span, id, reason });
    }

    /// Takes out items that share their id: copies but for the first, different ones altogether.
    /// Returns the indexes of the items, sorted by id.
    fn settle_duplicates(&mut self, bytes: &[u8]) -> Vec<usize> {
        let by_id = order_by_id(&self.items);
        let id_at = |index: &usize| self.items.get(*index).map(|item| &item.id);
        let mut neighbours = by_id.iter().zip(by_id.iter().skip(1));
        let unique = neighbours.all(|(a, b)| id_at(a) != id_at(b));
        if unique && self.rejected.iter().all(|rejected| rejected.id.is_none()) {
            return by_id;
        }
        self.reject_duplicates(bytes);
        order_by_id(&self.items)
    }

    fn reject_duplicates(&mut self, bytes: &[u8]) {
        let mut reasons: Vec<(usize, Reason)> = Vec::new();
        let claims = self.claims();
        for group in claims.chunk_by(|a, b| a.fingerprint == b.fingerprint && a.id == b.id) {
            if group.len() > 1 {
                self.judge(group, bytes, &mut reasons);
            }
        }
        if reasons.is_empty() {
            return;
        }
        reasons.sort_unstable_by_key(|(slot, _)| *slot);
        let mut reasons = reasons.into_iter().peekable();
        let items = std::mem::take(&mut self.items);
        for (slot, item) in items.into_iter().enumerate() {
            match reasons.next_if(|(rejected, _)| *rejected == slot) {
                Some((_, reason)) => self.reject(item.index, item.span, Some(item.id), reason),
                None => self.items.push(item),
            }
        }
    }

    /// Returns every id with its owner, those of one id side by side in the file's order.
    fn claims(&self) -> Vec<Claim<'_>> {
        let sound = self.items.iter().enumerate().map(|(slot, item)| Claim {
            fingerprint: fingerprint(&item.id),
            id: &item.id,
            index: item.index,
            slot: Some(slot),
        });
        let broken = self.rejected.iter().filter_map(|rejected| {
            let id = rejected.id.as_ref()?;
            Some(Claim { fingerprint: fingerprint(id), id, index: rejected.index, slot: None })
        });
        let mut claims: Vec<Claim<'_>> = sound.chain(broken).collect();
        claims.sort_unstable_by(|a, b| {
            let by_id = a.fingerprint.cmp(&b.fingerprint).then_with(|| a.id.cmp(b.id));
            by_id.then(a.index.cmp(&b.index))
        });
        claims
    }

    /// Decides about the items of one id.
    fn judge(&self, group: &[Claim<'_>], bytes: &[u8], reasons: &mut Vec<(usize, Reason)>) {
        let Some(first_index) = group.first().map(|claim| claim.index) else {
            return;
        };
        let item_of = |claim: &Claim<'_>| self.items.get(claim.slot?);
        let mut items = group.iter().map(item_of);
        let first = items.next().flatten();
        let all_equal = items.all(|item| match (first, item) {
            (Some(first), Some(item)) => same_value(first, item, bytes),
            _ => false,
        });
        let count = group.len();
        for (place, claim) in group.iter().enumerate() {
            let Some(slot) = claim.slot else { continue };
            if !all_equal {
                reasons.push((slot, Reason::SharedId { first_index, count }));
            } else if place > 0 {
                reasons.push((slot, Reason::Copy { first_index }));
            }
        }
    }

    fn finish(mut self) -> (Vec<Item>, Vec<Rejected>, Vec<RecordId>) {
        self.rejected.sort_by_key(|rejected| rejected.index);
        let withholding = self.rejected.iter().filter(|rejected| rejected.reason.withholds());
        let mut withheld: Vec<RecordId> = withholding.filter_map(|it| it.id.clone()).collect();
        withheld.sort_unstable();
        withheld.dedup();
        (self.items, self.rejected, withheld)
    }
}

/// Returns the indexes of the items, sorted by id.
///
/// The ids of a file mostly begin alike. Eight bytes behind that are compared as one number; only
/// where these are the same the whole ids are.
fn order_by_id(items: &[Item]) -> Vec<usize> {
    let mut alike = items.first().map(|item| item.id.as_str().as_bytes()).unwrap_or_default();
    for item in items {
        let same = alike.iter().zip(item.id.as_str().bytes()).take_while(|(a, b)| **a == *b);
        alike = alike.get(..same.count()).unwrap_or_default();
    }
    let number = |item: &Item| {
        let rest = item.id.as_str().as_bytes().get(alike.len()..).unwrap_or_default();
        let mut eight = [0; 8];
        eight.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        u64::from_be_bytes(eight)
    };
    let mut order: Vec<(u64, usize)> =
        items.iter().enumerate().map(|(index, item)| (number(item), index)).collect();
    let id_at = |index: usize| items.get(index).map(|item| &item.id);
    order.sort_unstable_by(|(a, index_a), (b, index_b)| {
        a.cmp(b).then_with(|| id_at(*index_a).cmp(&id_at(*index_b))).then(index_a.cmp(index_b))
    });
    order.into_iter().map(|(_, index)| index).collect()
}

/// Tells whether two items are the same record: same bytes, or same value written differently.
fn same_value(a: &Item, b: &Item, bytes: &[u8]) -> bool {
    let value = |item: &Item| json::parse(bytes.get(item.span.range()).unwrap_or_default());
    a.digest == b.digest || matches!((value(a), value(b)), (Ok(a), Ok(b)) if a == b)
}

/// Returns the first half of the digest of an item's bytes.
pub(super) fn digest(text: &[u8]) -> Digest16 {
    let whole = blake3::hash(text);
    let mut half = [0; 16];
    half.iter_mut().zip(whole.as_bytes()).for_each(|(to, from)| *to = *from);
    half
}

/// Returns a number that sorts ids fast; it decides nothing, equal ones are compared in full.
///
/// # Source
///
/// FNV-1a, 64 bits.
fn fingerprint(id: &RecordId) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
