use super::*;
use proptest::prelude::*;

/// One item of each kind, in the order in which the golden file holds them.
const EVERY_KIND: &[u8] =
    include_bytes!("../../../../fixtures/model/v1/codec-every-kind-with-varints-at-each-width.bin");

#[test]
fn golden_bytes_hold_every_kind() -> Result<(), DecodeError> {
    let mut reader = Reader::new(EVERY_KIND);
    assert_eq!(reader.u8()?, 0xff);
    assert_eq!(reader.u64_be()?, 0x0102_0304_0506_0708);
    for value in varints_at_each_width() {
        assert_eq!(reader.varint()?, value);
    }
    assert_eq!(reader.bytes()?, b"");
    assert_eq!(reader.bytes()?, [0, 0x80, 0xff]);
    assert_eq!(reader.str()?, "жмых 🦀");
    assert_eq!(reader.array()?, *b"raw!");
    assert_eq!(reader.clone().rest(), b"rest");
    assert_eq!(
        reader.finish(),
        Err(DecodeError {
            offset: EVERY_KIND.len() - 4,
            damage: Damage::Trailing { extra_bytes: 4 }
        })
    );

    let mut writer = Writer::new();
    writer.u8(0xff);
    writer.u64_be(0x0102_0304_0506_0708);
    for value in varints_at_each_width() {
        writer.varint(value);
    }
    writer.bytes(b"");
    writer.bytes(&[0, 0x80, 0xff]);
    writer.str("жмых 🦀");
    writer.raw(b"raw!rest");
    assert_eq!(writer.as_bytes(), EVERY_KIND, "a stored form changed: bump the format version");
    Ok(())
}

/// The least and the greatest value of each length of a varint.
fn varints_at_each_width() -> impl Iterator<Item = u64> {
    std::iter::once(0)
        .chain((1..VARINT_BYTES_MAX).flat_map(|bytes| {
            let first = 1u64 << (7 * bytes);
            [first - 1, first]
        }))
        .chain(std::iter::once(u64::MAX))
}

#[test]
fn damage_is_named_with_its_place() {
    let golden = |file: &'static [u8], offset, damage| (file, Err(DecodeError { offset, damage }));
    let cases = [
        golden(
            include_bytes!("../../../../fixtures/model/v1/codec-varint-overlong.bin"),
            1,
            Damage::VarintOverlong,
        ),
        golden(
            include_bytes!("../../../../fixtures/model/v1/codec-varint-beyond-64-bits.bin"),
            1,
            Damage::VarintOverflow,
        ),
        golden(
            include_bytes!("../../../../fixtures/model/v1/codec-varint-without-end.bin"),
            1,
            Damage::Truncated { missing_bytes: 1 },
        ),
        golden(
            include_bytes!("../../../../fixtures/model/v1/codec-length-beyond-the-end.bin"),
            1,
            Damage::LengthBeyondEnd { claimed: 4, remaining_bytes: 3 },
        ),
        golden(
            include_bytes!("../../../../fixtures/model/v1/codec-length-of-all-64-bits.bin"),
            1,
            Damage::LengthBeyondEnd { claimed: u64::MAX, remaining_bytes: 1 },
        ),
        golden(
            include_bytes!("../../../../fixtures/model/v1/codec-text-not-utf8.bin"),
            1,
            Damage::NotUtf8,
        ),
    ];
    for (index, (file, expected)) in cases.into_iter().enumerate() {
        let mut reader = Reader::new(file);
        assert_eq!(reader.u8(), Ok(0xaa), "case: {index}");
        assert_eq!(reader.str().map(str::len), expected, "case: {index}");
        assert_eq!(reader.offset(), 1, "the position stays before the damage, case: {index}");
    }
}

#[test]
fn a_count_is_bounded_by_the_bytes_that_are_left() {
    let bytes = [3, 0, 0, 0, 0, 0, 0];
    assert_eq!(Reader::new(&bytes).count(2), Ok(3));
    assert_eq!(
        Reader::new(&bytes).count(3),
        Err(DecodeError {
            offset: 0,
            damage: Damage::LengthBeyondEnd { claimed: 3, remaining_bytes: 6 }
        })
    );
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        number in any::<u64>(), shift in 0u32..64, text in ".{0,20}", bytes in any::<Vec<u8>>(),
    ) {
        let mut writer = Writer::new();
        writer.varint(number >> shift);
        writer.str(&text);
        writer.bytes(&bytes);
        writer.u64_be(number);
        let stored = writer.into_bytes();
        let mut reader = Reader::new(&stored);
        prop_assert_eq!(reader.varint(), Ok(number >> shift));
        prop_assert_eq!(reader.str(), Ok(text.as_str()));
        prop_assert_eq!(reader.bytes(), Ok(bytes.as_slice()));
        prop_assert_eq!(reader.u64_be(), Ok(number));
        prop_assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn random_bytes_never_panic_and_an_accepted_varint_has_one_form(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        calls in prop::collection::vec(0u8..7, 0..20),
    ) {
        let mut reader = Reader::new(&bytes);
        for call in calls {
            let start = reader.offset();
            let failed = match call {
                0 => reader.u8().is_err(),
                1 => reader.u64_be().is_err(),
                2 => match reader.varint() {
                    Ok(value) => {
                        let mut writer = Writer::new();
                        writer.varint(value);
                        prop_assert_eq!(writer.as_bytes(), &bytes[start..reader.offset()]);
                        false
                    }
                    Err(_) => true,
                },
                3 => reader.bytes().is_err(),
                4 => reader.str().is_err(),
                5 => reader.count(2).is_err(),
                _ => reader.array::<3>().is_err(),
            };
            prop_assert!(!failed || reader.offset() == start, "an error moved the position");
        }
    }
}
