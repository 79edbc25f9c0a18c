//! Any bytes as an upload, and as the inner archive of one.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portolan_domain_fuzz::archive(bytes));
