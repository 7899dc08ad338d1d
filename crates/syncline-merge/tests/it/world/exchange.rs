//! What hubs send each other: batches that are late, doubled, lost or out of order.

use std::rc::Rc;

use syncline_merge::commit::cap;
use syncline_merge::exchange::{Batch, digest, receive, withhold};
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::join::join;
use syncline_merge::state::Record;
use syncline_model::clock::Clock;
use syncline_model::id::{Position, SiteId};
use syncline_model::limits::DRIFT_MS_MAX;
use syncline_model::path::Path;

use super::hub::Peer;
use super::random::Random;
use super::{More, RECORDS, World};
use crate::oracle::{GROUPS, Known, TOPS};

/// Most changes that hubs make by themselves in one exchange: settlements of registers at their bound.
const EXCHANGE_CHANGES_MAX: usize = 32;

/// A batch on its way.
#[derive(Clone)]
pub(crate) struct Message {
    from: usize,
    to: usize,
    site: SiteId,
    /// The receiver's site when it asked.
    asked_by: SiteId,
    batch: Batch<usize>,
    /// What the sender had received of each record sent, and the parts that it withheld.
    known: Vec<Known>,
    withheld: Vec<usize>,
    /// What the sender has no record of, where the receiver reads from the start.
    lacks: Vec<(usize, Known)>,
    /// Whether the receiver reads from the start.
    anew: bool,
    /// Whether the sender keeps records whole from the receiver.
    keeps: bool,
    /// Whether it holds what digests showed to differ: it fits wherever the receiver stands.
    repairs: bool,
}

impl World {
    pub(super) fn hub_sends(&mut self, random: &mut Random) -> Result<(), String> {
        let (from, to) = (random.below(self.hubs.len()), random.below(self.hubs.len()));
        if from == to {
            return Ok(());
        }
        let message = self.message(from, to, Some(random), false);
        if random.chance(15) {
            self.network.push(message.clone());
        }
        self.network.push(message);
        self.note(|| format!("hub {from} sends to {to}"));
        Ok(())
    }

    /// A hub takes what another one has for it.
    pub(super) fn hub_reads(&mut self, to: usize, from: usize) -> Result<(), String> {
        let message = self.message(from, to, None, false);
        self.deliver(message).map(|_| ())
    }

    /// Packs what a peer needs: the records changed since its cursor, as they are now.
    ///
    /// - `repairs`: whether digests are compared, so that records are left out that are the same.
    fn message(
        &mut self,
        from: usize,
        to: usize,
        random: Option<&mut Random>,
        repairs: bool,
    ) -> Message {
        self.acknowledge(from);
        let Peer { site, cursor, anew, .. } = self.hubs[to].peers[from];
        let (anew, cursor) = (anew || repairs, if repairs { 0 } else { cursor });
        let sender = &self.hubs[from];
        let start = if site == sender.site { cursor.min(sender.log.len()) } else { 0 };
        let mut end = sender.log.len();
        let mut hidden = false;
        if let Some(random) = random {
            if !anew && random.chance(40) {
                end = start + random.below(end.saturating_sub(start) + 1);
            }
            hidden = is_planted(Fault::FieldDeltasWithoutStart) && random.chance(50);
        }
        let current = end >= sender.log.len();
        let knowledge = if current { &sender.knowledge } else { &*sender.earlier[end] };
        let parts: Vec<usize> =
            (1..GROUPS).filter(|part| self.withheld.contains(&(from, to, *part))).collect();
        let paths: Vec<Path> = parts.iter().map(|part| Path::parse(TOPS[*part]).unwrap()).collect();
        let mut states = Vec::new();
        let mut known = Vec::new();
        let keeps = |record: &usize| self.kept_whole.contains(&(from, to, *record));
        let changed = (0..RECORDS).filter(|r| sender.log[start.min(end)..end].contains(r));
        for record in changed.filter(|record| !keeps(record)) {
            let Some(real) = &sender.records[record] else {
                continue;
            };
            let mine = self.hubs[to].records[record].as_ref().filter(|_| repairs);
            if self.skips(to, real) || mine.is_some_and(|mine| digest(mine) == digest(real)) {
                continue;
            }
            let mut state = withhold(real, &paths);
            if hidden {
                let first = state.body.registers.keys().next().cloned();
                first.map(|path| state.body.registers.remove(&path));
            }
            states.push((record, state));
            known.push(sender.known[record].clone());
        }
        let lacks = (0..RECORDS).filter(|r| anew && current && sender.records[*r].is_none());
        let lacks = lacks.filter(|record| !keeps(record));
        Message {
            from,
            to,
            site: sender.site,
            asked_by: self.hubs[to].site,
            lacks: lacks.map(|record| (record, sender.known[record].clone())).collect(),
            batch: Batch {
                from: Position(start as u64),
                to: Position(end as u64),
                states,
                knowledge: knowledge.clone(),
            },
            known,
            withheld: parts,
            anew,
            keeps: (0..RECORDS).any(|record| keeps(&record)),
            repairs,
        }
    }

