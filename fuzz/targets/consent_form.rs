#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::consent_form(bytes));
