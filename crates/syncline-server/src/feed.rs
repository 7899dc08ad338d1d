//! Changes made once for all who follow the same.
//!
//! Those who see and follow the same have one feed: it keeps the latest stretches of the log, encoded,
//! for whoever comes by. One task reads the log for all feeds of a hub. An index says which of them a
//! change may concern, and only these are looked at: what nobody sees costs nobody anything. A feed
//! knows nothing of those who follow and waits for nobody. Who is too slow, or must be told something
//! of its own, reads pages.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes};
use syncline_hub::served::{Audience, Deltas, Limits, Paged, ServeError, Served, ToldTokens};
use syncline_model::id::{Position, Writer};
use syncline_policy::view::SightIndex;
use syncline_protocol::compact::{EncodedPage, Names};
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::long::{write_hub_message, write_page};
use syncline_protocol::message::{Coding, HubMessage, Page};
use syncline_protocol::session::hub::{CURSOR_LAG_MAX, Live};
use tokio::sync::watch;

use crate::apart::Thread;
use crate::coding::compress;

/// Stretches that a feed keeps. Who is further behind reads pages.
const STRETCHES_MAX: usize = 64;
/// Positions that the cursors of quiet feeds may fall behind for each feed that there is, where that is more
/// than the protocol's bound: telling thousands of them where the log stands must not cost more than what
/// happens there. At 10,000 feeds it is 40,000 positions.
const LAG_PER_FEED: u64 = 4;
/// How many entries of the log who follows alone reads for itself: nobody else would be told what was read for
/// it, and what it has sent itself its results tell it, so that nobody reads it at all. A burst, not an edit.
const READ_ALONE_MIN: u64 = 64;
/// As [`STRETCHES_MAX`], of a feed that does not tell everything: few follow the same, and there may be
/// as many feeds as connections.
const STRETCHES_OF_FEW_MAX: usize = 8;

/// The changes of a stretch in every form, each made when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    /// The changes with short tokens, where some are: what is told in the compact form.
    shorter: Option<Page>,
    compact: Compact,
    /// The same for those who read deltas, where large texts are told by what differs.
    differing: Option<Box<(Page, Compact)>>,
    long_first: OnceLock<Shared>,
    event: OnceLock<Bytes>,
}

/// Changes in the compact form, made when they are first asked for.
#[derive(Debug, Default)]
struct Compact {
    page: OnceLock<EncodedPage>,
    /// The message of the first view: most connections have no other.
    first: OnceLock<Shared>,
}

/// A message that is told to many, and what each coding makes of it.
#[derive(Debug)]
struct Shared {
    text: Utf8Bytes,
    coded: [OnceLock<Option<Bytes>>; Coding::ALL.len()],
}

/// A stretch of the log as all are told it who follow the same.
pub(crate) type Stretch = Live<Encoded>;

/// The feeds of one hub.
#[derive(Default)]
pub(crate) struct Feeds {
    all: Mutex<All>,
    /// Names of the compact form, for all connections.
    pub(crate) names: Mutex<Names>,
}

/// All feeds, and how far the log was read for them.
#[derive(Default)]
struct All {
    /// By what their followers are told.
    named: BTreeMap<Arc<str>, Arc<Feed>>,
    numbered: BTreeMap<u64, Arc<Feed>>,
    /// Finds the numbers of those whom a change may concern.
    index: SightIndex<u64>,
    /// The number of the next feed.
    next: u64,
    /// How many feeds do not tell everything.
    limited: usize,
    /// How many followers there are, and how many of them read deltas.
    followers: usize,
    differing: usize,
    /// Up to where the log was told; nothing before the first feed.
    read: Option<Position>,
    /// Up to where all were told how far the log is.
    swept: Position,
}

/// What those are told who see and follow the same.
struct Feed {
    number: u64,
    audience: Audience,
    kept: Mutex<Kept>,
    head: watch::Sender<Head>,
}

#[derive(Default)]
struct Kept {
    /// The number of the oldest stretch that is kept.
    first: u64,
    stretches: VecDeque<Arc<Stretch>>,
    /// Up to where was told.
    told: Position,
    tokens: ToldTokens,
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
    feeds: Arc<Feeds>,
    feed: Arc<Feed>,
    head: watch::Receiver<Head>,
    next: u64,
    reads_deltas: bool,
}

