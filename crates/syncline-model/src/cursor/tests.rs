use super::*;
use proptest::prelude::*;

fn cursor(incarnation: u128, positions: &[(u16, u64)]) -> Cursor {
    let mut cursor = Cursor::new(Incarnation(incarnation));
    for &(partition, position) in positions {
        cursor.advance(PartitionId(partition), Position(position)).expect("rising positions");
    }
    cursor
}

const INCARNATION: u128 = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;

#[test]
fn golden_texts_are_written_and_read() {
    let cases = [
        (
            "nothing read yet",
            include_str!("../../../../fixtures/model/v1/cursor-nothing-read-yet.txt"),
            cursor(INCARNATION, &[]),
        ),
        (
            "one partition",
            include_str!("../../../../fixtures/model/v1/cursor-one-partition.txt"),
            cursor(INCARNATION, &[(0, 42)]),
        ),
        (
            "greatest partition and position",
            include_str!(
                "../../../../fixtures/model/v1/cursor-greatest-partition-and-position.txt"
            ),
            cursor(u128::MAX, &[(0, 1), (127, 128), (u16::MAX, u64::MAX)]),
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(expected.to_string(), text, "bump the format version: {name}");
        assert_eq!(text.parse(), Ok(expected), "case: {name}");
    }
}

#[test]
fn a_damaged_token_is_refused_by_the_reason() {
    let malformed = |offset, damage| CursorError::Malformed(DecodeError { offset, damage });
    let refused = |offset, what| malformed(offset, Damage::NotAcceptable { what });
    let too_long = "A".repeat(CURSOR_TEXT_BYTES_MAX + 1);
    let (bytes, bytes_max) = (CURSOR_TEXT_BYTES_MAX + 1, CURSOR_TEXT_BYTES_MAX);
    let cases = [
        ("empty", "", malformed(0, Damage::Truncated { missing_bytes: 1 })),
        ("too long", too_long.as_str(), CursorError::TooLong { bytes, bytes_max }),
        ("padded", "AQ==", CursorError::NotBase64Url { offset: 2 }),
        ("version byte alone", "AQ", CursorError::Checksum),
        (
            "later version",
            include_str!("../../../../fixtures/model/v1/cursor-format-version-2.txt"),
            CursorError::UnknownVersion { found: 2, known: 1 },
        ),
        (
            "bit flipped",
            include_str!("../../../../fixtures/model/v1/cursor-one-bit-flipped.txt"),
            CursorError::Checksum,
        ),
        (
            "partitions out of order",
            include_str!("../../../../fixtures/model/v1/cursor-partitions-out-of-order.txt"),
            refused(20, "a partition out of order"),
        ),
        (
            "partition twice",
            include_str!("../../../../fixtures/model/v1/cursor-partition-twice.txt"),
            refused(20, "a partition out of order"),
        ),
        (
            "position 0",
            include_str!("../../../../fixtures/model/v1/cursor-position-0.txt"),
            refused(18, "a position of 0"),
        ),
        (
            "partition beyond 16 bits",
            include_str!("../../../../fixtures/model/v1/cursor-partition-beyond-16-bits.txt"),
            refused(18, "a partition beyond 16 bits"),
        ),
        (
            "bytes after the end",
            include_str!("../../../../fixtures/model/v1/cursor-bytes-after-the-end.txt"),
            malformed(18, Damage::Trailing { extra_bytes: 1 }),
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(text.parse::<Cursor>(), Err(expected), "case: {name}");
    }
}

#[test]
fn a_cursor_never_goes_back() {
    let mut cursor = cursor(1, &[(0, 5)]);
    let (partition, position) = (PartitionId(0), Position(5));
    assert_eq!(cursor.advance(partition, position), Ok(()), "standing still is no change");
    let to = Position(4);
    let error = CursorError::Backwards { partition, position, to };
    assert_eq!(cursor.advance(partition, to), Err(error.clone()));
    assert_eq!(cursor.position(partition), position);
    assert_eq!((error.code(), error.advice()), ("CURSOR_BACKWARDS", Advice::GiveUp));
}

#[test]
fn another_incarnation_is_told_to_rebase() {
    let (ours, restored) = (cursor(1, &[(0, 5)]), cursor(2, &[(0, 9)]));
    let error = CursorError::OtherIncarnation { expected: Incarnation(1), found: Incarnation(2) };
    assert_eq!(restored.require(Incarnation(1)), Err(error.clone()));
    assert_eq!(ours.covers(&restored), Err(error.clone()));
    assert_eq!(ours.require(Incarnation(1)), Ok(()));
    assert_eq!((error.code(), error.advice()), ("CURSOR_OTHER_INCARNATION", Advice::Rebase));
}

#[test]
fn covering_looks_at_every_partition() {
    let cases = [
        ("nothing covers nothing", &[][..], &[][..], true),
        ("further", &[(0, 5)], &[(0, 4)], true),
        ("equal", &[(0, 5), (1, 2)], &[(0, 5), (1, 2)], true),
        ("behind in one", &[(0, 9), (1, 1)], &[(0, 5), (1, 2)], false),
        ("partition unknown", &[(0, 9)], &[(0, 9), (1, 1)], false),
        ("partition only ours", &[(0, 9), (1, 1)], &[(0, 9)], true),
    ];
    for (name, ours, theirs, expected) in cases {
        assert_eq!(cursor(1, ours).covers(&cursor(1, theirs)), Ok(expected), "case: {name}");
    }
}

#[test]
fn the_widest_cursor_fits_into_a_token() {
    let widest: Vec<(u16, u64)> =
        (0..CURSOR_PARTITIONS_MAX).map(|index| (u16::MAX - index as u16, u64::MAX)).collect();
    let mut cursor = cursor(1, &widest);
    let text = cursor.to_string();
    assert!(text.len() <= CURSOR_TEXT_BYTES_MAX, "{} bytes", text.len());
    assert_eq!(text.parse(), Ok(cursor.clone()));
    let partitions_max = CURSOR_PARTITIONS_MAX;
    assert_eq!(
        cursor.advance(PartitionId(0), Position(1)),
        Err(CursorError::TooManyPartitions { partitions_max })
    );
    assert_eq!(cursor.advance(PartitionId(0), Position(0)), Ok(()), "0 takes no room");
}

proptest! {
    #[test]
    fn a_cursor_comes_back_from_its_text(
        incarnation in any::<u128>(),
        positions in prop::collection::btree_map(any::<u16>(), 1u64.., 0..6),
    ) {
        let positions: Vec<_> = positions.into_iter().collect();
        let cursor = cursor(incarnation, &positions);
        prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn one_altered_character_is_seen(place in 0usize..32, other in "[A-Za-z0-9_-]") {
        let text = cursor(INCARNATION, &[(0, 42)]).to_string();
        let mut altered = text.clone();
        altered.replace_range(place..=place, &other);
        prop_assert!(altered == text || altered.parse::<Cursor>().is_err());
    }

    #[test]
    fn random_bytes_never_panic_and_an_accepted_cursor_has_one_form(
        mut body in prop::collection::vec(any::<u8>(), 17..40), whole in any::<bool>(),
    ) {
        // With a checksum that fits, so that more than the checksum is tried.
        body[0] = FORMAT_VERSION;
        if whole {
            body.extend(checksum(&body));
        }
        if let Ok(cursor) = Cursor::decode(&body) {
            prop_assert_eq!(cursor.encode(), body);
        }
    }

    #[test]
    fn random_text_never_panics(text in ".{0,60}") {
        prop_assert!(text.parse::<Cursor>().is_err());
    }
}
