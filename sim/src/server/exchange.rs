//! Whole record states from peer hubs, chosen by a cursor over the peer's log.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use syncline_engine::audit::Salt;
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::rows::{Batch, Key, MetaName, Scan};
use syncline_engine::sync::changed;
use syncline_merge::codec::{decode_record, encode_record};
use syncline_merge::commit::cap;
use syncline_merge::display::visible;
use syncline_merge::exchange::receive;
use syncline_merge::join::join;
use syncline_merge::state::Record;
use syncline_model::clock::Stamp;
use syncline_model::id::{EntityName, Position, RecordId, SiteId, Writer};
use syncline_store::{Read, Store};

use super::process::{ChangedRecord, Fail, Server, rules, site_of};
use crate::fault::PlantedFault;
use crate::schema::Schema;

/// Most log entries that one reply covers.
const REPLY_ENTRIES_MAX: usize = 20;

/// A hub asks a peer for what follows a place in the peer's log.
#[derive(Clone, Copy, Debug)]
pub struct Pull {
    /// The place.
    pub from: Position,
}

/// What the peer answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The peer.
    pub site: SiteId,
    /// Where the stretch begins.
    pub from: Position,
    /// Where it ends.
    pub to: Position,
    /// The distinct records changed in it.
    pub states: Vec<StateSent>,
}

/// One record as it is sent.
#[derive(Clone, Debug)]
pub struct StateSent {
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// Its state, encoded.
    pub bytes: Vec<u8>,
}

/// What became of a reply.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Which states brought something, with the place of their entry in the log.
    pub joined: Vec<(usize, Position)>,
    /// Registers settled at their bound: index of the state, field, stamp, covered.
    pub capped: Vec<(usize, syncline_model::path::Path, Stamp, Vec<Stamp>)>,
    /// The place in the peer's log afterwards.
    pub cursor: Position,
    /// Why the reply was refused, if it was.
    pub refused: Option<&'static str>,
}

impl Server {
    /// Returns the place in a peer's log up to which everything is here.
    ///
    /// # Errors
    ///
    /// [`Fail`] if the store fails.
    pub fn cursor(&self, peer: SiteId) -> Result<Position, Fail> {
        let Some(bytes) = self.store.get(&cursor_key(peer))? else {
            return Ok(Position(0));
        };
        let bytes = <[u8; 8]>::try_from(bytes.as_slice()).map_err(|_| Fail::Row("domains"))?;
        Ok(Position(u64::from_be_bytes(bytes)))
    }

    /// Answers a peer.
    ///
    /// # Errors
    ///
    /// [`Fail`] if the store fails.
    pub fn handle_pull(&self, pull: Pull) -> Result<Reply, Fail> {
        let mut to = pull.from;
        let mut records = BTreeSet::new();
        let mut damaged = false;
        let scan = Scan::Log { from: pull.from.next() };
        self.store.scan(&scan, None, REPLY_ENTRIES_MAX, &mut |key, bytes| {
            let (Key::Log(position), Ok(entry)) = (key, LogEntry::decode(bytes)) else {
                damaged = true;
                return ControlFlow::Break(());
            };
            to = *position;
            records.insert((entry.entity, entry.id));
            ControlFlow::Continue(())
        })?;
        if damaged {
            return Err(Fail::Row("log"));
        }
        let mut states = Vec::new();
        for (entity, id) in records {
            if let Some(record) = self.record(&entity, &id)? {
                states.push(StateSent { entity, id, bytes: encode_record(&record) });
            }
        }
        Ok(Reply { site: self.site, from: pull.from, to, states })
    }

    /// Takes in what a peer answered: all of it or nothing.
    ///
    /// Answers also what it was about to change.
    pub fn handle_reply(
        &mut self,
        reply: &Reply,
        schema: &Schema,
        now_ms: u64,
    ) -> (Result<(), Fail>, Received) {
        let mut received = Received::default();
        let outcome = self.take_reply(reply, schema, now_ms, &mut received);
        (outcome, received)
    }

