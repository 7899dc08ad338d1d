//! Random histories against the causal oracle. `HISTORIES=n` plays more of them.

use crate::world::{More, Wish, minimised, play};

/// Histories in an ordinary run.
const HISTORIES: u64 = if cfg!(debug_assertions) { 1_500 } else { 10_000 };

/// Histories that failed once, and why.
const REGRESSIONS: [(u64, &str); 19] = [
    (
        48_621,
        "a token named additions of a lost site, and a new life took them when a backup had them",
    ),
    (33_317, "a token named additions of a lost site, and a reset took them when a peer had them"),
    (
        81_020,
        "a blind write to a deleted record went on with a count that another hub had forgotten",
    ),
    (
        51_041,
        "a creator that may not see a sum went on with a count that another hub had forgotten",
    ),
    (81_903, "a field of which only a reset was left was taken for a sum when it was removed"),
    (93_496, "the oracle could not tell that one change appended more than is kept"),
    (303_486, "a client that was not answered had a token that named its addition"),
    (330_783, "a record that was forgotten elsewhere was taken for one that was taken back"),
    (432_586, "a member of which only a reset was left was taken for a member when it was removed"),
    (501_303, "the oracle let a writer without a base state more of a list than is kept"),
    (565_208, "a restored hub took a stretch that it had asked for before the restore"),
    (584_377, "the oracle did not know that a token names the floor at which the copy began"),
    (700_066, "a writer dropped its own value of a conflict, once shown, by a write beside it"),
    (701_396, "as 700066, where a hub withheld a field that is not the one in the conflict"),
    (727_716, "as 700066, inside a member of a keyed array"),
    (1_006_155, "a long history was taken for one without an end when it was healed"),
    (1_042_944, "as 1006155, with more settlements at the bound"),
    (1_072_191, "who met a record without a field replaced what stood above the field, unseen"),
    (1_082_724, "as 1072191, where the file was written to as well"),
];

/// Histories that play more and failed once, and why.
const REGRESSIONS_OF_MORE: [(u64, &[More], &str); 4] = [
    (
        1_000_375,
        &[More::HiddenFields],
        "who created a record anew had not made what it made of a hidden field before",
    ),
    (
        1_001_847,
        &[More::HiddenFields],
        "as 1000375, where the writer had deleted the record itself",
    ),
    (
        2_006_146,
        &[More::WithheldRecords],
        "a hub took an acknowledgement without the data, and forgot what was written beside a deletion",
    ),
    (
        2_004_945,
        &More::ALL,
        "a hub dropped what a peer had forgotten, and did not take the floor that says so",
    ),
];

#[test]
fn histories_that_failed_once_agree() {
    let nothing: &[More] = &[];
    let plain = REGRESSIONS.into_iter().map(|(seed, why)| (seed, nothing, why));
    for (seed, more, why) in plain.chain(REGRESSIONS_OF_MORE) {
        if let Err(failure) = play(seed, &Wish { more, ..Wish::default() }) {
            panic!("{why}:\n{}", minimised(failure));
        }
    }
}

/// Hubs that join late, rules that fail, digests, records withheld whole, approvals, each by itself, and all
/// of it together.
#[test]
fn histories_that_play_more_agree_with_the_causal_oracle() {
    let alone = More::ALL.chunks(1);
    for more in alone.skip(1).chain([&More::ALL[..]]) {
        for seed in 0..HISTORIES / 20 {
            if let Err(failure) = play(seed, &Wish { more, ..Wish::default() }) {
                panic!("{}", minimised(failure));
            }
        }
    }
}

#[test]
fn histories_with_hidden_fields_agree_with_the_causal_oracle() {
    for seed in 0..HISTORIES / 3 {
        if let Err(failure) = play(seed, &Wish { more: &[More::HiddenFields], ..Wish::default() }) {
            panic!("{}", minimised(failure));
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test that may be asked for more; the crate reads no environment"
)]
fn random_histories_agree_with_the_causal_oracle() {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse().ok());
    let histories = number("HISTORIES").unwrap_or(HISTORIES);
    let first = number("SEED").unwrap_or(0);
    for seed in first..first + histories {
        if let Err(failure) = play(seed, &Wish::default()) {
            panic!("{}", minimised(failure));
        }
    }
}
