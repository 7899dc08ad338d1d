//! Those who are told the same, and what goes out to them sealed.

use std::sync::Arc;

use syncline_model::codec::{Reader, Writer as Bytes};
use syncline_model::id::{EntityName, RecordId};
use syncline_policy::view::Sight;
use syncline_protocol::cursor::{Scope, SnapshotPlace};

use super::Served;

/// Those who are told the same of the records: of what they may see, that which they follow.
#[derive(Clone, Debug)]
pub struct Audience {
    sight: Arc<Sight>,
    /// What their cursors bear; `None` where nothing is kept from them.
    scope: Option<Scope>,
    description: Arc<str>,
}

impl Audience {
    /// Returns what they see.
    pub const fn sight(&self) -> &Arc<Sight> {
        &self.sight
    }

    /// Returns what their cursors bear; `None` where nothing is kept from them.
    pub const fn scope(&self) -> Option<Scope> {
        self.scope
    }

    /// Returns what is the same of all who are told the same, and of nobody else.
    pub const fn key(&self) -> &Arc<str> {
        &self.description
    }
}

/// The list of all records, as a snapshot tells it.
const SNAPSHOT: &str = "snapshot";
/// Of how many bytes or a multiple what is sealed is made: its length says little.
const SEALED_BYTES: usize = 64;

impl Served {
    /// Returns those who see this.
    pub fn audience(&self, sight: Sight) -> Audience {
        let description: Arc<str> = sight.describe().into();
        let scope = (!sight.is_everything()).then(|| self.key().scope(&description));
        Audience { sight: Arc::new(sight), scope, description }
    }

    /// Seals names that go out with an answer and come back with the next question. Of the same names the
    /// seal of another list is another one, and of names of about the same length it is as long.
    ///
    /// - `list`: what they are a place of.
    pub fn seal(&self, list: &str, names: &[&str]) -> Vec<u8> {
        let mut bytes = Bytes::new();
        bytes.str(list);
        names.iter().for_each(|name| bytes.str(name));
        let mut bytes = bytes.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(SEALED_BYTES), 0);
        self.key().seal(&bytes)
    }

    /// Returns what this hub has sealed of a list.
    pub fn unseal<const NAMES: usize>(&self, list: &str, sealed: &[u8]) -> Option<[String; NAMES]> {
        let bytes = self.key().unseal(sealed)?;
        let mut reader = Reader::new(&bytes);
        let is_of_list = reader.str().is_ok_and(|of| of == list);
        let mut names = [const { String::new() }; NAMES];
        for name in &mut names {
            *name = reader.str().ok()?.to_owned();
        }
        is_of_list.then_some(names)
    }

    /// Returns a place within a snapshot as it goes out: of records that the reader may not know of
    /// nobody can read it.
    pub(super) fn place(&self, entity: &EntityName, id: &RecordId, is_open: bool) -> SnapshotPlace {
        if is_open {
            return SnapshotPlace::Record { entity: entity.clone(), id: id.clone() };
        }
        SnapshotPlace::Sealed(self.seal(SNAPSHOT, &[entity.as_str(), id.as_str()]).into())
    }

    /// Returns which record a place names.
    pub(super) fn opened(&self, place: &SnapshotPlace) -> Option<(EntityName, RecordId)> {
        let sealed = match place {
            SnapshotPlace::Record { entity, id } => return Some((entity.clone(), id.clone())),
            SnapshotPlace::Sealed(sealed) => sealed,
        };
        let [entity, id] = self.unseal(SNAPSHOT, sealed)?;
        Some((EntityName::new(&entity).ok()?, RecordId::new(&id).ok()?))
    }
}
