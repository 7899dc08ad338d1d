//! What one connection follows: where it stands, what waits to be sent, what is not acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;

use syncline_model::id::{ClientId, PartitionId, Position};

use super::told::Told;
use super::{Anew, CURSOR_LAG_MAX, LIVE_HELD_MAX, Live, Outgoing};
use crate::change::Content;
use crate::checksum::Checksum;
use crate::cursor::StreamCursor;
use crate::holdings::Holdings;
use crate::limits::HEARTBEAT_MS;
use crate::message::{Follow, HubMessage, Page};
use crate::session::fault::{Fault, is_planted};

/// One view of a connection.
#[derive(Debug)]
pub(super) struct View<E> {
    /// Without a cursor, see there.
    follow: Follow,
    /// Where the view stands: all before was sent, or need not be.
    cursor: Option<StreamCursor>,
    /// The cursor that the client was told last, and when.
    said: Option<StreamCursor>,
    said_ms: u64,
    /// Whether there is more behind the last page. Nothing is sent ready-made as long as there is.
    more: bool,
    /// Whether the client knows that there is not.
    knows_end: bool,
    /// How far the log has come, as far as is known here.
    end: Position,
    is_asked: bool,
    /// Whether results have told all of the last stretch of the log, so that nothing was read.
    is_own: bool,
    /// Once so many pushes are answered the log is read: their results may tell what is new.
    reads_once: Option<u64>,
    /// Whether the client wants to know what the records add up to, and what they do.
    wants_checksum: bool,
    checksum: Option<(StreamCursor, Checksum)>,
    page: Option<Waiting<Page>>,
    live: VecDeque<Waiting<Arc<Live<E>>>>,
    /// Cursors of the messages that were not acknowledged, oldest first.
    sent: VecDeque<StreamCursor>,
    /// What is known of what the client holds.
    holdings: Holding,
}

/// What is known of what a client holds, as long as its view does not stand in the log.
///
/// Whatever a result tells after it was asked is as of the log's end then or later, and from there on the log
/// is told: so what was the same stays so.
#[derive(Debug)]
enum Holding {
    /// It holds nothing, or cannot say it: all is told.
    Nothing,
    /// It can be asked.
    Unasked,
    /// It is asked, once so many pushes are answered: their results are part of what it holds.
    Asking {
        from: Position,
        answered: u64,
    },
    Asked {
        from: Position,
    },
    Told(Anew),
}

/// Something that waits for results, since it may hold what these tell.
#[derive(Debug)]
struct Waiting<T> {
    /// It goes once so many pushes of the connection are answered.
    answered: u64,
    what: T,
}

/// What the results of a connection have told, or are about to tell.
pub(super) struct Results<'s> {
    /// How many pushes of the connection were taken, and how many of them are answered.
    pub(super) pushed: u64,
    pub(super) answered: u64,
    pub(super) told: &'s Told,
    /// Whether the client follows more than one view.
    pub(super) has_views: bool,
}

/// What the connection as a whole knows.
pub(super) struct Surroundings<'s> {
    pub(super) now_ms: u64,
    pub(super) results: Results<'s>,
    pub(super) client: &'s ClientId,
}

impl<E> View<E> {
    pub(super) fn new(mut follow: Follow, now_ms: u64) -> Self {
        let cursor = follow.cursor.take();
        Self {
            said: cursor.clone(),
            cursor,
            follow,
            said_ms: now_ms,
            more: true,
            knows_end: false,
            end: Position(0),
            is_asked: false,
            is_own: false,
            reads_once: None,
            wants_checksum: false,
            checksum: None,
            page: None,
            live: VecDeque::new(),
            sent: VecDeque::new(),
            holdings: Holding::Nothing,
        }
        .unasked()
    }

    pub(super) const fn follow(&self) -> &Follow {
        &self.follow
    }

    /// Whether the client holds anything is not known yet.
    fn unasked(mut self) -> Self {
        self.forget_holdings();
        self
    }

    fn forget_holdings(&mut self) {
        self.holdings = if self.follow.holds { Holding::Unasked } else { Holding::Nothing };
    }

