//! Which records an app asks for, and in which order.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use syncline_model::json::{Json, Leaf};

use crate::record::Record;

type Test = Arc<dyn Fn(&Record) -> bool + Send + Sync>;

/// Which records, in which order, and how many.
///
/// ```
/// use syncline_client::{Order, Query};
///
/// let open = Query::new("tasks").eq("/done", false).sort("/due", Order::Rising).limit(20);
/// # let _ = open;
/// ```
#[derive(Clone)]
pub struct Query {
    entity: String,
    tests: Vec<Test>,
    sort: Vec<(String, Order)>,
    limit: Option<usize>,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The least first: what has no value, then false, true, numbers by size, texts by their characters.
    Rising,
    /// The greatest first.
    Falling,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("entity", &self.entity)
            .field("tests", &self.tests.len())
            .field("sort", &self.sort)
            .field("limit", &self.limit)
            .finish()
    }
}

impl Query {
    /// Asks for all records of a type, in the order of their ids.
    pub fn new(entity: &str) -> Self {
        Self { entity: entity.to_owned(), tests: Vec::new(), sort: Vec::new(), limit: None }
    }

    /// Keeps the records that pass a test. Tests see one record and nothing else.
    #[must_use]
    pub fn filter(mut self, test: impl Fn(&Record) -> bool + Send + Sync + 'static) -> Self {
        self.tests.push(Arc::new(test));
        self
    }

    /// Keeps the records that have a value in a field; numbers are equal by size.
    #[must_use]
    pub fn eq(self, path: &str, value: impl Into<Json>) -> Self {
        let (path, value) = (path.to_owned(), Leaf::from_json(&value.into()).ok());
        self.filter(move |record| record.leaf(&path) == value.as_ref())
    }

    /// Sorts by a field; further calls decide among equals, and the id at last.
    #[must_use]
    pub fn sort(mut self, path: &str, order: Order) -> Self {
        self.sort.push((path.to_owned(), order));
        self
    }

    /// Keeps the first `limit` records.
    #[must_use]
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    pub(crate) fn entity(&self) -> &str {
        &self.entity
    }

    pub(crate) fn limit_or_all(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    pub(crate) fn accepts(&self, record: &Record) -> bool {
        self.tests.iter().all(|test| test(record))
    }

    /// Compares two records: a strict total order.
    pub(crate) fn compare(&self, a: &Record, b: &Record) -> Ordering {
        for (path, order) in &self.sort {
            let by = by_value(a.leaf(path), b.leaf(path));
            let by = if *order == Order::Falling { by.reverse() } else { by };
            if by != Ordering::Equal {
                return by;
            }
        }
        a.id().cmp(b.id())
    }
}

fn by_value(a: Option<&Leaf>, b: Option<&Leaf>) -> Ordering {
    let number = |leaf: Option<&Leaf>| leaf.and_then(Leaf::as_number);
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => {
            let text = |leaf: Option<&Leaf>| {
                let leaf = leaf?;
                leaf.as_string().map(String::from).or_else(|| Some(leaf.canonical().into_owned()))
            };
            a.map(Leaf::kind).cmp(&b.map(Leaf::kind)).then_with(|| text(a).cmp(&text(b)))
        }
    }
}
