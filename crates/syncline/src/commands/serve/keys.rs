//! Keys of issuers that are fetched from an address, into files of the state that the server reads.
//!
//! The last good set stays: in the server while the address fails, and in the file for the next start.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use syncline_domains::files::disk::Digest;
use syncline_server::{IssuerSettings, check_keys};

use crate::config::Issuer;
use crate::failure::{Failure, Refusal};
use crate::run::Context;
use crate::run::post::Address;

/// The folder of the files, within the state's.
const FOLDER: &str = "keys";
/// Most bytes of a set of keys.
const BYTES_MAX: u64 = 256 << 10;
/// How often keys are fetched whatever happens: one that an issuer takes back is good no longer.
const REFRESH: Duration = Duration::from_secs(600);
/// How often at most they are fetched because a token names a key that is not there.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(60);
/// How often it is looked whether there is such a token.
const PAUSE: Duration = Duration::from_millis(250);

/// The keys that are fetched.
pub(super) struct Keys(Vec<Fetched>);

/// The keys of one issuer.
struct Fetched {
    settings: IssuerSettings,
    address: Address,
    timer: Timer,
}

impl Keys {
    /// Gives each issuer the file of its keys, and fetches them, where there is an address.
    ///
    /// # Errors
    ///
    /// [`Refusal::IssuerKeys`] if an address is none, or fails and nothing was kept of it.
    pub(super) fn begin(
        context: &Context,
        issuers: &[Issuer],
        state: &Path,
    ) -> Result<(Vec<IssuerSettings>, Self), Failure> {
        let (mut all, mut fetched) = (Vec::new(), Vec::new());
        for issuer in issuers {
            let mut settings = issuer.settings.clone();
            if let Some(text) = &issuer.address {
                settings.keys = file(state, text);
                let refused =
                    |reason| Refusal::IssuerKeys { issuer: settings.name.clone(), reason };
                let address = Address::parse(text);
                let address =
                    address.ok_or_else(|| refused("its address is not understood".to_owned()))?;
                let timer = Timer { fetched: Instant::now(), unknown: None };
                let one = Fetched { settings: settings.clone(), address, timer };
                if let Err(reason) = one.fetch() {
                    if !settings.keys.is_file() {
                        return Err(refused(reason).into());
                    }
                    one.warn(context, &reason);
                }
                fetched.push(one);
            }
            all.push(settings);
        }
        Ok((all, Self(fetched)))
    }

    /// Keeps them fresh in a thread of its own, as long as the process lives.
    ///
    /// - `unknown`: how many tokens have named a key that is not there.
    pub(super) fn keep(mut self, context: &Context, unknown: impl Fn() -> u64 + Send + 'static) {
        if self.0.is_empty() {
            return;
        }
        let context = context.clone();
        thread::spawn(move || {
            let mut seen = unknown();
            loop {
                thread::sleep(PAUSE);
                let now = Instant::now();
                let found = unknown();
                let is_asked = found != seen;
                let mut is_left = false;
                for one in &mut self.0 {
                    match one.timer.is_due(now, is_asked) {
                        true => {
                            if let Err(reason) = one.fetch() {
                                one.warn(&context, &reason);
                            }
                        }
                        false => is_left |= is_asked,
                    }
                }
                if !is_left {
                    seen = found;
                }
            }
        });
    }
}

impl Fetched {
    /// Fetches the keys and puts their file in place whole; one that is no set of keys is left.
    fn fetch(&self) -> Result<(), String> {
        let keys = self.address.get(BYTES_MAX)?;
        check_keys(&self.settings.name, &keys).map_err(|error| error.to_string())?;
        let file = &self.settings.keys;
        let put = || {
            let mut builder = fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
            builder.create(file.parent().unwrap_or(file))?;
            let new = file.with_extension("new");
            fs::write(&new, &keys)?;
            fs::rename(&new, file)
        };
        put().map_err(|error| error.to_string())
    }

    fn warn(&self, context: &Context, reason: &str) {
        let issuer = &self.settings.name;
        context.output.warn(&format!(
            "the keys of the issuer {issuer} could not be fetched, those from before stay: {reason}"
        ));
    }
}

/// Returns the file for the keys of an address: another one for each, so that none is taken for another's.
fn file(state: &Path, address: &str) -> PathBuf {
    let digest = Digest::of(address.as_bytes()).0;
    let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    state.join(FOLDER).join(name).with_extension("json")
}

/// When keys are fetched again.
struct Timer {
    fetched: Instant,
    /// When they were last because a token named an unknown key.
    unknown: Option<Instant>,
}

impl Timer {
    /// Returns whether they are to be fetched now, and takes note of that.
    fn is_due(&mut self, now: Instant, is_asked: bool) -> bool {
        let since = |at: Instant| now.saturating_duration_since(at);
        let may_ask = self.unknown.is_none_or(|at| since(at) >= UNKNOWN_PAUSE);
        if is_asked && may_ask {
            (self.fetched, self.unknown) = (now, Some(now));
            return true;
        }
        let is_old = since(self.fetched) >= REFRESH;
        if is_old {
            self.fetched = now;
        }
        is_old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_when_they_are_old_and_once_a_minute_for_tokens_nobody_knows() {
        let begun = Instant::now();
        let mut timer = Timer { fetched: begun, unknown: None };
        #[rustfmt::skip]
        let steps = [
            (0,     false, false), (1,     true,  true), (2,   true, false), (60,  true,  false),
            (61,    true,  true),  (62,    true,  false), (130, false, false), (131, true, true),
            (730,   false, false), (731,   false, true),  (732, true,  true),  (733, false, false),
        ];
        for (at_s, is_asked, expected) in steps {
            let now = begun + Duration::from_secs(at_s);
            assert_eq!(timer.is_due(now, is_asked), expected, "{at_s}");
        }
    }
}
