//! The worker of a backup: cuts segments, copies snapshots, removes what is not needed any more.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use syncline_engine::facts;
use syncline_engine::rows::{Batch, Key, Table};
use syncline_model::codec::Writer;

use super::catalog::{Catalog, Listed};
use super::error::BackupError;
use super::format::{Decoder, Encoder, Header};
use super::name::{Kind, ObjectName, StreamId};
use super::objects::{Objects, Writing};
use super::queue::{Backup, Gate, Held, Shared, State};
use super::row;
use super::shipping::Shipping;
use crate::limits;
use crate::{Read, Snapshots, Store, StoreError};

/// How a backup is written.
#[derive(Clone)]
pub struct Options {
    /// Returns the time in milliseconds since 1970.
    pub now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Random bytes, new with each opening of the store.
    pub random: [u8; 32],
    /// Longest time that a commit waits to be shipped, in milliseconds.
    pub segment_ms: u64,
    /// Most bytes of rows in a segment, unless a single commit has more.
    pub segment_bytes: usize,
    /// Most bytes of rows that wait to be shipped.
    pub waiting_bytes_max: usize,
    /// Bytes of rows that are copied at a time.
    pub piece_bytes: usize,
    /// Bytes of segments after which a snapshot is taken, if it is half of the last one as well.
    pub snapshot_after_bytes: u64,
    /// How many snapshots are kept.
    pub snapshots_kept: usize,
    /// How long a snapshot may wait for the folder, in milliseconds.
    pub stall_ms_max: u64,
    /// How long closing the store waits for the folder, in milliseconds.
    pub close_ms_max: u64,
}

impl Options {
    /// Returns the usual ones.
    ///
    /// - `now_ms`: returns the time in milliseconds since 1970.
    /// - `random`: random bytes, new with each opening of the store.
    pub fn new(now_ms: impl Fn() -> u64 + Send + Sync + 'static, random: [u8; 32]) -> Self {
        Self {
            now_ms: Arc::new(now_ms),
            random,
            segment_ms: limits::BACKUP_SEGMENT_MS,
            segment_bytes: limits::BACKUP_SEGMENT_BYTES,
            waiting_bytes_max: limits::BACKUP_WAITING_BYTES_MAX,
            piece_bytes: limits::BACKUP_PIECE_BYTES,
            snapshot_after_bytes: limits::BACKUP_SNAPSHOT_AFTER_BYTES,
            snapshots_kept: limits::BACKUP_SNAPSHOTS_KEPT,
            stall_ms_max: limits::BACKUP_SNAPSHOT_STALL_MS_MAX,
            close_ms_max: limits::BACKUP_CLOSE_MS_MAX,
        }
    }

    /// Returns a random number of its own for each `use_number`.
    fn random(&self, use_number: u64) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.random).update(&use_number.to_be_bytes());
        super::name::head(hasher.finalize().as_bytes())
    }
}

/// The numbers that the store keeps for its backup: which store it is through all restores, and which
/// opening of it wrote last.
fn stored(store: &dyn Store) -> Result<Option<(u64, u64)>, StoreError> {
    let row = store.get(&Key::Meta(facts::BACKUP))?;
    Ok(row.and_then(|row| {
        let (line, session) = row.split_first_chunk::<8>()?;
        let session = session.first_chunk::<8>()?;
        Some((u64::from_be_bytes(*line), u64::from_be_bytes(*session)))
    }))
}

/// Returns where the log of a store ends; `None` if it is empty.
fn end_of_log(rows: &dyn Read) -> Result<Option<u64>, StoreError> {
    let row = rows.get(&Key::Meta(facts::POSITION))?;
    Ok(row.and_then(|row| Some(u64::from_be_bytes(row.try_into().ok()?))))
}

/// Makes a store that was restored one whose backup begins anew, in the same folder if need be: it may
/// lack what the backup holds.
///
/// # Errors
///
/// [`StoreError`] if the store cannot be read or written.
pub fn begin_anew(store: &mut dyn Store) -> Result<(), StoreError> {
    let Some((line, _)) = stored(store)? else { return Ok(()) };
    let mut batch = Batch::new();
    batch.put(Key::Meta(facts::BACKUP), [line.to_be_bytes(), NO_SESSION.to_be_bytes()].concat());
    store.commit(&batch)
}

/// Stands for the opening of a store that goes on with no stream.
const NO_SESSION: u64 = 0;

