//! The native tests pass on ordinary KVM too, whatever this machine's own KVM is.

use std::time::Duration;

use integration::images::Images;
use integration::nested::{native_binaries, run_native_tests};
use integration::second_try;
use integration::skip::skip;

#[test]
fn pass_on_emulated_svm_too() {
    let Some(binaries) = native_binaries().unwrap() else {
        return skip("only the runner knows the native test binaries: make test");
    };
    let all: usize = binaries.iter().map(|binary| binary.tests.len()).sum();
    assert!(all > 0, "There are no native tests");
    let images = Images::ensure().unwrap();
    let result = run_native_tests(&images, &binaries, Duration::from_secs(1800)).unwrap();
    let again = result.second_tries.len();
    println!(
        "{} of {all} native tests passed in L1, {again} at the second try; skipped: {:#?}",
        result.passed, result.skipped
    );
    assert!(result.failed.is_empty(), "{} failed in L1:\n{}", result.failed.len(), result.failed.join("\n\n"));
    second_try::record(&result.second_tries).unwrap();
    assert!(result.passed > 0, "All native tests were skipped in L1: {:#?}", result.skipped);
}
