//! What attempts hold in memory while they are under way, and those that wait for room there.
//!
//! The machine bounds what is sent by what stands in the log. Of an update that is what has changed, and what is sent
//! is the whole record: how much that is shows when it is read.

use std::collections::{BTreeMap, VecDeque};

use syncline_engine::deliver::{Dispatch, Report, Sending};
use syncline_engine::rows::Batch;
use syncline_model::id::{EndpointId, Position};

use crate::limits::{CONTENT_COUNTED_BYTES_MIN, CONTENT_PASSES_MAX, CONTENTS_BYTES_MAX};

/// Attempts that were counted: those that hold much, and those that wait.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    /// What those hold that hold much.
    attempts: BTreeMap<(EndpointId, Position), usize>,
    /// The same by endpoint, and of all.
    endpoints: BTreeMap<EndpointId, usize>,
    bytes: usize,
    waiting: VecDeque<Counted>,
    /// Whether one that waits for more room than there is was passed so often that all others that hold much wait for it.
    is_held_up: bool,
}

/// An attempt that was counted and waits for room.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) sending: Sending,
    /// How much it holds, once that was seen.
    bytes: usize,
    /// How many that hold much have begun while it waited for more room than there was.
    passes: usize,
    /// Whether that is what it waits for, and not its host or its rate.
    lacks_room: bool,
    /// Whether the machine knows that it waits.
    pub(super) has_waited: bool,
}

impl Counted {
    pub(super) const fn new(sending: Sending) -> Self {
        Self { sending, bytes: 0, passes: 0, lacks_room: false, has_waited: false }
    }

    /// Returns how much it holds, as far as that is known and counts.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    const fn is_passed_too_often(&self) -> bool {
        self.lacks_room && self.passes >= CONTENT_PASSES_MAX
    }

    /// Takes note of how much it says.
    pub(super) const fn measure(&mut self, bytes: usize) {
        self.bytes = if bytes < CONTENT_COUNTED_BYTES_MIN { 0 } else { bytes };
    }

    /// Returns whether it is not known yet how much it says, or it is little.
    pub(super) const fn is_unread(&self) -> bool {
        self.bytes == 0
    }
}

impl UnderWay {
    /// An attempt has ended.
    pub(super) fn land(&mut self, report: &Report) {
        if self.attempts.is_empty() {
            return;
        }
        self.release(&(report.endpoint.clone(), report.position));
    }

    /// Forgets those that wait and may not be made any more, whose endpoint is gone or must be left alone.
    pub(super) fn take_back(&mut self, now: u64, dispatch: &mut Dispatch, batch: &mut Batch) {
        self.waiting.retain(|counted| dispatch.poll_counted(now, &counted.sending, batch));
    }

    /// Takes all that wait, the oldest first.
    pub(super) fn take(&mut self) -> VecDeque<Counted> {
        self.is_held_up = false;
        std::mem::take(&mut self.waiting)
    }

    /// One waits on.
    pub(super) fn put_back(&mut self, counted: Counted) {
        self.is_held_up |= counted.is_passed_too_often();
        self.waiting.push_back(counted);
    }

    /// Returns whether one may begin, as far as it is known how much it holds. Small ones have room always.
    pub(super) fn may_begin(&self, counted: &mut Counted) -> bool {
        let has_room = !self.is_held_up && self.has_room(&counted.sending.endpoint, counted.bytes);
        counted.lacks_room = counted.bytes > 0 && !has_room;
        !counted.lacks_room
    }

    /// One begins that [may](Self::may_begin).
    pub(super) fn begin(&mut self, counted: Counted) -> Sending {
        let bytes = counted.bytes;
        if bytes == 0 {
            return counted.sending;
        }
        for passed in self.waiting.iter_mut().filter(|passed| passed.lacks_room) {
            passed.passes += 1;
            self.is_held_up |= passed.is_passed_too_often();
        }
        let (endpoint, position) = (&counted.sending.endpoint, counted.sending.event.position);
        let attempt = (endpoint.clone(), position);
        self.release(&attempt);
        self.bytes += bytes;
        *self.endpoints.entry(endpoint.clone()).or_default() += bytes;
        self.attempts.insert(attempt, bytes);
        counted.sending
    }

    /// Returns whether there is room: an endpoint may hold as much as it leaves for the others, or one content. Where
    /// nothing is held there is room for whatever it is.
    fn has_room(&self, endpoint: &EndpointId, bytes: usize) -> bool {
        let free = CONTENTS_BYTES_MAX.saturating_sub(self.bytes);
        let own = self.endpoints.get(endpoint).copied().unwrap_or(0);
        self.bytes == 0 || (bytes <= free && (own == 0 || own + bytes <= free))
    }

