//! How a machine ends.

use vmm::{OnReboot, OnTripleFault, StopReason, VmState};

use super::{SCENES, machine};

/// The one line that says why a machine crashed.
fn crash_message(reason: StopReason) -> String {
    let StopReason::Crashed { message } = reason else { panic!("not a crash: {reason:?}") };
    assert!(!message.contains('\n'), "more than one line: {message}");
    message
}

#[test]
fn a_guest_that_switches_itself_off_stops_the_machine() {
    let Some(machine) = machine("smp poweroff") else { return };
    let mut guest = machine.cpus(2).start();
    assert_eq!(guest.stopped(), StopReason::PoweredOff);
    assert_eq!(guest.handle.state(), VmState::Stopped);
    assert!(guest.console.transcript().ends_with("begin poweroff\n"), "output is lost");
}

#[test]
fn the_debug_exit_port_hands_its_status_to_the_owner() {
    for status in [0, 42, 255] {
        let Some(machine) = machine(&format!("exit={status}")) else { return };
        assert_eq!(machine.start().stopped(), StopReason::DebugExit { status });
    }
}

#[test]
fn the_guest_does_not_run_another_instruction_after_the_one_that_ended_it() {
    // The test guest's next instruction writes to the marker port.
    let resets = SCENES[0].reset_sources().iter().filter(|(name, _)| *name != "triple");
    let resets = resets.map(|(name, _)| format!("reset={name}"));
    for script in ["exit=1".to_owned(), "poweroff".to_owned()].into_iter().chain(resets) {
        for _ in 0..5 {
            let Some(machine) = machine(&script) else { return };
            let mut guest = machine.on_reboot(OnReboot::Exit).start();
            guest.stopped();
            assert_eq!(guest.handle.boot_timeline().guest_markers, [], "after {script}");
        }
    }
}

#[test]
fn a_guest_that_kvm_cannot_run_on_has_crashed_and_the_message_helps() {
    let Some(machine) = machine("crash") else { return };
    let message = crash_message(machine.start().stopped());
    assert!(message.contains("vCPU 0") && message.contains("emulate"), "{message}");
}

#[test]
fn a_triple_fault_is_a_crash_unless_it_is_made_a_reset() {
    let Some(machine) = machine("reset=triple") else { return };
    let message = crash_message(machine.on_triple_fault(OnTripleFault::Exit).start().stopped());
    assert!(message.contains("triple fault") && message.contains("on_triple_fault"), "{message}");
}

#[test]
fn an_exception_of_the_guest_is_the_guest_s_own_business() {
    let Some(machine) = machine("fault") else { return };
    let mut guest = machine.start();
    guest.line("begin fault");
    let line = guest.console.line(std::time::Instant::now() + integration::machine::DEADLINE);
    // Vector 6: invalid opcode.
    assert!(line.is_some_and(|line| line.starts_with("fault vector=6 ")));
    assert_eq!(guest.handle.state(), VmState::Running);
}
