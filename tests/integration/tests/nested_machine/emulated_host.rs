//! The emulated machine itself: that it has KVM and reports what ran in it.

use std::time::Duration;

use integration::images::Images;
use integration::nested::L1;

const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn a_command_runs_beside_a_working_kvm_and_its_status_comes_out() {
    let images = Images::ensure().unwrap();
    let script = "[ -c /dev/kvm ] && grep -o -w -m1 svm /proc/cpuinfo && cat /greeting; exit 7";
    let output = L1::new(&images).unwrap().text("/greeting", "hello\n").run(script, LIMIT).unwrap();
    assert_eq!((output.status, output.text.as_str()), (7, "svm\nhello\n"));
}
