//! Saying what is held of a view that begins anew, so that only what differs is told (`docs/protocol.md`
//! §11).

use std::ops::Range;

use syncline_protocol::checksum::Checksum;
use syncline_protocol::holdings::{Holdings, Same};

use super::rows::execute;
use super::{Incoming, Key, Rows, Store, StoreError};

/// What was said to be held.
#[derive(Debug)]
pub(super) struct Said {
    /// Records that are there, in the order of their names, and as of where in the log each was known.
    records: Vec<(Key, i64)>,
    /// Which of them each stretch has.
    stretches: Vec<Range<usize>>,
}

impl Store {
    /// Says what is held, for the snapshot of a view that is about to begin.
    pub(crate) fn say_holdings(&mut self, view: u32) -> Result<Holdings, StoreError> {
        let records = self.rows().summed()?;
        let sums: Vec<_> = records.iter().map(|(key, _, sum)| (key.clone(), *sum)).collect();
        let (holdings, counts) = Holdings::of(&sums);
        let mut begin = 0;
        let stretch = |count: usize| {
            let stretch = begin..begin + count;
            begin = stretch.end;
            stretch
        };
        let stretches = counts.into_iter().map(stretch).collect();
        let records = records.into_iter().map(|(key, position, _)| (key, position)).collect();
        self.said.insert(view, Said { records, stretches });
        Ok(holdings)
    }
}

impl Rows<'_> {
    /// Returns the records that are there, in the order of their names, with where they are known as of and
    /// what each adds up to. One that cannot be read is left out: the hub tells it.
    fn summed(&self) -> Result<Vec<(Key, i64, Checksum)>, StoreError> {
        let fail = StoreError::on("add the records up");
        let sql =
            "SELECT entity, id, fields, position, token FROM records WHERE fields IS NOT NULL";
        let mut statement = self.connection.prepare_cached(sql).map_err(&fail)?;
        let mut found = statement.query(()).map_err(&fail)?;
        let mut records = Vec::new();
        while let Some(row) = found.next().map_err(&fail)? {
            type Raw = (String, String, Vec<u8>, i64, Option<String>);
            let (entity, id, fields, position, token): Raw = row
                .try_into()
                .map_err(|source| StoreError::Sqlite { action: "add the records up", source })?;
            let Ok(key) = self.key("records", &entity, &id) else { continue };
            let Ok(fields) = self.fields(&key, fields) else { continue };
            let Ok(token) = self.token(&key, token) else { continue };
            let mut sum = Checksum::default();
            sum.add_held(&key.0, &key.1, &fields, token.as_ref());
            records.push((key, position, sum));
        }
        records.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        Ok(records)
    }

    /// Takes in that the hub holds stretches alike: their records count as shown by the snapshot, as of where
    /// the hub stood, and none of them has a conflict that waits. Of one of which a result has told more since
    /// only the first is so.
    pub(super) fn take_same(
        &self,
        said: Option<&Said>,
        same: &Same,
        snapshot: i64,
        incoming: &mut Incoming,
    ) -> Result<(), StoreError> {
        let position = i64::try_from(same.position.0).unwrap_or(i64::MAX);
        for number in same.stretches.iter().flat_map(|run| run.numbers()) {
            let stretch =
                said.and_then(|said| said.records.get(said.stretches.get(number)?.clone()));
            let Some(stretch) = stretch else {
                incoming.is_unfit = true;
                return Ok(());
            };
            for (key, at) in stretch {
                let (entity, id) = self.names(key);
                let (entity, id) = (&*entity, &*id);
                let shown = "UPDATE records SET snapshot = ?3 WHERE entity = ?1 AND id = ?2";
                execute(self.connection, "write a record", shown, (entity, id, snapshot))?;
                let settled = "UPDATE records SET conflicts = '[]' WHERE entity = ?1 AND id = ?2 \
                               AND position = ?3 AND conflicts <> '[]'";
                if execute(self.connection, "write a record", settled, (entity, id, *at))? > 0 {
                    incoming.touched.push(key.clone());
                }
                let known = "UPDATE records SET position = ?4 \
                             WHERE entity = ?1 AND id = ?2 AND position = ?3 AND position < ?4";
                execute(self.connection, "write a record", known, (entity, id, *at, position))?;
            }
        }
        Ok(())
    }
}
