//! What is told of a record to those who are not shown all of it.

use std::sync::Arc;

use syncline_merge::display::{Fields, visible};
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_merge::token::Token;
use syncline_model::id::Writer;
use syncline_model::path::Path;
use syncline_policy::view::Lens;

/// Returns what a viewer has seen that is shown a record through a lens.
pub fn token(record: &Record, rules: &EntityRules, viewer: &Writer, lens: &Lens<'_>) -> Token {
    if lens.is_all() || is_planted(Fault::HiddenClaimed) {
        return Token::of(record, rules, Some(viewer), &[]);
    }
    Token::of_part(record, rules, Some(viewer), &|path| lens.shows(path))
}

/// Returns the fields that a lens shows.
pub fn fields(all: Fields, lens: &Lens<'_>) -> Fields {
    if lens.is_all() || is_planted(Fault::HiddenTold) {
        return all;
    }
    all.into_iter().filter(|(path, _)| lens.shows(path)).collect()
}

/// Returns what a viewer is shown of a record through a lens.
pub fn record(
    of: &Record,
    rules: &EntityRules,
    viewer: &Writer,
    lens: &Lens<'_>,
) -> Option<Fields> {
    visible(of, rules, Some(viewer)).map(|all| fields(all, lens))
}

/// Returns whether a conflict of a path is shown: of a field that is, or of whether the record is
/// there. An array of members is one field.
pub fn shows_conflict(path: &Path, record: &Record, lens: &Lens<'_>) -> bool {
    lens.is_all()
        || path.is_root()
        || record.body.paths().any(|field| field.is_prefix_of(path) && lens.shows(field))
}

/// As [`fields`], of fields that are shared.
pub(crate) fn shared(all: Option<Arc<Fields>>, lens: &Lens<'_>) -> Option<Arc<Fields>> {
    match lens.is_all() {
        true => all,
        false => all.map(|all| Arc::new(fields(Arc::unwrap_or_clone(all), lens))),
    }
}
