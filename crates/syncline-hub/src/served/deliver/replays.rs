//! Replays: what was chosen is given to the machine piece by piece, as fast as it sends. How far that is
//! stands on disk with each piece, so that a hub that starts again goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use syncline_engine::deliver::{Filter, Forgotten, Notice, Past, Refusal, Selection};
use syncline_engine::rows::{Batch, Key, MetaName, Scan};
use syncline_model::id::{EndpointId, Position};
use syncline_model::json::{Json, Object, parse};
use syncline_store::Read;

use super::super::{KeptRequest, ServeError};
use super::choosing::{Counted, Piece, Stretch, look};
use super::endpoints::DeliveryError;
use super::notices::commit;
use super::turn::Deliveries;
use crate::limits::{REPLAY_AHEAD_MAX, REPLAY_ROWS_AT_ONCE, REPLAYS_KEPT_MAX, REPLAYS_RUNNING_MAX};
use crate::request::Actor;

/// What the names of the rows begin with.
const NAME_START: &str = "replay.";

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayState {
    /// Some of it has still to be given to the queues.
    Running,
    /// All of it was.
    Done,
    /// Somebody has ended it.
    Stopped,
}

impl ReplayState {
    const ALL: [Self; 3] = [Self::Running, Self::Done, Self::Stopped];

    /// Returns the word for it, as in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
        }
    }
}

/// What is replayed of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayPart {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Up to which place in the log deliveries were looked at.
    pub after: Position,
    /// Up to which place they are meant.
    pub until: Position,
    /// Where deliveries were forgotten before it began, and of those that it has yet to look at. What it has looked at
    /// may be forgotten meanwhile: that says nothing of what was missed further on.
    pub forgotten: Option<Forgotten>,
    /// How many are made again.
    pub taken: u64,
    /// How many were left as they are: they were not final any more, or nothing is left of them or of what became of
    /// them.
    pub passed: u64,
}

/// A replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayRow {
    /// When somebody has asked for it, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Who.
    pub by: String,
    /// What is meant.
    pub selection: Selection,
    /// How many there were by then.
    pub counted: u64,
    /// How far it is.
    pub state: ReplayState,
    /// What is replayed of each endpoint.
    pub parts: Vec<ReplayPart>,
}

