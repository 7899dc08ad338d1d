//! Replaying a corpus, and seeded mutations of it.

use std::path::{Path, PathBuf};

/// Mutations tried of each seed.
const MUTATIONS: u64 = 300;

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut seeds: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|_| panic!("no corpus for {target}"))
        .map(|entry| entry.expect("a corpus can be listed").path())
        .collect();
    seeds.sort();
    let read = |path: &PathBuf| std::fs::read(path).expect("a seed can be read");
    seeds.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// xorshift64: small, seedable, the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).expect("below a usize")
    }
}

fn mutate(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 => bytes.insert(at, dice.below(256) as u8),
            2 if at < bytes.len() => {
                bytes.remove(at);
            }
            3 => bytes.truncate(at),
            _ => {
                let from = dice.below(bytes.len() + 1).min(at);
                let copied = bytes[from..at].to_vec();
                bytes.splice(at..at, copied);
            }
        }
    }
    bytes
}

/// Gives a target every seed of its corpus, and mutations of each.
///
/// # Panics
///
/// If the target does, with the seed and the bytes; or if there is no corpus of that name.
pub fn replay(name: &str, target: fn(&[u8])) {
    let seeds = corpus(name);
    assert!(!seeds.is_empty(), "no corpus for {name}");
    for (path, seed) in seeds {
        let ran = std::panic::catch_unwind(|| target(&seed));
        assert!(ran.is_ok(), "{name}: {}", path.display());
        let mut dice = Dice(0x5eed_0001 + seed.len() as u64);
        for round in 0..MUTATIONS {
            let bytes = mutate(&seed, &mut dice);
            let ran = std::panic::catch_unwind(|| target(&bytes));
            assert!(ran.is_ok(), "{name}: mutation {round} of {}: {bytes:?}", path.display());
        }
    }
}
