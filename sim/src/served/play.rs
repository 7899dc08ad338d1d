//! The loop: users edit, devices come and go, connections break, hubs are killed; then all must be well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use syncline_client::StoreError;
use syncline_client::simulated::{Disk, Wish};
use syncline_hub::served::Limits;
use syncline_model::cursor::Incarnation;
use syncline_model::id::Position;
use syncline_protocol::message::Page;
use syncline_protocol::session::client::Lost;
use syncline_protocol::session::hub::Live;

use super::check::{self, Finding};
use super::copies::Copies;
use super::device::{Shared, User};
use super::fault::ServedFault;
use super::house::{House, News, NewsFor, Shorter, folder};
use super::later::{self, LATER};
use super::line::{Delays, Down, HubEnd, Line, PONG};
use super::rates::Rates;
use super::rights::{NotesFollowed, Rights, Rules};
use super::warden::Warden;
use crate::disk::CrashKind;
use crate::history::Violation;
use crate::random::Random;
use crate::schema::Schema;
use crate::trace::Trace;
use crate::world::{EPOCH_MS, Outcome};

/// Most steps at one moment: more would be a storm.
const STEPS_MAX: u32 = 10_000;
/// Longest that things go wrong, in milliseconds.
const CHAOS_MS_MAX: u64 = 240_000;
/// Longest pause between two acts, in milliseconds.
const PAUSE_MS_MAX: u64 = 4_000;
/// Everything must be well this long after the last fault, in milliseconds.
const LIVENESS_MS: u64 = 1_200_000;
/// When a device looks at its file again that failed, in milliseconds.
const STORE_RETRY_MS: u64 = 1_000;
/// Longest that a hub is down, and that one end of a connection does not know that it is over.
const DOWN_MS_MAX: u64 = 60_000;
/// Most changes that a hub keeps in its log when it forgets older ones.
const LOG_KEPT_MAX: u64 = 40;
/// The letters of the hubs.
const MARKS: [char; 2] = ['a', 'b'];

/// Numbers the folders of this process, whose names no world sees.
static FOLDERS: AtomicU64 = AtomicU64::new(0);

/// A hub, and those who are its clients.
pub(super) struct Street {
    pub(super) mark: char,
    pub(super) schema: Schema,
    pub(super) house: House,
    pub(super) users: Vec<User>,
    pub(super) shared: Shared,
    /// Whether the hub was ever put back from a backup.
    pub(super) was_restored: bool,
    /// Connections that their clients have given up and their hub has not.
    orphans: Vec<(u64, Line)>,
    random: Random,
    pub(super) rates: Rates,
    /// When the hub starts, while it is down.
    starts_ms: Option<u64>,
    acts_ms: u64,
    incarnations: BTreeSet<Incarnation>,
    is_restored: bool,
    /// Whether nothing goes wrong any more.
    is_healed: bool,
    trace: Trace,
    work: BTreeMap<&'static str, u64>,
}

/// Runs the world of a seed to its end, and checks it. Where it has two hubs it is run once more with
/// other users of the second: those of the first must not see a difference.
pub fn run(seed: u64, fault: Option<ServedFault>) -> Outcome {
    let (outcome, first) = play(seed, 0, fault);
    if !seed.is_multiple_of(4) || !outcome.violations.is_empty() {
        return outcome;
    }
    let (beside, other) = play(seed, 1, fault);
    if !beside.violations.is_empty() {
        return beside;
    }
    let mut outcome = outcome;
    if first != other {
        let finding = "the first hub is another one beside other users of the second".to_owned();
        outcome.violations.push(Violation { requirement: "I18", finding, words: Vec::new() });
    }
    outcome
}

