//! Any JSON as a request to any of the other webhooks, with configuration and related objects.

#![no_main]

use crds_fuzz::{Case, mutate_text, schema_of_case};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate_text(data, size, max_size, schema_of_case, seed).unwrap_or_else(|| fuzzer_mutate(data, size, max_size))
});

fuzz_target!(|data: &[u8]| {
    let Ok(case) = serde_json::from_slice::<Case>(data) else { return };
    if let Some(Err(refusal)) = case.ask() {
        assert!(!refusal.message.is_empty());
        assert!(matches!(refusal.code, 400..=499));
    }
});
