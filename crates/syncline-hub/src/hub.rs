//! The hub: a store, the identity and clock of the site, and the end of its log.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use syncline_domains::files::disk::{Disk, SystemDisk};
use syncline_engine::audit::{
    Actor as AuditActor, AuditEntry, BatchFacts, Details, FieldError, Frontier, Head, Salt,
    Shreddable,
};
use syncline_engine::facts;
use syncline_engine::rows::{Batch, Key, MetaName, Scan};
use syncline_engine::sync::{RunFacts, base_key};
use syncline_merge::plain::Base;
use syncline_model::clock::Clock;
use syncline_model::cursor::Incarnation;
use syncline_model::id::{DomainName, EntityName, Position, RecordId, RunId, SiteId};
use syncline_model::version::Version;
use syncline_policy::{PushGuard, PushLimits};
use syncline_protocol::token::TokenKey;
use syncline_store::sqlite::{Check, Options, SqliteStore};
use syncline_store::{Begun, Pipeline, Read, Store, Wake};

use crate::environment::{Environment, Machine};
use crate::error::HubError;
use crate::limits::PAST_SITES_MAX;
use crate::place::{Past, Place};
use crate::request::Actor;
use crate::view::View;

/// Where a hub is and how it is opened.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// The folder of the store, of undo copies and of records of runs.
    pub state_folder: PathBuf,
    /// Whether the store is checked before anything is read.
    pub check_store: bool,
}

/// What a hub is made of, for those who bring their own parts.
pub struct Parts {
    /// Where rows are kept.
    pub store: Box<dyn Store>,
    /// Where files are.
    pub disk: Arc<dyn Disk>,
    /// Time and random numbers.
    pub environment: Box<dyn Environment>,
    /// The folder of undo copies.
    pub state_folder: PathBuf,
    /// Where the store is: path and identity of its file. A store that was copied or restored is
    /// somewhere else and takes a site of its own.
    pub place: Place,
}

/// What a hub knows of itself that every commit moves on.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) clock: Clock,
    pub(crate) position: Position,
    pub(crate) frontier: Frontier,
}

/// By what a hub is known to those whom it serves. New with every site.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Which life of the hub it is.
    pub(crate) incarnation: Incarnation,
    /// What tokens are signed with.
    pub(crate) token_key: TokenKey,
    /// What they were signed with in former lives.
    pub(crate) past: Vec<TokenKey>,
    /// Its site, and those of its former lives.
    pub(crate) sites: Vec<SiteId>,
}

/// A site that the store had before, and its key of tokens.
pub(crate) type PastSite = (SiteId, [u8; 32]);

/// A hub of one site: the only writer of its store.
pub struct Hub {
    pub(crate) store: Box<dyn Store>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) environment: Box<dyn Environment>,
    pub(crate) state_folder: PathBuf,
    pub(crate) site: SiteId,
    /// Of these, what somebody has seen and is not here never comes.
    pub(crate) past: Vec<PastSite>,
    pub(crate) clock: Clock,
    pub(crate) position: Position,
    pub(crate) frontier: Frontier,
    /// Why it cannot say any more where it stands, if so: nothing may be written then.
    pub(crate) unfit: Option<&'static str>,
    /// Below which everything of a record that is not there is forgotten.
    pub(crate) floor: Version,
    /// What clients may delete and change within a while.
    pub(crate) push_guard: PushGuard,
}

impl Hub {
    /// Opens the hub whose state is in a folder, and makes it if there is none. Interrupted writes
    /// are finished.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if the store is locked, damaged or too new.
    pub fn open(options: &HubOptions) -> Result<Self, HubError> {
        let folder = &options.state_folder;
        let store = SqliteStore::open(folder, &store_options(options))?;
        let place = Place::of(folder, store.epoch());
        make_undo_folder(folder)?;
        Self::with_parts(Parts {
            store: Box::new(Pipeline::new(Box::new(store))),
            disk: Arc::new(SystemDisk),
            environment: Box::new(Machine),
            state_folder: folder.clone(),
            place,
        })
    }