/// Begins to ship what is committed to a store: answers the store to use in its place, and the worker
/// that does it.
///
/// Where the backup holds all that the store does, because the opener before shipped it and closed, its
/// stream goes on. Otherwise a new one begins with a snapshot.
///
/// # Errors
///
/// - [`BackupError::Object`] if the objects cannot be listed.
/// - [`BackupError::Foreign`] if they are those of another store.
/// - [`BackupError::Store`] if the store cannot be read or written.
pub fn start(
    mut store: Box<dyn Store>,
    objects: Box<dyn Objects>,
    options: Options,
) -> Result<(Shipping, Worker), BackupError> {
    let catalog = Catalog::read(&*objects)?;
    let known = stored(&*store)?;
    let line = match (known, catalog.line()) {
        (Some((ours, _)), Some(theirs)) if ours != theirs => return Err(BackupError::Foreign),
        (None, Some(_)) => return Err(BackupError::Foreign),
        (Some((ours, _)), _) => ours,
        (None, None) => options.random(0),
    };
    objects.sweep().map_err(BackupError::object("tidy", objects.place()))?;
    let missing = || StoreError::File {
        action: "read beside the writer of",
        path: "the store".into(),
        source: std::io::ErrorKind::Unsupported.into(),
    };
    let snapshots = store.snapshots()?.ok_or_else(missing)?;
    let continued = continued(&*store, &*objects, &catalog, known.map(|(_, session)| session))?;
    let session = options.random(1);
    let mut batch = Batch::new();
    batch.put(Key::Meta(facts::BACKUP), [line.to_be_bytes(), session.to_be_bytes()].concat());
    store.commit(&batch)?;
    let latest_ms = catalog.objects().map(|one| one.name.at_ms).max().unwrap_or_default();
    let number = catalog.last_commit();
    let mut gate = Gate { number, at_ms: latest_ms };
    let (epoch, partition) = (store.epoch().0, store.partition());
    let header = Header {
        kind: Kind::Segment,
        line,
        stream: StreamId { started_ms: 0, number: 0 },
        session,
        epoch,
        partition,
        first: 0,
        prior: [0; 32],
    };
    let shared = Arc::new(Shared::new(Gate { ..gate }, options));
    let mut worker = Worker {
        shared: shared.clone(),
        objects,
        snapshots,
        header,
        streams: 0,
        shipped: (number, gate.at_ms),
        has_snapshot: false,
        bytes_since: 0,
        snapshot_bytes: 0,
        outgoing: None,
        copying: None,
        copied_last: false,
        failures: 0,
        retry_at: None,
    };
    if let Some(end) = end_of_log(&*worker.snapshots.snapshot()?)? {
        shared.state().note_position(number, end);
    }
    match continued {
        Some(continued) => worker.go_on(&continued),
        None => shared.state().is_broken = true,
    }
    let mut rows = Writer::new();
    row::write_batch(&mut rows, &batch);
    shared.committed(&mut gate, Some((1, rows.into_bytes())), None);
    *shared.gate() = gate;
    Ok((Shipping::new(store, shared), worker))
}

/// The end of a stream that goes on.
struct Continued {
    end: Listed,
    digest: [u8; 32],
    /// The latest snapshot of the stream, and the bytes of the segments behind it.
    snapshot: Option<Listed>,
    bytes_since: u64,
}

/// Returns the stream that goes on, if the opener before this one shipped all and closed.
fn continued(
    store: &dyn Store,
    objects: &dyn Objects,
    catalog: &Catalog,
    session: Option<u64>,
) -> Result<Option<Continued>, BackupError> {
    let (Some(stream), Some(session)) = (catalog.latest(), session) else { return Ok(None) };
    if session == NO_SESSION {
        return Ok(None);
    }
    let Some(end) = stream.chain.last().filter(|last| last.name.kind == Kind::End) else {
        return Ok(None);
    };
    if end.name.epoch + 1 != store.epoch().0 {
        return Ok(None);
    }
    let text = end.name.to_string();
    let from = objects.open(&text).map_err(BackupError::object("read", &text))?;
    // One that is damaged breaks the stream, and verifying tells.
    let Ok(mut decoder) = Decoder::new(from, end.name) else { return Ok(None) };
    let digest = decoder.next().ok().and(decoder.digest);
    let (Some(digest), true) = (digest, decoder.header.session == session) else {
        return Ok(None);
    };
    let snapshot = stream.snapshots.last().copied();
    let from = snapshot.map_or(0, |one| one.name.last);
    let behind = stream.chain.iter().filter(|one| one.name.last > from);
    Ok(Some(Continued {
        end: *end,
        digest,
        snapshot,
        bytes_since: behind.map(|one| one.bytes).sum(),
    }))
}

