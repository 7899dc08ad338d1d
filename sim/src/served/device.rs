//! A client, its file and its clock, and what its user has done with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use syncline_client::simulated::{Device, Disk, Machine, Step, set_machine};
use syncline_client::{Client, ClientError, Edit, Edited, Json, Number, Options, Query, Record};

use super::ledger::words_of;
use super::line::Line;
use super::rights::{
    BUDGET, Class, NotesFollowed, PLACE, Rights, STATE, STATES, TEAM, TEAMS, VIEW,
};
use super::texts::Words;
use crate::random::Random;
use crate::world::EPOCH_MS;

/// Records of each kind that a user draws from.
const RECORDS: u64 = 3;

/// A record that one user alone writes, as it must be shown.
pub(super) type Own = BTreeMap<&'static str, OwnValue>;

/// A value of such a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OwnValue {
    /// As it is written, digit for digit.
    Text(String),
    Sum(i64),
    Tags(BTreeSet<String>),
}

/// What all users together have done to the records that they share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// By record: what was added to its sum.
    pub(super) sums: BTreeMap<String, i64>,
    /// By record: the elements that were added.
    pub(super) tags: BTreeMap<String, BTreeSet<String>>,
    /// By entity, record and field: the last value that the only writer of the field has written.
    pub(super) fields: BTreeMap<(&'static str, String, String), String>,
    /// Texts and lists.
    pub(super) words: Words,
}

/// A client and its user.
pub(super) struct User {
    pub(super) name: String,
    path: PathBuf,
    /// The client while it runs.
    pub(super) device: Option<Device>,
    pub(super) line: Option<Line>,
    /// When an attempt to connect is answered.
    pub(super) connects_ms: Option<u64>,
    /// The version of the protocol that its client speaks.
    pub(super) version: u32,
    /// The disk of its machine.
    pub(super) disk: Disk,
    /// What its files were when their latest writes began, where these are lost with the program.
    pub(super) unsynced: Vec<(PathBuf, Option<Vec<u8>>)>,
    /// When it looks at its file again that failed.
    pub(super) again_ms: Option<u64>,
    /// Until when no attempt to connect succeeds.
    pub(super) blocked_ms: u64,
    /// When its client wants its next turn, as it said after the last one.
    deadline_ms: Option<u64>,
    /// Whether something has happened since its last turn.
    pub(super) is_woken: bool,
    /// Whether it follows contacts, and not only tasks and notes.
    pub(super) is_wide: bool,
    /// Whether it was shown the contacts since it follows them: what it did not follow it need not hold.
    pub(super) is_shown_all: bool,
    /// What it follows of the notes.
    pub(super) notes: NotesFollowed,
    /// What its token allows.
    pub(super) rights: Rights,
    /// Whom the same was ever shown as this user.
    pub(super) classes: BTreeSet<Class>,
    /// Words in notes that this user has written.
    pub(super) written: BTreeSet<String>,
    begun_ms: u64,
    /// How far its clock is ahead, in milliseconds; behind where it is negative.
    pub(super) skew_ms: i64,
    random: u64,
    /// A letter of its hub, in all that its users write.
    mark: char,
    value_next: u64,
    pub(super) own: BTreeMap<String, Option<Own>>,
    /// Of these, those of which an edit was set aside because the record was deleted and forgotten.
    pub(super) free: BTreeSet<String>,
    /// The most that was ever shown of shared records.
    pub(super) shown: BTreeMap<String, (i64, BTreeSet<String>)>,
}

impl User {
    pub(super) fn new(name: String, path: PathBuf, mark: char, random: &mut Random) -> Self {
        const DAY_MS: i64 = 86_400_000;
        let skews = [0, 0, 0, 3 * DAY_MS, -3 * DAY_MS, 3_650 * DAY_MS, -3_650 * DAY_MS];
        Self {
            name,
            path,
            device: None,
            line: None,
            connects_ms: None,
            version: 1,
            disk: Disk::default(),
            unsynced: Vec::new(),
            again_ms: None,
            blocked_ms: 0,
            deadline_ms: None,
            is_woken: true,
            is_wide: random.chance(500),
            is_shown_all: true,
            notes: NotesFollowed::draw(random),
            rights: Rights::draw(random),
            classes: BTreeSet::new(),
            written: BTreeSet::new(),
            begun_ms: 0,
            skew_ms: random.pick(&skews).copied().unwrap_or_default(),
            random: random.next(),
            mark,
            value_next: 0,
            own: BTreeMap::new(),
            free: BTreeSet::new(),
            shown: BTreeMap::new(),
        }
    }