    /// Returns whether there is a store in a folder.
    pub fn exists(state_folder: &Path) -> bool {
        state_folder.join(syncline_store::sqlite::DATABASE_FILE).is_file()
    }

    /// Opens a hub on the given parts. Interrupted writes are finished.
    ///
    /// # Errors
    ///
    /// As [`Hub::open`].
    pub fn with_parts(parts: Parts) -> Result<Self, HubError> {
        let Parts { store, disk, environment, state_folder, place } = parts;
        let mut hub = Self {
            site: SiteId(0),
            past: Vec::new(),
            clock: Clock::default(),
            position: Position(0),
            frontier: Frontier::new(),
            unfit: None,
            floor: Self::stored_floor(&*store)?,
            push_guard: PushGuard::new(PushLimits::UNLIMITED, Vec::new()),
            store,
            disk,
            environment,
            state_folder,
        };
        hub.load_facts()?;
        hub.take_site(&place)?;
        hub.recover()?;
        Ok(hub)
    }

    /// Reads what every commit moves on.
    pub(crate) fn load_facts(&mut self) -> Result<(), HubError> {
        self.clock = Clock(fact(&*self.store, &facts::CLOCK)?.unwrap_or_default());
        self.position = Position(fact(&*self.store, &facts::POSITION)?.unwrap_or_default());
        self.frontier = match self.store.get(&Key::Meta(facts::AUDIT_FRONTIER))? {
            None => Frontier::new(),
            Some(bytes) => Frontier::decode(&bytes).map_err(|_| HubError::Row { table: "meta" })?,
        };
        Ok(())
    }

