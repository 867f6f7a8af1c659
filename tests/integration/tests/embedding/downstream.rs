//! A program outside the workspace: what it does without a machine.

use std::process::Command;

use integration::downstream;

#[test]
fn a_program_outside_the_workspace_is_built_without_a_warning_and_finds_everything_as_it_was() {
    let program = downstream::build().unwrap();
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "downstream: everything is as it was\n");
}
