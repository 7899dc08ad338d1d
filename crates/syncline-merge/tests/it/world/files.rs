//! Plain writers: a file with two records, which somebody edits, and which a hub reads and writes,
//! sometimes crashing between the write and its confirmation.

use syncline_merge::display::{Fields, visible};
use syncline_merge::plain::{Base, Intent, Notice, Reading, Taken, take};
use syncline_merge::rules::EntityRules;
use syncline_model::clock::Clock;
use syncline_model::id::Writer;
use syncline_model::path::Path;

use super::clients::claimed;
use super::random::Random;
use super::reading::{edit, effect_of, meant_value_is_there, statement_of};
use super::seeing::Seeing;
use super::{RECORDS, World};
use crate::oracle::mirror::{self, Writing};
use crate::oracle::{GROUPS, Seen, TOPS, group};
use syncline_merge::operation::{Effect, FieldOperation, Operation};

/// A file, and what its hub keeps about it.
pub(crate) struct PlainWriter {
    name: Writer,
    pub(crate) hub: usize,
    /// Whether its times can be trusted.
    timed: bool,
    /// What it really holds.
    pub(crate) files: Vec<Option<Fields>>,
    pub(crate) bases: Vec<Option<Base>>,
    /// What the oracle takes the hub to believe.
    pub(crate) believed: Vec<Option<Believed>>,
    /// Whether the last write really happened, where its confirmation was lost.
    written: Vec<bool>,
    /// Open reports that the record was deleted here.
    open: Vec<bool>,
    /// Whether nothing was read since the bases were lost.
    unread: Vec<bool>,
    /// The parts that it is not shown.
    hidden: Vec<usize>,
}

/// What a base says, told in sets.
#[derive(Clone, Default)]
pub(crate) struct Believed {
    content: Option<Fields>,
    seeing: Seeing,
    /// Its own changes since it was shown each part.
    own: Seen,
    intent: Option<Meant>,
}

/// What a hub means to write.
#[derive(Clone, Default)]
struct Meant {
    content: Option<Fields>,
    seeing: Seeing,
    /// The parts that are not shown.
    hidden: Vec<usize>,
}

/// A reading, as the oracle has to know it.
struct Read {
    record: usize,
    name: Writer,
    edited: Clock,
    now_ms: u64,
    rules: EntityRules,
}

impl PlainWriter {
    pub(crate) fn new(index: usize, hub: usize, timed: bool) -> Self {
        Self {
            name: Writer::new(&format!("file-{index}")).unwrap(),
            hub,
            timed,
            files: vec![None; RECORDS],
            bases: vec![None; RECORDS],
            believed: vec![None; RECORDS],
            written: vec![false; RECORDS],
            open: vec![false; RECORDS],
            unread: vec![false; RECORDS],
            hidden: vec![],
        }
    }

    /// Whether a record must not be forgotten for its sake.
    pub(crate) fn holds(&self, record: usize) -> bool {
        self.open[record] || self.unread[record]
    }

    /// Whether it holds what its hub should take away once the record is gone.
    pub(crate) fn keeps_copy(&self, record: usize) -> bool {
        self.files[record].is_some()
            || self.believed[record].as_ref().is_some_and(|b| b.content.is_some())
    }

    pub(crate) fn forget(&mut self, record: usize) {
        self.bases[record] = None;
        self.believed[record] = None;
    }

    pub(crate) fn lose_bases(&mut self) {
        for record in 0..RECORDS {
            self.bases[record] = None;
            self.believed[record] = None;
            self.open[record] = false;
            self.unread[record] = self.files[record].is_some();
        }
    }
}

impl World {
    pub(super) fn writer_edits(&mut self, random: &mut Random) -> Result<(), String> {
        let (writer, record) = (random.below(self.writers.len()), random.below(RECORDS));
        let before = self.writers[writer].files[record].clone();
        let after = edit(before, self, random);
        self.note(|| format!("file {writer}, record {record} is edited: {after:?}"));
        self.writers[writer].files[record] = after;
        Ok(())
    }

    pub(super) fn writer_is_read(&mut self, random: &mut Random) -> Result<(), String> {
        let (writer, record) = (random.below(self.writers.len()), random.below(RECORDS));
        self.read(writer, record, random).map(|_| ())
    }