/// Plays a world; answers what it came to, and a hash of all that the first hub and its clients saw.
fn play(seed: u64, variant: u64, fault: Option<ServedFault>) -> (Outcome, u64) {
    let mut random = Random::new(seed).split();
    let count = if seed.is_multiple_of(4) { 2 } else { 1 };
    let chaos_ms = random.between(CHAOS_MS_MAX / 4, CHAOS_MS_MAX);
    let folder = folder(FOLDERS.fetch_add(1, Ordering::Relaxed));
    drop(fs::remove_dir_all(&folder));
    drop(fs::create_dir_all(&folder));
    let mut streets: Vec<Street> = MARKS
        .iter()
        .take(count)
        .enumerate()
        .map(|(index, mark)| {
            let mut random = random.split();
            if index > 0 {
                for _ in 0..variant {
                    let _ = random.next();
                }
            }
            Street::new(*mark, &folder, seed, random, fault)
        })
        .collect();
    let news_of_first = Vec::new();
    let mut world = World { now_ms: 0, streets: &mut streets, fault, chaos_ms, news_of_first };
    let violations = world.play();
    let hash = streets.first().map_or(0, |street| street.trace.hash());
    let outcome = outcome(&mut streets, violations);
    drop(streets);
    drop(fs::remove_dir_all(&folder));
    (outcome, hash)
}

fn outcome(streets: &mut [Street], findings: Vec<Finding>) -> Outcome {
    let mut work: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    let mut hash = Trace::new();
    let mut lines = Vec::new();
    for street in streets {
        street.end();
        hash.mix(&street.trace.hash().to_be_bytes());
        lines.extend(street.trace.lines_about(&[], 400));
        for (kind, count) in &street.work {
            *work.entry(kind).or_default() += count;
        }
        for (kind, count) in street.house.disk().faults() {
            *faults.entry(kind.to_owned()).or_default() += count;
        }
    }
    let violation = |(requirement, finding)| Violation { requirement, finding, words: Vec::new() };
    Outcome {
        hash: hash.hash(),
        violations: findings.into_iter().map(violation).collect(),
        faults,
        work,
        trace: lines,
        virtual_ms: LIVENESS_MS,
    }
}

/// All streets and their time.
struct World<'w> {
    now_ms: u64,
    streets: &'w mut [Street],
    fault: Option<ServedFault>,
    /// When the faults end.
    chaos_ms: u64,
    news_of_first: Vec<NewsFor>,
}

impl World<'_> {
    fn play(&mut self) -> Vec<Finding> {
        let marks: Vec<char> = self.streets.iter().map(|street| street.mark).collect();
        for street in self.streets.iter_mut() {
            street.starts_ms = Some(0);
        }
        loop {
            let next = (0..self.streets.len()).min_by_key(|index| self.streets[*index].acts_ms);
            let acts = next.map(|index| (index, self.streets[index].acts_ms));
            let Some((index, at_ms)) = acts.filter(|(_, at_ms)| *at_ms < self.chaos_ms) else {
                break;
            };
            if let Err(finding) = self.run_until(at_ms) {
                return vec![finding];
            }
            let findings = self.streets[index].act(self.now_ms, &marks, self.fault);
            if !findings.is_empty() {
                return findings;
            }
        }
        if let Err(finding) = self.run_until(self.chaos_ms) {
            return vec![finding];
        }
        for street in self.streets.iter_mut() {
            street.heal(self.now_ms);
        }
        if let Err(finding) = self.run_until(self.now_ms + LIVENESS_MS) {
            return vec![finding];
        }
        let ends = self.streets.iter_mut().flat_map(|street| check::at_the_end(street, &marks));
        ends.collect()
    }

    /// Lets everything happen that is due until then.
    fn run_until(&mut self, until_ms: u64) -> Result<(), Finding> {
        loop {
            let mut next_ms = u64::MAX;
            for index in 0..self.streets.len() {
                self.settle(index)?;
                let next = self.streets[index].next_ms(self.now_ms);
                next_ms = next_ms.min(next.unwrap_or(u64::MAX));
            }
            if next_ms > until_ms || self.now_ms >= until_ms {
                self.now_ms = until_ms;
                return Ok(());
            }
            self.now_ms = next_ms.max(self.now_ms + 1);
        }
    }

    /// Lets happen what is due in a street: what is due in another one makes no difference to it.
    fn settle(&mut self, index: usize) -> Result<(), Finding> {
        let now_ms = self.now_ms;
        for _ in 0..STEPS_MAX {
            if !self.streets[index].is_due(now_ms) {
                return Ok(());
            }
            let has_happened = self.streets[index].step(now_ms)?;
            let mut news = self.streets[index].house.news();
            if self.fault == Some(ServedFault::FeedShared) && !news.is_empty() {
                match index {
                    0 => self.news_of_first.clone_from(&news),
                    _ => share(&self.news_of_first, &mut news),
                }
            }
            self.streets[index].tell(now_ms, &news);
            if !has_happened {
                return Ok(());
            }
        }
        Err(("I21", format!("a storm at {now_ms} ms")))
    }
}

