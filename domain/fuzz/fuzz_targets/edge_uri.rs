//! Any bytes as a URI that an edge asks about.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| portolan_domain_fuzz::edge_uri(bytes));