    /// Returns why the hub must not be used any more, if so.
    pub const fn unfit(&self) -> Option<&'static str> {
        self.unfit
    }

    /// Takes the stored site, or a new one where the store is new, was copied or was restored.
    fn take_site(&mut self, place: &Place) -> Result<(), HubError> {
        let stored = self.store.get(&Key::Meta(facts::PLACE))?;
        let site = fact(&*self.store, &facts::SITE)?;
        self.past = self.stored_past()?;
        let past = stored.map(|stored| place.past(&String::from_utf8_lossy(&stored)));
        if let (Some(site), Some(Past::Same)) = (site, past) {
            self.site = SiteId(site);
            return Ok(());
        }
        let random = self.environment.random()?;
        let (first, _) = random.split_first_chunk::<8>().ok_or(HubError::Random)?;
        self.site = SiteId(u64::from_be_bytes(*first));
        let mut batch = Batch::new();
        batch.put(Key::Meta(facts::SITE), self.site.0.to_be_bytes().to_vec());
        batch.put(Key::Meta(facts::PLACE), place.to_text().into_bytes());
        // Cursors of the past say nothing about this one. Tokens do, of what is here.
        batch.delete(Key::Meta(facts::INCARNATION)).delete(Key::Meta(facts::TOKEN_KEY));
        let (first, root) =
            (self.stored_key(facts::TOKEN_KEY)?, self.stored_key(facts::TOKEN_ROOT)?);
        match root.or(first) {
            Some(root) => batch.put(Key::Meta(facts::TOKEN_ROOT), root.to_vec()),
            None => batch.put(Key::Meta(facts::TOKEN_KEY), self.drawn::<32>()?.to_vec()),
        };
        if let (Some(site), Some(root)) = (site, root.or(first)) {
            let site = SiteId(site);
            let key = first.unwrap_or_else(|| *TokenKey::of_life(root, site).bytes());
            self.past.push((site, key));
            let surplus = self.past.len().saturating_sub(PAST_SITES_MAX);
            // The tokens of the first one do not say whose they are.
            self.past.drain(1..=surplus);
            let bytes =
                self.past.iter().flat_map(|(site, key)| [&site.0.to_be_bytes()[..], key].concat());
            batch.put(Key::Meta(facts::PAST), bytes.collect());
        }
        if past == Some(Past::Restored) {
            // A copied or restored store knows an older past of its domains: its bases are none.
            batch.put(Key::Meta(facts::BASES_FORGOTTEN), Vec::new());
            self.for_each(&Scan::Domains, |key, _| {
                batch.delete(key.clone());
                Ok(())
            })?;
            self.drop_bases(&mut batch)?;
        }
        Ok(self.store.commit(&batch)?)
    }

    fn stored_past(&self) -> Result<Vec<PastSite>, HubError> {
        let bytes = self.store.get(&Key::Meta(facts::PAST))?.unwrap_or_default();
        let one = |row: &[u8]| {
            let (site, key) = row.split_first_chunk::<8>()?;
            Some((SiteId(u64::from_be_bytes(*site)), key.try_into().ok()?))
        };
        let rows = bytes.chunks(40).map(|row| one(row).ok_or(HubError::Row { table: "meta" }));
        rows.collect()
    }

    fn drop_bases(&self, batch: &mut Batch) -> Result<(), HubError> {
        let mut pairs = Vec::new();
        self.for_each(&Scan::Domains, |key, _| {
            if let Key::Domain { domain, entity: Some(entity) } = key {
                pairs.push((domain.clone(), entity.clone()));
            }
            Ok(())
        })?;
        for (domain, entity) in pairs {
            self.for_each(&Scan::Bases { domain, entity }, |key, _| {
                batch.delete(key.clone());
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Returns what is known of each domain that is not in the middle of a write, for one record: what
    /// was to be written there is written.
    pub(crate) fn settled_bases(
        &self,
        entity: &EntityName,
        id: &RecordId,
    ) -> Result<Vec<(DomainName, Base)>, HubError> {
        let mut domains = Vec::new();
        self.for_each(&Scan::Domains, |key, _| {
            if let Key::Domain { domain, entity: Some(of) } = key
                && of == entity
            {
                domains.push(domain.clone());
            }
            Ok(())
        })?;
        // Where a write is under way nobody knows what the domain has seen.
        self.for_each(&Scan::Journal, |key, _| {
            if let Key::Journal { domain, .. } = key {
                domains.retain(|other| other != domain);
            }
            Ok(())
        })?;
        let keys: Vec<Key> = domains.iter().map(|domain| base_key(domain, entity, id)).collect();
        let bases = self.view().bases(&keys)?.into_iter().zip(domains);
        Ok(bases.filter_map(|(base, domain)| Some((domain, base?.with_intent_written()))).collect())
    }

    /// Returns by what the hub is known to those whom it serves, and settles that the first time.
    pub(crate) fn identity(&mut self) -> Result<Identity, HubError> {
        let incarnation = self.secret::<16>(facts::INCARNATION)?;
        let incarnation = Incarnation(u128::from_be_bytes(incarnation));
        let token_key = match self.stored_key(facts::TOKEN_ROOT)? {
            Some(root) => TokenKey::of_life(root, self.site),
            None => TokenKey::new(self.secret(facts::TOKEN_KEY)?, self.site),
        };
        let past = self.past.iter().rev().map(|(site, key)| TokenKey::new(*key, *site)).collect();
        let sites = self.past.iter().rev().map(|(site, _)| *site);
        let sites = std::iter::once(self.site).chain(sites).collect();
        Ok(Identity { incarnation, token_key, past, sites })
    }

    /// Returns random bytes that are stored under a name; they are drawn the first time.
    fn secret<const BYTES: usize>(&mut self, name: MetaName) -> Result<[u8; BYTES], HubError> {
        let key = Key::Meta(name);
        if let Some(stored) = self.store.get(&key)? {
            return stored.try_into().map_err(|_| HubError::Row { table: "meta" });
        }
        let drawn = self.drawn::<BYTES>()?;
        let mut batch = Batch::new();
        batch.put(key, drawn.to_vec());
        self.store.commit(&batch)?;
        Ok(drawn)
    }

    fn drawn<const BYTES: usize>(&mut self) -> Result<[u8; BYTES], HubError> {
        let random = self.environment.random()?;
        random.first_chunk::<BYTES>().copied().ok_or(HubError::Random)
    }

    fn stored_key(&self, name: MetaName) -> Result<Option<[u8; 32]>, HubError> {
        let stored = self.store.get(&Key::Meta(name))?;
        let key = stored.map(|bytes| bytes.try_into().map_err(|_| HubError::Row { table: "meta" }));
        key.transpose()
    }

    /// Returns the site.
    pub const fn site(&self) -> SiteId {
        self.site
    }

    /// Returns the end of the log.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Returns the head of the audit.
    pub fn audit_head(&self) -> Head {
        self.frontier.head()
    }

    /// Returns the store, to read from.
    pub fn rows(&self) -> &dyn Read {
        &*self.store
    }

    /// Closes the hub.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if tidying failed; nothing is lost by that.
    pub fn close(self) -> Result<(), HubError> {
        Ok(self.store.close()?)
    }

    /// Returns what a run reads, with the rows as they are now.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            rows: &*self.store,
            disk: &*self.disk,
            environment: &*self.environment,
            state_folder: &self.state_folder,
            site: self.site,
            position: self.position,
            audit_head: self.frontier.head(),
        }
    }

    /// Shows every row of a stretch to `row`, in its order.
    pub(crate) fn for_each(
        &self,
        scan: &Scan,
        row: impl FnMut(&Key, &[u8]) -> Result<(), HubError>,
    ) -> Result<(), HubError> {
        self.view().for_each(scan, row)
    }

    /// Returns the facts of a new run: its id sorts by time.
    pub(crate) fn begin_run(&mut self) -> Result<RunFacts, HubError> {
        self.check_audit_head()?;
        let at_ms = self.environment.now_ms();
        let secret = self.environment.random()?;
        let (tail, _) = secret.split_first_chunk::<10>().ok_or(HubError::Random)?;
        let tail: String = tail.iter().map(|byte| format!("{byte:02x}")).collect();
        let id = RunId::new(&format!("{at_ms:012x}-{tail}"));
        let id = id.expect("invariant: hexadecimal digits are a run id");
        // The number that makes the salts must not be known to who knows the id.
        Ok(RunFacts { id, at_ms, secret: self.environment.random()? })
    }

    /// Checks that the stored head of the audit is the one that the next entry builds on: an entry
    /// would replace a damaged one, and the evidence with it.
    fn check_audit_head(&self) -> Result<(), HubError> {
        let stored = self.store.get(&Key::Meta(facts::AUDIT_HEAD))?;
        let is_new = stored.is_none() && self.frontier.size() == 0;
        if is_new || stored == Some(self.frontier.head().to_string().into_bytes()) {
            return Ok(());
        }
        let finding = "the stored head is not that of its entries".to_owned();
        Err(HubError::Audit { finding, code: "AUDIT_DAMAGED_HEAD" })
    }

    /// Adds an entry to the audit, and the hub's new facts, to a batch; answers the frontier that
    /// holds once the batch is committed.
    pub(crate) fn add_audit(
        &mut self,
        batch: &mut Batch,
        facts_of: BatchFacts,
        commitments: &Frontier,
        actor: &Actor,
        details: &str,
    ) -> Result<Frontier, HubError> {
        let noted = Noted { facts_of, commitments, actor, details };
        noted.add_to(batch, &self.frontier, &mut *self.environment)
    }

    /// Returns what the hub knows of itself.
    pub(crate) fn facts(&self) -> Facts {
        Facts { clock: self.clock, position: self.position, frontier: self.frontier.clone() }
    }

    /// Takes over other facts of itself.
    pub(crate) fn set_facts(&mut self, facts: Facts) {
        Facts { clock: self.clock, position: self.position, frontier: self.frontier } = facts;
    }

    /// Begins to commit a batch together with the hub's clock and position, and takes them over: if
    /// the commit fails, those of before are to be set again.
    pub(crate) fn begin(
        &mut self,
        mut batch: Batch,
        facts: Facts,
        wake: Wake,
    ) -> Result<Begun, HubError> {
        put_facts(&mut batch, (self.clock, facts.clock), (self.position, facts.position));
        let begun = self.store.begin(batch, wake)?;
        self.set_facts(facts);
        Ok(begun)
    }

    /// Commits a batch together with the hub's clock and position, and takes them over.
    pub(crate) fn commit(
        &mut self,
        mut batch: Batch,
        clock: Clock,
        position: Position,
        frontier: Frontier,
    ) -> Result<(), HubError> {
        put_facts(&mut batch, (self.clock, clock), (self.position, position));
        self.store.commit(&batch)?;
        self.clock = clock;
        self.position = position;
        self.frontier = frontier;
        Ok(())
    }
}

/// Adds the clock and the end of the log to a batch, each as it is and as it is to be.
pub(crate) fn put_facts(batch: &mut Batch, clock: (Clock, Clock), position: (Position, Position)) {
    if clock.0 != clock.1 {
        batch.put(Key::Meta(facts::CLOCK), clock.1.0.to_be_bytes().to_vec());
    }
    if position.0 != position.1 {
        batch.put(Key::Meta(facts::POSITION), position.1.0.to_be_bytes().to_vec());
    }
}

/// What the audit is to say of a batch.
pub(crate) struct Noted<'a> {
    /// What the batch is.
    pub(crate) facts_of: BatchFacts,
    /// The tree over the commitments to its changes, in order of position.
    pub(crate) commitments: &'a Frontier,
    /// Who asked for it.
    pub(crate) actor: &'a Actor,
    /// Names and counts, as a JSON object.
    pub(crate) details: &'a str,
}