/// Puts the changes of the first hub into what another one tells: a defect, planted.
fn share(first: &[NewsFor], news: &mut [NewsFor]) {
    for (of_first, own) in first.iter().zip(news) {
        if let (News::Stretch(first), News::Stretch(own)) = (&of_first.1, &mut own.1) {
            let page = Page { changes: first.page.changes.clone(), ..own.page.clone() };
            *own = Live { after: own.after, page, encoded: Shorter::default() }.into();
        }
    }
}

impl Street {
    fn new(
        mark: char,
        folder: &Path,
        seed: u64,
        mut random: Random,
        fault: Option<ServedFault>,
    ) -> Self {
        let schema = Schema::draw(&mut random);
        let rates = Rates::draw(&mut random, seed);
        let access = match random.chance(700) {
            true => Rules::Teams { shows_places: random.chance(500) },
            false => Rules::None,
        };
        let mut house = House::new(random.split(), &schema, access, fault);
        // Where backups are made, clients keep what is not in one yet.
        house.backed_up = (rates.backup > 0).then_some(Position(0));
        house.warden.is_on = rates.release > 0;
        house.copies = rates.sums.then(|| Copies::new(folder.join(format!("{mark}-hub"))));
        let count = random.between(2, 4);
        let users = (0..count).map(|number| {
            let name = format!("d{number}");
            let path: PathBuf = folder.join(format!("{mark}-{name}.db"));
            User::new(name, path, mark, &mut random)
        });
        let users = users.collect();
        let mut shared = Shared::default();
        shared.words.is_whole = fault == Some(ServedFault::TextsWhole);
        Self {
            mark,
            schema,
            house,
            users,
            shared,
            was_restored: false,
            orphans: Vec::new(),
            random,
            rates,
            starts_ms: None,
            acts_ms: 0,
            incarnations: BTreeSet::new(),
            is_restored: false,
            is_healed: false,
            trace: Trace::new(),
            work: BTreeMap::new(),
        }
    }

    fn note(&mut self, now_ms: u64, line: std::fmt::Arguments<'_>) {
        self.trace.note(now_ms, format_args!("{} {line}", self.mark));
    }

    fn count(&mut self, work: &'static str) {
        *self.work.entry(work).or_default() += 1;
    }

    fn end(&mut self) {
        let Warden { held, released, .. } = self.house.warden;
        for (work, count) in [
            ("cursor behind the horizon", self.house.expired.get()),
            ("operation held", held),
            ("client let go on", released),
            ("copy that is the same", self.house.copies.as_ref().map_or(0, |copies| copies.equal)),
        ] {
            *self.work.entry(work).or_default() += count;
        }
        self.users.clear();
        self.house.stop(0);
    }

    /// Something happens that nobody else has caused.
    fn act(&mut self, now_ms: u64, marks: &[char], fault: Option<ServedFault>) -> Vec<Finding> {
        self.acts_ms = now_ms + self.random.below(PAUSE_MS_MAX);
        let clock_ms = self.hub_clock(now_ms);
        self.house.set_clock(clock_ms);
        self.house.disk().set_rates(self.rates.disk);
        let index = self.random.index(self.users.len());
        let rates = self.rates;
        let mut at = self.random.below(1_000);
        let mut is = |rate: u64| {
            let is = at < rate;
            at = at.saturating_sub(rate);
            is && rate > 0
        };
        match () {
            () if is(rates.cut) => self.cut(now_ms, index),
            () if is(rates.device_killed) => return self.kill_device(now_ms, index, fault),
            () if is(rates.offline) => self.go_offline_or_online(now_ms, index),
            () if is(rates.hub_killed) => self.kill(now_ms, "hub killed"),
            () if is(rates.hub_stopped) => self.stop_hub(now_ms),
            () if is(rates.cut_off) => {
                let operations = self.random.below(6);
                self.house.disk().stop_after(operations);
                self.count("commit cut off");
            }
            () if is(rates.blocked) => {
                self.users[index].blocked_ms = now_ms + self.random.below(DOWN_MS_MAX);
                self.count("network blocked");
            }
            () if is(rates.backup) => self.house.back_up(),
            () if is(rates.restore) => self.restore(now_ms),
            () if is(rates.device_disk) => self.change_disk(index),
            () if is(rates.rights) => self.change_rights(now_ms, index, fault),
            () if is(rates.forget) => self.forget(now_ms),
            () if is(rates.release) => self.house.release(),
            () => return self.edit(now_ms, index, marks),
        }
        Vec::new()
    }

