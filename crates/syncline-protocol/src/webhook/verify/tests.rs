//! What is verified, and what is refused for which reason.

use proptest::prelude::*;

use super::*;
use crate::webhook::sign::Signer;

const NOW_S: u64 = 1_700_000_000;
const BODY: &[u8] = br#"{"n":1}"#;

fn standard<'a>(timestamp: &'a str, signature: &'a str) -> Received<'a> {
    Received {
        id: Some(b"msg_1"),
        timestamp: Some(timestamp.as_bytes()),
        signature: Some(signature.as_bytes()),
        plain_signature: None,
        body: BODY,
    }
}

fn signed(secrets: &[&Secret], timestamp_s: u64) -> String {
    Signer::new(secrets.iter().copied()).unwrap().signature("msg_1", timestamp_s, BODY)
}

#[test]
fn the_vector_of_standard_webhooks_is_verified() {
    let secret = Secret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
    let verifier = Verifier::new([&secret]).unwrap();
    let received = Received {
        id: Some(b"msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
        timestamp: Some(b"1649367553"),
        signature: Some(b"v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
        plain_signature: None,
        body: br#"{"email":"test@example.com","username":"test_user"}"#,
    };
    let verified = Verified { is_standard: true, is_plain: false };
    assert_eq!(verifier.verify(&received, 1_649_367_553), Ok(verified));
}

#[test]
fn a_time_more_than_five_minutes_away_is_refused_both_ways() {
    let secret = Secret::symmetric([1; 32]);
    let verifier = Verifier::new([&secret]).unwrap();
    let (max_s, far) = (300, 300 + 1);
    #[rustfmt::skip]
    let cases = [
        ("now",                NOW_S,           true),
        ("as old as may be",   NOW_S - max_s,   true),
        ("too old",            NOW_S - far,     false),
        ("as new as may be",   NOW_S + max_s,   true),
        ("too new",            NOW_S + far,     false),
        ("the epoch",          0,               false),
    ];
    for (name, at_s, is_taken) in cases {
        let (timestamp, signature) = (at_s.to_string(), signed(&[&secret], at_s));
        let found = verifier.verify(&standard(&timestamp, &signature), NOW_S);
        let code = found.map_err(|error| error.code());
        assert_eq!(code.is_ok(), is_taken, "case: {name}");
        assert!(is_taken || code == Err("WEBHOOK_TIMESTAMP_OUTSIDE"), "case: {name}");
    }
    let wide = verifier.with_tolerance_s(1_000);
    let (timestamp, signature) = ((NOW_S - far).to_string(), signed(&[&secret], NOW_S - far));
    assert!(wide.verify(&standard(&timestamp, &signature), NOW_S).is_ok());
}

/// While a secret is replaced, a receiver knows the former one, both, or the new one only; a sender signs with
/// both. Whatever happens in which order, every delivery is verified.
#[test]
fn no_receiver_sees_a_delivery_that_it_cannot_verify_while_a_secret_is_replaced() {
    let pair = |seed| {
        let pair = Secret::signing([seed; 32]);
        (pair.clone(), pair.verifying().unwrap())
    };
    let (symmetric, other) = (Secret::symmetric([1; 32]), Secret::symmetric([2; 32]));
    let ((signing, public), (signing_2, public_2)) = (pair(3), pair(4));
    let kinds = [
        ([&symmetric, &other], [&symmetric, &other]),
        ([&signing, &signing_2], [&public, &public_2]),
        ([&symmetric, &signing], [&symmetric, &public]),
        ([&signing, &other], [&public, &other]),
    ];
    let timestamp = NOW_S.to_string();
    for ([old, new], [old_of_receiver, new_of_receiver]) in kinds {
        let overlap = signed(&[new, old], NOW_S);
        let knows: [&[&Secret]; 3] =
            [&[old_of_receiver], &[old_of_receiver, new_of_receiver], &[new_of_receiver]];
        for secrets in knows {
            let verifier = Verifier::new(secrets.iter().copied()).unwrap();
            assert!(verifier.verify(&standard(&timestamp, &overlap), NOW_S).is_ok());
        }
        let over = signed(&[new], NOW_S);
        let late = Verifier::new([old_of_receiver]).unwrap();
        let refused = late.verify(&standard(&timestamp, &over), NOW_S);
        assert_eq!(refused, Err(VerifyError::Signature { header: SIGNATURE }));
    }
}

#[test]
fn each_signature_that_is_there_must_verify() {
    let (secret, plain) = (Secret::symmetric([1; 32]), Secret::plain("of spec 004").unwrap());
    let both = Verifier::new([&secret, &plain]).unwrap();
    let (timestamp, good) = (NOW_S.to_string(), signed(&[&secret], NOW_S));
    let bad = signed(&[&Secret::symmetric([9; 32])], NOW_S);
    let good_hex = Signer::new([&plain]).unwrap().plain_signature(BODY).unwrap();
    let bad_hex = "0".repeat(64);
    let request = |signature: Option<&'static str>, hex: Option<&'static str>| (signature, hex);
    let (wrong_standard, wrong_plain) = (
        Err(VerifyError::Signature { header: SIGNATURE }),
        Err(VerifyError::Signature { header: PLAIN_SIGNATURE }),
    );
    let ok = |is_standard, is_plain| Ok(Verified { is_standard, is_plain });
    #[rustfmt::skip]
    let cases = [
        ("both good",             request(Some("good"), Some("good")), ok(true, true)),
        ("only the standard one", request(Some("good"), None),         ok(true, false)),
        ("only the plain one",    request(None, Some("good")),         ok(false, true)),
        ("a bad plain one",       request(Some("good"), Some("bad")),  wrong_plain),
        ("a bad standard one",    request(Some("bad"), Some("good")),  wrong_standard),
        ("none",                  request(None, None),                 Err(VerifyError::Unsigned)),
    ];
    for (name, (signature, hex), expected) in cases {
        let choose = |which: &str, one: &'static str| if one == which { 0 } else { 1 };
        let mut received = standard(&timestamp, &good);
        received.signature =
            signature.map(|one| [good.as_bytes(), bad.as_bytes()][choose("good", one)]);
        received.plain_signature =
            hex.map(|one| [good_hex.as_bytes(), bad_hex.as_bytes()][choose("good", one)]);
        assert_eq!(both.verify(&received, NOW_S), expected, "case: {name}");
    }
    // Who takes one of them only does not look at the other.
    let mut received = standard(&timestamp, &good);
    received.plain_signature = Some(b"nonsense");
    let strict = Verifier::new([&secret]).unwrap();
    assert_eq!(strict.verify(&received, NOW_S), ok(true, false));
    let asked = Verifier::new([&secret]).unwrap().accepting(Accept::Both);
    let lacking = Err(VerifyError::NoSecret { header: PLAIN_SIGNATURE });
    assert_eq!(asked.verify(&received, NOW_S), lacking);
    let none = Verifier::new([]).unwrap();
    assert_eq!(none.verify(&received, NOW_S), Err(VerifyError::NoSecret { header: SIGNATURE }));
}

#[test]
fn the_signature_of_spec_004_is_read_in_all_its_spellings() {
    let secret = Secret::plain("your-webhook-secret-here").unwrap();
    let verifier = Verifier::new([&secret]).unwrap();
    let hex = Signer::new([&secret]).unwrap().plain_signature(BODY).unwrap();
    let malformed = Err(VerifyError::Malformed { header: PLAIN_SIGNATURE });
    let good = Ok(Verified { is_standard: false, is_plain: true });
    #[rustfmt::skip]
    let cases = [
        ("small letters",      hex.clone(),                             good),
        ("capitals",           hex.to_uppercase(),                      good),
        ("with its algorithm", format!("sha256={hex}"),                 good),
        ("both",               format!("sha256={}", hex.to_uppercase()), good),
        ("another algorithm",  format!("sha1={hex}"),                   malformed),
        ("a digit short",      hex[1..].to_owned(),                     malformed),
        ("a byte short",       hex[2..].to_owned(),                     malformed),
        ("no digit",           format!("g{}", &hex[1..]),               malformed),
        ("white space",        format!("{hex} "),                       malformed),
        ("nothing",            String::new(),                           malformed),
    ];
    for (name, value, expected) in cases {
        let plain_signature = Some(value.as_bytes());
        let received = Received { plain_signature, body: BODY, ..Received::default() };
        assert_eq!(verifier.verify(&received, NOW_S), expected, "case: {name}");
    }
}

#[test]
fn a_list_of_signatures_is_read_as_far_as_it_is_known() {
    let secret = Secret::symmetric([1; 32]);
    let verifier = Verifier::new([&secret]).unwrap();
    let (timestamp, good) = (NOW_S.to_string(), signed(&[&secret], NOW_S));
    let other = signed(&[&Secret::symmetric([2; 32])], NOW_S);
    let many = |count: usize| vec![other.as_str(); count].join(" ");
    let malformed = Err("WEBHOOK_HEADER_MALFORMED");
    #[rustfmt::skip]
    let cases = [
        ("one",                      good.clone(),                          Ok(())),
        ("behind another one",       format!("{other} {good}"),             Ok(())),
        ("behind an unknown one",    format!("v9,?? {good}"),               Ok(())),
        ("two blanks",               format!("{other}  {good}"),            Ok(())),
        ("the last that is read",    format!("{} {good}", many(15)),        Ok(())),
        ("too many",                 format!("{} {good}", many(16)),        malformed),
        ("as another version",       good.replacen("v1,", "v1a,", 1),       Err("WEBHOOK_SIGNATURE_WRONG")),
        ("unknown ones only",        "v2,AAAA".to_owned(),                  Err("WEBHOOK_SIGNATURE_WRONG")),
        ("cut",                      good[..good.len() - 4].to_owned(),     Err("WEBHOOK_SIGNATURE_WRONG")),
        ("no version",               good[3..].to_owned(),                  malformed),
        ("no base64",                "v1,*".to_owned(),                     malformed),
        ("far too long",             "v2,".to_owned() + &"A".repeat(1 << 20), malformed),
        ("nothing",                  String::new(),                         Err("WEBHOOK_SIGNATURE_WRONG")),
    ];
    for (name, value, expected) in cases {
        let found = verifier.verify(&standard(&timestamp, &value), NOW_S);
        assert_eq!(found.map(|_| ()).map_err(|error| error.code()), expected, "case: {name}");
    }
}

#[test]
fn ids_and_times_that_could_be_read_in_two_ways_are_refused() {
    let secret = Secret::symmetric([1; 32]);
    let verifier = Verifier::new([&secret]).unwrap();
    // The same bytes are signed: `msg_1.17.00` and so on. Only one way to part them is taken.
    let signature = signed(&[&secret], NOW_S);
    let timestamp = NOW_S.to_string();
    let good = standard(&timestamp, &signature);
    assert!(verifier.verify(&good, NOW_S).is_ok());
    let long = "x".repeat(129);
    let ids: [&[u8]; 6] = [b"", b"msg.1", b"msg 1", b"msg\n1", b"\xff", long.as_bytes()];
    for id in ids {
        let found = verifier.verify(&Received { id: Some(id), ..good }, NOW_S);
        assert_eq!(found, Err(VerifyError::Malformed { header: ID }));
    }
    for at in ["", "-1", "+1", "1.5", " 1", "1e9", "0x1", "9999999999999"] {
        let found = verifier.verify(&standard(at, &signature), NOW_S);
        assert_eq!(found, Err(VerifyError::Malformed { header: TIMESTAMP }), "{at}");
    }
    for (received, header) in
        [(Received { id: None, ..good }, ID), (Received { timestamp: None, ..good }, TIMESTAMP)]
    {
        assert_eq!(verifier.verify(&received, NOW_S), Err(VerifyError::Lacking { header }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_signed_is_verified_and_nothing_that_was_altered(
        body in prop::collection::vec(any::<u8>(), 0..200),
        id in "[a-z0-9_-]{1,40}",
        seeds in prop::collection::vec((any::<[u8; 32]>(), any::<bool>()), 1..4),
        at in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let secrets: Vec<Secret> = seeds.into_iter().map(|(seed, is_pair)| match is_pair {
            true => Secret::signing(seed),
            false => Secret::symmetric(seed),
        }).collect();
        let signature = Signer::new(&secrets).unwrap().signature(&id, NOW_S, &body);
        let timestamp = NOW_S.to_string();
        let verifier = Verifier::new(&secrets[..1]).unwrap();
        let received = Received {
            id: Some(id.as_bytes()),
            timestamp: Some(timestamp.as_bytes()),
            signature: Some(signature.as_bytes()),
            plain_signature: None,
            body: &body,
        };
        prop_assert!(verifier.verify(&received, NOW_S).is_ok());
        let other_id = format!("{id}x");
        let other = Received { id: Some(other_id.as_bytes()), ..received };
        prop_assert!(verifier.verify(&other, NOW_S).is_err());
        let later = (NOW_S + 1).to_string();
        let other = Received { timestamp: Some(later.as_bytes()), ..received };
        prop_assert!(verifier.verify(&other, NOW_S).is_err());
        if !body.is_empty() {
            let mut altered = body.clone();
            let place = at.index(altered.len());
            altered[place] ^= 1 << bit;
            let other = Received { body: &altered, ..received };
            prop_assert!(verifier.verify(&other, NOW_S).is_err());
        }
    }

    #[test]
    fn no_header_is_too_odd(
        id in prop::collection::vec(any::<u8>(), 0..20),
        timestamp in prop::collection::vec(any::<u8>(), 0..14),
        signature in "(v1a?,[A-Za-z0-9+/=]{0,90} ?){0,4}",
        plain in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let secrets = [Secret::symmetric([1; 32]), Secret::signing([2; 32]), Secret::plain("x").unwrap()];
        let received = Received {
            id: Some(&id),
            timestamp: Some(&timestamp),
            signature: Some(signature.as_bytes()),
            plain_signature: Some(&plain),
            body: BODY,
        };
        prop_assert!(Verifier::new(&secrets).unwrap().verify(&received, NOW_S).is_err());
    }
}
