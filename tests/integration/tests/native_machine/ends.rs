//! How a machine ends.

use integration::machine::TestMachine;
use vmm::StopReason;

#[test]
fn a_guest_that_switches_itself_off_stops_the_machine() {
    let Some(machine) = TestMachine::script("poweroff") else { return };
    assert_eq!(machine.start().stopped(), StopReason::PoweredOff);
}

#[test]
fn the_debug_exit_port_hands_its_status_to_the_owner() {
    let Some(machine) = TestMachine::script("exit=42") else { return };
    assert_eq!(machine.start().stopped(), StopReason::DebugExit { status: 42 });
}
