//! Arrays of elements: unions and append lists.

use std::collections::BTreeSet;

use syncline_merge::operation::FieldOperation;
use syncline_model::json::{Leaf, raw};
use syncline_model::path::Path;

use super::{Tree, put};

/// Adds elements to an array, removes and appends some; what is no array stays as it is.
pub(super) fn write_elements(tree: &mut Tree, path: &Path, operations: &[FieldOperation]) {
    let known = tree.get(path);
    let Some(elements) = known.map_or_else(|| Some(Vec::new()), elements) else { return };
    let mut array = Array::new(elements);
    let mut is_written = false;
    for operation in operations {
        is_written |= match operation {
            FieldOperation::Add { element, .. } => array.add(element),
            FieldOperation::Remove { element, .. } => array.remove(element),
            FieldOperation::Append { value, .. } => array.append(value),
            _ => false,
        };
    }
    if is_written {
        put_array(tree, path, array.elements.iter().flatten());
    }
}

/// Returns the elements of an array, `None` of another value.
pub(super) fn elements(array: &Leaf) -> Option<Vec<Leaf>> {
    let elements = raw::elements(array.as_str().as_bytes()).ok()?;
    elements.iter().map(|element| Leaf::from_raw(element.value).ok()).collect()
}

/// Gives a field the array of these elements, unless it would be nested too deeply.
pub(super) fn put_array<'l>(
    tree: &mut Tree,
    path: &Path,
    elements: impl Iterator<Item = &'l Leaf>,
) {
    let mut text = String::from("[");
    for (index, element) in elements.enumerate() {
        text.push_str(if index > 0 { "," } else { "" });
        text.push_str(element.as_str());
    }
    text.push(']');
    if let Ok(array) = Leaf::parse(&text) {
        put(tree, path, array);
    }
}

/// An array whose elements are found by what they say.
struct Array {
    /// `None` where one was removed.
    elements: Vec<Option<Leaf>>,
    canonical: BTreeSet<(Box<str>, usize)>,
}

impl Array {
    fn new(elements: Vec<Leaf>) -> Self {
        let mut array = Self { elements: Vec::new(), canonical: BTreeSet::new() };
        for element in &elements {
            array.append(element);
        }
        array
    }

    fn append(&mut self, element: &Leaf) -> bool {
        self.canonical.insert((element.canonical().into(), self.elements.len()));
        self.elements.push(Some(element.clone()));
        true
    }

    fn add(&mut self, element: &Leaf) -> bool {
        self.places(element).is_empty() && self.append(element)
    }

    fn remove(&mut self, element: &Leaf) -> bool {
        let places = self.places(element);
        for place in &places {
            self.canonical.remove(&(element.canonical().into(), *place));
            if let Some(slot) = self.elements.get_mut(*place) {
                *slot = None;
            }
        }
        !places.is_empty()
    }

    /// Returns where elements stand that are equal to this one.
    fn places(&self, element: &Leaf) -> Vec<usize> {
        let canonical: Box<str> = element.canonical().into();
        let range = (canonical.clone(), 0)..=(canonical, usize::MAX);
        self.canonical.range(range).map(|(_, place)| *place).collect()
    }
}
