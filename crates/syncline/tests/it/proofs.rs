//! A proof of the audit is checked by its owner and by a third party, and one digit makes it void.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::desk::{Answer, Desk, answer, numbered};

/// Returns a desk with four runs, and the proof of one of three changes of the last.
fn proved() -> (Desk, Value) {
    let desk = Desk::new();
    for count in [2, 7, 9] {
        desk.contacts("personal", &numbered(0..count));
        desk.run("sync").exits(0);
    }
    let mut records = numbered(0..9);
    for changed in [2, 3, 5] {
        records[changed]["name"] = "Another".into();
    }
    desk.contacts("personal", &records);
    desk.run("sync").exits(0);
    let proof = desk.run("audit prove contacts c003 --json").exits(0).json();
    (desk, proof)
}

impl Desk {
    fn verify(&self, proof: &Value, more: &str) -> Answer {
        self.put("proof.json", proof.to_string().as_bytes());
        self.run(&format!("audit verify --proof proof.json {more}"))
    }
}

/// Returns the root and the size that a head names.
fn head_of(proof: &Value) -> (String, String) {
    let head = proof["head"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let (root, size) = head.split_once('@').unwrap();
    (root.to_owned(), size.to_owned())
}

#[test]
fn a_proof_holds_against_the_own_log_also_after_later_runs() {
    let (desk, proof) = proved();
    let answer = desk.verify(&proof, "").exits(0);
    answer.says("contacts c003").says("entry 3").says("4 entries");
    desk.contacts("personal", &numbered(0..20));
    desk.run("sync").exits(0);
    desk.verify(&proof, "").exits(0).says("5 entries");
    let document = desk.verify(&proof, "--json").exits(0).json();
    crate::documents::check(&document);
    assert_eq!(
        [&document["holds"], &document["entity"], &document["id"], &document["change"]],
        [&json!(true), &json!("contacts"), &json!("c003"), &json!("updated")]
    );
    let run = desk.run("log --json").json()["runs"][1].clone();
    assert_eq!((&document["runId"], &document["entry"]), (&run["runId"], &json!(3)));
    assert_eq!((&document["head"], &document["entries"]), (&proof["head"], &json!(5)));
    // As `audit prove` prints it for people, too.
    let text = desk.run("audit prove contacts c003").exits(0).stdout;
    desk.put("printed.json", text.as_bytes());
    desk.run("audit verify --proof printed.json").exits(0);
}

#[test]
fn a_proof_is_checked_against_a_given_head_without_any_state_and_from_standard_input() {
    let (desk, proof) = proved();
    let (root, size) = head_of(&proof);
    let elsewhere = Desk::new();
    elsewhere.put("syncline.toml", b"not read");
    let before = elsewhere.files("");
    let document = elsewhere.verify(&proof, &format!("--root {root} --size {size} --json"));
    let document = document.exits(0).json();
    crate::documents::check(&document);
    assert_eq!(document["head"], proof["head"]);
    assert!(document["entries"].is_null(), "{document:#}");
    let head = proof["head"].as_str().unwrap();
    elsewhere.verify(&proof, &format!("--head {head}")).exits(0).says("contacts c003");
    let words = ["audit", "verify", "--proof", "-", "--head", head];
    let mut command = elsewhere.command(&words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(proof.to_string().as_bytes()).unwrap();
    answer(&child.wait_with_output().unwrap()).exits(0).says("contacts c003");
    let mut after = elsewhere.files("");
    after.remove("/proof.json");
    assert_eq!(after, before, "nothing is left behind");

    // Another head is another log, or another time of the same.
    let other = if root.starts_with('0') { "1" } else { "0" }.to_owned() + &root[1..];
    elsewhere
        .verify(&proof, &format!("--root {other} --size {size}"))
        .exits(9)
        .says("AUDIT_PROOF_LEAF_DIFFERS");
    elsewhere
        .verify(&proof, &format!("--root {root} --size 9"))
        .exits(9)
        .says("AUDIT_PROOF_SIZE_DIFFERS");
    for unfit in [
        format!("--root {root}"),
        "--size 4".to_owned(),
        "--root 12 --size 4".to_owned(),
        "--head nonsense".to_owned(),
        format!("--head {head} --root {root} --size {size}"),
    ] {
        elsewhere.verify(&proof, &unfit).exits(2).says("USAGE_INVALID");
    }
    elsewhere.run(&format!("audit verify --head {head}")).exits(2).says("--proof");
    // The own log has no such state.
    desk.verify(&proof, "").exits(0);
    elsewhere.verify(&proof, "").exits(3);
}

/// Goal: nothing in a proof can be altered. Method: every hexadecimal digit, every number and every
/// name of the document, one at a time, against the own log and against the head that was given.
#[test]
fn one_flipped_digit_in_any_member_of_a_proof_is_refused() {
    let (desk, proof) = proved();
    let (root, size) = head_of(&proof);
    let given = format!("--root {root} --size {size}");
    let mut altered = Vec::new();
    alter(&proof, &mut Vec::new(), &mut |path, value| {
        let mut copy = proof.clone();
        *copy.pointer_mut(path).unwrap() = value;
        altered.push((path.to_owned(), copy));
    });
    let mut members: Vec<&str> = altered.iter().map(|(path, _)| path.as_str()).collect();
    members.dedup();
    for member in [
        "/schema",
        "/entity",
        "/id",
        "/stamp",
        "/before",
        "/after",
        "/entry",
        "/head",
        "/proof/format",
        "/proof/salt",
        "/proof/record_index",
        "/proof/record_path/0",
        "/proof/leaf",
        "/proof/tree_size",
        "/proof/tree_path/0",
        "/proof/tree_path/1",
    ] {
        assert!(members.contains(&member), "{member} of {members:?}");
    }
    for (path, copy) in altered {
        for more in ["", given.as_str()] {
            let answer = desk.verify(&copy, more);
            let is_refused = answer.code == 9 && answer.stderr.contains("error AUDIT_");
            assert!(is_refused, "{path} {more}: {}\n{}{copy:#}", answer.stdout, answer.stderr);
        }
    }
}

/// Shows copies of every leaf of a document with one thing changed: of a long text the first, a middle
/// and the last digit.
fn alter(value: &Value, path: &mut Vec<String>, show: &mut impl FnMut(&str, Value)) {
    let at = |path: &[String]| path.iter().map(|part| format!("/{part}")).collect::<String>();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                path.push(name.clone());
                alter(member, path, show);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                alter(item, path, show);
                path.pop();
            }
        }
        Value::String(text) => {
            let digits = text.len() - 1;
            for place in [0, digits / 3, digits / 2, digits] {
                let mut bytes = text.clone().into_bytes();
                bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
                show(&at(path), String::from_utf8(bytes).unwrap().into());
            }
        }
        Value::Number(number) => show(&at(path), (number.as_u64().unwrap() + 1).into()),
        other => panic!("a proof has no {other}"),
    }
}

