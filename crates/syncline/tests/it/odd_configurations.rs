//! Any text as a configuration: what is refused says what to do, and what is accepted means the same when it
//! is read again and can be checked.

use std::path::Path;

use syncline::config::check::check;
use syncline::config::{Config, ConfigError, Loaded};
use syncline_fuzz::replay;

/// Reads a text as `syncline.toml` and as each of the files of spec 001.
fn all_readers(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let dir = Path::new("/nowhere");
    read(|| Config::parse(text, dir));
    read(|| Config::parse_spec001(Some(text), None, dir));
    read(|| Config::parse_spec001(None, Some(text), dir));
}

fn read(read: impl Fn() -> Result<Loaded, ConfigError>) {
    match (read(), read()) {
        (Ok(loaded), Ok(again)) => {
            assert_eq!(format!("{:?}", loaded.config), format!("{:?}", again.config));
            let found = |loaded| format!("{:?}", check(loaded, &[]));
            assert_eq!(found(&loaded), found(&again));
        }
        (Err(ConfigError::Invalid(error)), Err(_)) => {
            assert!(!error.what.is_empty() && !error.next.is_empty(), "{error:?}");
        }
        (one, other) => panic!("{one:?}, then {other:?}"),
    }
}

#[test]
fn no_text_is_too_odd_for_a_configuration() {
    replay("configuration", all_readers);
}