/// A snapshot that is being written.
struct Copying {
    number: u64,
    at_ms: u64,
    /// Taken away by the writer of the store where the folder is too slow.
    reader: Held,
    table: usize,
    after: Option<Key>,
    encoder: Encoder<Box<dyn Writing>>,
}

/// A segment or end that is to be written.
struct Outgoing {
    bytes: Vec<u8>,
    name: ObjectName,
    digest: [u8; 32],
    /// Bytes that waited for it.
    waited_bytes: usize,
}

/// Writes the objects of a backup. Ends when the store is closed.
pub struct Worker {
    shared: Arc<Shared>,
    objects: Box<dyn Objects>,
    snapshots: Box<dyn Snapshots>,
    /// What objects say of themselves: the stream, and the digest before.
    header: Header,
    /// How many streams were begun.
    streams: u64,
    /// The last commit of the stream that is in a segment, and its time.
    shipped: (u64, u64),
    /// Whether the stream has a snapshot.
    has_snapshot: bool,
    /// Bytes of segments since the last snapshot, and bytes of that.
    bytes_since: u64,
    snapshot_bytes: u64,
    outgoing: Option<Outgoing>,
    copying: Option<Copying>,
    /// Whether the last piece of work was one of a snapshot.
    copied_last: bool,
    failures: u32,
    retry_at: Option<Instant>,
}

impl Worker {
    /// Returns what tells how the backup stands.
    pub fn backup(&self) -> Backup {
        Backup(self.shared.clone())
    }

    /// Works in a thread of its own until the store is closed.
    ///
    /// # Errors
    ///
    /// [`BackupError::Thread`] if the machine gives none.
    pub fn spawn(mut self) -> Result<(), BackupError> {
        self.shared.state().has_thread = true;
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name("syncline-backup".to_owned());
        let spawned = thread.spawn(move || {
            loop {
                let pause = self.step(Instant::now());
                if self.has_ended() {
                    break;
                }
                let is_retry = self.retry_at.is_some();
                let full_bytes = self.shared.options.segment_bytes;
                self.shared.wait(pause, |state| {
                    let is_new = pause.is_none() && state.waiting_since.is_some();
                    let is_full = state.waiting_bytes >= full_bytes;
                    state.is_abandoned || (!is_retry && (is_new || is_full || is_work(state)))
                });
            }
        });
        if let Err(source) = spawned {
            shared.state().has_thread = false;
            return Err(BackupError::Thread(source));
        }
        Ok(())
    }

    /// Returns whether all that there was to do is done.
    pub fn has_ended(&self) -> bool {
        let state = self.shared.state();
        state.has_ended || state.is_abandoned
    }

    /// Does the next piece of work; answers how long there is none if nothing happens, `None` for ever.
    pub fn step(&mut self, now: Instant) -> Option<Duration> {
        if let Some(at) = self.retry_at
            && now < at
        {
            return Some(at - now);
        }
        match self.work(now) {
            Ok(pause) => {
                (self.failures, self.retry_at) = (0, None);
                self.shared.state().failing = None;
                pause
            }
            Err(error) => {
                let (first, longest) = limits::BACKUP_RETRY_MS;
                let pause = first.saturating_mul(1 << self.failures.min(10)).min(longest);
                let pause = Duration::from_millis(pause);
                self.failures += 1;
                self.retry_at = Some(now + pause);
                let mut state = self.shared.state();
                let why = std::error::Error::source(&error);
                let why = why.map_or_else(String::new, |why| format!(": {why}"));
                state.failing = Some((error.code(), format!("{error}{why}")));
                state.copied_bytes = None;
                drop(state);
                self.copying = None;
                Some(pause)
            }
        }
    }

    fn work(&mut self, now: Instant) -> Result<Option<Duration>, BackupError> {
        const AT_ONCE: Option<Duration> = Some(Duration::ZERO);
        if self.outgoing.is_some() {
            self.write_outgoing()?;
            return Ok(AT_ONCE);
        }
        let (cut_in, is_closing, is_unknown, is_broken, wants_snapshot) = {
            let state = self.shared.state();
            let is_due = state.is_urgent || state.is_closing;
            let is_full = state.waiting_bytes >= self.shared.options.segment_bytes;
            let longest = Duration::from_millis(self.shared.options.segment_ms);
            let cut_in = state.waiting_since.map(|since| match is_due || is_full {
                true => Duration::ZERO,
                false => longest.saturating_sub(now.saturating_duration_since(since)),
            });
            let State { is_closing, is_unknown, is_broken, wants_snapshot, .. } = *state;
            (cut_in, is_closing, is_unknown, is_broken, wants_snapshot)
        };
        // A snapshot goes on between two segments, however fast they follow each other.
        let is_turn_of_copy = self.copying.is_some() && !is_closing && !self.copied_last;
        self.copied_last = is_turn_of_copy;
        if cut_in == AT_ONCE && !is_turn_of_copy {
            self.cut()?;
            self.write_outgoing()?;
            return Ok(AT_ONCE);
        }
        if is_closing || is_unknown {
            self.end(is_broken)?;
            return Ok(None);
        }
        if self.copying.is_some() {
            self.copy()?;
            return Ok(AT_ONCE);
        }
        let since = self.bytes_since;
        let is_due =
            since >= self.shared.options.snapshot_after_bytes && since >= self.snapshot_bytes / 2;
        if is_broken || wants_snapshot || is_due || !self.has_snapshot {
            self.begin_copy(is_broken)?;
            return Ok(AT_ONCE);
        }
        self.shared.state().is_urgent = false;
        Ok(cut_in)
    }