    /// Runs something on the machine of this user.
    pub(super) fn on_machine<T>(&mut self, now_ms: u64, body: impl FnOnce(&mut Self) -> T) -> T {
        let machine = Machine {
            now_ms: (EPOCH_MS + now_ms).saturating_add_signed(self.skew_ms),
            elapsed_ms: now_ms - self.begun_ms,
            random: self.random,
            disk: self.disk,
        };
        set_machine(Some(machine));
        let answer = body(self);
        if let Some(machine) = set_machine(None) {
            (self.random, self.disk) = (machine.random, machine.disk);
        }
        answer
    }

    /// Starts the client on its file.
    pub(super) fn start(&mut self, now_ms: u64) -> Result<(), ClientError> {
        self.begun_ms = now_ms;
        let contacts = self.is_wide.then_some("contacts");
        let notes = (self.notes == NotesFollowed::All).then_some("notes");
        let options = Options::offline(&self.path).client_id(&self.name);
        let options = options.entities(["tasks"].into_iter().chain(contacts).chain(notes));
        let states = self.notes.states().iter();
        let options =
            states.fold(options, |options, state| options.view(VIEW, [("state", (*state).into())]));
        let device = self.on_machine(now_ms, |_| Device::open(options))?;
        self.device = Some(device);
        self.deadline_ms = None;
        self.is_woken = true;
        Ok(())
    }

    /// Asks the client when it wants its next turn: on its own machine, since it looks at its clock.
    pub(super) fn note_deadline(&mut self, now_ms: u64) {
        let deadline = self.on_machine(now_ms, |user| user.device.as_ref()?.deadline_ms());
        self.deadline_ms = deadline.map(|at_ms| at_ms.saturating_add(self.begun_ms));
    }

    /// Returns whether something has happened that it can turn to now.
    pub(super) const fn is_ready(&self) -> bool {
        self.is_woken && self.device.is_some() && self.again_ms.is_none()
    }

