#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::known_browser(bytes));