    fn take_reply(
        &mut self,
        reply: &Reply,
        schema: &Schema,
        now_ms: u64,
        received: &mut Received,
    ) -> Result<(), Fail> {
        received.cursor = self.cursor(reply.site)?;
        if reply.from != received.cursor {
            received.refused = Some("CURSOR_DIFFERS");
            return Ok(());
        }
        if reply.to == reply.from {
            return Ok(());
        }
        let mut clock = self.clock;
        let mut transaction = self.begin(now_ms);
        for (index, sent) in reply.states.iter().enumerate() {
            let theirs = decode_record(&sent.bytes).map_err(|_| Fail::Row("state"))?;
            let mine = self.record(&sent.entity, &sent.id)?;
            let joined = match self.join(mine.as_ref(), theirs, schema, now_ms) {
                Ok(joined) => joined,
                Err(code) => {
                    received.refused = Some(code);
                    received.joined.clear();
                    received.capped.clear();
                    return Ok(());
                }
            };
            let Some(mut record) = joined else { continue };
            clock = clock.max(record.clock_max());
            let rules = rules(schema, &sent.entity);
            let mut site = site_of(self.site, &mut clock, now_ms, &self.floor);
            let capped = cap(&mut record, rules, &mut site).map_err(|_| Fail::Row("clock"))?;
            let shown = |record: &Record| visible(record, rules, None);
            let (before, after) =
                changed(mine.as_ref().and_then(shown).as_ref(), shown(&record).as_ref());
            let entry = LogEntry {
                stamp: Stamp::new(record.clock_max(), reply.site),
                kind: ChangeKind::Join,
                entity: sent.entity.clone(),
                id: sent.id.clone(),
                origin: peer_writer(reply.site),
                run: None,
                at_ms: now_ms,
                hops: vec![reply.site],
                schema_version: 0,
                before,
                after,
                salt: Salt::new([0; 32]),
            };
            transaction.add_entry(entry).map_err(|_| Fail::Row("log"))?;
            received.joined.push((index, transaction.position));
            received.capped.extend(capped.iter().map(|capped| {
                let covered = capped.covered.keys().copied().collect();
                (index, capped.path.clone(), capped.stamp, covered)
            }));
            let (entity, id) = (&sent.entity, &sent.id);
            let changed = ChangedRecord { entity, id, record: &record, capped: &capped };
            self.put_record(&mut transaction, rules, &changed)?;
        }
        self.save_reply(reply, transaction, clock, received)
    }

    fn save_reply(
        &mut self,
        reply: &Reply,
        mut transaction: syncline_engine::sync::Transaction,
        clock: syncline_model::clock::Clock,
        received: &mut Received,
    ) -> Result<(), Fail> {
        let cursor = reply.to.0.to_be_bytes().to_vec();
        received.cursor = reply.to;
        if self.fault == Some(PlantedFault::CursorBeforeApply) {
            let mut batch = Batch::new();
            batch.put(cursor_key(reply.site), cursor);
            self.store.commit(&batch)?;
        } else {
            transaction.batch.put(cursor_key(reply.site), cursor);
        }
        if received.joined.is_empty() {
            return Ok(self.store.commit(&transaction.batch)?);
        }
        self.save(transaction, clock, peer_writer(reply.site).as_str())
    }

    fn join(
        &self,
        mine: Option<&Record>,
        mut theirs: Record,
        schema: &Schema,
        now_ms: u64,
    ) -> Result<Option<Record>, &'static str> {
        if self.fault == Some(PlantedFault::UnknownFieldsDropped) {
            theirs.body.registers.retain(|path, _| schema.names(path));
        }
        if self.fault == Some(PlantedFault::DriftNotChecked) {
            let nothing = Record::default();
            let mine = mine.unwrap_or(&nothing);
            let joined = join(mine, &theirs).map_err(|error| error.code())?;
            return Ok((joined != *mine).then_some(joined));
        }
        receive(mine, &theirs, &self.floor, now_ms).map_err(|error| error.code())
    }
}

/// Returns the key of the place in a peer's log. It is no row of a domain: what those hold is the
/// product's.
pub(crate) fn cursor_key(peer: SiteId) -> Key {
    let name = MetaName::new(&format!("cursor.{peer}"));
    Key::Meta(name.expect("invariant: hexadecimal digits are a name"))
}

fn peer_writer(peer: SiteId) -> Writer {
    Writer::new(&format!("hub-{peer}")).expect("invariant: hexadecimal digits are a name")
}
