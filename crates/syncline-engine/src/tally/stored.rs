//! How a tally is kept over a restart: as JSON of numbers.

use syncline_model::json::{Json, Object, parse};
use thiserror::Error;

use super::hours::{Count, HOURS_KEPT, Sum, Tally, Took};
use super::spread::{PLACES_MAX, Spread};

/// The form of what is stored.
const FORM: u64 = 1;

/// What is stored is no tally.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("what is stored of the hours of the hub is damaged")]
pub struct DamagedTally;

impl Tally {
    /// Returns it as it is stored.
    pub fn encode(&self) -> String {
        let hours = self.hours.iter().map(|(number, hour)| {
            let mut row = vec![Json::from(*number), numbers(hour.counts.iter().copied())];
            row.push(Json::Array(hour.spreads.iter().map(spread_row).collect()));
            row.push(hour.consistency_min.map_or(Json::Null, Json::from));
            Json::Array(row)
        });
        let mut document = Object::new();
        document.insert("form", FORM);
        document.insert("hours", Json::Array(hours.collect()));
        Json::Object(document).to_compact_string()
    }

    /// Reads what is stored.
    ///
    /// # Errors
    ///
    /// [`DamagedTally`]; the caller begins anew.
    pub fn decode(bytes: &[u8]) -> Result<Self, DamagedTally> {
        decoded(bytes).ok_or(DamagedTally)
    }
}

fn numbers(numbers: impl Iterator<Item = u64>) -> Json {
    Json::Array(numbers.map(Json::from).collect())
}

fn spread_row(spread: &Spread) -> Json {
    numbers(spread.places().flat_map(|(place, count)| [u64::from(place), count]))
}

fn decoded(bytes: &[u8]) -> Option<Tally> {
    let document = parse(bytes).ok()?;
    let document = document.as_object()?;
    let rows = document.get("hours")?.as_array()?;
    if number(document.get("form")?)? != FORM || rows.len() > HOURS_KEPT {
        return None;
    }
    let mut tally = Tally::default();
    for row in rows {
        let [hour, counts, spreads, consistency] = row.as_array()? else { return None };
        let mut sum = Sum { hours: 1, ..Sum::default() };
        let (counts, spreads) = (counts.as_array()?, spreads.as_array()?);
        // What is counted since a later version of the program is not there.
        if counts.len() > Count::ALL.len() || spreads.len() > Took::ALL.len() {
            return None;
        }
        for (known, count) in sum.counts.iter_mut().zip(counts) {
            *known = number(count)?;
        }
        for (known, places) in sum.spreads.iter_mut().zip(spreads) {
            for pair in places.as_array()?.chunks(2) {
                let [place, count] = pair else { return None };
                let place = u32::try_from(number(place)?).ok().filter(|one| *one < PLACES_MAX)?;
                known.add_at(place, number(count)?);
            }
        }
        if !matches!(consistency, Json::Null) {
            sum.consistency_min = Some(number(consistency)?);
        }
        tally.hours.insert(number(hour)?, sum);
    }
    Some(tally)
}

fn number(value: &Json) -> Option<u64> {
    u64::try_from(value.as_number()?.to_i64()?).ok()
}