/// What is new of a feed.
pub(crate) struct News {
    pub(crate) stretches: Vec<Arc<Stretch>>,
    /// Up to here pages have to be read.
    pub(crate) by_page: Option<Position>,
}

impl Feeds {
    fn all(&self) -> MutexGuard<'_, All> {
        // Every change is whole before anything can panic.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to follow; everything from now on is told.
    ///
    /// - `reads_deltas`: whether the follower may be told large texts by what differs.
    pub(crate) fn follow(
        self: &Arc<Self>,
        audience: &Audience,
        reads_deltas: bool,
        served: &Served,
        end: &watch::Receiver<Position>,
    ) -> Follower {
        let mut all = self.all();
        let read = match all.read {
            Some(read) => read,
            None => {
                // Taken before the follower looks where the log stands: nothing lies between the two.
                let mut end = end.clone();
                let begins = *end.borrow_and_update();
                (all.read, all.swept) = (Some(begins), begins);
                let working = Working { feeds: Arc::clone(self), served: served.clone() };
                tokio::spawn(working.run(end));
                begins
            }
        };
        let known = all.named.get(audience.key()).map(Arc::clone);
        let feed = known.unwrap_or_else(|| all.add(audience, read));
        let head = feed.head.subscribe();
        all.followers += 1;
        all.differing += usize::from(reads_deltas);
        drop(all);
        let next = head.borrow().stretches;
        Follower { feeds: Arc::clone(self), feed, head, next, reads_deltas }
    }
}

impl All {
    fn add(&mut self, audience: &Audience, told: Position) -> Arc<Feed> {
        let number = self.next;
        self.next += 1;
        let kept = Mutex::new(Kept { told, ..Kept::default() });
        let head = watch::Sender::new(Head::default());
        let feed = Arc::new(Feed { number, audience: audience.clone(), kept, head });
        self.index.insert(&number, audience.sight());
        self.named.insert(Arc::clone(audience.key()), Arc::clone(&feed));
        self.numbered.insert(number, Arc::clone(&feed));
        self.limited += usize::from(feed.is_limited());
        feed
    }

    fn remove(&mut self, feed: &Feed) {
        if self.numbered.remove(&feed.number).is_some() {
            self.named.remove(feed.audience.key());
            self.index.remove(&feed.number, feed.audience.sight());
            self.limited -= usize::from(feed.is_limited());
        }
    }
}

impl Follower {
    /// Returns who is told what this one is told.
    pub(crate) fn audience(&self) -> &Audience {
        &self.feed.audience
    }

    /// Waits until there is something new; false if there never will be.
    pub(crate) async fn changed(&mut self) -> bool {
        self.head.changed().await.is_ok()
    }