    /// Reads a file; answers whether it said anything new.
    pub(super) fn read(
        &mut self,
        writer: usize,
        record: usize,
        random: &mut Random,
    ) -> Result<bool, String> {
        let edited = claimed(self.now_ms, random);
        let at = &mut self.writers[writer];
        let (hub, name, timed) = (at.hub, at.name.clone(), at.timed);
        let file = at.files[record].clone();
        let written = random.chance(40).then_some(at.written[record]);
        let base = at.bases[record].take();
        let believed = at.believed[record].take().map(|b| b.closed(written, file.as_ref()));
        at.unread[record] = false;
        let fields = file.as_ref();
        let reading = Reading { fields, writer: &name, edited, timed, written };
        let lost = self.lost.clone();
        let (real, rules, mut site) = self.hubs[hub].desk(record, self.now_ms, &lost);
        let now_ms = site.now_ms;
        let before = real.clone();
        let taken = take(real, base, &reading, &rules, &mut site)
            .map_err(|refusal| format!("file {writer} at hub {hub}: {refusal}"))?;
        self.note(|| {
            let said = taken.change.as_ref().map(|(stamp, op)| (stamp, &op.effect));
            format!("file {writer}, record {record} at hub {hub} is read: {said:?}")
        });
        self.writers[writer].open[record] = taken.notices.contains(&Notice::DeletedHere);
        let expected = self.expect_reading(hub, record, believed, file.as_ref(), &name)?;
        let Some((believed, effect)) = expected else {
            return self.expect_silence(writer, record, before, taken);
        };
        let Some(effect) = effect else {
            self.writers[writer].believed[record] = Some(believed);
            return self.expect_silence(writer, record, before, taken);
        };
        let read = Read { record, name, edited, now_ms, rules };
        self.take_effect(writer, read, believed, effect, taken)
    }

    /// Tells the oracle what a reading came to, and compares.
    fn take_effect(
        &mut self,
        writer: usize,
        read: Read,
        mut believed: Believed,
        effect: Effect,
        taken: Taken,
    ) -> Result<bool, String> {
        let (record, hub) = (read.record, self.writers[writer].hub);
        let timed = self.writers[writer].timed;
        self.count(if believed.was_known() { "readings with a base" } else { "blind readings" });
        let Taken { record: real, base, change, capped, .. } = taken;
        let (Some(real), Some((stamp, said))) = (real, change) else {
            return Err(format!("file {writer}, record {record}: {effect:?} was not understood"));
        };
        let effect = with_text_of(effect, &said.effect);
        let operation = Operation { effect, writer: read.name, edited: read.edited, timed };
        let mut seen = believed.seeing.seen;
        seen.iter_mut().zip(&believed.own).for_each(|(part, own)| part.add(own));
        let known = self.hubs[hub].known[record].clone();
        let writing = Writing {
            record,
            known: &known,
            seen: self.without_lost(&seen, &known.seen),
            own: believed.own,
            shown: &believed.seeing.shown,
            texts: &believed.seeing.texts,
            blind: self.without_lost(&believed.seeing.seen, &known.seen)[0].is_empty(),
            creates: believed.content.is_none() && believed.was_known(),
            stamp,
            now_ms: read.now_ms,
            rules: &read.rules,
            repeated: false,
        };
        let change = mirror::commit(&mut self.oracle, &writing, &operation);
        believed.own.iter_mut().for_each(|part| part.insert(change));
        believed.content = self.writers[writer].files[record].clone();
        self.writers[writer].believed[record] = Some(believed);
        self.writers[writer].bases[record] = base;
        self.keep(hub, record, real, change, &capped)?;
        Ok(true)
    }

    fn expect_silence(
        &mut self,
        writer: usize,
        record: usize,
        before: Option<syncline_merge::state::Record>,
        taken: Taken,
    ) -> Result<bool, String> {
        if let Some((_, operation)) = taken.change {
            let effect = operation.effect;
            return Err(format!("file {writer}, record {record} said nothing, not {effect:?}"));
        }
        if taken.record != before {
            return Err(format!("file {writer}, record {record}: a silent reading changed it"));
        }
        self.writers[writer].bases[record] = taken.base;
        Ok(false)
    }

