//! The odd files are as odd as their README says, and it names each of them.

use std::collections::BTreeSet;
use std::fs;

use crate::fixtures::fixtures_dir;

#[test]
fn the_readme_names_every_odd_file_and_no_other() {
    let folder = fixtures_dir().join("files");
    let present: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let named: BTreeSet<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| row.split('`').next())
        .map(str::to_owned)
        .collect();
    assert!(present.len() > 40, "only {} files", present.len());
    assert_eq!(present, named);
}

/// A checkout that changes line ends or text forms would make these cases meaningless.
#[test]
fn odd_bytes_survive_the_checkout() {
    type Odd = fn(&[u8]) -> bool;
    let count = |bytes: &[u8], wanted: &[u8]| {
        bytes.windows(wanted.len()).filter(|window| *window == wanted).count()
    };
    #[rustfmt::skip]
    let cases: [(&str, Odd); 8] = [
        ("empty.json",                  |bytes| bytes.is_empty()),
        ("byte-order-mark.json",        |bytes| bytes.starts_with(b"\xef\xbb\xbf{")),
        ("item-with-invalid-utf8.json", |bytes| std::str::from_utf8(bytes).is_err()),
        ("tabs.json",                   |bytes| bytes.starts_with(b"{\n\t\"contacts\"")),
        ("utf-16.json",                 |bytes| bytes.starts_with(b"\xff\xfe{\0")),
        ("no-newline-at-the-end.json",  |bytes| bytes.ends_with(b"}")),
        ("half-written-over-an-older-file.json", |bytes| bytes.ends_with(b"\0\0\0")),
        ("truncated-between-records.json", |bytes| bytes.ends_with(b"},\n")),
    ];
    for (name, odd) in cases {
        assert!(odd(&fs::read(fixtures_dir().join("files").join(name)).unwrap()), "{name}");
    }
    let crlf = fs::read(fixtures_dir().join("files/crlf.json")).unwrap();
    assert_eq!(count(&crlf, b"\r\n"), count(&crlf, b"\n"));
    let unicode = fs::read(fixtures_dir().join("files/unicode-ids.json")).unwrap();
    assert_eq!(count(&unicode, "caf\u{e9}".as_bytes()), 1);
    assert_eq!(count(&unicode, "cafe\u{301}".as_bytes()), 1);
}
