use super::*;
use crate::schema::{Conversion, Forward, LeftAlone, Otherwise};

fn forward(steps: Vec<Step>) -> Forward {
    Forward::new([&migration(1, 2, steps)]).expect("repeatable steps")
}

fn status(pairs: &[(&str, &str)], otherwise: Otherwise) -> Step {
    let pairs = pairs.iter().map(|(old, new)| (leaf(old), leaf(new))).collect();
    Step::Map { path: path("/s"), pairs, otherwise }
}

fn convert(conversion: Conversion) -> Step {
    Step::Convert { path: path("/n"), conversion }
}

#[test]
fn what_stands_at_its_older_place_is_brought_over_and_nothing_else() {
    let keep = || status(&[("\"open\"", "\"todo\"")], Otherwise::Keep);
    let refuse = || status(&[("\"open\"", "\"todo\"")], Otherwise::Refuse);
    let number = || convert(Conversion::StringToNumber);
    let cases = [
        ("moved", vec![rename("/a", "/b")], r#"{"a":1,"z":0}"#, r#"{"b":1,"z":0}"#),
        ("moved already", vec![rename("/a", "/b")], r#"{"b":1}"#, r#"{"b":1}"#),
        (
            "with what is inside",
            vec![rename("/a", "/b/c")],
            r#"{"a":{"x":1}}"#,
            r#"{"b":{"c":{"x":1}}}"#,
        ),
        ("added", vec![add("/n", Some("0"))], r#"{"a":1}"#, r#"{"a":1,"n":0}"#),
        ("there already", vec![add("/n", Some("0"))], r#"{"n":7}"#, r#"{"n":7}"#),
        (
            "added and moved before",
            vec![add("/n", Some("0")), rename("/n", "/m")],
            r#"{"m":7}"#,
            r#"{"m":7}"#,
        ),
        ("removed stays", vec![remove("/f", Some("0"))], r#"{"f":1}"#, r#"{"f":1}"#),
        ("mapped", vec![keep()], r#"{"s":["open","x"]}"#, r#"{"s":["todo","x"]}"#),
        ("mapped already", vec![refuse()], r#"{"s":"todo"}"#, r#"{"s":"todo"}"#),
        ("converted", vec![number()], r#"{"n":["1",null]}"#, r#"{"n":[1,null]}"#),
        ("converted already", vec![number()], r#"{"n":1}"#, r#"{"n":1}"#),
    ];
    for (name, steps, before, after) in cases {
        assert_eq!(forward(steps).fields(&record(before)), Ok(record(after)), "case: {name}");
    }
}

#[test]
fn a_record_that_no_rule_can_bring_over_is_left_alone() {
    let both = LeftAlone::BothPlaces { from: path("/a"), to: path("/b") };
    let cases = [
        (rename("/a", "/b"), r#"{"a":1,"b":2}"#, both),
        (
            rename("/a", "/b/c"),
            r#"{"a":1,"b":"text"}"#,
            LeftAlone::BothPlaces { from: path("/a"), to: path("/b/c") },
        ),
        (
            status(&[("1", "2")], Otherwise::Refuse),
            r#"{"s":7}"#,
            LeftAlone::Unmapped { path: path("/s") },
        ),
        (
            convert(Conversion::StringToNumber),
            r#"{"n":"012"}"#,
            LeftAlone::Lossy { path: path("/n") },
        ),
    ];
    for (step, before, why) in cases {
        assert_eq!(forward(vec![step]).fields(&record(before)), Err(why), "{before}");
    }
}

#[test]
fn steps_that_would_undo_themselves_are_refused() {
    let swap = status(&[("1", "2"), ("2", "1")], Otherwise::Keep);
    let number = || convert(Conversion::StringToNumber);
    let to_n = || rename("/m", "/n");
    for steps in [
        vec![rename("/a", "/b"), add("/a", Some("0"))],
        vec![rename("/a", "/b"), rename("/b", "/a")],
        vec![swap],
        vec![number(), convert(Conversion::NumberToString)],
        vec![number(), to_n()],
    ] {
        let refused = Forward::new([&migration(1, 2, steps.clone())]);
        assert_eq!(
            refused.map(|_| ()).map_err(|error| error.code()),
            Err("SCHEMA_NOT_REPEATABLE"),
            "{steps:?}"
        );
    }
    assert!(Forward::new([&migration(1, 2, vec![rename("/a", "/b"), rename("/b", "/c")])]).is_ok());
}