impl ReplayRow {
    fn end_if_done(&mut self) {
        if self.parts.iter().all(|part| part.after >= part.until) {
            self.state = ReplayState::Done;
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut row = Object::new();
        row.insert("createdMs", self.created_ms);
        row.insert("by", self.by.as_str());
        row.insert("fromMs", self.selection.from_ms);
        row.insert("toMs", self.selection.to_ms);
        let types = self.selection.types.patterns().map(Json::from);
        row.insert("types", types.collect::<Vec<Json>>());
        let past = self.selection.past.iter().map(|past| Json::from(past.as_str()));
        row.insert("past", past.collect::<Vec<Json>>());
        row.insert("counted", self.counted);
        row.insert("state", self.state.as_str());
        let parts = self.parts.iter().map(|part| {
            let mut members = Object::new();
            members.insert("endpoint", part.endpoint.as_str());
            members.insert("after", part.after.0);
            members.insert("until", part.until.0);
            if let Some(Forgotten { first, last }) = part.forgotten {
                members.insert("forgotten", vec![Json::from(first.0), Json::from(last.0)]);
            }
            members.insert("taken", part.taken);
            members.insert("passed", part.passed);
            Json::Object(members)
        });
        row.insert("parts", parts.collect::<Vec<Json>>());
        Json::Object(row).to_compact_string().into_bytes()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let row = parse(bytes).ok()?;
        let row = row.as_object()?;
        let words = |name: &str| -> Option<Vec<&str>> {
            row.get(name)?.as_array()?.iter().map(Json::as_str).collect()
        };
        let past: Option<BTreeSet<Past>> =
            words("past")?.into_iter().map(Past::from_word).collect();
        let selection = Selection {
            from_ms: number(row, "fromMs")?,
            to_ms: number(row, "toMs")?,
            types: Filter::new(words("types")?).ok()?,
            past: past?,
        };
        let part = |part: &Json| {
            let part = part.as_object()?;
            Some(ReplayPart {
                endpoint: EndpointId::new(part.get("endpoint")?.as_str()?).ok()?,
                after: Position(number(part, "after")?),
                until: Position(number(part, "until")?),
                forgotten: match part.get("forgotten") {
                    Some(stretch) => Some(forgotten(stretch)?),
                    None => None,
                },
                taken: number(part, "taken")?,
                passed: number(part, "passed")?,
            })
        };
        let state = row.get("state")?.as_str()?;
        Some(Self {
            created_ms: number(row, "createdMs")?,
            by: row.get("by")?.as_str()?.to_owned(),
            selection,
            counted: number(row, "counted")?,
            state: ReplayState::ALL.into_iter().find(|known| known.as_str() == state)?,
            parts: row.get("parts")?.as_array()?.iter().map(part).collect::<Option<_>>()?,
        })
    }
}

/// Replays by their ids.
type Replays = BTreeMap<Box<str>, ReplayRow>;

fn number(row: &Object, name: &str) -> Option<u64> {
    row.get(name)?.as_number()?.to_i64().and_then(|number| u64::try_from(number).ok())
}

fn forgotten(stretch: &Json) -> Option<Forgotten> {
    let [first, last] = stretch.as_array()? else { return None };
    let position = |number: &Json| {
        let number = number.as_number()?.to_i64()?;
        u64::try_from(number).ok().map(Position)
    };
    Some(Forgotten { first: position(first)?, last: position(last)? })
}

pub(super) fn key(id: &str) -> Option<Key> {
    MetaName::new(&format!("{NAME_START}{id}")).ok().map(Key::Meta)
}

/// Reads all replays that are remembered, and the ids of those whose rows cannot be read: they do not go on.
pub(super) fn read_replays(rows: &dyn Read) -> Result<(Replays, Vec<Box<str>>), ServeError> {
    let (mut found, mut damaged) = (BTreeMap::new(), Vec::new());
    rows.scan(&Scan::Meta, None, usize::MAX, &mut |key, bytes| {
        let Key::Meta(name) = key else { return ControlFlow::Continue(()) };
        if let Some(id) = name.as_str().strip_prefix(NAME_START) {
            match ReplayRow::decode(bytes) {
                Some(row) => drop(found.insert(id.into(), row)),
                None => damaged.push(id.into()),
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok((found, damaged))
}

impl Deliveries {
    /// Returns where deliveries of endpoints would be looked for to be made again.
    ///
    /// # Errors
    ///
    /// [`DeliveryError::Refused`] if one is not known.
    pub fn stretches(&self, endpoints: &[EndpointId]) -> Result<Vec<Stretch>, DeliveryError> {
        let stretch = |endpoint: &EndpointId| {
            let row = self.endpoints.get(endpoint).ok_or(Refusal::EndpointUnknown)?;
            let (_, until) = self.dispatch.standing(endpoint).ok_or(Refusal::EndpointUnknown)?;
            let filter = row.settings.filter.clone();
            let forgotten = self.dispatch.forgotten(endpoint);
            let (endpoint, after) = (endpoint.clone(), Position(0));
            Ok(Stretch { endpoint, filter, after, until, forgotten })
        };
        endpoints.iter().map(stretch).collect()
    }

    /// Returns all replays that are remembered, the latest first.
    pub fn replays(&self) -> Vec<(Box<str>, ReplayRow)> {
        let all = self.replays.iter().map(|(id, row)| (id.clone(), row.clone()));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(_, row)| std::cmp::Reverse(row.created_ms));
        all
    }

    /// Begins a replay. One of the same id is the same: it goes on as it is.
    ///
    /// - `counted`: what was counted of it before.
    /// - `kept`: what is remembered of the key of the request, if it may be repeated; on disk with the replay.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]; nothing is changed.
    pub fn begin_replay(
        &mut self,
        id: &str,
        (now_ms, selection): (u64, Selection),
        (stretches, counted): (Vec<Stretch>, &Counted),
        (actor, kept): (&Actor, Option<KeptRequest>),
    ) -> Result<ReplayRow, DeliveryError> {
        if let Some(known) = self.replays.get(id) {
            return Ok(known.clone());
        }
        let running = self.replays.values().filter(|row| row.state == ReplayState::Running).count();
        if running >= REPLAYS_RUNNING_MAX {
            return Err(DeliveryError::ReplaysFull);
        }
        let part = |stretch: Stretch| {
            let Stretch { endpoint, after, until, .. } = stretch;
            // More may have been forgotten since they were counted.
            let forgotten = self.dispatch.forgotten(&endpoint);
            ReplayPart { endpoint, after, until, forgotten, taken: 0, passed: 0 }
        };
        let mut row = ReplayRow {
            created_ms: now_ms,
            by: actor.user.clone().unwrap_or_else(|| "admin".to_owned()),
            selection,
            counted: counted.count,
            state: ReplayState::Running,
            parts: stretches.into_iter().map(part).collect(),
        };
        row.end_if_done();
        let mut batch = Batch::new();
        let forgotten = self.oldest_ended();
        if let Some(key) = forgotten.as_deref().and_then(key) {
            batch.delete(key);
        }
        batch.put(key(id).ok_or(ServeError::Busy)?, row.encode());
        if let Some(kept) = kept {
            kept.put(&mut batch);
        }
        self.note_replay(batch, "REPLAY_BEGUN", (id, &row), actor)?;
        if let Some(forgotten) = forgotten {
            self.replays.remove(&forgotten);
        }
        self.replays.insert(id.into(), row.clone());
        Ok(row)
    }

    /// Ends a replay: what was given to the queues is sent, and nothing more of it.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]; nothing is changed.
    pub fn stop_replay(&mut self, id: &str, actor: &Actor) -> Result<ReplayRow, DeliveryError> {
        let known = self.replays.get(id).ok_or(DeliveryError::ReplayUnknown)?;
        if known.state != ReplayState::Running {
            return Ok(known.clone());
        }
        let row = ReplayRow { state: ReplayState::Stopped, ..known.clone() };
        let mut batch = Batch::new();
        batch.put(key(id).ok_or(DeliveryError::ReplayUnknown)?, row.encode());
        self.note_replay(batch, "REPLAY_STOPPED", (id, &row), actor)?;
        self.replays.insert(id.into(), row.clone());
        Ok(row)
    }

    fn note_replay(
        &mut self,
        batch: Batch,
        action: &'static str,
        (id, row): (&str, &ReplayRow),
        actor: &Actor,
    ) -> Result<(), ServeError> {
        let mut details = Object::new();
        details.insert("replay", id);
        let endpoints = row.parts.iter().map(|part| Json::from(part.endpoint.as_str()));
        details.insert("endpoints", endpoints.collect::<Vec<Json>>());
        details.insert("counted", row.counted);
        self.note_details(batch, action, details, actor)
    }

    /// Returns the oldest replay that has ended, if there are as many as are remembered.
    fn oldest_ended(&self) -> Option<Box<str>> {
        if self.replays.len() < REPLAYS_KEPT_MAX {
            return None;
        }
        let ended = self.replays.iter().filter(|(_, row)| row.state != ReplayState::Running);
        ended.min_by_key(|(_, row)| row.created_ms).map(|(id, _)| id.clone())
    }

    /// Gives the machine the next piece of one replay that it has room for. Answers whether there was one.
    ///
    /// What was decided before is committed first: it may be about the same deliveries.
    pub(super) fn replay_piece(&mut self, now: u64, batch: &mut Batch) -> Result<bool, ServeError> {
        let Some((id, index, until)) = self.next_part() else { return Ok(false) };
        commit(&self.served, std::mem::take(batch), &[])?;
        let mut unread = None;
        let Some(row) = self.replays.get_mut(&id) else { return Ok(false) };
        let selection = row.selection.clone();
        let Some(part) = row.parts.get_mut(index) else { return Ok(false) };
        match until.zip(self.endpoints.get(&part.endpoint)) {
            None => part.after = part.until,
            Some((until, endpoint)) => {
                let stretch = Stretch {
                    endpoint: part.endpoint.clone(),
                    filter: endpoint.settings.filter.clone(),
                    after: part.after,
                    until,
                    forgotten: part.forgotten,
                };
                let rows = self.served.reader()?;
                match look(&*rows, &selection, &stretch, REPLAY_ROWS_AT_ONCE) {
                    Ok(Piece { to, found, forgotten, not_kept, mut damaged, .. }) => {
                        let places: Vec<Position> =
                            found.iter().map(|one| one.event.position).collect();
                        let replayed =
                            self.dispatch.handle_replay(now, &part.endpoint, found, batch);
                        let replayed = replayed.unwrap_or_default();
                        // What the machine has no room for comes again with the next piece.
                        let next = places.get(replayed.looked_at);
                        part.after = next.map_or(to, |next| Position(next.0.saturating_sub(1)));
                        let left = (replayed.looked_at - replayed.taken) as u64;
                        part.taken += replayed.taken as u64;
                        damaged.retain(|(position, _)| *position <= part.after);
                        part.passed += left + damaged.len() as u64;
                        part.passed += if next.is_none() { forgotten + not_kept } else { 0 };
                        unread = Some((part.endpoint.clone(), damaged));
                    }
                    // Where the replay is in the log cannot be told: it ends, and nothing else does.
                    Err(error) if error.damaged_table().is_some() => {
                        row.state = ReplayState::Stopped;
                        self.noticed.push(Notice::ReplayDamaged { replay: id.clone() });
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        row.end_if_done();
        if let Some(key) = key(&id) {
            batch.put(key, row.encode());
        }
        if let Some((endpoint, damaged)) = unread {
            for (position, table) in damaged {
                if table == "log" {
                    self.note_damaged_entry(position);
                } else {
                    let endpoint = Some(endpoint.clone());
                    self.noticed.push(Notice::RowDamaged { endpoint, position, table });
                }
            }
        }
        Ok(true)
    }

    /// Returns which part of which replay can go on, and up to where; nothing for an endpoint that is gone.
    fn next_part(&self) -> Option<(Box<str>, usize, Option<Position>)> {
        let running = self.replays.iter().filter(|(_, row)| row.state == ReplayState::Running);
        for (id, row) in running {
            for (index, part) in row.parts.iter().enumerate() {
                if part.after >= part.until {
                    continue;
                }
                let Some((pending, read_to)) = self.dispatch.standing(&part.endpoint) else {
                    return Some((id.clone(), index, None));
                };
                // After a start it reads again what it had read: only up to there deliveries are known.
                let until = part.until.min(read_to);
                if pending < REPLAY_AHEAD_MAX && part.after < until {
                    return Some((id.clone(), index, Some(until)));
                }
            }
        }
        None
    }
}
