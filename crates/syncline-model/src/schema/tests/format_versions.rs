//! Stored forms are kept for ever: what a version has written, all later ones read.

use sha2::{Digest, Sha256};

use crate::{cursor, envelope, schema};

macro_rules! golden {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../../../../fixtures/model/v1/", $name)) as &[u8])),*]
    };
}

/// The golden files of version 1 of every form.
const GOLDEN: &[(&str, &[u8])] = &golden![
    "codec-every-kind-with-varints-at-each-width.bin",
    "codec-length-beyond-the-end.bin",
    "codec-length-of-all-64-bits.bin",
    "codec-text-not-utf8.bin",
    "codec-varint-beyond-64-bits.bin",
    "codec-varint-overlong.bin",
    "codec-varint-without-end.bin",
    "cursor-bytes-after-the-end.txt",
    "cursor-format-version-2.txt",
    "cursor-greatest-partition-and-position.txt",
    "cursor-nothing-read-yet.txt",
    "cursor-one-bit-flipped.txt",
    "cursor-one-partition.txt",
    "cursor-partition-beyond-16-bits.txt",
    "cursor-partition-twice.txt",
    "cursor-partitions-out-of-order.txt",
    "cursor-position-0.txt",
    "envelope-plain-empty-value.bin",
    "envelope-plain-value-that-looks-sealed.bin",
    "envelope-sealed-with-empty-ciphertext.bin",
    "envelope-sealed-without-key-id.bin",
    "envelope-tag-of-a-later-version.bin",
    "migration-with-every-kind-of-step.json",
];

/// The versions that are written, and the hash of both: they change together.
const VERSIONS: &[(&str, u8)] = &[
    ("cursor", cursor::FORMAT_VERSION),
    ("envelope", envelope::FORMAT_VERSION),
    ("migration", schema::FORMAT_VERSION),
];
const EXPECTED: &str = "14943f677058a20e7e774c62e2f1cdce31f133b68d24e215b604a306ece8d18e";

#[test]
fn a_stored_form_changes_only_with_its_version() {
    let mut hash = Sha256::new();
    for (name, version) in VERSIONS {
        hash.update(format!("{name}={version}\n"));
    }
    for (name, bytes) in GOLDEN {
        hash.update(format!("{name}:{}\n", bytes.len()));
        hash.update(bytes);
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        found, EXPECTED,
        "a golden file or a version changed: bump the format version of that form, keep the old \
         files and their reader, add files of the new version, and then put the new hash here"
    );
}