    /// Takes over the stream of the opener before.
    fn go_on(&mut self, continued: &Continued) {
        self.header.stream = continued.end.name.stream;
        self.header.prior = continued.digest;
        self.has_snapshot = continued.snapshot.is_some();
        self.bytes_since = continued.bytes_since;
        self.snapshot_bytes = continued.snapshot.map_or(0, |one| one.bytes);
        if self.has_snapshot {
            let (number, at_ms) = self.shipped;
            self.shared.state().reached(number, at_ms);
        }
    }

    /// Makes a segment of what waits.
    fn cut(&mut self) -> Result<(), BackupError> {
        let mut state = self.shared.state();
        let (mut commits, mut waited_bytes) = (Vec::new(), 0);
        while waited_bytes < self.shared.options.segment_bytes
            && let Some(commit) = state.waiting.pop_front()
        {
            waited_bytes += commit.rows.len();
            commits.push(commit);
        }
        // What stays has waited for less time than what went.
        state.waiting_since = if state.waiting.is_empty() { None } else { Some(Instant::now()) };
        drop(state);
        let (Some(first), Some(last)) = (commits.first(), commits.last()) else { return Ok(()) };
        let header = Header { kind: Kind::Segment, first: first.number, ..self.header };
        let (last, at_ms) = (last.number, last.at_ms);
        assert_eq!(header.first, self.shipped.0 + 1, "a stream has no gap");
        self.encode(header, waited_bytes, (last, at_ms), |encoder| {
            commits.iter().try_for_each(|commit| encoder.commit(commit))
        })
    }

    fn encode(
        &mut self,
        header: Header,
        waited_bytes: usize,
        (last, at_ms): (u64, u64),
        rows: impl FnOnce(&mut Encoder<Vec<u8>>) -> std::io::Result<()>,
    ) -> Result<(), BackupError> {
        let encode = || {
            let mut encoder = Encoder::new(Vec::with_capacity(waited_bytes + 1024), header)?;
            rows(&mut encoder)?;
            encoder.finish(last, at_ms)
        };
        let (bytes, name, digest) = encode().map_err(BackupError::object("encode", "a segment"))?;
        self.outgoing = Some(Outgoing { bytes, name, digest, waited_bytes });
        Ok(())
    }

    fn write_outgoing(&mut self) -> Result<(), BackupError> {
        let Some(outgoing) = &self.outgoing else { return Ok(()) };
        let Outgoing { bytes, name, digest, waited_bytes } = outgoing;
        let text = name.to_string();
        let write = || {
            let mut out = self.objects.create()?;
            out.write_all(bytes)?;
            out.finish(&text)
        };
        write().map_err(BackupError::object("write", &text))?;
        self.header.prior = *digest;
        self.shipped = (name.last, name.at_ms);
        self.bytes_since += bytes.len() as u64;
        let mut state = self.shared.state();
        state.waiting_bytes -= waited_bytes;
        if self.has_snapshot {
            state.reached(name.last, name.at_ms);
        }
        state.has_ended |= name.kind == Kind::End;
        drop(state);
        self.outgoing = None;
        self.shared.changed.notify_all();
        self.shared.tell_position();
        Ok(())
    }