    fn release(&mut self, attempt: &(EndpointId, Position)) {
        let Some(bytes) = self.attempts.remove(attempt) else { return };
        self.bytes -= bytes;
        let Some(own) = self.endpoints.get_mut(&attempt.0) else { return };
        *own -= bytes;
        if *own == 0 {
            self.endpoints.remove(&attempt.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use syncline_engine::deliver::{EventRef, Outcome};
    use syncline_model::id::{EntityName, EventId, EventType, RecordId};

    use super::*;

    /// xorshift64: small, seedable, the same on every platform.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }
    }

    fn sending(endpoint: u64, position: u64) -> Sending {
        let event = EventRef {
            position: Position(position),
            event: EventId::new("e").unwrap(),
            event_type: EventType::new("tasks.told").unwrap(),
            entity: EntityName::new("tasks").unwrap(),
            id: RecordId::new("t").unwrap(),
            created_ms: 0,
            bytes: 0,
        };
        let endpoint = EndpointId::new(&format!("e{endpoint}")).unwrap();
        Sending { endpoint, made: 1, event: Arc::new(event), attempt: 1, is_replay: false }
    }

    fn report(sending: &Sending) -> Report {
        Report {
            endpoint: sending.endpoint.clone(),
            made: sending.made,
            position: sending.event.position,
            attempt: sending.attempt,
            outcome: Outcome::Answered { status: 204, retry_after_ms: None },
            duration_ms: 0,
            excerpt: "".into(),
        }
    }

    /// Attempts that are counted, wait, begin and end.
    #[derive(Default)]
    struct Life {
        under_way: UnderWay,
        flying: Vec<Sending>,
        counted: u64,
    }

    impl Life {
        /// Begins one if there is room, unless its host has none; answers whether it has begun.
        fn offer(&mut self, mut counted: Counted, bytes: usize, has_host: bool) -> bool {
            let mut may_begin = self.under_way.may_begin(&mut counted) && has_host;
            if may_begin {
                counted.measure(bytes);
                may_begin = self.under_way.may_begin(&mut counted);
            }
            match may_begin {
                true => self.flying.push(self.under_way.begin(counted)),
                false => self.under_way.put_back(counted),
            }
            may_begin
        }

        fn check(&self) {
            let UnderWay { attempts, endpoints, bytes, waiting, .. } = &self.under_way;
            assert_eq!(attempts.values().sum::<usize>(), *bytes);
            assert_eq!(endpoints.values().sum::<usize>(), *bytes);
            assert!(*bytes <= CONTENTS_BYTES_MAX || attempts.len() == 1, "{bytes}");
            let passes = waiting.iter().map(|one| one.passes).max().unwrap_or(0);
            assert!(passes <= CONTENT_PASSES_MAX, "{passes}");
        }
    }

    /// Returns how much an attempt says, the same each time.
    fn bytes_of(position: u64) -> usize {
        let sizes = [0, CONTENT_COUNTED_BYTES_MIN, 1 << 20, 9 << 20, 20 << 20, 40 << 20];
        sizes[usize::try_from(position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).unwrap() % 6]
    }

    #[test]
    fn what_is_held_has_a_bound_and_whoever_waits_is_passed_so_often_and_no_more() {
        let (mut passed_most, mut waited_most) = (0, 0);
        for seed in 1..=200 {
            let (mut random, mut life) = (Random(seed), Life::default());
            let (endpoints, hosts_percent) = (1 + random.below(6), 20 + random.below(81));
            for _ in 0..400 {
                for _ in 0..random.below(6).min(life.flying.len() as u64) {
                    let which = usize::try_from(random.below(life.flying.len() as u64)).unwrap();
                    let ended = life.flying.swap_remove(which);
                    life.under_way.land(&report(&ended));
                }
                for waiting in life.under_way.take() {
                    let bytes = bytes_of(waiting.sending.event.position.0);
                    life.offer(waiting, bytes, random.below(100) < hosts_percent);
                }
                for _ in 0..random.below(8) {
                    life.counted += 1;
                    let counted = Counted::new(sending(random.below(endpoints), life.counted));
                    life.offer(counted, bytes_of(life.counted), true);
                }
                life.check();
                let waiting = &life.under_way.waiting;
                passed_most =
                    passed_most.max(waiting.iter().map(|one| one.passes).max().unwrap_or(0));
                waited_most = waited_most.max(waiting.len());
            }
            // Nobody waits for ever: once all that holds something has ended, the oldest has room.
            while !life.under_way.waiting.is_empty() {
                for ended in std::mem::take(&mut life.flying) {
                    life.under_way.land(&report(&ended));
                }
                assert_eq!((life.under_way.bytes, life.under_way.attempts.len()), (0, 0));
                let mut waiting = life.under_way.take();
                let first = waiting.pop_front().unwrap();
                let bytes = bytes_of(first.sending.event.position.0);
                assert!(life.offer(first, bytes, true), "{seed}");
                waiting.into_iter().for_each(|one| life.under_way.put_back(one));
                life.check();
            }
        }
        assert!(
            passed_most == CONTENT_PASSES_MAX && waited_most > 100,
            "{passed_most} {waited_most}"
        );
    }
}
