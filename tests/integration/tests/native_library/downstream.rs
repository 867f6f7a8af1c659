//! A program outside the workspace: what it does with a machine.

use std::process::Command;

use integration::downstream;
use integration::machine::{built_programs_or_skip, test_guest};

#[test]
fn a_program_outside_the_workspace_leads_a_machine_through_its_whole_life() {
    if !built_programs_or_skip() {
        return;
    }
    let program = downstream::build().unwrap();
    let output = Command::new(program).arg(test_guest()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "downstream: everything is as it was\n");
}