    /// A hub asks another one for what differs, by digests; the answer may be late.
    pub(super) fn digests_are_compared(&mut self, random: &mut Random) -> Result<(), String> {
        let (from, to) = (random.below(self.hubs.len()), random.below(self.hubs.len()));
        if from == to {
            return Ok(());
        }
        let message = self.message(from, to, None, true);
        let sent = |record: &usize| message.batch.states.iter().any(|(one, _)| one == record);
        let alike = (0..RECORDS).filter(|record| {
            let [theirs, mine] = [from, to].map(|hub| self.hubs[hub].records[*record].is_some());
            let is_kept = self.kept_whole.contains(&(from, to, *record));
            theirs && mine && !is_kept && !sent(record)
        });
        let alike: Vec<usize> = alike.collect();
        for record in alike {
            let [theirs, mine] = [from, to].map(|hub| self.hubs[hub].known[record].seen);
            if (0..GROUPS).any(|part| !theirs[part].is_within(&mine[part])) {
                return Err(format!(
                    "hub {to} takes record {record} for the same as at hub {from}"
                ));
            }
            self.count("records left out for their digest");
        }
        self.count("comparisons of digests");
        self.note(|| format!("hub {to} asks hub {from} for what differs"));
        if random.chance(50) {
            self.network.push(message);
            return Ok(());
        }
        self.deliver(message).map(|_| ())
    }

    /// A hub keeps a record whole from another one, or lets it go.
    pub(super) fn record_is_kept(&mut self, random: &mut Random) {
        let (from, to) = (random.below(self.hubs.len()), random.below(self.hubs.len()));
        let entry = (from, to, random.below(RECORDS));
        if from == to {
            return;
        }
        self.note(|| format!("hub {from} keeps record {} from hub {to}, or no longer", entry.2));
        match self.kept_whole.iter().position(|one| *one == entry) {
            Some(at) => drop(self.kept_whole.remove(at)),
            None => self.kept_whole.push(entry),
        }
    }

    /// Fails on purpose: takes a record for known if its greatest clock is.
    fn skips(&self, to: usize, record: &Record) -> bool {
        is_planted(Fault::HighestClockSkips)
            && record.version.clock_max() <= self.hubs[to].knowledge.known.clock_max()
    }

    pub(super) fn network_delivers(&mut self, random: &mut Random) -> Result<(), String> {
        if self.network.is_empty() {
            return Ok(());
        }
        let at = random.below(self.network.len());
        let message =
            if random.chance(20) { self.network[at].clone() } else { self.network.swap_remove(at) };
        if random.chance(8) {
            return Ok(());
        }
        self.deliver(message).map(|_| ())
    }

    /// Takes a batch in, whole or not at all; answers whether it changed anything.
    fn deliver(&mut self, message: Message) -> Result<bool, String> {
        let (from, to) = (message.from, message.to);
        if message.asked_by != self.hubs[to].site {
            // It may stand at the cursor, and does not say what the sender has no record of.
            self.count("answers to an earlier site");
            return Ok(false);
        }
        let peer = &mut self.hubs[to].peers[from];
        if message.site > peer.site {
            *peer = Peer { site: message.site, cursor: 0, ..*peer };
        }
        let cursor = peer.cursor as u64;
        let stands = message.batch.from.0 == cursor;
        let repairs = message.repairs && message.batch.to.0 >= cursor;
        if message.site != peer.site
            || !(stands || repairs)
            || (peer.anew && (message.batch.from.0 != 0 || !message.anew))
        {
            return Ok(false);
        }
        if !message.keeps && peer.keeps && !message.anew {
            // What was let go may stand in what it has read, and may be forgotten there by now.
            *peer = Peer { cursor: 0, anew: true, keeps: false, ..*peer };
            self.count("logs read from the start for what was let go");
            return Ok(true);
        }
        let now_ms = self.hubs[to].now_ms(self.now_ms);
        let ahead = message
            .batch
            .states
            .iter()
            .any(|(_, state)| state.clock_max().millis() > now_ms.saturating_add(DRIFT_MS_MAX));
        if ahead {
            self.count("states refused for their clock");
            self.note(|| format!("hub {to} refuses a clock of hub {from}"));
            return Ok(false);
        }
        if !message.withheld.is_empty() {
            self.count("batches with withheld paths");
        }
        self.count("batches");
        self.take_batch(message)
    }