    /// Returns the version of a program that is started.
    fn version(&mut self) -> u32 {
        let is_later = self.random.chance(self.rates.later);
        if is_later {
            self.count("later version started");
        }
        if is_later { LATER } else { 1 }
    }

    /// Returns what the hub's clock says: mostly the time, sometimes an hour more or less.
    fn hub_clock(&mut self, now_ms: u64) -> u64 {
        const HOUR_MS: u64 = 3_600_000;
        let wall_ms = EPOCH_MS + now_ms;
        let clocks = [wall_ms, wall_ms, wall_ms, wall_ms - HOUR_MS, wall_ms + HOUR_MS];
        self.random.pick(&clocks).copied().unwrap_or(wall_ms)
    }

    fn edit(&mut self, now_ms: u64, index: usize, marks: &[char]) -> Vec<Finding> {
        let Some(user) = self.users.get_mut(index) else { return Vec::new() };
        if user.device.is_none() {
            return self.start_device(now_ms, index);
        }
        if self.house.fault == Some(ServedFault::CommitsNotSynced) {
            user.unsynced = user.files();
        }
        let edits = self.random.between(1, 3);
        let mut has_failed = false;
        for _ in 0..edits {
            match user.edit(now_ms, &mut self.random, &mut self.shared) {
                Ok(word) => *self.work.entry(word).or_default() += 1,
                Err(_) if user.disk.failed_at.is_some() => {}
                Err(error) => return vec![("I2", format!("{} cannot edit: {error}", user.name))],
            }
            has_failed = user.disk.failed_at.is_some();
            if has_failed {
                break;
            }
        }
        let name = user.name.clone();
        self.note(now_ms, format_args!("{name} edits {edits} time(s)"));
        if has_failed {
            self.handle_disk_failed(now_ms, index);
        }
        check::look(self, index, marks)
    }

    /// The disk of a device will fail, or is well again.
    fn change_disk(&mut self, index: usize) {
        let disk = &mut self.users[index].disk;
        let is_bad = disk.fails_in.is_some();
        let fails_in = u32::try_from(self.random.below(12)).unwrap_or_default();
        disk.fails_in = Some(fails_in).filter(|_| !is_bad);
        disk.is_full = self.random.chance(400);
        self.count(if is_bad { "device disk well again" } else { "device disk fails" });
    }

    /// A step of a device's disk has failed: its program goes on, unless the machine has stopped.
    fn handle_disk_failed(&mut self, now_ms: u64, index: usize) {
        let user = &mut self.users[index];
        let has_stopped = user.has_stopped() || self.random.chance(200);
        if has_stopped {
            user.device = None;
            user.connects_ms = None;
            user.again_ms = None;
        }
        let (line, name) = (if has_stopped { user.line.take() } else { None }, user.name.clone());
        self.orphan(now_ms, line);
        self.note(now_ms, format_args!("the disk of {name} fails, it stops: {has_stopped}"));
        self.count(if has_stopped {
            "device stopped by its disk"
        } else {
            "device failed to write"
        });
    }

    fn start_device(&mut self, now_ms: u64, index: usize) -> Vec<Finding> {
        let user = &mut self.users[index];
        let started = user.start(now_ms);
        let name = user.name.clone();
        if user.disk.failed_at.take().is_some() {
            user.device = None;
            self.count("device failed to start");
            return Vec::new();
        }
        self.note(now_ms, format_args!("{name} begins"));
        match started {
            Ok(()) => Vec::new(),
            Err(error) => vec![("I2", format!("the file of {name} does not open: {error}"))],
        }
    }

