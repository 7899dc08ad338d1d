//! Exchanging values one for one, so that every one of them has a way back.

use std::collections::BTreeMap;

use crate::json::{Json, Kind, Leaf, Number};

use super::operation::Direction;
use super::step::{Conversion, Otherwise};

/// The values of a [`Step::Map`](super::Step::Map), ready to be looked up both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ValueMap {
    up: BTreeMap<Leaf, Leaf>,
    down: BTreeMap<Leaf, Leaf>,
    otherwise: Otherwise,
}

impl ValueMap {
    /// Takes pairs of (older, newer), or tells which is the first that repeats a value.
    pub(super) fn new(pairs: &[(Leaf, Leaf)], otherwise: Otherwise) -> Result<Self, usize> {
        let mut map = Self { up: BTreeMap::new(), down: BTreeMap::new(), otherwise };
        for (index, (old, new)) in pairs.iter().enumerate() {
            let old_is_known = map.up.insert(old.clone(), new.clone()).is_some();
            let new_is_known = map.down.insert(new.clone(), old.clone()).is_some();
            if old_is_known || new_is_known {
                return Err(index);
            }
        }
        if otherwise == Otherwise::Keep {
            map.close();
        }
        Ok(map)
    }

    /// Makes a permutation of the pairs: where `a` became `b` and nothing became `a`, a stray `b`
    /// of the older version becomes `a`. Else it could not be told from `a` on the way down.
    fn close(&mut self) {
        let ends: Vec<Leaf> =
            self.down.keys().filter(|new| !self.up.contains_key(*new)).cloned().collect();
        for end in ends {
            let mut start = &end;
            while let Some(before) = self.down.get(start) {
                start = before;
            }
            let start = start.clone();
            self.up.insert(end.clone(), start.clone());
            self.down.insert(start, end);
        }
    }

    /// Returns the value at the other version; `None` if it is refused.
    pub(super) fn apply(&self, direction: Direction, leaf: &Leaf) -> Option<Leaf> {
        each_element(leaf, |value| {
            let known = match direction {
                Direction::Up => self.up.get(value),
                Direction::Down => self.down.get(value),
            };
            match self.otherwise {
                Otherwise::Keep => Some(known.unwrap_or(value).clone()),
                Otherwise::Refuse => known.cloned(),
            }
        })
    }
}

impl Conversion {
    /// Returns the value as the other version writes it; `None` if it would not come back.
    pub(super) fn apply(self, direction: Direction, leaf: &Leaf) -> Option<Leaf> {
        each_element(leaf, |value| match (self, direction) {
            (Self::StringToNumber, Direction::Up) | (Self::NumberToString, Direction::Down) => {
                let text = value.as_string()?;
                let number = Number::parse(&text).ok()?;
                (number.canonical() == text).then(|| Leaf::from(&number))
            }
            (Self::StringToNumber, Direction::Down) | (Self::NumberToString, Direction::Up) => {
                string(value.as_number()?.canonical())
            }
            (Self::StringToBool, Direction::Up) | (Self::BoolToString, Direction::Down) => {
                match &*value.as_string()? {
                    "true" => Some(Leaf::from(true)),
                    "false" => Some(Leaf::from(false)),
                    _ => None,
                }
            }
            (Self::StringToBool, Direction::Down) | (Self::BoolToString, Direction::Up) => {
                string(value.as_bool()?.to_string())
            }
        })
    }
}

fn string(text: String) -> Option<Leaf> {
    Leaf::from_json(&Json::String(text)).ok()
}

/// Changes a value or, in an array, each element; `null` stays. `None` if one is refused.
pub(super) fn each_element(leaf: &Leaf, change: impl Fn(&Leaf) -> Option<Leaf>) -> Option<Leaf> {
    let change = |value: &Leaf| {
        if value.is_null() { Some(value.clone()) } else { change(value) }
    };
    if leaf.kind() != Kind::Array {
        return change(leaf);
    }
    let Json::Array(elements) = leaf.to_json() else {
        return change(leaf);
    };
    let mut is_changed = false;
    let mut changed = Vec::with_capacity(elements.len());
    for element in &elements {
        let before = Leaf::from_json(element).ok()?;
        let after = change(&before)?;
        is_changed |= after.as_str() != before.as_str();
        changed.push(after.to_json());
    }
    if is_changed { Leaf::from_json(&Json::Array(changed)).ok() } else { Some(leaf.clone()) }
}