#[test]
fn a_proof_of_another_log_is_refused() {
    let (_, proof) = proved();
    let (other, _) = proved();
    other.verify(&proof, "").exits(9).says("AUDIT_PROOF_LEAF_DIFFERS");
    let short = Desk::new();
    short.contacts("personal", &numbered(0..2));
    short.run("sync").exits(0);
    short.verify(&proof, "").exits(9).says("AUDIT_PROOF_SIZE_DIFFERS");
    let answer = short.verify(&proof, "--json").exits(9).json();
    crate::documents::check(&answer);
}

#[test]
fn what_is_no_proof_is_refused_with_its_code() {
    let (desk, proof) = proved();
    let with = |path: &str, value: Value| {
        let mut copy = proof.clone();
        *copy.pointer_mut(path).unwrap() = value;
        copy
    };
    let mut without = proof.clone();
    without.as_object_mut().unwrap().remove("after");
    let mut more = proof.clone();
    more["value"] = "Name 3".into();
    let mut inner = proof.clone();
    inner["proof"]["value"] = "Name 3".into();
    let cases = [
        (without, "AUDIT_PROOF_MEMBER_MISSING"),
        (more, "AUDIT_PROOF_MEMBER_UNEXPECTED"),
        (inner, "AUDIT_PROOF_MEMBER_UNEXPECTED"),
        (with("/schema", "audit-proof/2".into()), "AUDIT_PROOF_FORMAT_UNKNOWN"),
        (with("/stamp", "zz".into()), "AUDIT_NOT_HEX"),
        (with("/before", "00".into()), "AUDIT_HASH_LENGTH"),
        (with("/head", "sha256:00".into()), "AUDIT_NOT_A_HEAD"),
        (with("/proof", "text".into()), "AUDIT_PROOF_MEMBER_MISSING"),
        (with("/id", "x".repeat(70_000).into()), "AUDIT_PROOF_TOO_LONG"),
        (json!([]), "AUDIT_PROOF_SYNTAX"),
    ];
    for (document, code) in cases {
        let answer = desk.verify(&document, "").exits(9).says(code);
        assert!(!answer.stderr.contains("Name 3"), "{}", answer.stderr);
    }
    desk.put("proof.json", &proof.to_string().into_bytes()[..300]);
    desk.run("audit verify --proof proof.json").exits(9).says("AUDIT_PROOF_SYNTAX");
    desk.run("audit verify --proof nothing.json").exits(3).says("FILE_UNUSABLE");
}
