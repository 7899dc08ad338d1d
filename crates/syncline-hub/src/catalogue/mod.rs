//! The catalogue of events: which types there are, what their data holds, and what it has held before.
//!
//! An event of a catalogued type is taken only if its data fits one of the versions of its schema: so emitters
//! may go over to a new version one by one. What a version lets through changes only in ways that nobody
//! notices; whatever else is a new version.
//!
//! | You want | Read |
//! |---|---|
//! | a type with its versions, and how it is stored | [`EventTypeRow`], [`EventVersion`] |
//! | whether an event may be emitted | [`Catalogue`], [`Unfit`] |
//! | make, replace and retire types | `change.rs`, [`CatalogueError`] |

mod change;
mod row;
mod taken;

pub use change::{Breaking, CatalogueError, EventTypeDraft, Kept};
pub(crate) use change::{Current as CurrentCatalogue, now as current_catalogue};
pub use row::{EventTypeRow, EventVersion};
pub use taken::{Catalogue, Unfit};