    /// Returns when the client wants its next turn.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let deadline = self.deadline_ms.filter(|_| self.device.is_some());
        [deadline, self.connects_ms, self.again_ms].into_iter().flatten().min()
    }

    /// Does some edit; answers a word for it.
    pub(super) fn edit(
        &mut self,
        now_ms: u64,
        random: &mut Random,
        shared: &mut Shared,
    ) -> Result<&'static str, ClientError> {
        self.is_woken = true;
        let (number, again) = (random.below(RECORDS), random.chance(200));
        self.settle_refused(now_ms, again, &mut shared.words)?;
        match random.below(18) {
            14.. => {
                let (word, begins) = (self.value(), self.name == "d0");
                self.with_client(now_ms, |client| shared.words.edit(client, random, &word, begins))
            }
            10.. => self.edit_note(now_ms, random),
            0..4 => self.edit_own(now_ms, random, number),
            4..7 => self.edit_shared(now_ms, random, number, shared),
            7 if self.is_wide => self.edit_contact(now_ms, number, shared),
            _ => self.edit_mixed(now_ms, random, number),
        }
    }

    fn value(&mut self) -> String {
        self.value_next += 1;
        format!("{}-{}-{}", self.mark, self.name, self.value_next)
    }

    /// Takes note that a step of its disk failed; answers whether its program is over by that: the machine
    /// has stopped before anybody knew of what was on disk already.
    pub(super) fn has_stopped(&mut self) -> bool {
        self.disk.failed_at.take() == Some(Step::Committed)
    }

    /// Does an edit: one that was on disk before the machine stopped was made.
    fn edited(
        &mut self,
        now_ms: u64,
        body: impl FnOnce(&Client) -> Result<Edited, ClientError>,
    ) -> Result<(), ClientError> {
        match self.with_client(now_ms, body) {
            Err(_) if self.disk.failed_at == Some(Step::Committed) => Ok(()),
            edited => edited.map(drop),
        }
    }

    /// Returns the files of this user, for a defect that is planted.
    pub(super) fn files(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let name = |suffix: &str| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let paths = ["", "-wal", "-shm"].map(name).into_iter();
        paths.map(|path| (path.clone(), std::fs::read(path).ok())).collect()
    }

    fn with_client<T>(
        &mut self,
        now_ms: u64,
        body: impl FnOnce(&Client) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        self.on_machine(now_ms, |user| match &user.device {
            Some(device) => body(device.client()),
            None => Err(ClientError::Closed),
        })
    }

    /// Edits a record that nobody else writes.
    fn edit_own(
        &mut self,
        now_ms: u64,
        random: &mut Random,
        number: u64,
    ) -> Result<&'static str, ClientError> {
        let id = format!("own-{}-{number}", self.name);
        if random.chance(120) {
            self.edited(now_ms, |client| client.delete("tasks", &id))?;
            self.own.insert(id, None);
            return Ok("delete of its own");
        }
        let value = self.value();
        let digits = ["1.50", "2e3", "10000000000000000000001", "0.1000", "7"];
        let digits = random.pick(&digits).copied().unwrap_or("7");
        let by = i64::try_from(random.between(1, 9)).unwrap_or(1);
        let kind = random.below(5);
        // Long enough to be told by what differs.
        let stage = format!("{}{value}", "Nothing else of it changes. ".repeat(150));
        let edit = |r: Edit| match kind {
            0 => r.set("/title", value.as_str()),
            1 => r.set("/x/later", number_of(digits)),
            2 => r.set("/stage", stage.as_str()),
            3 => r.increment("/views", by),
            _ => r.add("/tags", value.as_str()),
        };
        self.edited(now_ms, |client| client.edit("tasks", &id, edit))?;
        let own = self.own.entry(id).or_default().get_or_insert_default();
        match kind {
            0 => drop(own.insert("/title", OwnValue::Text(format!("\"{value}\"")))),
            1 => drop(own.insert("/x/later", OwnValue::Text(digits.to_owned()))),
            2 => drop(own.insert("/stage", OwnValue::Text(format!("\"{stage}\"")))),
            3 => match own.entry("/views").or_insert(OwnValue::Sum(0)) {
                OwnValue::Sum(sum) => *sum += by,
                _ => unreachable!("a sum stays one"),
            },
            _ => match own.entry("/tags").or_insert_with(|| OwnValue::Tags(BTreeSet::new())) {
                OwnValue::Tags(tags) => drop(tags.insert(value)),
                _ => unreachable!("tags stay tags"),
            },
        }
        Ok("edit of its own")
    }

    /// Adds to a record that everybody adds to, and writes a field there that is this user's.
    fn edit_shared(
        &mut self,
        now_ms: u64,
        random: &mut Random,
        number: u64,
        shared: &mut Shared,
    ) -> Result<&'static str, ClientError> {
        let id = format!("sum-{number}");
        let value = self.value();
        let by = i64::try_from(random.between(1, 9)).unwrap_or(1);
        let field = format!("/by-{}", self.name);
        let kind = random.below(3);
        let edit = |r: Edit| match kind {
            0 => r.increment("/views", by),
            1 => r.add("/tags", value.as_str()),
            _ => r.set(&field, value.as_str()),
        };
        self.edited(now_ms, |client| client.edit("tasks", &id, edit))?;
        match kind {
            0 => *shared.sums.entry(id).or_default() += by,
            1 => drop(shared.tags.entry(id).or_default().insert(value)),
            _ => drop(shared.fields.insert(("tasks", id, field), value)),
        }
        Ok("edit of a shared record")
    }

    /// Writes its field of a record that only those see who follow all entities.
    fn edit_contact(
        &mut self,
        now_ms: u64,
        number: u64,
        shared: &mut Shared,
    ) -> Result<&'static str, ClientError> {
        let (id, field) = (format!("all-{number}"), format!("/by-{}", self.name));
        let value = self.value();
        let edit = |r: Edit| r.set(&field, value.as_str());
        self.edited(now_ms, |client| client.edit("contacts", &id, edit))?;
        shared.fields.insert(("contacts", id, field), value);
        Ok("edit of a contact")
    }

    /// Does whatever it likes to a record that others treat in the same way.
    fn edit_mixed(
        &mut self,
        now_ms: u64,
        random: &mut Random,
        number: u64,
    ) -> Result<&'static str, ClientError> {
        let id = format!("mix-{number}");
        let value = self.value();
        if random.chance(200) {
            self.edited(now_ms, |client| client.delete("tasks", &id))?;
            return Ok("delete of a shared record");
        }
        let kinds = [random.below(6), random.below(6)];
        let price = i64::try_from(random.below(100)).unwrap_or_default();
        let one = |r: Edit, kind: u64| match kind {
            0 => r.set("/title", value.as_str()),
            1 => r.set("/price", price),
            2 => r.set("/stage", value.as_str()),
            3 => r.increment("/views", price),
            4 => r.unset("/title"),
            _ => r.add("/tags", value.as_str()),
        };
        let edit = |r: Edit| match kinds {
            [first, second] if first % 3 != second % 3 => one(one(r, first), second),
            [first, _] => one(r, first),
        };
        self.edited(now_ms, |client| client.edit("tasks", &id, edit))?;
        Ok("edit of a mixed record")
    }

    /// Makes a note, or writes into one that it is shown: perhaps more than it is allowed to.
    fn edit_note(&mut self, now_ms: u64, random: &mut Random) -> Result<&'static str, ClientError> {
        let shown = self.with_client(now_ms, |client| client.query(&Query::new("notes")))?;
        let own = match self.rights {
            Rights::Member { team } => team,
            Rights::Chief => random.pick(&TEAMS).copied().unwrap_or_default(),
        };
        let team = if random.chance(100) { random.pick(&TEAMS).copied() } else { None };
        let (team, state) = (team.unwrap_or(own), random.pick(&STATES).copied());
        let state = state.unwrap_or_default();
        let value = self.note_word("");
        let known = random.pick(&shown).filter(|_| random.chance(750));
        let Some(known) = known.map(|record| record.id().as_str().to_owned()) else {
            let id = self.note_word("id");
            self.edited(now_ms, |client| {
                client.edit("notes", &id, |r| {
                    r.set(TEAM, team).set(STATE, state).set("/title", value.as_str())
                })
            })?;
            return Ok("note made");
        };
        if random.chance(80) {
            self.edited(now_ms, |client| client.delete("notes", &known))?;
            return Ok("note deleted");
        }
        let by = i64::try_from(random.between(1, 9)).unwrap_or(1);
        let is_chief = self.rights == Rights::Chief;
        let kind = random.below(if is_chief { 9 } else { 7 });
        self.edited(now_ms, |client| {
            client.edit("notes", &known, |r| match kind {
                0 => r.set("/title", value.as_str()),
                1 => r.increment("/views", by),
                2 => r.add("/tags", value.as_str()),
                3 | 4 => r.set(STATE, state),
                5 => r.set(PLACE, value.as_str()),
                6 => r.set(STATE, state).set("/title", value.as_str()),
                7 => r.set(BUDGET, value.as_str()),
                _ => r.set(TEAM, team).increment("/views", by),
            })
        })?;
        Ok("edit of a note")
    }

    /// Returns a new word of this user.
    fn note_word(&mut self, kind: &str) -> String {
        self.value_next += 1;
        let word = format!("{}-note-{}-{kind}{}", self.mark, self.name, self.value_next);
        self.written.extend(words_of(&word).map(str::to_owned));
        word
    }

    /// Gives up what the hub has refused, or tries it once more; edits of texts are always given up: they
    /// were made for a text that is gone.
    ///
    /// - `again`: whether it is tried once more.
    pub(super) fn settle_refused(
        &mut self,
        now_ms: u64,
        again: bool,
        words: &mut Words,
    ) -> Result<(), ClientError> {
        let refused = self.with_client(now_ms, |client| {
            words.note_refused(client);
            let refused = client.quarantine()?;
            for waiting in &refused {
                match again && waiting.entity.as_str() == "notes" {
                    true => drop(client.retry(&waiting.operation)?),
                    false => client.discard(&waiting.operation)?,
                }
            }
            Ok(refused)
        })?;
        self.is_woken |= !refused.is_empty();
        Ok(())
    }

    /// Deletes all contacts that it holds: a defect, planted.
    pub(super) fn delete_contacts(&mut self, now_ms: u64) {
        let deleted = self.with_client(now_ms, |client| {
            for record in client.query(&Query::new("contacts"))? {
                client.delete("contacts", record.id().as_str())?;
            }
            Ok(())
        });
        drop(deleted);
    }
}

/// Returns what a record shows, as its only writer knows it.
pub(super) fn shown(record: &Record) -> Own {
    let mut shown = Own::new();
    for field in ["/title", "/stage", "/x/later"] {
        if let Some(value) = record.get(field) {
            shown.insert(field, OwnValue::Text(value.to_compact_string()));
        }
    }
    if let Some(sum) = record.number("/views") {
        shown.insert("/views", OwnValue::Sum(sum_of(&sum)));
    }
    if let Some(Json::Array(tags)) = record.get("/tags") {
        let tags = tags.iter().filter_map(|tag| tag.as_str().map(str::to_owned));
        shown.insert("/tags", OwnValue::Tags(tags.collect()));
    }
    shown
}

pub(super) fn sum_of(number: &Number) -> i64 {
    number.as_str().parse().unwrap_or(i64::MIN)
}

fn number_of(digits: &str) -> Json {
    Json::Number(Number::parse(digits).expect("invariant: these digits are a number"))
}
