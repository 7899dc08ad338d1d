//! Which deliveries of an endpoint somebody wants to see: found by what the store keeps of them, so that few among very
//! many are found at once, and however many there are a page takes a moment.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use syncline_engine::deliver::{Delivery, DeliveryState};
use syncline_engine::rows::{Key, Scan};
use syncline_model::id::{EndpointId, Position};
use syncline_store::Read;

use super::super::{ServeError, Served};
use super::turn::bytes_at;
use crate::limits::{
    CLOCK_BACK_MS_MAX, DELIVERIES_LOOKED_AT_MAX, DELIVERY_ROWS_AT_ONCE, LANE_KEYS_LOOKED_AT_MAX,
    ROWS_PASSED_MAX,
};

/// What is wanted of the deliveries of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    /// How far they are; empty for any.
    pub states: BTreeSet<DeliveryState>,
    /// Only events that the hub took from this moment on, in milliseconds since the Unix epoch.
    pub from_ms: Option<u64>,
    /// Only events that it took before this moment.
    pub to_ms: Option<u64>,
}

/// Some deliveries, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// With their places in the log.
    pub found: Vec<(Position, Delivery)>,
    /// The places of those among them whose rows cannot be read: whether they are meant nobody knows.
    pub damaged: Vec<Position>,
    /// Before which place there may be more; nothing where there are none.
    pub next: Option<Position>,
}

impl Sought {
    fn is_meant(&self, delivery: &Delivery) -> bool {
        (self.states.is_empty() || self.states.contains(&delivery.state))
            && self.from_ms.is_none_or(|from_ms| delivery.created_ms >= from_ms)
            && self.to_ms.is_none_or(|to_ms| delivery.created_ms < to_ms)
    }

    /// Returns whether a delivery is so old that none before it can be meant: times rise with the log, but for a clock
    /// that was set back a little.
    fn is_before(&self, delivery: &Delivery) -> bool {
        let oldest_ms = self.from_ms.map_or(0, |from_ms| from_ms.saturating_sub(CLOCK_BACK_MS_MAX));
        delivery.created_ms < oldest_ms
    }
}

impl Served {
    /// Returns deliveries of an endpoint, the latest first. A page may have few of them, or none, and yet not be the last.
    ///
    /// - `before`: only those of events before this place in the log.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if the store cannot be read.
    pub fn deliveries(
        &self,
        id: &EndpointId,
        sought: &Sought,
        before: Option<Position>,
        limit: usize,
    ) -> Result<DeliveryPage, ServeError> {
        let rows = self.reader()?;
        let mut look = Look {
            rows: &*rows,
            endpoint: id,
            sought,
            limit: limit.max(1),
            page: DeliveryPage::default(),
            last: None,
            looked_at: 0,
            is_over: false,
        };
        let before = look.bound(before)?;
        match look.places(before)? {
            Some(places) => look.at(&places)?,
            None => look.all(before)?,
        }
        Ok(look.finished())
    }
}

/// Places of deliveries, the latest first, and whether they are all that there are.
struct Places {
    places: Vec<Position>,
    is_all: bool,
}

struct Look<'r> {
    rows: &'r dyn Read,
    endpoint: &'r EndpointId,
    sought: &'r Sought,
    limit: usize,
    page: DeliveryPage,
    /// The place that was looked at last.
    last: Option<Position>,
    looked_at: usize,
    /// Whether nothing before it can be meant.
    is_over: bool,
}