    fn take_batch(&mut self, message: Message) -> Result<bool, String> {
        let (from, to) = (message.from, message.to);
        let length = self.hubs[to].log.len();
        let states = message.batch.states.iter().zip(&message.known);
        for ((record, state), known) in states {
            let at = &mut self.hubs[to];
            let floor = at.knowledge.floor.clone();
            let now_ms = at.now_ms(self.now_ms);
            let mine = at.records[*record].as_ref();
            let joined = match receive(mine, state, &floor, now_ms) {
                Ok(joined) => joined,
                Err(error) => return Err(format!("hub {to} refuses record {record}: {error}")),
            };
            let forgotten = mine.is_none() && joined.is_none();
            let before = at.known[*record].clone();
            at.known[*record].join(known, &message.withheld);
            let echo = joined.is_none() && before == at.known[*record];
            if forgotten {
                at.known[*record].forget();
            }
            at.clock = at.clock.max(state.clock_max());
            if let Some(joined) = joined {
                at.records[*record] = Some(joined);
                at.log(*record);
            }
            if echo {
                continue;
            }
            self.cap_joined(to, *record)?;
            self.note(|| format!("hub {to} takes record {record} from hub {from}"));
            self.check(to, *record)?;
            self.settle_by_rule(to, *record)?;
        }
        self.join_forgotten(to, &message)?;
        let at = &mut self.hubs[to];
        if message.keeps && !is_planted(Fault::WithheldRecordCountsAsKnown) {
            // It knows nothing of what was withheld: it neither acknowledges that, nor begins at a
            // floor that may stand above it. Nor does it take an acknowledgement without the data that
            // come with it: what was written beside a deletion may be among these.
            self.counts.entry("batches with withheld records").and_modify(|n| *n += 1).or_insert(1);
        } else {
            at.knowledge.join(&message.batch.knowledge);
        }
        at.clock = at.clock.max(message.batch.knowledge.known.clock_max());
        let cursor = usize::try_from(message.batch.to.0).unwrap();
        at.peers[from] = Peer { site: message.site, cursor, anew: false, keeps: message.keeps };
        Ok(at.log.len() > length)
    }

    /// After a restore: what a peer has forgotten is joined with nothing at the peer's floor.
    fn join_forgotten(&mut self, to: usize, message: &Message) -> Result<(), String> {
        if !self.hubs[to].peers[message.from].anew && !message.repairs {
            return Ok(());
        }
        for (record, known) in &message.lacks {
            let at = &mut self.hubs[to];
            let Some(mine) = &at.records[*record] else {
                if !message.keeps {
                    at.known[*record].join(known, &[]);
                    at.known[*record].forget();
                }
                continue;
            };
            let nothing = Record::begun(&message.batch.knowledge.floor);
            let joined = join(mine, &nothing).map_err(|error| error.to_string())?;
            at.known[*record].join(known, &[]);
            let mut writers = self.writers.iter_mut().filter(|writer| writer.hub == to);
            // Without the floor, which it does not take from who withholds records, the record stays.
            let may_go = joined.is_empty() && !message.keeps;
            if may_go && !writers.any(|writer| writer.keeps_copy(*record)) {
                at.records[*record] = None;
                at.known[*record].forget();
                let writers = self.writers.iter_mut().filter(|writer| writer.hub == to);
                writers.for_each(|writer| writer.forget(*record));
            } else {
                at.records[*record] = Some(joined);
            }
            at.log(*record);
            self.count("records that were forgotten before a restore");
            self.note(|| format!("hub {to} learns that record {record} was forgotten"));
            self.check(to, *record)?;
        }
        Ok(())
    }

    fn cap_joined(&mut self, hub: usize, record: usize) -> Result<(), String> {
        let lost = self.lost.clone();
        let (real, rules, mut site) = self.hubs[hub].desk(record, self.now_ms, &lost);
        let Some(mut real) = real else { return Ok(()) };
        let capped = cap(&mut real, &rules, &mut site).map_err(|error| error.to_string())?;
        if !capped.is_empty() {
            self.hubs[hub].records[record] = Some(real);
            self.hubs[hub].log(record);
            self.cap(hub, record, &capped);
            self.count("caps after a join");
        }
        Ok(())
    }

