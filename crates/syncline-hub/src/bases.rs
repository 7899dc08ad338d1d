//! What domains are known to hold, read from the store.

use std::collections::BTreeMap;

use syncline_engine::bases;
use syncline_engine::rows::Key;
use syncline_merge::display::Field;
use syncline_merge::plain::Base;
use syncline_model::codec::DecodeError;
use syncline_model::id::Position;

use crate::error::HubError;
use crate::view::View;

/// The entries of the log that some bases name, as they are stored.
pub(crate) struct NamedEntries(BTreeMap<Position, Vec<u8>>);

impl NamedEntries {
    /// Decodes a stored base, if there is one.
    ///
    /// - `held`: what the domain holds now, sorted by path.
    pub(crate) fn decode(
        &self,
        row: Option<&[u8]>,
        held: &[Field],
    ) -> Result<Option<Base>, HubError> {
        let Some(row) = row else { return Ok(None) };
        let named = bases::names_entry(row).map_err(damaged)?;
        let entry = named.and_then(|position| self.0.get(&position)).map(Vec::as_slice);
        bases::decode(row, entry, held).map(Some).map_err(damaged)
    }
}

impl View<'_> {
    /// Returns the entries of the log that stored bases name.
    pub(crate) fn named_entries<'r>(
        &self,
        rows: impl Iterator<Item = &'r [u8]>,
    ) -> Result<NamedEntries, HubError> {
        let mut positions = Vec::new();
        for row in rows {
            positions.extend(bases::names_entry(row).map_err(damaged)?);
        }
        // Both bases of a record mostly name the same entry.
        positions.sort();
        positions.dedup();
        let keys: Vec<Key> = positions.iter().copied().map(Key::Log).collect();
        let entries = self.rows.get_many(&keys)?.into_iter().zip(positions);
        Ok(NamedEntries(entries.filter_map(|(entry, at)| Some((at, entry?))).collect()))
    }

    /// Returns what a domain is known to hold.
    pub(crate) fn base(&self, key: &Key) -> Result<Option<Base>, HubError> {
        Ok(self.bases(std::slice::from_ref(key))?.pop().flatten())
    }

    /// Returns what domains are known to hold, in the order of `keys`.
    pub(crate) fn bases(&self, keys: &[Key]) -> Result<Vec<Option<Base>>, HubError> {
        let rows = self.rows.get_many(keys)?;
        let entries = self.named_entries(rows.iter().flatten().map(Vec::as_slice))?;
        rows.iter().map(|row| entries.decode(row.as_deref(), &[])).collect()
    }
}

fn damaged(source: DecodeError) -> HubError {
    HubError::Damaged { table: "bases", source }
}