    /// Begins a snapshot; of a stream of its own if the one before is broken.
    fn begin_copy(&mut self, is_broken: bool) -> Result<(), BackupError> {
        let gate = self.shared.gate();
        // A reader that is opened while no commit is under way sees exactly those that are numbered.
        let reader = self.snapshots.snapshot()?;
        let (number, at_ms) = (gate.number, gate.at_ms);
        let mut state = self.shared.state();
        if is_broken {
            state.is_broken = false;
            self.streams += 1;
            let random = self.shared.options.random(1 + self.streams);
            self.header.stream = StreamId { started_ms: self.shared.now_ms(), number: random };
            self.header.prior = [0; 32];
            (self.shipped, self.has_snapshot) = ((number, at_ms), false);
        }
        (state.wants_snapshot, state.copied_bytes) = (false, Some(0));
        drop((state, gate));
        let header = Header { kind: Kind::Snapshot, first: number, prior: [0; 32], ..self.header };
        let create = || Encoder::new(self.objects.create()?, header);
        let encoder = create().map_err(BackupError::object("write", "a snapshot"))?;
        let reader = Arc::new(Mutex::new(Some((reader, Instant::now()))));
        self.shared.hold(&reader);
        self.copying = Some(Copying { number, at_ms, reader, table: 0, after: None, encoder });
        Ok(())
    }

    /// Copies a piece of the snapshot, or ends it.
    fn copy(&mut self) -> Result<(), BackupError> {
        let Some(copying) = &mut self.copying else { return Ok(()) };
        let Some(table) = Table::ALL.get(copying.table) else { return self.end_copy() };
        let (count, rows, last) = copying.read(*table, &self.shared.options)?;
        match last {
            None => (copying.table, copying.after) = (copying.table + 1, None),
            last => copying.after = last,
        }
        if count > 0 {
            let written = copying.encoder.rows(count, &rows);
            written.map_err(BackupError::object("write", "a snapshot"))?;
        }
        self.shared.state().copied_bytes = Some(copying.encoder.bytes);
        Ok(())
    }

    fn end_copy(&mut self) -> Result<(), BackupError> {
        let Some(copying) = self.copying.take() else { return Ok(()) };
        let Copying { number, at_ms, encoder, reader, .. } = copying;
        drop(reader);
        let write = || {
            let bytes = encoder.bytes;
            let (out, name, _) = encoder.finish(number, at_ms)?;
            out.finish(&name.to_string())?;
            Ok(bytes)
        };
        self.snapshot_bytes = write().map_err(BackupError::object("write", "a snapshot"))?;
        (self.has_snapshot, self.bytes_since) = (true, 0);
        let (last, at_ms) = (number, at_ms).max(self.shipped);
        let mut state = self.shared.state();
        (state.snapshots, state.copied_bytes) = (state.snapshots + 1, None);
        state.reached(last, at_ms);
        drop(state);
        self.shared.tell_position();
        let catalog = Catalog::read(&*self.objects)?;
        for name in catalog.surplus(self.shared.options.snapshots_kept, self.header.stream) {
            let text = name.to_string();
            self.objects.remove(&text).map_err(BackupError::object("remove", &text))?;
        }
        Ok(())
    }

    /// Ends the work: says that all was shipped, unless something was left out.
    fn end(&mut self, is_broken: bool) -> Result<(), BackupError> {
        self.copying = None;
        let mut state = self.shared.state();
        state.copied_bytes = None;
        state.has_ended |= is_broken;
        let has_ended = state.has_ended;
        drop(state);
        if has_ended {
            self.shared.changed.notify_all();
            return Ok(());
        }
        let (last, at_ms) = self.shipped;
        let header = Header { kind: Kind::End, first: last, ..self.header };
        self.encode(header, 0, (last, at_ms), |_| Ok(()))?;
        self.write_outgoing()
    }
}

/// Returns whether something is to be done that was not seen yet.
fn is_work(state: &State) -> bool {
    state.is_closing
        || state.is_unknown
        || state.is_broken
        || state.wants_snapshot
        || (state.is_urgent && !state.waiting.is_empty())
}

impl Copying {
    /// Reads the next rows of a table: how many, their bytes, and the last of their keys; no key if
    /// there are no more.
    fn read(
        &self,
        table: Table,
        options: &Options,
    ) -> Result<(u64, Vec<u8>, Option<Key>), BackupError> {
        let mut held = self.reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let waited_ms = options.stall_ms_max;
        let (reader, used) = held.as_mut().ok_or(BackupError::Slow { waited_ms })?;
        *used = Instant::now();
        let (mut count, mut rows, mut last) = (0, Writer::new(), None);
        let scan = syncline_engine::rows::Scan::Whole(table);
        reader.scan(&scan, self.after.as_ref(), usize::MAX, &mut |key, value| {
            row::write(&mut rows, key, Some(value));
            count += 1;
            if rows.as_bytes().len() < options.piece_bytes {
                return std::ops::ControlFlow::Continue(());
            }
            last = Some(key.clone());
            std::ops::ControlFlow::Break(())
        })?;
        *used = Instant::now();
        Ok((count, rows.into_bytes(), last))
    }
}