    /// The program of a device ends without warning; perhaps it will follow something else.
    fn kill_device(
        &mut self,
        now_ms: u64,
        index: usize,
        fault: Option<ServedFault>,
    ) -> Vec<Finding> {
        let (moves, version) = (self.random.chance(300), self.version());
        let user = &mut self.users[index];
        if user.device.is_none() {
            return self.start_device(now_ms, index);
        }
        if moves {
            let was_wide = std::mem::replace(&mut user.is_wide, self.random.chance(500));
            if was_wide && !user.is_wide && fault == Some(ServedFault::LeavingDeletes) {
                user.delete_contacts(now_ms);
            }
            // Whoever never followed less holds all that it ever held.
            user.is_shown_all &= was_wide && user.is_wide;
            user.notes = NotesFollowed::draw(&mut self.random);
        }
        user.device = None;
        user.connects_ms = None;
        user.version = version;
        for (path, bytes) in std::mem::take(&mut user.unsynced) {
            match bytes {
                Some(bytes) => drop(fs::write(path, bytes)),
                None => drop(fs::remove_file(path)),
            }
        }
        let (line, name) = (user.line.take(), user.name.clone());
        self.orphan(now_ms, line);
        self.note(now_ms, format_args!("{name} ends"));
        self.count(if moves { "device follows something else" } else { "device killed" });
        Vec::new()
    }

    /// A connection is given up by its client; the hub may hear more of it for a while.
    fn orphan(&mut self, now_ms: u64, line: Option<Line>) {
        if let Some(line) = line.filter(|line| line.hub_end.is_some()) {
            let dies_ms = now_ms + self.random.below(DOWN_MS_MAX);
            self.orphans.push((dies_ms, line));
        }
    }

    fn go_offline_or_online(&mut self, now_ms: u64, index: usize) {
        let is_off = self.random.chance(500);
        let user = &mut self.users[index];
        user.on_machine(now_ms, |user| match &user.device {
            Some(device) if is_off => device.client().go_offline(),
            Some(device) => device.client().go_online(),
            None => {}
        });
        user.is_woken = true;
        self.count(if is_off { "device goes offline" } else { "device goes online" });
    }

    /// A connection breaks: one end learns of it first.
    fn cut(&mut self, now_ms: u64, index: usize) {
        let (client_first, loses) = (self.random.chance(500), self.random.chance(500));
        let late_ms = now_ms + self.random.below(DOWN_MS_MAX);
        let user = &mut self.users[index];
        let Some(line) = &mut user.line else { return };
        line.is_cut |= loses;
        if client_first {
            line.ends_ms = Some(now_ms);
        } else {
            line.hub_end = None;
            line.ends_ms = Some(line.ends_ms.unwrap_or(late_ms).min(late_ms));
        }
        let name = user.name.clone();
        self.note(now_ms, format_args!("the connection of {name} is cut"));
        self.count("connection cut");
    }

    /// The token of a user is revoked, and another one given out.
    fn change_rights(&mut self, now_ms: u64, index: usize, fault: Option<ServedFault>) {
        let user = &mut self.users[index];
        user.rights = Rights::draw(&mut self.random);
        let (name, rights) = (user.name.clone(), user.rights);
        if let Some(line) = user.line.as_mut().filter(|_| fault != Some(ServedFault::RightsKept)) {
            line.hub_end = None;
            line.ends_ms = Some(now_ms + self.rates.delays.draw(&mut self.random));
        }
        let is_other = |line: &Line| line.hub_end.as_ref().is_none_or(|end| end.user != index);
        self.orphans.retain(|(_, line)| is_other(line));
        self.note(now_ms, format_args!("{name} is {rights:?} now"));
        self.count("rights changed");
    }

    /// The hub ends without warning and starts some time later.
    fn kill(&mut self, now_ms: u64, work: &'static str) {
        let kind = if self.random.chance(300) { CrashKind::Kill } else { CrashKind::PowerCut };
        self.house.kill(kind);
        self.hub_is_down(now_ms);
        self.note(now_ms, format_args!("{work}: {kind:?}"));
        self.count(work);
    }

    fn stop_hub(&mut self, now_ms: u64) {
        self.house.stop(now_ms);
        self.hub_is_down(now_ms);
        self.note(now_ms, format_args!("the hub stops"));
        self.count("hub stopped");
    }