    /// Takes in what the client holds; answers whether it was asked.
    pub(super) fn hold(&mut self, holdings: Holdings) -> bool {
        let Holding::Asked { from } = self.holdings else { return false };
        let from = if is_planted(Fault::AnewFromLater) { self.end } else { from };
        self.holdings = Holding::Told(Anew { from, holdings: Arc::new(holdings) });
        true
    }

    /// Returns up to where in the log everything was sent, or need not be.
    pub(super) fn position(&self) -> Position {
        self.log_position().unwrap_or(Position(0))
    }

    pub(super) fn log_position(&self) -> Option<Position> {
        let cursor = self.cursor.as_ref()?;
        cursor.snapshot.is_none().then(|| cursor.position())
    }

    /// The log has come so far.
    pub(super) fn advance(&mut self, position: Position) {
        self.end = self.end.max(position);
    }

    /// Takes in ready-made changes, if they join what was sent. Otherwise a page is read.
    pub(super) fn add_live(&mut self, live: Arc<Live<E>>, pushed: u64) {
        let to = live.page.cursor.position();
        self.advance(to);
        let is_paging = self.more || self.is_asked || self.page.is_some();
        let last = self.live.back().map(|last| last.what.page.cursor.position());
        let Some(at) = last.or_else(|| self.log_position()).filter(|_| !is_paging) else {
            return;
        };
        if to <= at || (live.after > at && !is_planted(Fault::LiveAcrossGap)) {
            return;
        }
        // The page that was sent last may have ended within the stretch: nothing is told twice.
        if live.page.changes.iter().any(|change| change.seen.position <= at) {
            return;
        }
        if self.live.len() >= LIVE_HELD_MAX {
            self.live.clear();
            return;
        }
        self.live.push_back(Waiting { answered: pushed, what: live });
    }

    /// Returns what to read, if a page is wanted.
    pub(super) fn ask(&mut self, results: &Results<'_>) -> Option<(Follow, bool, Option<Anew>)> {
        let is_behind = self.is_behind();
        let is_wanted = is_behind || self.wants_checksum;
        if !is_wanted || !self.is_at_rest() {
            return None;
        }
        if is_behind && !self.wants_checksum {
            if self.take_told(results) {
                return None;
            }
            let once = *self.reads_once.get_or_insert(results.pushed);
            if self.is_own && results.answered < once {
                return None;
            }
        }
        (self.is_own, self.reads_once) = (false, None);
        let anew = match (&self.holdings, self.log_position()) {
            (_, Some(_)) | (Holding::Nothing, None) => None,
            (Holding::Told(anew), None) => Some(anew.clone()),
            (Holding::Unasked | Holding::Asking { .. } | Holding::Asked { .. }, None) => {
                self.want_holdings(results.pushed);
                return None;
            }
        };
        self.is_asked = true;
        // It is asked for once: where the page has more behind it, the client asks again some day.
        let is_checked = std::mem::take(&mut self.wants_checksum);
        let follow = self.follow.clone().at(self.cursor.clone());
        Some((follow, is_checked, anew))
    }

    /// Returns whether the log goes on behind what was sent, as far as is known.
    fn is_behind(&self) -> bool {
        self.more || self.log_position().is_none_or(|at| at < self.end)
    }

    /// Returns whether nothing is on its way to the client.
    fn is_at_rest(&self) -> bool {
        !self.is_asked && self.page.is_none() && self.live.is_empty()
    }

    /// Takes in, as a page, what results have told of what comes next; answers whether they have.
    ///
    /// It is asked for before messages as well as before pages: mostly nothing has to be sent of it, so that
    /// nothing would wake a shell which asks for messages first.
    fn take_told(&mut self, results: &Results<'_>) -> bool {
        if !self.is_behind() || !self.is_at_rest() || self.wants_checksum {
            return false;
        }
        let Some(what) = self.told_page(results) else { return false };
        (self.is_own, self.reads_once) = (true, None);
        self.page = Some(Waiting { answered: results.answered, what });
        true
    }

    /// Returns the page that reading would come to where results have told all that comes next: a client that
    /// sends much is not told its own changes, so they need not be read.
    fn told_page(&self, results: &Results<'_>) -> Option<Page> {
        let mut cursor = self.cursor.clone().filter(|_| !results.has_views)?;
        let at = self.log_position()?;
        let to = results.told.reached_from(at);
        if to <= at {
            return None;
        }
        cursor.log.advance(PartitionId(0), to).ok()?;
        let (changes, more) = (Vec::new(), to < self.end);
        Some(Page { changes, cursor, more, is_snapshot: false, begins: false, same: None })
    }

