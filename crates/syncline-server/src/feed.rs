//! Changes made once for all who follow the same.
//!
//! Each set of entities that somebody follows has a feed: a task that reads every stretch of the log
//! once and keeps the latest of them, encoded, for whoever comes by. It knows nothing of those who
//! follow and waits for nobody. Who is too slow, or must be told something of its own, reads pages.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use syncline_hub::served::{Limits, Paged, Served};
use syncline_model::id::{EntityName, Position, Writer};
use syncline_protocol::compact::{EncodedPage, Names};
use syncline_protocol::long::{write_hub_message, write_page};
use syncline_protocol::message::{Follow, HubMessage, Page};
use syncline_protocol::session::hub::{CURSOR_LAG_MAX, Live};
use tokio::sync::watch;

/// Stretches that a feed keeps. Who is further behind reads pages.
const STRETCHES_MAX: usize = 64;

/// The changes of a stretch in every form, each made when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    compact: OnceLock<EncodedPage>,
    long: OnceLock<Utf8Bytes>,
    event: OnceLock<Bytes>,
}

/// A stretch of the log as all are told it who follow the same.
pub(crate) type Stretch = Live<Encoded>;

/// The feeds of one hub.
#[derive(Default)]
pub(crate) struct Feeds {
    feeds: Mutex<BTreeMap<Vec<EntityName>, Arc<Feed>>>,
    /// Names of the compact form, for all connections.
    pub(crate) names: Mutex<Names>,
}

/// What those are told who follow the same entities.
struct Feed {
    entities: Vec<EntityName>,
    kept: Mutex<Kept>,
    head: watch::Sender<Head>,
}

#[derive(Default)]
struct Kept {
    /// The number of the oldest stretch that is kept.
    first: u64,
    stretches: VecDeque<Arc<Stretch>>,
}

/// How far a feed has come.
#[derive(Clone, Copy, Default)]
struct Head {
    /// How many stretches there were.
    stretches: u64,
    /// Up to here everybody has to read pages.
    by_page: Position,
}

/// Somebody who follows a feed.
pub(crate) struct Follower {
    feed: Arc<Feed>,
    head: watch::Receiver<Head>,
    next: u64,
}

/// What is new of a feed.
pub(crate) struct News {
    pub(crate) stretches: Vec<Arc<Stretch>>,
    /// Up to here pages have to be read.
    pub(crate) by_page: Option<Position>,
}

impl Feeds {
    /// Begins to follow; everything from now on is told.
    pub(crate) fn follow(
        self: &Arc<Self>,
        entities: &[EntityName],
        served: &Served,
        end: &watch::Receiver<Position>,
    ) -> Follower {
        let mut key = entities.to_vec();
        key.sort();
        key.dedup();
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let feed = match feeds.get(&key) {
            Some(feed) => Arc::clone(feed),
            None => {
                let head = watch::Sender::new(Head::default());
                let feed = Feed { entities: key.clone(), kept: Mutex::default(), head };
                let feed = Arc::new(feed);
                feeds.insert(key, Arc::clone(&feed));
                let working = Working {
                    feeds: Arc::clone(self),
                    feed: Arc::clone(&feed),
                    served: served.clone(),
                };
                let mut end = end.clone();
                // Taken before the follower looks where the log stands: nothing lies between the two.
                let begins = *end.borrow_and_update();
                tokio::spawn(working.run(end, begins));
                feed
            }
        };
        let head = feed.head.subscribe();
        drop(feeds);
        let next = head.borrow().stretches;
        Follower { feed, head, next }
    }

    /// Ends a feed that nobody follows; answers whether it has ended.
    fn end(&self, feed: &Feed) -> bool {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let is_left = feed.head.receiver_count() == 0;
        if is_left {
            feeds.remove(&feed.entities);
        }
        is_left
    }
}

impl Follower {
    /// Waits until there is something new; false if there never will be.
    pub(crate) async fn changed(&mut self) -> bool {
        self.head.changed().await.is_ok()
    }