    fn hub_is_down(&mut self, now_ms: u64) {
        self.orphans.clear();
        self.starts_ms = Some(now_ms + self.random.below(DOWN_MS_MAX));
        for user in &mut self.users {
            if let Some(line) = &mut user.line {
                line.hub_end = None;
                let late_ms = now_ms + self.random.below(DOWN_MS_MAX);
                line.ends_ms = Some(line.ends_ms.unwrap_or(late_ms).min(late_ms));
            }
        }
    }

    /// The store is put back from a copy: what came after is lost, and nobody may take the hub for what
    /// it was.
    fn restore(&mut self, now_ms: u64) {
        if self.house.backed_up > Some(Position(0)) && !self.was_restored {
            self.kill(now_ms, "hub restored");
            self.is_restored = self.house.restore();
            self.was_restored = true;
        }
    }

    /// The hub forgets the beginning of its log: who has not read that has to begin anew.
    fn forget(&mut self, now_ms: u64) {
        let kept = self.random.below(LOG_KEPT_MAX);
        if let Some(forgotten) = self.house.forget(kept).filter(|forgotten| forgotten.changes > 0) {
            self.note(now_ms, format_args!("the log is forgotten up to {}", forgotten.horizon.0));
            self.count("log forgotten");
            for _ in 0..forgotten.records {
                self.count("deleted record forgotten");
            }
        }
    }

    /// Starts the hub if it is time.
    fn start_hub(&mut self, now_ms: u64) -> Result<(), Finding> {
        self.starts_ms = None;
        if self.random.chance(self.rates.rights) {
            self.house.rules = self.house.rules.turned();
            self.count("rules changed");
        }
        self.house.version = self.version();
        if let Err(code) = self.house.start() {
            self.note(now_ms, format_args!("the hub does not start: {code}"));
            self.house.kill(CrashKind::PowerCut);
            self.starts_ms = Some(now_ms + 1 + self.random.below(DOWN_MS_MAX));
            if code == "STORE_DAMAGED" || code == "ROW_DAMAGED" {
                return Err(("I2", "the store is damaged".to_owned()));
            }
            return Ok(());
        }
        let incarnation = self.house.served().map(syncline_hub::served::Served::incarnation);
        let is_known = incarnation.is_some_and(|new| !self.incarnations.insert(new));
        if std::mem::take(&mut self.is_restored) && is_known {
            return Err((
                "I23",
                "a hub that was put back goes on as the one that it was".to_owned(),
            ));
        }
        self.note(now_ms, format_args!("the hub starts"));
        self.count("hub started");
        Ok(())
    }

    /// Ends all faults.
    fn heal(&mut self, now_ms: u64) {
        self.is_healed = true;
        self.rates.delays = Delays { usual_ms: 50, worst_ms: 50, worst: 0 };
        self.house.disk().mend();
        self.house.disk().stop_never();
        self.house.set_clock(EPOCH_MS + now_ms + 7_200_000);
        if self.house.served().is_none() {
            self.starts_ms = Some(now_ms);
        }
        for index in 0..self.users.len() {
            self.users[index].blocked_ms = 0;
            self.users[index].disk = Disk::default();
            if self.users[index].device.is_none() {
                drop(self.start_device(now_ms, index));
            }
            self.users[index].on_machine(now_ms, |user| {
                if let Some(device) = &user.device {
                    device.client().go_online();
                }
            });
            self.users[index].is_woken = true;
        }
        self.note(now_ms, format_args!("faults end"));
    }