    /// Has the client asked what it holds, if it can say so and the view begins anew.
    fn want_holdings(&mut self, pushed: u64) {
        let is_due = matches!(self.holdings, Holding::Unasked) && self.log_position().is_none();
        if is_due && !self.is_asked && self.page.is_none() {
            let answered = if is_planted(Fault::AskedBeforeResults) { 0 } else { pushed };
            self.holdings = Holding::Asking { from: self.end, answered };
        }
    }

    pub(super) const fn want_checksum(&mut self) {
        self.wants_checksum = true;
    }

    pub(super) fn add_checksum(&mut self, cursor: StreamCursor, checksum: Checksum) {
        if self.is_asked {
            self.checksum = Some((cursor, checksum));
        }
    }

    /// Returns what the records add up to, if the client was told everything up to there and no more.
    fn told_checksum(&mut self, view: u32) -> Option<Outgoing<E>> {
        if self.page.is_some() {
            return None;
        }
        let (cursor, checksum) = self.checksum.take()?;
        if self.cursor.as_ref() != Some(&cursor) {
            return None;
        }
        Some(Outgoing::Message(HubMessage::Checksum { view, cursor, checksum }))
    }

    /// Takes in the page that was asked for.
    pub(super) fn add_page(&mut self, page: Page, pushed: u64) {
        if std::mem::take(&mut self.is_asked) {
            self.advance(page.cursor.position());
            self.page = Some(Waiting { answered: pushed, what: page });
        }
    }

    /// The cursor cannot be used: the view begins anew. Returns whether there was one.
    pub(super) fn begin_anew(&mut self) -> bool {
        self.is_asked = false;
        self.more = true;
        self.knows_end = false;
        self.forget_holdings();
        self.cursor.take().is_some()
    }

    /// Returns the next message with changes. It is counted until it is acknowledged.
    pub(super) fn next(&mut self, view: u32, with: &Surroundings<'_>) -> Option<Outgoing<E>> {
        // In whichever order the shell asks for messages and for what to read.
        self.want_holdings(with.results.pushed);
        if let Holding::Asking { from, answered } = self.holdings
            && answered <= with.results.answered
        {
            self.holdings = Holding::Asked { from };
            return Some(Outgoing::Message(HubMessage::Anew { view }));
        }
        loop {
            self.take_told(&with.results);
            let Some(page) = take_due(&mut self.page, with.results.answered) else { break };
            if let Some(page) = self.pass_page(page, with) {
                return Some(self.send(view, page, with.now_ms));
            }
        }
        if let Some(checksum) = self.told_checksum(view) {
            return Some(checksum);
        }
        while self.live.front().is_some_and(|live| live.answered <= with.results.answered) {
            let live = self.live.pop_front()?.what;
            let news = live.page.changes.iter().filter(|change| !is_told(change, with)).count();
            self.cursor = Some(live.page.cursor.clone());
            if news == live.page.changes.len() && news > 0 {
                self.note_sent(live.page.cursor.clone(), with.now_ms);
                return Some(Outgoing::Live { view, live });
            }
            if news > 0 {
                let page = without_told(live.page.clone(), with);
                return Some(self.send(view, page, with.now_ms));
            }
        }
        self.cursor_page(with.now_ms).map(|page| self.send(view, page, with.now_ms))
    }

    /// Steps over a page; returns it if the client has to be told of it.
    fn pass_page(&mut self, page: Page, with: &Surroundings<'_>) -> Option<Page> {
        let page = without_told(page, with);
        self.cursor = Some(page.cursor.clone());
        self.more = page.more;
        if page.is_snapshot && page.cursor.snapshot.is_none() {
            self.forget_holdings();
        }
        let is_news = !page.changes.is_empty() || page.is_snapshot;
        (is_news || (!self.knows_end && !page.more)).then_some(page)
    }