    /// Takes what is new.
    pub(crate) fn take(&mut self) -> News {
        let head = *self.head.borrow_and_update();
        let kept = self.feed.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, next) = (kept.first, self.next);
        self.next = head.stretches.max(first + kept.stretches.len() as u64);
        let skipped = usize::try_from(next.saturating_sub(first)).unwrap_or(usize::MAX);
        let stretches: Vec<_> = kept.stretches.iter().skip(skipped).cloned().collect();
        // What is not kept any more is read.
        let missed = (next < first).then(|| stretches.first().map(|first| first.after)).flatten();
        let by_page = missed.max((head.by_page > Position(0)).then_some(head.by_page));
        News { stretches, by_page }
    }
}

/// The task of a feed.
struct Working {
    feeds: Arc<Feeds>,
    feed: Arc<Feed>,
    served: Served,
}

impl Working {
    /// Tells of everything behind a position.
    async fn run(self, mut end: watch::Receiver<Position>, begins: Position) {
        let (mut read, mut told) = (begins, begins);
        loop {
            tokio::select! {
                moved = end.changed() => if moved.is_err() { return },
                () = self.feed.head.closed() => if self.feeds.end(&self.feed) { return },
            }
            let goal = *end.borrow_and_update();
            while read < goal {
                let Some(Paged { page, is_for_all }) = self.page(read).await else {
                    // Each reads for itself, and says what is wrong.
                    (read, told) = (goal, goal);
                    self.publish(None, goal);
                    break;
                };
                let reached = page.cursor.position().max(read);
                let is_worth = !page.changes.is_empty() || reached.0 - told.0 > CURSOR_LAG_MAX / 2;
                let is_stuck = reached == read;
                read = reached;
                if is_worth {
                    let after = std::mem::replace(&mut told, reached);
                    let stretch = Live {
                        after,
                        page: Page { more: false, ..page },
                        encoded: Encoded::default(),
                    };
                    self.publish(is_for_all.then(|| Arc::new(stretch)), reached);
                }
                if is_stuck {
                    break;
                }
            }
        }
    }

    async fn page(&self, after: Position) -> Option<Paged> {
        let follow = Follow::entities(self.feed.entities.clone());
        let follow = follow.at(Some(self.served.cursor(after)));
        let viewer = Writer::new("feed").expect("invariant: a word is the name of a writer");
        let served = self.served.clone();
        let read = move || served.page(&follow, &viewer, Limits::default());
        tokio::task::spawn_blocking(read).await.ok()?.ok()
    }

    /// Tells of a stretch, or that everybody has to read.
    fn publish(&self, stretch: Option<Arc<Stretch>>, reached: Position) {
        let is_shared = stretch.is_some();
        if let Some(stretch) = stretch {
            let mut kept = self.feed.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.stretches.len() >= STRETCHES_MAX {
                kept.stretches.pop_front();
                kept.first += 1;
            }
            kept.stretches.push_back(stretch);
        }
        self.feed.head.send_modify(|head| match is_shared {
            true => head.stretches += 1,
            false => head.by_page = reached,
        });
    }
}

impl Encoded {
    /// Returns the changes in the compact form.
    pub(crate) fn compact(&self, page: &Page, feeds: &Feeds, served: &Served) -> &EncodedPage {
        self.compact.get_or_init(|| {
            let mut names = feeds.names.lock().unwrap_or_else(PoisonError::into_inner);
            EncodedPage::new(page, &mut names, served.incarnation())
        })
    }

    /// Returns the message in the long form. Most connections have one view, the first.
    pub(crate) fn long(&self, page: &Page, view: u32) -> Utf8Bytes {
        let write = || {
            let page = page.clone();
            Utf8Bytes::from(write_hub_message(&HubMessage::Changes { view, page }))
        };
        match view {
            0 => self.long.get_or_init(write).clone(),
            _ => write(),
        }
    }

    /// Returns the changes as an event.
    pub(crate) fn event(&self, page: &Page) -> Bytes {
        self.event.get_or_init(|| event(page)).clone()
    }
}

/// Returns a page as a server-sent event.
pub(crate) fn event(page: &Page) -> Bytes {
    format!("event: changes\nid: {}\ndata: {}\n\n", page.cursor, write_page(page)).into()
}