    /// What a reading must come to: the base that it is compared with, and the effect; nothing at
    /// all where there is no base afterwards.
    fn expect_reading(
        &mut self,
        hub: usize,
        record: usize,
        believed: Option<Believed>,
        file: Option<&Fields>,
        name: &Writer,
    ) -> Result<Option<(Believed, Option<Effect>)>, String> {
        let known = &self.hubs[hub].known[record];
        let believed = believed.filter(|b| !b.is_nothing());
        if let Some(believed) = believed {
            let seen = (&believed.seeing.seen[group("/l")], &believed.own[group("/l")]);
            let others = self.oracle.appended_beside(record, known, "/l", seen);
            let effect = effect_of(believed.content.as_ref(), file, &others);
            let born = self.hubs[hub].records[record].as_ref().map(|real| &real.born);
            let seen = self.without_lost(&believed.seeing.seen, &known.seen);
            let forgotten = believed.was_shown()
                && born.is_some_and(|born| !born.is_empty())
                && seen[0].is_within(&known.gone[0]);
            if effect.is_none() || !forgotten {
                return Ok(Some((believed, effect)));
            }
        }
        let Some(file) = file else { return Ok(None) };
        let at = &self.hubs[hub];
        let Some(real) = &at.records[record] else {
            let effect = statement_of(None, &Fields::new(), file);
            return Ok(Some((Believed::default(), Some(Effect::Write(effect)))));
        };
        let Some(shown) = visible(real, &at.rules, Some(name)) else {
            return Ok(None);
        };
        let effect = statement_of(Some(real), &shown, file);
        if !effect.is_empty() {
            return Ok(Some((Believed::default(), Some(Effect::Write(effect)))));
        }
        // Of what it lacks it has seen nothing.
        let lacks = |path: &Path| file.iter().all(|(known, _)| known != path);
        let unseen = shown.iter().filter(|(path, _)| lacks(path));
        let unseen: Vec<usize> = unseen.map(|(path, _)| group(path.as_str())).collect();
        let seeing = self.show(hub, record, name, &unseen)?.unwrap_or_default();
        let believed = Believed { content: Some(file.clone()), seeing, ..Believed::default() };
        Ok(Some((believed, None)))
    }

    pub(super) fn writer_is_written(&mut self, random: &mut Random) -> Result<(), String> {
        let (writer, record) = (random.below(self.writers.len()), random.below(RECORDS));
        if random.chance(80) {
            self.read(writer, record, random)?;
        }
        let crash = random.below(10);
        self.write(writer, record, crash, random).map(|_| ())
    }

    /// Writes what the hub shows to a file; answers whether the file was changed.
    pub(super) fn write(
        &mut self,
        writer: usize,
        record: usize,
        crash: usize,
        random: &mut Random,
    ) -> Result<bool, String> {
        let at = &self.writers[writer];
        let (hub, name, file) = (at.hub, at.name.clone(), at.files[record].clone());
        let base = at.bases[record].clone();
        let agreed = base.as_ref().is_none_or(|base| base.intent.is_none());
        let known = base.is_some() || file.is_none();
        let Some(real) = self.hubs[hub].records[record].as_ref().filter(|_| agreed && known) else {
            return Ok(false);
        };
        let hidden = at.hidden.clone();
        let rendering = visible(real, &self.hubs[hub].rules, Some(&name));
        let rendering = rendering.map(|shown| with_hidden(shown, &hidden, base.as_ref()));
        let mut seeing = self.show(hub, record, &name, &hidden)?.unwrap_or_default();
        if let (Some(base), Some(before)) = (&base, &self.writers[writer].believed[record]) {
            seeing.keep(&hidden, &base.token, &before.seeing);
        }
        let token = seeing.token.clone();
        // Somebody may edit the file just now: the compare-and-swap fails then.
        if crash == 1 {
            let raced = edit(file.clone(), self, random);
            self.writers[writer].files[record] = raced;
        }
        let held = base.as_ref().and_then(|base| base.rendering.clone());
        let swaps = held == self.writers[writer].files[record] && crash != 2;
        let at = &mut self.writers[writer];
        at.written[record] = swaps;
        if swaps {
            at.files[record].clone_from(&rendering);
        }
        let mut base = base.unwrap_or_default();
        let mut believed = at.believed[record].take().unwrap_or_default();
        base.intent = Some(Intent { rendering: rendering.clone(), token });
        believed.intent = Some(Meant { content: rendering.clone(), seeing, hidden });
        if swaps && crash > 3 {
            base = base.with_intent_written();
            believed = believed.with_intent_written();
        } else {
            self.counts.entry("open intents").and_modify(|n| *n += 1).or_insert(1);
        }
        at.bases[record] = Some(base);
        at.believed[record] = Some(believed);
        self.note(|| {
            format!("file {writer}, record {record} is written: {swaps}, {crash}, {rendering:?}")
        });
        Ok(swaps && held != rendering)
    }

