//! Seeds that once failed: `sim/regressions/<what-broke>.seed`, one number a line.

use std::fs;
use std::path::Path;

use syncline_sim::replay::{parse_seeds, run_twice};

#[test]
fn seeds_that_once_failed_are_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("the folder of regressions")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seed"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there is no seed in {}", folder.display());
    for file in files {
        let text = fs::read_to_string(&file).expect("a text");
        for seed in parse_seeds(&text).expect("numbers") {
            let verdict = run_twice(seed, None);
            let first = verdict.outcome.violations.first();
            assert!(verdict.is_clean(), "{}: seed {seed}: {first:?}", file.display());
        }
    }
}