    /// Returns a page without changes if the client should learn how far it has come.
    fn cursor_page(&self, now_ms: u64) -> Option<Page> {
        let is_due = self.cursor_due_ms().is_some_and(|due_ms| due_ms <= now_ms);
        let cursor = self.cursor.clone().filter(|_| is_due)?;
        let (changes, more) = (Vec::new(), self.more);
        Some(Page { changes, cursor, more, is_snapshot: false, begins: false, same: None })
    }

    /// Returns when the client should learn how far it has come, if it does not know.
    pub(super) fn cursor_due_ms(&self) -> Option<u64> {
        let (Some(at), Some(said)) = (self.log_position(), self.said.as_ref()) else {
            return None;
        };
        let lag = at.0.saturating_sub(said.position().0);
        match lag {
            0 => None,
            1..CURSOR_LAG_MAX => Some(self.said_ms + HEARTBEAT_MS),
            _ => Some(self.said_ms),
        }
    }

    fn send(&mut self, view: u32, mut page: Page, now_ms: u64) -> Outgoing<E> {
        if is_planted(Fault::CursorBeyondTold) && page.cursor.snapshot.is_none() {
            let _ = page.cursor.log.advance(PartitionId(0), self.end);
        }
        self.knows_end = !page.more;
        self.note_sent(page.cursor.clone(), now_ms);
        Outgoing::Message(HubMessage::Changes { view, page })
    }

    fn note_sent(&mut self, cursor: StreamCursor, now_ms: u64) {
        self.said = Some(cursor.clone());
        self.said_ms = now_ms;
        self.sent.push_back(cursor);
    }

    /// The client has stored what it was told up to a cursor. Returns how many messages that are, or
    /// nothing if it was never told so much.
    pub(super) fn acknowledge(&mut self, cursor: &StreamCursor) -> Option<usize> {
        if let Some(index) = self.sent.iter().position(|sent| sent == cursor) {
            return Some(self.sent.drain(..=index).count());
        }
        let is_known = self.said.as_ref().is_some_and(|said| cursor.position() <= said.position());
        is_known.then_some(0)
    }
}

/// Takes what waits for no more results.
fn take_due<T>(waiting: &mut Option<Waiting<T>>, answered: u64) -> Option<T> {
    waiting.take_if(|waiting| waiting.answered <= answered).map(|waiting| waiting.what)
}

/// Leaves out what a result has told already. A snapshot has everything: what it does not show is
/// dropped.
fn without_told(mut page: Page, with: &Surroundings<'_>) -> Page {
    if !page.is_snapshot || is_planted(Fault::SnapshotWithoutTold) {
        page.changes.retain(|change| !is_told(change, with));
    }
    page
}

fn is_told(change: &crate::change::Change, with: &Surroundings<'_>) -> bool {
    // Where a client follows several views it is told by each of them what it shows: a result says nothing
    // of that.
    let is_of_one = with.results.has_views && !matches!(change.content, Content::Fields { .. });
    if is_of_one && !is_planted(Fault::MovesLeftOut) {
        return false;
    }
    if is_planted(Fault::EchoLostAfterReconnect) {
        return change.by.as_ref().is_some_and(|by| by.as_str() == with.client.as_str());
    }
    with.results.told.covers(change)
}

#[cfg(test)]
mod tests {
    use syncline_model::cursor::Incarnation;
    use syncline_model::id::{EntityName, RecordId};

    use super::*;
    use crate::change::Change;
    use crate::outcome::Seen;
    use crate::token::TokenText;

    fn page(changed: &[u64], to: u64) -> Page {
        let change = |position: &u64| Change {
            entity: EntityName::new("tasks").unwrap(),
            id: RecordId::new("t1").unwrap(),
            seen: Seen { position: Position(*position), version: TokenText::new("AQ").unwrap() },
            content: Content::Record(Vec::new()),
            by: None,
            conflicts: Vec::new(),
        };
        let cursor = StreamCursor::at_position(Incarnation(7), Position(to));
        let changes = changed.iter().map(change).collect();
        Page { changes, cursor, more: false, is_snapshot: false, begins: false, same: None }
    }

