//! Random histories against the causal oracle. `HISTORIES=n` plays more of them.

use crate::world::{Wish, minimised, play};

/// Histories in an ordinary run.
const HISTORIES: u64 = if cfg!(debug_assertions) { 250 } else { 10_000 };

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test that may be asked for more; the crate reads no environment"
)]
fn random_histories_agree_with_the_causal_oracle() {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|text: String| text.parse().ok())
    };
    let histories = number("HISTORIES").unwrap_or(HISTORIES);
    let first = number("SEED").unwrap_or(0);
    for seed in first..first + histories {
        if let Err(failure) = play(seed, &Wish::default()) {
            panic!("{}", minimised(failure));
        }
    }
}
