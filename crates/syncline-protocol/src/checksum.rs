//! What the records of a view add up to: two who hold the same say the same, whatever came in which
//! order.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use syncline_merge::display::Fields;
use syncline_model::id::{EntityName, RecordId};

use crate::text::JsonText;
use crate::token::TokenText;

/// The sum of all records of a view, of which each counts as a number of 128 bits.
///
/// It finds what was lost or changed by accident; it is no proof against somebody who chooses records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum(u128);

impl Checksum {
    /// Adds a record that is there.
    ///
    /// It counts as the first 16 bytes of the SHA-256, big end first, of the canonical JSON of entity, id
    /// and record in an array. Sums are of 128 bits: what is beyond is dropped.
    pub fn add(&mut self, entity: &EntityName, id: &RecordId, fields: &Fields) {
        self.0 = self.0.wrapping_add(number_of(entity, id, fields, None));
    }

    /// Adds a record with the details of its token, behind the record in the array, if it has any: whoever
    /// holds the same may be told short tokens of it.
    pub fn add_held(
        &mut self,
        entity: &EntityName,
        id: &RecordId,
        fields: &Fields,
        token: Option<&TokenText>,
    ) {
        let details = token.and_then(TokenText::details);
        self.0 = self.0.wrapping_add(number_of(entity, id, fields, details));
    }

    /// Returns the sum of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// Takes a record away that was added.
    pub fn remove(&mut self, entity: &EntityName, id: &RecordId, fields: &Fields) {
        self.0 = self.0.wrapping_sub(number_of(entity, id, fields, None));
    }
}

fn number_of(entity: &EntityName, id: &RecordId, fields: &Fields, details: Option<&str>) -> u128 {
    let mut text = JsonText::default();
    text.open('[').string(entity.as_str()).string(id.as_str());
    text.canonical_record(fields);
    if let Some(details) = details {
        text.string(details);
    }
    text.close(']');
    let digest: [u8; 32] = Sha256::digest(text.into_string().as_bytes()).into();
    let (first, _) = digest.split_first_chunk().expect("invariant: a digest has 32 bytes");
    u128::from_be_bytes(*first)
}

/// 32 hexadecimal digits.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Checksum {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use syncline_model::json::fields::flatten;

    use super::*;

    fn sum(records: &[(&str, &str, &str)]) -> Checksum {
        let mut sum = Checksum::default();
        for (entity, id, record) in records {
            let fields = flatten(record.as_bytes()).unwrap();
            sum.add(&EntityName::new(entity).unwrap(), &RecordId::new(id).unwrap(), &fields);
        }
        sum
    }

    #[test]
    fn the_sum_is_that_of_the_description_whatever_the_order_and_the_digits() {
        let whole =
            [("tasks", "t1", r#"{"a":{"c":1.0,"b":[2e0,"é"]},"a-b":null}"#), ("notes", "n", "{}")];
        let other =
            [("notes", "n", "{}"), ("tasks", "t1", r#"{"a-b":null,"a":{"b":[2,"\u00e9"],"c":1}}"#)];
        assert_eq!(sum(&whole), sum(&other));
        // sha256sum of ["notes","n",{}]
        assert_eq!(sum(&whole[1..]).to_string(), "3fffdfa4d2385618b5c39508ce0b7a2d");
        // sha256sum of ["tasks","t1",{"a":{"b":[2,"é"],"c":1},"a-b":null}]
        assert_eq!(sum(&whole[..1]).to_string(), "e6b3e8d272b2f947161d003d00bc5f5b");
        assert_eq!(Ok(sum(&whole)), sum(&whole).to_string().parse());
        let [mut left, right] = [sum(&whole), sum(&whole[1..])];
        left.remove(
            &EntityName::new("tasks").unwrap(),
            &RecordId::new("t1").unwrap(),
            &flatten(whole[0].2.as_bytes()).unwrap(),
        );
        assert_eq!(left, right);
        assert_eq!("".parse::<Checksum>(), Err(()));
    }

    #[test]
    fn what_is_held_counts_with_the_details_of_its_token() {
        let held = |token: Option<&str>| {
            let mut sum = Checksum::default();
            let token = token.map(|token| TokenText::new(token).unwrap());
            let (entity, id) = (EntityName::new("notes").unwrap(), RecordId::new("n").unwrap());
            sum.add_held(&entity, &id, &Vec::new(), token.as_ref());
            sum.to_string()
        };
        let plain = sum(&[("notes", "n", "{}")]).to_string();
        assert_eq!([held(None), held(Some("AA"))], [plain.clone(), plain]);
        assert_eq!(held(Some("AA~BB")), held(Some("AA~CC")));
        // sha256sum of ["notes","n",{},"AA"]
        assert_eq!(held(Some("AA~BB")), "76ea438ab1211b3b78ff6a6e59106a01");
    }

    #[test]
    fn a_text_that_is_no_sum_is_refused() {
        assert_eq!("".parse::<Checksum>(), Err(()));
        assert_eq!("+f".repeat(16).parse::<Checksum>(), Err(()));
    }
}