    /// Does what is due; answers whether there was anything.
    fn step(&mut self, now_ms: u64) -> Result<bool, Finding> {
        let mut has_happened = false;
        if self.starts_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.start_hub(now_ms)?;
            has_happened = true;
        }
        self.orphans.retain(|(dies_ms, _)| *dies_ms > now_ms);
        let mut orphans = std::mem::take(&mut self.orphans);
        for (_, line) in &mut orphans {
            has_happened |= self.hub_turn(line, now_ms);
        }
        self.orphans = orphans;
        for index in 0..self.users.len() {
            if let Some(mut line) = self.users[index].line.take() {
                has_happened |= self.hub_turn(&mut line, now_ms);
                self.users[index].line = Some(line);
            }
            has_happened |= self.user_turn(index, now_ms)?;
        }
        if self.is_healed && self.house.warden.is_holding() {
            self.house.release();
            has_happened = true;
        }
        let claims = self.house.copies.as_mut().map(|copies| std::mem::take(&mut copies.claims));
        let unfounded = claims.into_iter().flatten().find_map(|one| check::unfounded(self, one));
        if let Some(finding) = self.house.finding.take().or(unfounded) {
            return Err(finding);
        }
        if self.house.has_failed() {
            self.kill(now_ms, "hub failed");
            has_happened = true;
        }
        Ok(has_happened)
    }

    /// The hub's end of a connection does what is due.
    fn hub_turn(&mut self, line: &mut Line, now_ms: u64) -> bool {
        let Some(mut end) = line.hub_end.take() else { return false };
        let mut has_happened = false;
        let mut goes_on = true;
        while goes_on
            && end.can_read()
            && let Some(text) = line.up.take(now_ms)
        {
            self.trace.mix(text.as_bytes());
            goes_on = end.read(&text, &mut self.house, now_ms);
            has_happened = true;
        }
        let delays = self.rates.delays;
        let said = match goes_on {
            true => end.turn(&mut self.house, now_ms, delays, &mut self.random),
            false => None,
        };
        let Some(said) = said else {
            self.note(now_ms, format_args!("the hub ends a connection"));
            let late_ms = now_ms + delays.draw(&mut self.random);
            line.ends_ms = Some(line.ends_ms.unwrap_or(late_ms).min(late_ms));
            return true;
        };
        for one in said {
            has_happened = true;
            if let Down::Text(text) = &one {
                let (class, user) = (end.class(), &self.users[end.user]);
                let leak = self.house.ledger.leak(text, &[class], &user.written);
                if let Some(word) = leak {
                    let finding = format!("{} of {class:?} is told {word}: {text}", user.name);
                    self.house.finding.get_or_insert(("I18", finding));
                }
            }
            if !line.is_cut {
                line.down.put(now_ms + delays.draw(&mut self.random), one);
            }
        }
        line.hub_end = Some(end);
        has_happened
    }

    /// A client hears what has arrived and does what it can.
    fn user_turn(&mut self, index: usize, now_ms: u64) -> Result<bool, Finding> {
        let mut has_happened = self.connect(index, now_ms);
        let (heard, is_over) = self.hears(index, now_ms);
        let user = &mut self.users[index];
        let line = if is_over { user.line.take() } else { None };
        let is_due = user.next_ms().is_some_and(|at_ms| at_ms <= now_ms);
        user.again_ms = user.again_ms.filter(|at_ms| *at_ms > now_ms);
        user.is_woken |= !heard.is_empty() || is_over || is_due;
        if !user.is_ready() {
            self.orphan(now_ms, line);
            return Ok(has_happened);
        }
        user.is_woken = false;
        has_happened |= !heard.is_empty() || is_over;
        let turned = user.on_machine(now_ms, |user| turn(user, heard, is_over));
        if self.is_healed && turned.is_ok() {
            // Whatever waits behind a refusal goes on once its user has looked at that.
            drop(user.settle_refused(now_ms, false, &mut self.shared.words));
        }
        user.note_deadline(now_ms);
        let (wish, said) = match turned {
            Ok(turned) => turned,
            Err(_) if user.disk.failed_at.is_some() => {
                user.again_ms = Some(now_ms + STORE_RETRY_MS);
                let other = user.line.take();
                self.orphan(now_ms, line);
                self.orphan(now_ms, other);
                self.handle_disk_failed(now_ms, index);
                return Ok(true);
            }
            Err(error) => {
                return Err(("I2", format!("the file of {} fails: {error}", user.name)));
            }
        };
        self.orphan(now_ms, line);
        has_happened |= wish.is_some() || !said.is_empty();
        self.says(index, now_ms, said, wish);
        Ok(has_happened)
    }

    /// Takes what has arrived at a client; says whether its connection is over after that.
    fn hears(&mut self, index: usize, now_ms: u64) -> (Vec<Down>, bool) {
        let delays = self.rates.delays;
        let user = &mut self.users[index];
        let mut heard = Vec::new();
        let Some(line) = &mut user.line else { return (heard, false) };
        while let Some(one) = line.down.take(now_ms) {
            if matches!(one, Down::Ping) && !line.is_cut {
                line.up.put(now_ms + delays.draw(&mut self.random), PONG.to_owned());
            }
            match one {
                Down::Text(text) if user.version == LATER => {
                    heard.extend(later::heard(&text).map(Down::Text));
                }
                one => heard.push(one),
            }
        }
        for one in &heard {
            if let Down::Text(text) = one {
                self.trace.mix(text.as_bytes());
            }
        }
        (heard, line.ends_ms.is_some_and(|at_ms| at_ms <= now_ms))
    }

    /// Puts what a client says on its way, and does what it wants of its connection.
    fn says(&mut self, index: usize, now_ms: u64, said: Vec<String>, wish: Option<Wish>) {
        let delays = self.rates.delays;
        let user = &mut self.users[index];
        if let Some(line) = &mut user.line {
            for text in said {
                let text = if user.version == LATER { later::greeting(&text) } else { text };
                if !line.is_cut {
                    line.up.put(now_ms + delays.draw(&mut self.random), text);
                }
            }
        }
        match wish {
            Some(Wish::Connect) => {
                user.connects_ms = Some(now_ms + 1 + delays.draw(&mut self.random));
            }
            Some(Wish::HangUp) => {
                user.is_woken = true;
                let line = user.line.take();
                self.orphan(now_ms, line);
            }
            None => {}
        }
    }

    /// Answers an attempt to connect, if it is time.
    fn connect(&mut self, index: usize, now_ms: u64) -> bool {
        let user = &mut self.users[index];
        if user.connects_ms.is_none_or(|at_ms| at_ms > now_ms) {
            return false;
        }
        user.connects_ms = None;
        user.is_woken = true;
        let limits = Limits { changes: self.rates.page_changes, ..Limits::default() };
        let whose = (index, user.rights);
        let end = HubEnd::new(&self.house, &self.schema, whose, now_ms, limits);
        let end = end.filter(|_| user.blocked_ms <= now_ms);
        user.classes.extend(end.as_ref().map(HubEnd::class));
        user.line = end.map(Line::new);
        let is_open = user.line.is_some();
        user.on_machine(now_ms, |user| match &mut user.device {
            Some(device) if is_open => device.connected(),
            Some(device) => device.lost(Lost::Broken),
            None => {}
        });
        self.count(if is_open { "connection" } else { "connection refused" });
        true
    }

    /// Tells those who follow what is new.
    fn tell(&mut self, now_ms: u64, news: &[NewsFor]) {
        for one in news {
            for user in &mut self.users {
                let end = user.line.as_mut().and_then(|line| line.hub_end.as_mut());
                if let Some(end) = end {
                    end.tell(one, now_ms + self.rates.delays.draw(&mut self.random));
                }
            }
        }
    }

    /// Returns whether something is due.
    fn is_due(&self, now_ms: u64) -> bool {
        let is_time = self.next_ms(now_ms).is_some_and(|at_ms| at_ms <= now_ms);
        is_time || self.house.has_failed() || self.users.iter().any(User::is_ready)
    }

    /// Returns when something is due.
    fn next_ms(&self, now_ms: u64) -> Option<u64> {
        let users = self.users.iter().filter_map(User::next_ms);
        let lines = self.users.iter().filter_map(|user| user.line.as_ref());
        let lines = lines.filter_map(|line| line.next_ms(now_ms));
        // Nobody hears any more what the hub says on these.
        let orphans = self.orphans.iter();
        let orphans =
            orphans.flat_map(|(dies_ms, line)| [Some(*dies_ms), line.hub_next_ms(now_ms)]);
        users.chain(lines).chain(orphans.flatten()).chain(self.starts_ms).min()
    }
}

/// Has a client take what it has heard, and go on; answers what it wants of its connection, and says.
fn turn(
    user: &mut User,
    heard: Vec<Down>,
    is_over: bool,
) -> Result<(Option<Wish>, Vec<String>), StoreError> {
    let Some(device) = user.device.as_mut() else { return Ok((None, Vec::new())) };
    for one in heard {
        match one {
            Down::Text(text) => device.hear(&text),
            Down::Ping => device.hear_traffic(),
        }
        // What came in is stored before more is heard.
        if let Some(wish) = device.turn()? {
            return Ok((Some(wish), Vec::new()));
        }
    }
    if is_over {
        device.lost(Lost::Broken);
    }
    let wish = device.turn()?;
    Ok((wish, std::iter::from_fn(|| device.say()).collect()))
}
