//! What the readers of stored forms have in common.

use syncline_model::codec::{Damage, DecodeError, Reader};
use syncline_model::id::{EntityName, IdError, RecordId};

/// Returns the error that an item is well-formed and not acceptable.
pub(super) const fn unfit(at: usize) -> DecodeError {
    Reader::damaged_at(at, Damage::NotAcceptable { what: "item of a delivery" })
}

/// Reads the version of a form, which is the only one that there is.
pub(super) fn format(from: &mut Reader<'_>, known: u8) -> Result<(), DecodeError> {
    from.tag(|tag| (tag == known).then_some(()))
}

/// Reads a number of 32 bits.
pub(super) fn number(from: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let at = from.offset();
    u32::try_from(from.varint()?).map_err(|_| unfit(at))
}

/// Reads a name or an id.
pub(super) fn name<T>(
    from: &mut Reader<'_>,
    new: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<T, DecodeError> {
    let at = from.offset();
    new(from.str()?).map_err(|_| unfit(at))
}

/// Reads a text of so many bytes at most.
pub(super) fn text(from: &mut Reader<'_>, bytes_max: usize) -> Result<Box<str>, DecodeError> {
    let at = from.offset();
    let text = from.str()?;
    if text.len() > bytes_max { Err(unfit(at)) } else { Ok(text.into()) }
}

/// Reads a number that is 0 where there is none, and one more than it where there is.
pub(super) fn optional(from: &mut Reader<'_>) -> Result<Option<u64>, DecodeError> {
    from.varint().map(|number| number.checked_sub(1))
}

/// What must stay in order at one endpoint: the deliveries of one record.
pub type LaneName = (EntityName, RecordId);

/// Reads the name of a lane.
pub(super) fn lane(from: &mut Reader<'_>) -> Result<LaneName, DecodeError> {
    Ok((name(from, EntityName::new)?, name(from, RecordId::new)?))
}