impl Noted<'_> {
    /// Adds the entry to the batch; answers the frontier that holds once it is committed.
    pub(crate) fn add_to(
        self,
        batch: &mut Batch,
        frontier: &Frontier,
        environment: &mut dyn Environment,
    ) -> Result<Frontier, HubError> {
        let Noted { mut facts_of, commitments, actor, details } = self;
        (facts_of.record_count, facts_of.inner_root) = (commitments.size(), commitments.root());
        let field = |_: FieldError| HubError::Row { table: "audit" };
        let who =
            AuditActor::new(actor.user.as_deref(), actor.session.as_deref()).map_err(field)?;
        let who = Shreddable::open(Salt::new(environment.random()?), who);
        let details = Details::new(details).map_err(field)?;
        let details = Shreddable::open(Salt::new(environment.random()?), details);
        let index = frontier.size();
        let entry = AuditEntry::new(index, facts_of, who, details).map_err(field)?;
        let mut frontier = frontier.clone();
        frontier.append(entry.leaf_hash());
        batch.put(Key::Audit(index), entry.encode());
        batch.put(Key::Meta(facts::AUDIT_FRONTIER), frontier.encode());
        batch.put(Key::Meta(facts::AUDIT_HEAD), frontier.head().to_string().into_bytes());
        Ok(frontier)
    }
}

pub(crate) fn store_options(options: &HubOptions) -> Options {
    let check = if options.check_store { Check::Pages } else { Check::Header };
    Options { check, ..Options::default() }
}

/// Reads a number among the hub's facts.
fn fact(store: &dyn Store, name: &MetaName) -> Result<Option<u64>, HubError> {
    let Some(bytes) = store.get(&Key::Meta(name.clone()))? else {
        return Ok(None);
    };
    let bytes = <[u8; 8]>::try_from(bytes.as_slice());
    bytes.map(|bytes| Some(u64::from_be_bytes(bytes))).map_err(|_| HubError::Row { table: "meta" })
}

/// Makes the folder of undo copies, for the eyes of its owner only.
pub(crate) fn make_undo_folder(state_folder: &Path) -> Result<(), HubError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let created = builder.create(state_folder.join("undo"));
    // The name of the folder is durable before anything in it is relied on.
    let synced = created.and_then(|()| std::fs::File::open(state_folder)?.sync_all());
    synced.map_err(|source| HubError::StateFolder { source })
}