    /// Somebody decides that what was deleted here is deleted there too.
    pub(super) fn settle_deleted_here(&mut self) {
        for writer in &mut self.writers {
            for record in 0..RECORDS {
                if std::mem::take(&mut writer.open[record]) {
                    writer.files[record] = None;
                }
            }
        }
    }

    /// Some files are not shown some parts.
    pub(super) fn hide(&mut self, random: &mut Random) {
        for writer in 0..self.writers() {
            for part in 1..GROUPS {
                if random.chance(25) {
                    self.writers[writer].hidden.push(part);
                }
            }
        }
    }

    /// A file is not shown a part, or shown it again.
    pub(super) fn file_is_kept_from(&mut self, writer: usize, part: usize) {
        self.note(|| format!("file {writer} is not shown {}, or again", TOPS[part]));
        let hidden = &mut self.writers[writer].hidden;
        match hidden.iter().position(|one| *one == part) {
            Some(at) => drop(hidden.remove(at)),
            None => hidden.push(part),
        }
    }

    /// Files are shown everything.
    pub(super) fn hides_nothing(&mut self) {
        self.writers.iter_mut().for_each(|writer| writer.hidden.clear());
    }

    pub(super) fn writers(&self) -> usize {
        self.writers.len()
    }
}

impl Believed {
    fn was_known(&self) -> bool {
        self.was_shown() || !self.own[0].is_empty()
    }

    /// Whether the hub has ever written there.
    fn was_shown(&self) -> bool {
        !self.seeing.token.version.is_empty()
    }

    /// Whether the writer never held the record, and nobody wrote it there.
    fn is_nothing(&self) -> bool {
        self.content.is_none() && !self.was_shown() && self.own[0].is_empty()
    }

    /// Takes an open intent as written or not, as far as can be told.
    fn closed(mut self, written: Option<bool>, file: Option<&Fields>) -> Self {
        let Some(meant) = self.intent.take() else {
            return self;
        };
        let written = written.unwrap_or_else(|| {
            let content = meant.content.as_ref();
            content == file || meant_value_is_there(self.content.as_ref(), content, file)
        });
        self.intent = written.then_some(meant);
        self.with_intent_written()
    }

    /// The writer holds what was to be written: it has seen all that it was shown, and goes on from its
    /// own changes of what it was not.
    fn with_intent_written(self) -> Self {
        let Some(Meant { content, seeing, hidden }) = self.intent else {
            return self;
        };
        let mut own = Seen::default();
        for part in hidden {
            own[part] = self.own[part];
        }
        Self { content, seeing, own, intent: None }
    }
}

/// What a writer is to hold that is not shown some parts: there it keeps what it holds.
fn with_hidden(shown: Fields, hidden: &[usize], base: Option<&Base>) -> Fields {
    let is_hidden = |path: &Path| hidden.contains(&group(path.as_str()));
    let held = base.and_then(|base| base.rendering.clone()).unwrap_or_default();
    let shown = shown.into_iter().filter(|(path, _)| !is_hidden(path));
    let mut fields: Fields = shown.chain(held.into_iter().filter(|(p, _)| is_hidden(p))).collect();
    fields.sort();
    fields
}

/// Takes the text operation from what was really done: the oracle does not compare texts itself.
fn with_text_of(effect: Effect, said: &Effect) -> Effect {
    let (Effect::Write(mut fields), Effect::Write(said)) = (effect.clone(), said) else {
        return effect;
    };
    for field in &mut fields {
        if matches!(field, FieldOperation::BeginText { .. })
            && let Some(real) = said.iter().find(|real| real.path() == field.path())
        {
            *field = real.clone();
        }
    }
    Effect::Write(fields)
}