impl Look<'_> {
    fn key(&self, position: Position) -> Key {
        Key::Delivery { endpoint: self.endpoint.clone(), position }
    }

    /// Takes note of the row of a delivery; answers whether to go on.
    fn take(&mut self, position: Position, bytes: &[u8]) -> bool {
        self.looked_at += 1;
        let Ok(delivery) = Delivery::decode(bytes) else {
            self.last = Some(position);
            self.page.damaged.push(position);
            return self.has_room();
        };
        if self.sought.is_before(&delivery) {
            self.is_over = true;
            return false;
        }
        self.last = Some(position);
        if self.sought.is_meant(&delivery) {
            self.page.found.push((position, delivery));
        }
        self.has_room()
    }

    const fn has_room(&self) -> bool {
        self.page.found.len() + self.page.damaged.len() < self.limit
            && self.looked_at < DELIVERIES_LOOKED_AT_MAX
    }

    fn finished(self) -> DeliveryPage {
        let is_cut = !self.is_over && !self.has_room();
        DeliveryPage { next: self.page.next.or(self.last.filter(|_| is_cut)), ..self.page }
    }

    /// Returns before which place in the log those stand that are meant: of the times between two places the middle one
    /// is asked for.
    fn bound(&self, before: Option<Position>) -> Result<Option<Position>, ServeError> {
        let Some(to_ms) = self.sought.to_ms else { return Ok(before) };
        let late_ms = to_ms.saturating_add(CLOCK_BACK_MS_MAX);
        let newest = self.at_or_before(None)?.map_or(0, |(position, _)| position.0);
        // Behind `high` all are too late.
        let (mut low, mut high) = (0, before.map_or(newest + 1, |before| before.0.min(newest + 1)));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.at_or_before(Some(Position(middle)))? {
                Some((found, created_ms)) if created_ms >= late_ms => high = found.0,
                _ => low = middle + 1,
            }
        }
        Ok(Some(Position(high)))
    }

    /// Returns the latest delivery that can be read, or the latest one up to a place, and when the hub took its event.
    fn at_or_before(
        &self,
        position: Option<Position>,
    ) -> Result<Option<(Position, u64)>, ServeError> {
        let scan = Scan::DeliveriesLatest { endpoint: self.endpoint.clone() };
        let mut found = None;
        let after = position.map(|position| self.key(position.next()));
        self.rows.scan(&scan, after.as_ref(), ROWS_PASSED_MAX, &mut |key, bytes| {
            let Key::Delivery { position, .. } = key else { return ControlFlow::Break(()) };
            match Delivery::decode(bytes) {
                Ok(delivery) => found = Some((*position, delivery.created_ms)),
                Err(_) => return ControlFlow::Continue(()),
            }
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Returns the places of those that may be meant, if the store has a list of them that is not too long.
    fn places(&self, before: Option<Position>) -> Result<Option<Places>, ServeError> {
        let states = &self.sought.states;
        let is_listed = |state: &DeliveryState| !state.is_final() || *state == DeliveryState::Dead;
        if states.is_empty() || !states.iter().all(is_listed) {
            return Ok(None);
        }
        let mut places = Vec::new();
        if states.iter().any(|state| !state.is_final()) {
            let Some(open) = self.open(before)? else { return Ok(None) };
            places.extend(open);
        }
        let mut is_all = true;
        if states.contains(&DeliveryState::Dead) {
            let (dead, is_all_dead) = self.dead(before)?;
            is_all = is_all_dead;
            if let Some(last) = dead.last().filter(|_| !is_all) {
                places.retain(|place| place > last);
            }
            places.extend(dead);
        }
        places.sort_unstable_by(|one, other| other.cmp(one));
        places.dedup();
        Ok(Some(Places { places, is_all }))
    }

    /// Returns those that are not final; nothing if there are too many to look at.
    fn open(&self, before: Option<Position>) -> Result<Option<Vec<Position>>, ServeError> {
        let scan = Scan::Lanes { endpoint: self.endpoint.clone() };
        let (mut places, mut count) = (Vec::new(), 0);
        self.rows.scan(&scan, None, LANE_KEYS_LOOKED_AT_MAX, &mut |key, _| {
            count += 1;
            if let Key::Lane { position, .. } = key
                && before.is_none_or(|before| *position < before)
            {
                places.push(*position);
            }
            ControlFlow::Continue(())
        })?;
        Ok(Some(places).filter(|_| count < LANE_KEYS_LOOKED_AT_MAX))
    }

    /// Returns those that were given up, the latest first, and whether they are all.
    fn dead(&self, before: Option<Position>) -> Result<(Vec<Position>, bool), ServeError> {
        let endpoint = || self.endpoint.clone();
        let after = before.map(|position| Key::DeadLetter { endpoint: endpoint(), position });
        let scan = Scan::DeadLettersLatest { endpoint: endpoint() };
        let mut places = Vec::new();
        self.rows.scan(&scan, after.as_ref(), DELIVERIES_LOOKED_AT_MAX, &mut |key, _| {
            if let Key::DeadLetter { position, .. } = key {
                places.push(*position);
            }
            ControlFlow::Continue(())
        })?;
        let is_all = places.len() < DELIVERIES_LOOKED_AT_MAX;
        Ok((places, is_all))
    }

    /// Looks at deliveries whose places are known.
    fn at(&mut self, Places { places, is_all }: &Places) -> Result<(), ServeError> {
        for piece in places.chunks(DELIVERY_ROWS_AT_ONCE) {
            let found = bytes_at(self.rows, self.endpoint, piece)?;
            for (position, bytes) in piece.iter().zip(found) {
                let Some(bytes) = bytes else { continue };
                if !self.take(*position, &bytes) {
                    return Ok(());
                }
            }
        }
        self.page.next = places.last().copied().filter(|_| !is_all);
        Ok(())
    }

    /// Looks at all deliveries, the latest first.
    fn all(&mut self, before: Option<Position>) -> Result<(), ServeError> {
        let after = before.map(|position| self.key(position));
        let scan = Scan::DeliveriesLatest { endpoint: self.endpoint.clone() };
        let rows = self.rows;
        rows.scan(&scan, after.as_ref(), DELIVERIES_LOOKED_AT_MAX, &mut |key, bytes| {
            let Key::Delivery { position, .. } = key else { return ControlFlow::Continue(()) };
            match self.take(*position, bytes) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use syncline_engine::deliver::{DeadLetter, EventRef};
    use syncline_engine::operate::Entities;
    use syncline_engine::rows::Batch;
    use syncline_model::id::{EntityName, EventId, EventType, RecordId};

    use super::*;
    use crate::{Hub, HubOptions};

    /// More than a page looks at, twice.
    const COUNT: u64 = 2 * DELIVERIES_LOOKED_AT_MAX as u64 + 5_000;
    const STATES: [(u64, DeliveryState); 6] = [
        (5, DeliveryState::Cancelled),
        (6, DeliveryState::Dead),
        (7, DeliveryState::Retrying),
        (9_000, DeliveryState::Parked),
        (COUNT - 1, DeliveryState::Dead),
        (COUNT, DeliveryState::Retrying),
    ];

    fn id() -> EndpointId {
        EndpointId::new("shop").unwrap()
    }

    fn state_of(position: u64) -> DeliveryState {
        let known = STATES.iter().find(|(at, _)| *at == position);
        known.map_or(DeliveryState::Delivered, |(_, state)| *state)
    }

    fn write(position: u64, batch: &mut Batch) {
        let at = Position(position);
        let event = EventRef {
            position: at,
            event: EventId::new(&format!("e{position}")).unwrap(),
            event_type: EventType::new("a.b").unwrap(),
            entity: EntityName::new("tasks").unwrap(),
            id: RecordId::new(&format!("t{position}")).unwrap(),
            created_ms: position * 1_000,
            bytes: 1,
        };
        let mut row = Delivery::new(&event);
        row.state = state_of(position);
        batch.put(Key::Delivery { endpoint: id(), position: at }, row.encode());
        if !row.state.is_final() {
            let (entity, record) = row.lane();
            let key = Key::Lane { endpoint: id(), entity, id: record, position: at };
            batch.put(key, Vec::new());
        }
        if row.state == DeliveryState::Dead {
            let event_type = event.event_type;
            let letter = DeadLetter { at_ms: 0, event_type, code: "status".into() };
            batch.put(Key::DeadLetter { endpoint: id(), position: at }, letter.encode());
        }
    }

    fn places(page: &DeliveryPage) -> Vec<u64> {
        page.found.iter().map(|(position, _)| position.0).collect()
    }

    #[test]
    fn few_deliveries_among_many_are_found_at_once_and_no_page_looks_at_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let options = HubOptions { state_folder: folder.path().join("state"), check_store: false };
        let hub = Hub::open(&options).unwrap();
        let served = Served::start(hub, Entities::open(BTreeMap::new())).unwrap();
        for first in (1..=COUNT).step_by(5_000) {
            let mut batch = Batch::new();
            (first..first + 5_000).for_each(|position| write(position, &mut batch));
            served.commit_rows(batch).unwrap();
        }
        let ask = |states: &[DeliveryState], before, limit| {
            let sought = Sought { states: states.iter().copied().collect(), ..Sought::default() };
            served.deliveries(&id(), &sought, before, limit).unwrap()
        };
        use DeliveryState::{Cancelled, Dead, Delivered, Parked, Retrying};
        let cases: [(&[DeliveryState], &[u64]); 4] = [
            (&[Retrying], &[COUNT, 7]),
            (&[Dead], &[COUNT - 1, 6]),
            (&[Parked, Dead, Retrying], &[COUNT, COUNT - 1, 9_000, 7, 6]),
            (&[DeliveryState::Sending], &[]),
        ];
        for (states, expected) in cases {
            let page = ask(states, None, 100);
            assert_eq!((places(&page), page.next), (expected.to_vec(), None), "{states:?}");
            let (mut paged, mut before) = (Vec::new(), None);
            while let page = ask(states, before, 2)
                && !page.found.is_empty()
            {
                paged.extend(places(&page));
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(paged, expected, "{states:?}, two to a page");
        }
        // Of these there is no list: page by page all are looked at.
        let (mut pages, mut before) = (Vec::new(), None);
        loop {
            let page = ask(&[Cancelled], before, 10);
            pages.push(places(&page));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(pages, [vec![], vec![], vec![5]]);
        assert_eq!(places(&ask(&[], None, 2)), [COUNT, COUNT - 1]);
        assert_eq!(places(&ask(&[Delivered], Some(Position(8)), 3)), [4, 3, 2]);

        let between = |from_ms, to_ms, limit| {
            let sought = Sought { from_ms, to_ms, ..Sought::default() };
            let page = served.deliveries(&id(), &sought, None, limit).unwrap();
            (places(&page), page.next.map(|next| next.0))
        };
        assert_eq!(between(None, Some(5_000_000), 2), (vec![4_999, 4_998], Some(4_998)));
        assert_eq!(between(Some(4_998_000), Some(5_000_000), 9), (vec![4_999, 4_998], None));
        assert_eq!(between(None, Some(1_000), 9), (vec![], None));
        assert_eq!(between(Some(COUNT * 1_000), None, 9), (vec![COUNT], None));
        assert_eq!(between(Some(u64::MAX), None, 9), (vec![], None));
    }
    #[test]
    fn rows_that_cannot_be_read_are_named_and_cost_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let options = HubOptions { state_folder: folder.path().join("state"), check_store: false };
        let hub = Hub::open(&options).unwrap();
        let served = Served::start(hub, Entities::open(BTreeMap::new())).unwrap();
        let mut batch = Batch::new();
        (1..=10).for_each(|position| write(position, &mut batch));
        for position in [6, 7, 9, 10] {
            let key = Key::Delivery { endpoint: id(), position: Position(position) };
            batch.put(key, b"\xffdamaged".to_vec());
        }
        served.commit_rows(batch).unwrap();
        let ask = |states: &[DeliveryState], to_ms, before, limit| {
            let states = states.iter().copied().collect();
            let sought = Sought { states, from_ms: None, to_ms };
            let page = served.deliveries(&id(), &sought, before, limit).unwrap();
            let damaged: Vec<u64> = page.damaged.iter().map(|position| position.0).collect();
            (places(&page), damaged, page.next.map(|next| next.0))
        };
        assert_eq!(ask(&[], None, None, 99), (vec![8, 5, 4, 3, 2, 1], vec![10, 9, 7, 6], None));
        assert_eq!(ask(&[], None, None, 3), (vec![8], vec![10, 9], Some(8)));
        assert_eq!(ask(&[], None, Some(Position(8)), 3), (vec![5], vec![7, 6], Some(5)));
        assert_eq!(ask(&[DeliveryState::Dead], None, None, 9), (vec![], vec![6], None));
        assert_eq!(ask(&[DeliveryState::Retrying], None, None, 9), (vec![], vec![7], None));
        let late = Some(8_500 - CLOCK_BACK_MS_MAX);
        assert_eq!(ask(&[], late, None, 9), (vec![3, 2, 1], vec![7, 6], None));
        let failures = served.failures(&[id()], 0, 99).unwrap();
        assert_eq!(failures.deliveries.len(), 0);
        let (dead, _) = served.dead_deliveries(Some(&id()), None, 9).unwrap();
        let dead: Vec<_> =
            dead.iter().map(|one| (one.position.0, one.letter.is_some(), one.damaged)).collect();
        assert_eq!(dead, [(6, true, Some("deliveries"))]);
    }
}
