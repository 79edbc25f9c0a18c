//! Any bytes as one of the JSON files of a manifest.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portolan_domain_fuzz::manifest_json(bytes));
