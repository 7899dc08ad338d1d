#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = syncline::config::Config::parse(text, std::path::Path::new("/nowhere"));
    }
});