    /// Withholds a part from a peer, or no longer: then every record is sent again.
    pub(super) fn policy_changes(&mut self, random: &mut Random) -> Result<(), String> {
        let (from, to) = (random.below(self.hubs.len()), random.below(self.hubs.len()));
        let part = 1 + random.below(GROUPS - 1);
        if self.plays(More::HiddenFields) {
            self.file_is_kept_from(random.below(self.writers()), 1 + random.below(GROUPS - 1));
        }
        if from == to {
            return Ok(());
        }
        self.note(|| format!("hub {from} withholds {} from hub {to}, or no longer", TOPS[part]));
        if self.withheld.contains(&(from, to, part)) {
            self.withheld.retain(|entry| *entry != (from, to, part));
            self.send_again(from);
        } else {
            self.withheld.push((from, to, part));
        }
        Ok(())
    }

    /// A quiet time: nearly everything reaches everyone, tokens expire, and some hubs forget.
    pub(super) fn quiet_time(&mut self, random: &mut Random) -> Result<(), String> {
        self.note(|| "a quiet time".into());
        for writer in 0..self.writers() {
            for record in 0..RECORDS {
                self.read(writer, record, random)?;
                self.write(writer, record, 9, random)?;
            }
        }
        for _ in 0..3 {
            for from in 0..self.hubs.len() {
                for to in (0..self.hubs.len()).filter(|to| *to != from) {
                    let message = self.message(from, to, None, false);
                    self.deliver(message)?;
                }
            }
            for record in 0..RECORDS {
                self.tokens_expire(record);
            }
        }
        for hub in 0..self.hubs.len() {
            for record in 0..RECORDS {
                if random.chance(50) {
                    self.forget(hub, record)?;
                }
            }
        }
        Ok(())
    }

    /// Records are deleted and forgotten, mostly while one hub is cut off.
    pub(super) fn records_are_cleared(&mut self, random: &mut Random) -> Result<(), String> {
        let off = random.below(self.hubs.len() + 1);
        let hubs: Vec<usize> = (0..self.hubs.len()).filter(|hub| *hub != off).collect();
        self.note(|| format!("records are cleared, without hub {off}"));
        for record in 0..RECORDS {
            if random.chance(70) {
                self.record_is_deleted(random.pick(&hubs), record)?;
            }
        }
        for _ in 0..3 {
            for (from, to) in hubs.iter().flat_map(|from| hubs.iter().map(move |to| (*from, *to))) {
                if from != to {
                    self.hub_reads(to, from)?;
                }
            }
            for record in 0..RECORDS {
                self.tokens_expire(record);
                for writer in 0..self.writers() {
                    self.read(writer, record, random)?;
                    self.write(writer, record, 9, random)?;
                }
            }
        }
        for hub in hubs {
            for record in 0..RECORDS {
                self.forget(hub, record)?;
            }
        }
        Ok(())
    }

    fn send_again(&mut self, hub: usize) {
        let at = &mut self.hubs[hub];
        (0..RECORDS).filter(|r| at.records[*r].is_some()).for_each(|record| {
            at.earlier.push(Rc::new(at.knowledge.clone()));
            at.log.push(record);
        });
    }

    /// Ends all withholding and sets every clock right.
    pub(super) fn open_up(&mut self) {
        self.network.clear();
        self.withheld.clear();
        self.kept_whole.clear();
        self.hides_nothing();
        self.rules_work();
        self.site_is_declared_lost(&mut Random::new(0, 0)).unwrap();
        let latest = self.hubs.iter().map(|hub| hub.clock).max().unwrap_or(Clock(0));
        self.now_ms = self.now_ms.max(latest.millis() + 1);
        for hub in 0..self.hubs.len() {
            self.hubs[hub].skew_ms = 0;
            self.send_again(hub);
        }
    }

    /// Exchanges until nothing is new.
    pub(super) fn exchange_all(&mut self) -> Result<(), String> {
        let hubs = self.hubs.len();
        let rounds_max = 3 * hubs + 4;
        let changes_max = self.oracle.changes.len() + EXCHANGE_CHANGES_MAX;
        for _ in 0..rounds_max {
            let mut changed = false;
            let pairs = (0..hubs).flat_map(|from| (0..hubs).map(move |to| (from, to)));
            let pairs: Vec<(usize, usize)> = pairs.filter(|(from, to)| from != to).collect();
            // All at once, so that what two hubs do at the same time meets on the way.
            let messages: Vec<Message> =
                pairs.iter().map(|(from, to)| self.message(*from, *to, None, false)).collect();
            for message in messages {
                changed |= self.hubs[message.to].peers[message.from].site != message.site;
                changed |= self.deliver(message)?;
            }
            if self.oracle.changes.len() > changes_max {
                return Err("changes without end".into());
            }
            if !changed {
                return Ok(());
            }
        }
        Err(format!("the exchange has not ended after {rounds_max} rounds"))
    }
}
