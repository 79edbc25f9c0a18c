//! Any bytes as a file of an OSTree repository.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portolan_domain_fuzz::ostree(bytes));
