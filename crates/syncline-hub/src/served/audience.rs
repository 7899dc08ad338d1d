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

impl Served {
    /// Returns those who see this.
    pub fn audience(&self, sight: Sight) -> Audience {
        let description: Arc<str> = sight.describe().into();
        let scope = (!sight.is_everything()).then(|| self.key().scope(&description));
        Audience { sight: Arc::new(sight), scope, description }
    }

    /// Seals bytes that go out with an answer and come back with the next question.
    pub fn seal(&self, bytes: &[u8]) -> Vec<u8> {
        self.key().seal(bytes)
    }

    /// Returns what this hub has sealed.
    pub fn unseal(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.key().unseal(sealed)
    }

    /// Returns a place within a snapshot as it goes out: of records that the reader may not know of
    /// nobody can read it.
    pub(super) fn place(&self, entity: &EntityName, id: &RecordId, is_open: bool) -> SnapshotPlace {
        if is_open {
            return SnapshotPlace::Record { entity: entity.clone(), id: id.clone() };
        }
        let mut bytes = Bytes::new();
        bytes.str(entity.as_str());
        bytes.str(id.as_str());
        SnapshotPlace::Sealed(self.seal(bytes.as_bytes()).into())
    }

    /// Returns which record a place names.
    pub(super) fn opened(&self, place: &SnapshotPlace) -> Option<(EntityName, RecordId)> {
        let sealed = match place {
            SnapshotPlace::Record { entity, id } => return Some((entity.clone(), id.clone())),
            SnapshotPlace::Sealed(sealed) => sealed,
        };
        let bytes = self.unseal(sealed)?;
        let mut reader = Reader::new(&bytes);
        let entity = EntityName::new(reader.str().ok()?).ok()?;
        let id = RecordId::new(reader.str().ok()?).ok()?;
        reader.is_empty().then_some((entity, id))
    }
}
