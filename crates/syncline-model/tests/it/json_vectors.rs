//! The vectors in `fixtures/json`, which other implementations replay too.

use std::fs::read_dir;
use std::path::PathBuf;

use syncline_model::json::{Json, Leaf, fields, parse, raw};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/json"))
}

#[expect(clippy::disallowed_methods, reason = "this test reads fixtures; the crate does not")]
fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

/// Returns the rows of a vector file, each as the texts of the members named.
fn rows<const N: usize>(name: &str, columns: [&str; N]) -> Vec<[Json; N]> {
    let document = parse(&read(name)).unwrap();
    let row = |row: &Json| columns.map(|key| row.as_object().unwrap().get(key).unwrap().clone());
    document.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn canonical_vectors_hold_for_trees_and_leaves() {
    for [name, input, canonical] in rows("canonical.json", ["name", "input", "canonical"]) {
        let name = name.as_str().unwrap();
        let (input, canonical) = (input.as_str().unwrap(), canonical.as_str().unwrap());
        let tree = parse(input.as_bytes()).unwrap();
        assert_eq!(tree.to_canonical_string(), canonical, "tree: {name}");
        let leaf = Leaf::parse(input).unwrap();
        assert_eq!(leaf.canonical(), canonical, "leaf: {name}");
        assert_eq!(parse(canonical.as_bytes()).unwrap(), tree, "back: {name}");
    }
}

#[test]
fn pretty_and_compact_texts_are_those_of_javascript() {
    for [input, pretty, compact] in rows("pretty.json", ["input", "pretty", "compact"]) {
        let tree = parse(input.as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(tree.to_pretty_string(), pretty.as_str().unwrap());
        assert_eq!(tree.to_compact_string(), compact.as_str().unwrap());
    }
}

#[test]
fn refused_texts_are_refused_by_every_reader_for_the_same_reason() {
    let mut known = Vec::new();
    for [file, code, offset] in rows("refused.json", ["file", "code", "offset"]) {
        let file = file.as_str().unwrap();
        let bytes = read(&format!("refused/{file}"));
        let error = parse(&bytes).unwrap_err();
        let offset = offset.as_number().unwrap().to_i64().unwrap();
        assert_eq!(
            (error.code(), error.offset()),
            (code.as_str().unwrap(), offset as usize),
            "{file}"
        );
        assert!(!error.advice().is_empty() && !error.to_string().is_empty(), "{file}");
        assert_eq!(raw::validate(&bytes), Err(error), "validate: {file}");
        assert_eq!(Leaf::from_raw(&bytes), Err(error), "leaf: {file}");
        assert_eq!(fields::flatten(&bytes), Err(error), "flatten: {file}");
        assert!(raw::members(&bytes).is_err() && raw::elements(&bytes).is_err(), "{file}");
        known.push(file.to_owned());
    }
    let names = read_dir(folder().join("refused")).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    known.sort();
    assert_eq!(names, known, "refused.json lists every file");
}