    /// Takes what is new.
    pub(crate) fn take(&mut self) -> News {
        let head = *self.head.borrow_and_update();
        let kept = self.feed.kept();
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

/// A feed that nobody follows is no more.
impl Drop for Follower {
    fn drop(&mut self) {
        let mut all = self.feeds.all();
        all.followers -= 1;
        all.differing -= usize::from(self.reads_deltas);
        // The one that is dropped still counts.
        if self.feed.head.receiver_count() <= 1 {
            all.remove(&self.feed);
        }
    }
}

impl Feed {
    /// Returns whether it tells less than everything.
    const fn is_limited(&self) -> bool {
        self.audience.scope().is_some()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a page, which says all up to a position; or that everybody has to read.
    ///
    /// - `deltas`: what differs in large texts, if anybody reads that.
    fn publish(&self, paged: Option<Paged>, reached: Position, deltas: Option<&mut Deltas>) {
        let mut kept = self.kept();
        let is_shared = paged.is_some();
        let after = std::mem::replace(&mut kept.told, reached);
        if !is_shared {
            kept.tokens.forget();
        }
        if let Some(paged) = paged {
            let shorter = (!self.is_limited()).then(|| kept.tokens.shorten(&paged)).flatten();
            let most = if self.is_limited() { STRETCHES_OF_FEW_MAX } else { STRETCHES_MAX };
            if kept.stretches.len() >= most {
                kept.stretches.pop_front();
                kept.first += 1;
            }
            let whole = |page| Page { more: false, ..page };
            let shorter = shorter.map(whole);
            let told = shorter.as_ref().unwrap_or(&paged.page);
            let differing = deltas.and_then(|deltas| deltas.shorten(told, &paged.replaced));
            let differing = differing.map(|page| Box::new((whole(page), Compact::default())));
            let encoded = Encoded { shorter, differing, ..Encoded::default() };
            kept.stretches.push_back(Arc::new(Live { after, page: whole(paged.page), encoded }));
        }
        drop(kept);
        self.head.send_modify(|head| match is_shared {
            true => head.stretches += 1,
            false => head.by_page = reached,
        });
    }
}

/// The task that reads the log for all feeds of a hub.
struct Working {
    feeds: Arc<Feeds>,
    served: Served,
}

impl Working {
    async fn run(self, mut end: watch::Receiver<Position>) {
        // What hangs in the store of one hub holds up no other's.
        let thread = Thread::start("syncline-feed");
        while end.changed().await.is_ok() {
            let goal = *end.borrow_and_update();
            while self.read() < goal {
                let (feeds, served) = (Arc::clone(&self.feeds), self.served.clone());
                let told = match &thread {
                    Some(thread) => thread.run(move || tell(&feeds, &served)).await,
                    None => None,
                };
                if !matches!(told, Some(Ok(true))) {
                    // Each reads for itself, and says what is wrong.
                    self.all_read(goal);
                }
            }
        }
    }

    fn read(&self) -> Position {
        self.feeds.all().read.unwrap_or_default()
    }

    /// Has everybody read pages up to a position.
    fn all_read(&self, goal: Position) {
        self.feeds.all().have_read(goal);
    }
}

/// Tells of the next stretch of the log; answers whether there was any.
fn tell(feeds: &Feeds, served: &Served) -> Result<bool, ServeError> {
    let (read, next, keeps_images, differs) = {
        let mut all = feeds.all();
        let read = all.read.unwrap_or_default();
        if all.numbered.is_empty() {
            let end = served.position().max(read);
            (all.read, all.swept) = (Some(end), end);
            return Ok(true);
        }
        let end = served.position();
        if all.is_one_alone() && end.0.saturating_sub(read.0) >= READ_ALONE_MIN {
            all.have_read(end);
            return Ok(true);
        }
        (read, all.next, all.limited > 0, all.differing > 0)
    };
    served.with_stretch(read, keeps_images, |stretch| {
        if keeps_images {
            stretch.prepare()?;
        }
        let concerned: Vec<Arc<Feed>> = {
            let all = feeds.all();
            let numbers = stretch.concerned(&all.index);
            // Those that began since are told to read.
            let known = numbers.range(..next);
            known.filter_map(|number| all.numbered.get(number)).map(Arc::clone).collect()
        };
        let viewer = Writer::new("feed").expect("invariant: a word is the name of a writer");
        let reached = stretch.reached();
        let mut deltas = differs.then(Deltas::default);
        for feed in concerned {
            // Nothing is made that would be too long: who sees everything is told of every record.
            let sees_all = !feed.is_limited() && feed.audience.sight().entities().is_empty();
            let is_too_long = sees_all && stretch.len() > Limits::default().changes;
            let page = || stretch.page(&feed.audience, &viewer, Limits::default()).ok();
            let paged = (!is_too_long).then(page).flatten();
            // One that is too long, or of which each is told something of its own, is read.
            let whole = paged.filter(|Paged { page, is_for_all, .. }| {
                *is_for_all && page.cursor.position() == reached
            });
            match whole {
                Some(Paged { page, .. }) if page.changes.is_empty() => {}
                whole => feed.publish(whole, reached, deltas.as_mut()),
            }
        }
        feeds.all().has_read(served, next, reached);
        Ok(reached > read)
    })?
}

impl All {
    /// Returns whether there is one follower, who sees everything.
    const fn is_one_alone(&self) -> bool {
        self.followers == 1 && self.limited == 0
    }

    /// Has everybody read pages up to a position.
    fn have_read(&mut self, goal: Position) {
        for feed in self.numbered.values() {
            feed.publish(None, goal, None);
        }
        (self.read, self.swept) = (Some(goal), goal);
    }

    /// Takes note that the log was told up to a position, to feeds with numbers below `next`.
    fn has_read(&mut self, served: &Served, next: u64, reached: Position) {
        self.read = Some(reached);
        for (_, feed) in self.numbered.range(next..) {
            feed.publish(None, reached, None);
        }
        let lag_max = (CURSOR_LAG_MAX / 2).max(LAG_PER_FEED * self.numbered.len() as u64);
        if reached.0.saturating_sub(self.swept.0) <= lag_max {
            return;
        }
        self.swept = reached;
        for feed in self.numbered.values() {
            if feed.kept().told < reached {
                let cursor =
                    StreamCursor { scope: feed.audience.scope(), ..served.cursor(reached) };
                let (changes, more, is_snapshot) = (Vec::new(), false, false);
                let page = Page { changes, cursor, more, is_snapshot, begins: false, same: None };
                let (single, replaced) = (Vec::new(), Vec::new());
                let paged = Paged { page, is_for_all: true, single, replaced };
                feed.publish(Some(paged), reached, None);
            }
        }
    }
}

impl Encoded {
    /// Returns the changes in the compact form, and the message of a view with them, without the names that
    /// it needs.
    ///
    /// - `reads_deltas`: whether it may tell large texts by what differs.
    pub(crate) fn compact(
        &self,
        page: &Page,
        (feeds, served): (&Feeds, &Served),
        view: u32,
        (coding, reads_deltas): (Option<Coding>, bool),
    ) -> (&EncodedPage, Coded) {
        let whole = (self.shorter.as_ref().unwrap_or(page), &self.compact);
        let differing = self.differing.as_deref().filter(|_| reads_deltas);
        let (page, compact) = differing.map_or(whole, |(page, compact)| (page, compact));
        let page = compact.page.get_or_init(|| {
            let mut names = feeds.names.lock().unwrap_or_else(PoisonError::into_inner);
            EncodedPage::new(page, &mut names, served.incarnation())
        });
        let message = match view {
            0 => compact.first.get_or_init(|| Shared::new(page.message(0))).message(coding),
            _ => coded(coding, page.message(view)),
        };
        (page, message)
    }

    /// Returns the message in the long form.
    pub(crate) fn long_message(&self, page: &Page, view: u32, coding: Option<Coding>) -> Coded {
        let write = || write_hub_message(&HubMessage::Changes { view, page: page.clone() });
        match view {
            0 => self.long_first.get_or_init(|| Shared::new(write())).message(coding),
            _ => coded(coding, write()),
        }
    }

    /// Returns the changes as an event.
    pub(crate) fn event(&self, page: &Page) -> Bytes {
        self.event.get_or_init(|| event(page)).clone()
    }
}

impl Shared {
    fn new(text: String) -> Self {
        Self { text: text.into(), coded: Default::default() }
    }

    /// Returns the message for those who read a coding, compressed once for all of them.
    fn message(&self, coding: Option<Coding>) -> Coded {
        let index = coding.and_then(|coding| Coding::ALL.iter().position(|known| *known == coding));
        let coded = coding.zip(index).and_then(|(coding, index)| {
            let coded = || compress(coding, &self.text).map(Bytes::from);
            self.coded[index].get_or_init(coded).clone()
        });
        let message = coded.map_or_else(|| Message::Text(self.text.clone()), Message::Binary);
        Coded { message, plain_bytes: self.text.len() }
    }
}

/// A message as it goes out.
pub(crate) struct Coded {
    pub(crate) message: Message,
    /// How long it is without compression, in bytes.
    pub(crate) plain_bytes: usize,
}

/// Returns a message, compressed where that pays.
pub(crate) fn coded(coding: Option<Coding>, text: String) -> Coded {
    let plain_bytes = text.len();
    let bytes = coding.and_then(|coding| compress(coding, &text));
    let message =
        bytes.map_or_else(|| Message::Text(text.into()), |bytes| Message::Binary(bytes.into()));
    Coded { message, plain_bytes }
}

/// Returns a page as a server-sent event.
pub(crate) fn event(page: &Page) -> Bytes {
    format!("event: changes\nid: {}\ndata: {}\n\n", page.cursor, write_page(page)).into()
}
