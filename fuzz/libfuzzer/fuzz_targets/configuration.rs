#![no_main]

use syncline::config::Config;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let dir = std::path::Path::new("/nowhere");
        let _ = Config::parse(text, dir);
        let _ = Config::parse_spec001(Some(text), None, dir);
        let _ = Config::parse_spec001(None, Some(text), dir);
    }
});