    /// A result has told the record as of 5: nobody but the view says that it shows it.
    #[test]
    fn a_view_among_several_tells_that_it_shows_what_a_result_has_told() {
        let client = ClientId::new("phone").unwrap();
        let mut told = Told::default();
        let page = page(&[5], 5);
        let change = &page.changes[0];
        told.add(change.entity.clone(), change.id.clone(), Position(5));
        for (has_views, is_left_out) in [(false, true), (true, false)] {
            let results = Results { pushed: 0, answered: 0, told: &told, has_views };
            let with = Surroundings { now_ms: 0, results, client: &client };
            let mut view = View::<()>::new(Follow::default(), 0);
            assert!(view.ask(&with.results).is_some());
            view.add_page(page.clone(), 0);
            let said = view.next(0, &with);
            let Some(Outgoing::Message(HubMessage::Changes { page, .. })) = said else {
                panic!("{said:?}");
            };
            assert_eq!(page.changes.is_empty(), is_left_out, "{has_views}");
        }
    }

    /// The page ended at 5, within the stretch from 3 to 7.
    #[test]
    fn what_a_page_has_told_is_not_told_again_by_a_stretch() {
        let client = ClientId::new("phone").unwrap();
        let told = Told::default();
        let results = Results { pushed: 0, answered: 0, told: &told, has_views: false };
        let with = Surroundings { now_ms: 0, results, client: &client };
        for (name, changed, is_read) in
            [("nothing up to 5", &[6, 7][..], false), ("something at 5", &[5, 7][..], true)]
        {
            let mut view = View::<()>::new(Follow::default(), 0);
            assert!(view.ask(&with.results).is_some());
            view.add_page(page(&[4, 5], 5), 0);
            assert!(view.next(0, &with).is_some());
            let live = Live { after: Position(3), page: page(changed, 7), encoded: () };
            view.add_live(Arc::new(live), 0);
            assert_eq!(view.next(0, &with).is_none(), is_read, "{name}");
            assert_eq!(view.ask(&with.results).is_some(), is_read, "{name}");
        }
    }

    /// A view stands at 5, the log at 9. Results have told some of what lies between.
    #[test]
    fn what_results_have_told_without_a_gap_is_not_read() {
        let client = ClientId::new("phone").unwrap();
        for (entries, stands, is_read) in [
            (&[][..], 5, true),
            (&[6, 7, 8, 9], 9, false),
            (&[7, 6, 9, 8], 9, false),
            (&[6, 7, 9], 7, true),
            (&[7, 8, 9], 5, true),
        ] {
            let mut told = Told::default();
            entries.iter().for_each(|entry| told.add_entry(Position(*entry)));
            let results = Results { pushed: 3, answered: 3, told: &told, has_views: false };
            let with = Surroundings { now_ms: 0, results, client: &client };
            let mut view = View::<()>::new(Follow::default(), 0);
            assert!(view.ask(&with.results).is_some());
            view.add_page(page(&[5], 5), 0);
            assert!(view.next(0, &with).is_some());
            view.advance(Position(9));
            let mut asked = view.ask(&with.results);
            while asked.is_none() && view.position() < Position(9) {
                let before = view.position();
                let _ = view.next(0, &with);
                assert!(view.position() > before, "{entries:?}");
                asked = view.ask(&with.results);
            }
            assert_eq!(
                (view.position(), asked.is_some()),
                (Position(stands), is_read),
                "{entries:?}"
            );
        }
    }

    /// What is in flight may be all that is new; once it is answered and is not, the log is read.
    #[test]
    fn who_sends_much_has_the_log_read_once_its_pushes_are_answered() {
        let client = ClientId::new("phone").unwrap();
        let mut told = Told::default();
        told.add_entry(Position(6));
        let results =
            |pushed, answered| Results { pushed, answered, told: &told, has_views: false };
        let mut view = View::<()>::new(Follow::default(), 0);
        assert!(view.ask(&results(1, 0)).is_some());
        view.add_page(page(&[5], 5), 0);
        let with = Surroundings { now_ms: 0, results: results(1, 1), client: &client };
        assert!(view.next(0, &with).is_some());
        view.advance(Position(7));
        assert!(view.ask(&results(3, 1)).is_none());
        assert!(view.next(0, &with).is_none(), "nothing to tell");
        assert_eq!(view.position(), Position(6));
        assert!(view.ask(&results(3, 1)).is_none(), "two pushes are in flight");
        assert!(view.ask(&results(9, 2)).is_none(), "one of these is");
        assert!(view.ask(&results(9, 3)).is_some(), "others do not count");
    }
}
