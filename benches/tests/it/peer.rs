//! The peer does the job that it is compared by. Skipped, aloud, where Node is missing.

use std::fs;
use std::path::Path;
use std::process::Command;

use syncline_benches::spec001::write_fixtures;

#[test]
fn the_peer_counts_what_spec_001_counts() {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("skipped: node is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_fixtures(folder.path()).unwrap();
    let data = folder.path().join("five-entities/data");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/cross_domain_sync.mjs");
    let output = Command::new("node")
        .arg(script)
        .args(["--source", "personal", "--target", "business", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record = fs::read_dir(data.join("sync-records")).unwrap().next().unwrap().unwrap();
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(record.path()).unwrap()).unwrap();
    let results = &record["results"];
    assert_eq!(results["contacts"]["mergedCount"], 180);
    assert_eq!(results["contacts"]["conflicts"], 15);
    assert_eq!(results["calendar"]["mergedCount"], 85);
    assert_eq!(results["calendar"]["conflicts"], 5);
    assert_eq!(fs::read_to_string(data.join("audit.log")).unwrap().lines().count(), 1);
}
