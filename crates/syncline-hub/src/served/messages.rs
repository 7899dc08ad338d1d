//! Signed messages that were received lately: each is known as long as its time is taken, however many came since.
//!
//! What is remembered of a record knows its latest events, and which record a message is of may be said by what no
//! signature covers. Whoever has seen a message could send it once more where that is all that is known.
//!
//! There is a row for each message, beside what is remembered of records. Those of one stretch of time lie side by
//! side, so that they are found by a message signed anew, and forgotten together: a store holds the messages of about
//! a quarter of an hour, some 100 bytes each.

use std::ops::ControlFlow;

use syncline_engine::received::ReceivedId;
use syncline_engine::rows::{Batch, Key, Scan, Table};
use syncline_model::id::{DomainName, EntityName, RecordId};
use syncline_protocol::limits::WEBHOOK_TOLERANCE_S;

use super::{ServeError, Served};
use crate::limits::RECEIVED_FORGOTTEN_AT_ONCE;

/// Under which name they are remembered, beside what receivers took. No receiver is called so: their names have no
/// such sign.
const MEMORY: &str = "recent_messages";

/// The version of the stored form. Bump it with every change, keep the old reader.
const FORMAT: u8 = 1;

/// Length of a stretch of time, in seconds.
const STRETCH_S: u64 = WEBHOOK_TOLERANCE_S;

/// Digits of the number of a stretch, so that the order of texts is that of time.
const DIGITS: usize = 14;

/// A message, and when it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is known by: of two receivers, and of two records where those are signed, it is something else.
    pub known_by: ReceivedId,
    /// In seconds since the Unix epoch, as its signature says.
    pub signed_s: u64,
}

/// What is known of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// It was taken, signed at this time or at another one.
    pub is_taken: bool,
    /// It was taken as it is, signed at this time: nothing has to be added.
    pub is_noted: bool,
}

impl Message {
    fn stretch(self) -> u64 {
        self.signed_s / STRETCH_S
    }

    /// Returns the row that says that it was taken.
    pub(super) fn row(self) -> (Key, Vec<u8>) {
        (key(self.stretch(), &hex(self.known_by)), vec![FORMAT])
    }
}

/// Returns whether nothing is taken any more that was signed then, with one more stretch for a clock that is set back.
fn is_over(stretch: u64, now_s: u64) -> bool {
    let end_s = stretch.saturating_add(1).saturating_mul(STRETCH_S);
    end_s.saturating_add(WEBHOOK_TOLERANCE_S + STRETCH_S) < now_s
}

fn hex(id: ReceivedId) -> String {
    id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key(stretch: u64, id: &str) -> Key {
    let (name, entity) = (DomainName::new(MEMORY), EntityName::new(&format!("{stretch:0DIGITS$}")));
    Key::Received {
        receiver: name.expect("invariant: a short word"),
        entity: entity.expect("invariant: some digits"),
        id: RecordId::new(id).expect("invariant: some digits"),
    }
}

/// Returns the stretch of a row; `None` if it is no row of a message.
fn stretch_of(key: &Key) -> Option<u64> {
    match key {
        Key::Received { receiver, entity, .. } if receiver.as_str() == MEMORY => {
            entity.as_str().parse().ok()
        }
        _ => None,
    }
}

impl Served {
    /// Returns what is known of a message.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn known_message(&self, message: Message, now_s: u64) -> Result<Known, ServeError> {
        // One stretch more, for a message that has waited for its turn since its time was looked at.
        let from = now_s.saturating_sub(WEBHOOK_TOLERANCE_S + STRETCH_S) / STRETCH_S;
        let to = now_s.saturating_add(WEBHOOK_TOLERANCE_S) / STRETCH_S;
        let id = hex(message.known_by);
        let keys: Vec<Key> = (from..=to).map(|stretch| key(stretch, &id)).collect();
        let rows = self.reader()?.get_many(&keys)?;
        let is_noted = (from..=to)
            .zip(&rows)
            .any(|(stretch, row)| stretch == message.stretch() && row.is_some());
        Ok(Known { is_taken: rows.iter().any(Option::is_some), is_noted })
    }

    /// Notes a message that is known already, signed at another time; blocks.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if it cannot be stored.
    pub fn keep_message(&self, message: Message) -> Result<(), ServeError> {
        let (key, row) = message.row();
        let mut batch = Batch::new();
        batch.put(key, row);
        self.commit_rows(batch)
    }

    /// Forgets messages whose time is not taken any more, some of them at once. Answers whether there may be more.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if the store fails; nothing of the piece is forgotten.
    pub fn forget_messages(&self, now_s: u64) -> Result<bool, ServeError> {
        let (mut batch, mut forgotten) = (Batch::new(), 0);
        let before_all = key(0, "0");
        self.reader()?.scan(
            &Scan::Whole(Table::Received),
            Some(&before_all),
            RECEIVED_FORGOTTEN_AT_ONCE,
            &mut |key, _| match stretch_of(key) {
                Some(stretch) if is_over(stretch, now_s) => {
                    batch.delete(key.clone());
                    forgotten += 1;
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(()),
            },
        )?;
        if forgotten > 0 {
            self.commit_rows(batch)?;
        }
        Ok(forgotten == RECEIVED_FORGOTTEN_AT_ONCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_forgotten_after_its_time_is_taken_no_more_and_not_before() {
        for signed_s in [0, 299, 300, 1_000_000, 1_000_299] {
            let stretch = signed_s / STRETCH_S;
            let last_s = signed_s + WEBHOOK_TOLERANCE_S;
            assert!(!is_over(stretch, last_s), "{signed_s}");
            assert!(is_over(stretch, last_s + 2 * STRETCH_S + 1), "{signed_s}");
        }
        assert!(!is_over(u64::MAX, u64::MAX));
    }

    #[test]
    fn rows_of_messages_lie_in_the_order_of_their_time_and_behind_the_place_where_they_begin() {
        let of = |signed_s| Message { known_by: ReceivedId::of(b"m-1"), signed_s }.row().0;
        let all = [key(0, "0"), of(0), of(300), of(9_000), of(1_763_790_000), of(999_999_999_999)];
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(stretch_of(&of(9_000)), Some(30));
        let other = Key::Received {
            receiver: DomainName::new("sync").unwrap(),
            entity: EntityName::new("30").unwrap(),
            id: RecordId::new("0").unwrap(),
        };
        assert_eq!(stretch_of(&other), None);
    }
}
