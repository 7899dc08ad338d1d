//! Room that the hubs of a server share: each has at most as much of it as it leaves for the others.
//!
//! So what hangs in one hub takes half of all, what hangs in a second one half of the rest, and some is always left
//! (dynamic thresholds, Choudhury and Hahne 1998).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Room for so many things at once.
#[derive(Clone)]
pub(crate) struct Room(Arc<Mutex<Shared>>);

struct Shared {
    free: usize,
    /// Those that have places, or wait for one.
    hubs: BTreeMap<Box<str>, OfHub>,
}

#[derive(Default)]
struct OfHub {
    taken: usize,
    /// No more than there are requests and streams.
    waiting: VecDeque<oneshot::Sender<Place>>,
}

/// A place in a room, until this goes.
pub(crate) struct Place {
    /// The room and the hub; nothing once it was given up.
    held: Option<(Room, Box<str>)>,
}

impl Room {
    /// - `most`: how many things there may be at once.
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Shared { free: most, hubs: BTreeMap::new() })))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Every change is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, hub: Box<str>) -> Place {
        Place { held: Some((self.clone(), hub)) }
    }

    /// Takes a place for a hub, if it may have one now.
    pub(crate) fn try_enter(&self, hub: &str) -> Option<Place> {
        let has_entered = self.shared().enter(hub);
        has_entered.then(|| self.place(hub.into()))
    }

    /// Waits for a place for a hub. Those of one hub have their turns as they came.
    pub(crate) async fn enter(&self, hub: &str) -> Place {
        loop {
            let turn = {
                let mut shared = self.shared();
                if shared.enter(hub) {
                    drop(shared);
                    return self.place(hub.into());
                }
                shared.wait(hub)
            };
            if let Ok(place) = turn.await {
                return place;
            }
        }
    }

    /// Gives up a place of a hub, and hands on what there is to those who wait.
    fn leave(&self, hub: &str) {
        let mut shared = self.shared();
        shared.leave(hub);
        while let Some((hub, turn)) = shared.next() {
            // One that waits no more gives it back. It is not dropped as a place is: that would come back here.
            if let Err(mut place) = turn.send(self.place(hub))
                && let Some((_, hub)) = place.held.take()
            {
                shared.leave(&hub);
            }
        }
    }
}

impl Shared {
    /// Takes a place for a hub if it may have one more, and nobody of it waits; answers whether that is so.
    fn enter(&mut self, hub: &str) -> bool {
        let may_enter = |of: &OfHub| of.waiting.is_empty() && of.taken < self.free;
        if !self.hubs.get(hub).map_or(self.free > 0, may_enter) {
            return false;
        }
        self.free -= 1;
        self.hubs.entry(hub.into()).or_default().taken += 1;
        true
    }

    fn wait(&mut self, hub: &str) -> oneshot::Receiver<Place> {
        let (turn, comes) = oneshot::channel();
        let waiting = &mut self.hubs.entry(hub.into()).or_default().waiting;
        // Where nothing is given up for long, those that wait no more would stay.
        if waiting.len() == waiting.capacity() {
            waiting.retain(|turn| !turn.is_closed());
        }
        waiting.push_back(turn);
        comes
    }

    fn leave(&mut self, hub: &str) {
        self.free += 1;
        if let Some(of) = self.hubs.get_mut(hub) {
            of.taken -= 1;
            if of.taken == 0 && of.waiting.is_empty() {
                self.hubs.remove(hub);
            }
        }
    }

    /// Takes a place for whoever is next, of the hub that has the fewest; nothing if nobody may have one.
    fn next(&mut self) -> Option<(Box<str>, oneshot::Sender<Place>)> {
        let waiting = self.hubs.iter().filter(|(_, of)| !of.waiting.is_empty());
        let (hub, _) = waiting.min_by_key(|(_, of)| of.taken)?;
        let hub = hub.clone();
        let of = self.hubs.get_mut(&hub).filter(|of| of.taken < self.free)?;
        let turn = of.waiting.pop_front()?;
        of.taken += 1;
        self.free -= 1;
        Some((hub, turn))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((room, hub)) = self.held.take() {
            room.leave(&hub);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn taken(room: &Room, hub: &str) -> Vec<Place> {
        std::iter::from_fn(|| room.try_enter(hub)).collect()
    }

    #[test]
    fn each_hub_has_as_much_as_it_leaves_for_the_others() {
        let room = Room::new(16);
        let held: Vec<Vec<Place>> = ["a", "b", "c"].map(|hub| taken(&room, hub)).into();
        assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [8, 4, 2]);
        drop(held);
        assert_eq!(room.shared().free, 16);
        assert!(room.shared().hubs.is_empty(), "nothing is remembered of who has nothing");
        assert_eq!(taken(&Room::new(1), "a").len(), 1);
    }

    #[tokio::test]
    async fn who_waits_has_the_next_place_and_nobody_goes_before() {
        let room = Room::new(2);
        let first = room.enter("a").await;
        let mut second = Box::pin(room.enter("a"));
        assert!((&mut second).now_or_never().is_none());
        let mut third = Box::pin(room.enter("a"));
        assert!((&mut third).now_or_never().is_none());
        let other = room.try_enter("b").expect("what is left is for others");
        drop(first);
        assert!(room.try_enter("a").is_none(), "others of it wait");
        let second = second.now_or_never().expect("it is its turn");
        assert!((&mut third).now_or_never().is_none());
        drop((second, other));
        third.now_or_never().expect("it is its turn");
        assert_eq!(room.shared().free, 2);
        assert!(room.shared().hubs.is_empty());
    }

    #[tokio::test]
    async fn who_waits_no_more_holds_up_nobody() {
        let room = Room::new(2);
        let first = room.enter("a").await;
        let waiting: Vec<_> = (0..1_000)
            .map(|_| {
                let mut waits = Box::pin(room.enter("a"));
                assert!((&mut waits).now_or_never().is_none());
                waits
            })
            .collect();
        let mut last = Box::pin(room.enter("a"));
        assert!((&mut last).now_or_never().is_none());
        drop(waiting);
        for _ in 0..10_000 {
            assert!(Box::pin(room.enter("a")).now_or_never().is_none());
        }
        assert!(room.shared().hubs["a"].waiting.len() < 4_000, "they do not pile up");
        drop(first);
        drop(last.now_or_never().expect("those before it have gone"));
        // One whose turn has come, and who goes before it takes it.
        let held = room.enter("a").await;
        let mut goes = Box::pin(room.enter("a"));
        assert!((&mut goes).now_or_never().is_none());
        drop(held);
        drop(goes);
        assert_eq!(room.shared().free, 2);
        assert!(room.shared().hubs.is_empty());
    }
}
