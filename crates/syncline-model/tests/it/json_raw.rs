//! Readers without a tree agree with the one that builds it, and with a plain one.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use syncline_model::json::raw::{self, Content, Span};
use syncline_model::json::{Json, JsonError, Leaf, fields, parse};

use crate::json_support::{is_json, json, write_oddly};

/// A way to spoil a text.
#[derive(Debug, Clone)]
enum Mutation {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Repeat(Index, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let bytes = b"\"\\{}[]:,0123-+.eEtfn u/ \n\t\x00\x1f\x7f\x80\xc3\xa9\xed\xa0\xef\xbb\xbfabdD8C";
    let byte = || prop_oneof![8 => select(bytes.to_vec()), 1 => any::<u8>()];
    prop_oneof![
        3 => (any::<Index>(), byte()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        3 => (any::<Index>(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        2 => any::<Index>().prop_map(Mutation::Remove),
        1 => any::<Index>().prop_map(Mutation::Cut),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Mutation::Repeat(a, b)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let slots = bytes.len() + 1;
    match mutation {
        Mutation::Insert(at, byte) => bytes.insert(at.index(slots), *byte),
        Mutation::Cut(at) => bytes.truncate(at.index(slots)),
        _ if bytes.is_empty() => {}
        Mutation::Replace(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Mutation::Remove(at) => {
            bytes.remove(at.index(bytes.len()));
        }
        Mutation::Repeat(a, b) => {
            let (a, b) = (a.index(slots), b.index(slots));
            let part = bytes[a.min(b)..a.max(b)].to_vec();
            let _ = bytes.splice(a.max(b)..a.max(b), part);
        }
    }
}

/// JSON texts, sound ones and spoiled ones.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let mutations = prop::collection::vec(mutation(), 0..4);
    (json(), any::<[u8; 31]>(), mutations).prop_map(|(value, choices, mutations)| {
        let mut bytes = write_oddly(&value, &choices).into_bytes();
        mutations.iter().for_each(|mutation| mutate(&mut bytes, mutation));
        bytes
    })
}

/// What any reader says of a text that should hold an object (`{`) or an array (`[`).
fn expected(bytes: &[u8], opening: u8) -> Result<(), JsonError> {
    let first = bytes.iter().position(|byte| !b" \t\r\n".contains(byte));
    match first.map(|at| (at, bytes[at])) {
        Some((offset, byte)) if byte != opening && std::str::from_utf8(bytes).is_ok() => {
            Err(match opening {
                b'{' => JsonError::NotAnObject { offset },
                _ => JsonError::NotAnArray { offset },
            })
        }
        _ => raw::validate(bytes),
    }
}

fn slice(bytes: &[u8], span: Span) -> &[u8] {
    &bytes[span.range()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn every_reader_gives_the_same_verdict(bytes in text()) {
        let verdict = raw::validate(&bytes);
        let is_beyond_limits = verdict.is_err_and(|error| error.code().starts_with("JSON_NUMBER_"));
        prop_assert!(is_beyond_limits || verdict.is_ok() == is_json(&bytes));
        prop_assert_eq!(parse(&bytes).map(|_| ()), verdict);
        prop_assert_eq!(Leaf::from_raw(&bytes).map(|_| ()), verdict);
        if !bytes.starts_with(b"\xEF\xBB\xBF") {
            prop_assert_eq!(raw::members(&bytes).map(|_| ()), expected(&bytes, b'{'));
            prop_assert_eq!(raw::elements(&bytes).map(|_| ()), expected(&bytes, b'['));
        }
        if verdict.is_err() {
            prop_assert_eq!(fields::flatten(&bytes).map(|_| ()), verdict);
        }
        if let Err(error) = verdict {
            prop_assert!(error.offset() <= bytes.len());
        }
    }

    #[test]
    fn parts_are_those_of_the_tree(bytes in text()) {
        match parse(&bytes) {
            Ok(Json::Object(object)) => {
                let members = raw::members(&bytes).unwrap();
                prop_assert_eq!(members.len(), object.len());
                for (member, (key, value)) in members.iter().zip(object.iter()) {
                    prop_assert_eq!(&member.key, key);
                    prop_assert_eq!(&parse(member.value).unwrap(), value);
                    prop_assert_eq!(slice(&bytes, member.value_span), member.value);
                    prop_assert_eq!(parse(slice(&bytes, member.key_span)).unwrap(), Json::from(key));
                }
            }
            Ok(Json::Array(elements)) => {
                let found = raw::elements(&bytes).unwrap();
                prop_assert_eq!(found.len(), elements.len());
                for (element, value) in found.iter().zip(&elements) {
                    prop_assert_eq!(&parse(element.value).unwrap(), value);
                    prop_assert_eq!(slice(&bytes, element.span), element.value);
                }
            }
            _ => {}
        }
    }

    /// A lenient reader finds what a strict one finds, and in spoiled texts judges every part as a
    /// strict reader judges it alone.
    #[test]
    fn lenient_readers_judge_every_part_alone(bytes in text()) {
        if let Ok(elements) = raw::elements(&bytes) {
            let spans: Vec<_> = elements.iter().map(|element| (element.span, Ok(()))).collect();
            prop_assert_eq!(raw::elements_lenient(&bytes), Ok(spans));
        }
        if let Ok(members) = raw::members(&bytes) {
            let sound: Vec<_> = members.into_iter().map(|member| (member, Ok(()))).collect();
            prop_assert_eq!(raw::members_lenient(&bytes), Ok(sound));
        }
        for (span, verdict) in raw::elements_lenient(&bytes).unwrap_or_default() {
            let alone = raw::validate(slice(&bytes, span));
            prop_assert_eq!(verdict.is_ok(), alone.is_ok());
        }
        for (member, verdict) in raw::members_lenient(&bytes).unwrap_or_default() {
            prop_assert_eq!(verdict.is_ok(), raw::validate(member.value).is_ok());
        }
    }

    /// Cutting a document in one pass is the same as cutting it member by member.
    #[test]
    fn collections_are_members_and_their_elements(bytes in text()) {
        let members = raw::members_lenient(&bytes);
        let collections = raw::collections(&bytes);
        prop_assert_eq!(members.is_ok(), collections.is_ok());
        let pairs = members.unwrap_or_default().into_iter().zip(collections.unwrap_or_default());
        for ((member, verdict), collection) in pairs {
            prop_assert_eq!(&collection.member, &member);
            match collection.content {
                Content::Other(other) => prop_assert_eq!(other, verdict),
                Content::Elements(elements) => {
                    let inner = raw::elements_lenient(member.value).unwrap();
                    prop_assert_eq!(elements.len(), inner.len());
                    for ((span, verdict), (inner_span, _)) in elements.iter().zip(inner) {
                        let start = member.value_span.start;
                        prop_assert_eq!(span.start - start, inner_span.start);
                        let alone = raw::validate(slice(&bytes, *span));
                        prop_assert_eq!(verdict.is_ok(), alone.is_ok());
                    }
                }
            }
        }
    }
}

#[test]
fn one_bad_record_does_not_hold_up_the_others() {
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let huge = format!("1{}", "0".repeat(1_200));
    #[rustfmt::skip]
    let cases: &[(&str, &[u8], &str)] = &[
        ("key twice",       br#"{"a":1,"a":2}"#,        "JSON_DUPLICATE_KEY"),
        ("key twice deep",  br#"{"x":[{"a":1,"a":2}]}"#, "JSON_DUPLICATE_KEY"),
        ("half a pair",     br#"{"a":"\ud800"}"#,       "JSON_LONE_SURROGATE"),
        ("too deep",        deep.as_bytes(),            "JSON_TOO_DEEP"),
        ("too many digits", huge.as_bytes(),            "JSON_NUMBER_TOO_LONG"),
        ("too large",       b"1e99999",                 "JSON_NUMBER_OUT_OF_RANGE"),
        ("not UTF-8",       b"\"caf\xe9\"",             "JSON_INVALID_UTF8"),
    ];
    for (name, bad, code) in cases {
        let array = [b"[{\"a\":1}, ".as_slice(), bad, b" , {\"a\":2}]"].concat();
        let found = raw::elements_lenient(&array).unwrap();
        let texts: Vec<&[u8]> = found.iter().map(|(span, _)| slice(&array, *span)).collect();
        assert_eq!(texts, [br#"{"a":1}"#.as_slice(), bad, br#"{"a":2}"#], "case: {name}");
        let codes: Vec<_> =
            found.iter().map(|(_, verdict)| verdict.map_err(|e| e.code())).collect();
        assert_eq!(codes, [Ok(()), Err(*code), Ok(())], "case: {name}");
        let offset = found[1].1.unwrap_err().offset();
        assert!((10..10 + bad.len()).contains(&offset), "case: {name}: offset {offset}");
        assert!(raw::elements(&array).is_err(), "case: {name}");

        let file = [b"{\"tasks\": ".as_slice(), &array, b", \"n\": 1}"].concat();
        let collections = raw::collections(&file).unwrap();
        let Content::Elements(elements) = &collections[0].content else { panic!("{name}") };
        assert_eq!(slice(&file, elements[1].0), *bad, "case: {name}");
        assert_eq!(elements[1].1.unwrap_err().code(), *code, "case: {name}");
        assert_eq!(elements[1].1.unwrap_err().offset(), offset + 10, "case: {name}");
        assert_eq!(collections[1].content, Content::Other(Ok(())), "case: {name}");
    }
}

#[test]
fn a_text_whose_borders_are_in_doubt_is_refused_whole() {
    let cases = [
        "[{\"a\":1},{\"b\":2]",
        "[{\"a\":\"x},{\"b\":2}]",
        "[1,,2]",
        "[{\"a\" 1},2]",
        "[1 2]",
        "[1]]",
        "[\"a\nb\"]",
        "[tru]",
        "[01]",
        "{\"a\":1}",
        "",
    ];
    for text in cases {
        assert!(raw::elements_lenient(text.as_bytes()).is_err(), "{text}");
    }
    // The keys of a document lead to its records: they are never in doubt.
    for text in ["{\"a\":1,\"a\":[]}", "{\"\\ud800\":[]}", "{\"a\":[1}"] {
        assert!(raw::members_lenient(text.as_bytes()).is_err(), "{text}");
        assert!(raw::collections(text.as_bytes()).is_err(), "{text}");
    }
}

/// Keys that agree in length, beginning and end are still told apart, few or many of them.
#[test]
fn keys_are_told_apart_by_all_their_bytes() {
    for count in [2_usize, 24, 25, 300] {
        let key = |n: usize| format!("\"beginning-{n:04}-end-of-key\":0");
        let object = |keys: Vec<String>| format!("{{{}}}", keys.join(","));
        let distinct: Vec<String> = (0..count).map(key).collect();
        assert_eq!(raw::validate(object(distinct.clone()).as_bytes()), Ok(()));
        for twice in [0, count / 2, count - 1] {
            let mut keys = distinct.clone();
            keys.push(key(twice));
            let text = object(keys);
            let offset = text.rfind(&key(twice)).unwrap();
            let expected = Err(JsonError::DuplicateKey { offset, key_count: count + 1 });
            assert_eq!(raw::validate(text.as_bytes()), expected);
        }
    }
}

/// Of several keys that stand twice, the first second one is named, few or many as they are.
#[test]
fn the_first_duplicate_is_named() {
    for count in [3_usize, 100] {
        let keys: Vec<String> = (0..count).map(|n| format!("\"k{n}\":0")).collect();
        let text = format!("{{{},\"k2\":0,\"k1\":0,\"k2\":0}}", keys.join(","));
        let offset = keys.join(",").len() + 2;
        let expected = Err(JsonError::DuplicateKey { offset, key_count: count + 3 });
        assert_eq!(raw::validate(text.as_bytes()), expected);
        assert_eq!(raw::members(text.as_bytes()).map(|_| ()), expected);
    }
}

/// Every special byte is seen wherever it stands in the eight bytes that are looked at together.
#[test]
fn a_string_ends_where_it_ends_at_every_alignment() {
    for before in 0..20 {
        for after in 0..20 {
            let text = |middle: &str| {
                format!(
                    "{}\"{}{middle}{}\"",
                    " ".repeat(after),
                    "é".repeat(before),
                    "x".repeat(after)
                )
            };
            assert_eq!(raw::validate(text("\\n").as_bytes()), Ok(()));
            assert_eq!(raw::validate(text("\u{7f}!#[]\u{80}").as_bytes()), Ok(()));
            let offset = after + 1 + 2 * before;
            for control in ["\u{1f}", "\n", "\u{0}"] {
                let expected = Err(JsonError::ControlCharacter { offset });
                assert_eq!(raw::validate(text(control).as_bytes()), expected);
            }
            let expected = Err(JsonError::TrailingData { offset: offset + 1 });
            assert_eq!(raw::validate(text("\"").as_bytes()), expected);
        }
    }
}
