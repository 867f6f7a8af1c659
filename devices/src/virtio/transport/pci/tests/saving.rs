//! Saved state: everything that the driver wrote, to the byte; refused when it is impossible.

use super::*;
use crate::state::StateError;
use crate::virtio::testing::FakeInterrupts;
use std::sync::atomic::Ordering;

fn state(machine: &PciMachine) -> PciTransportState {
    machine.function.save().unwrap()[0].decode().unwrap()
}

/// Another machine with the same memory, parked.
fn copy(machine: &PciMachine, state: PciTransportState) -> PciMachine {
    let interrupts = Arc::new(FakeInterrupts::default());
    PciMachine::restored(rng(), Arc::clone(&machine.memory), &interrupts, Some(state)).unwrap()
}

#[test]
fn a_running_function_is_not_saved() {
    let machine = machine();
    machine.start(8);
    machine.workers.slow.store(true, Ordering::Relaxed);
    machine.function.park(Box::new(|| {}));
    assert!(matches!(machine.function.save(), Err(StateError::Running(_))));
    machine.workers.deliver();
    let saved = machine.function.save().unwrap();
    assert_eq!([&*saved[0].kind, &*saved[1].kind], ["virtio-pci", "virtio-rng"]);
}

#[test]
fn selectors_vectors_configuration_space_and_table_come_back() {
    let machine = machine();
    machine.start(8);
    machine.enable_messages(2);
    for (offset, width, value) in [
        (0x00, Width::Dword, 1),
        (0x08, Width::Dword, 2),
        (0x10, Width::Word, 1),
        (0x1a, Width::Word, 0),
        (0x16, Width::Word, 3),
    ] {
        machine.write(offset, width, value);
    }
    machine.function.write_config(0x10, Width::Dword, 0xc000_0000);
    machine.set_command(Command::MEMORY | Command::INTX_DISABLE);
    machine.park();
    let saved = machine.function.save().unwrap();
    let copy = copy(&machine, saved[0].decode().unwrap());
    assert_eq!(copy.function.save().unwrap(), saved);
    assert_eq!(copy.function.decoded(), machine.function.decoded());
    let words = [0x10, 0x16].map(|offset| copy.read(offset, Width::Word));
    let dwords = [0x00, 0x08].map(|offset| copy.read(offset, Width::Dword));
    assert_eq!((words, dwords, copy.status()), ([1, 3], [1, 2], 15));
}

#[test]
fn a_restored_pin_is_asserted_when_it_is_unparked_and_not_before() {
    let machine = machine();
    let mut driver = machine.start(8);
    driver.offer(0, &[(0x4000, 16, true)]);
    machine.workers.process();
    machine.park();
    let copy = copy(&machine, state(&machine));
    assert!(!copy.is_asserted(), "the interrupt controllers have no state yet");
    copy.function.unpark();
    assert!(copy.is_asserted());
    assert_eq!((copy.take_isr(), copy.is_asserted()), (1, false));
}

#[test]
fn a_pin_that_the_command_register_disables_stays_down_after_a_restore() {
    let machine = machine();
    let mut driver = machine.start(8);
    machine.set_command(Command::INTX_DISABLE);
    driver.offer(0, &[(0x4000, 16, true)]);
    machine.workers.process();
    machine.park();
    let copy = copy(&machine, state(&machine));
    copy.function.unpark();
    assert!(!copy.is_asserted() && copy.is_pending());
}

#[test]
fn a_restored_function_sends_its_messages_and_what_was_pending() {
    let machine = machine();
    let mut driver = machine.start(8);
    machine.enable_messages(2);
    machine.write(0x10, Width::Word, 0);
    machine.write(0x1a, Width::Word, 1);
    machine.bar(4).write(0x1c, Width::Dword, 1);
    driver.offer(0, &[(0x4000, 16, true)]);
    machine.workers.process();
    machine.park();
    let copy = copy(&machine, state(&machine));
    assert!(copy.interrupts.messages().is_empty());
    copy.function.unpark();
    assert_eq!(copy.interrupts.messages(), [0x20], "vector 1 is masked");
    copy.bar(4).write(0x1c, Width::Dword, 0);
    assert_eq!(copy.interrupts.messages(), [0x21]);
    driver.offer(1, &[(0x4000, 16, true)]);
    copy.workers.process();
    assert_eq!((copy.interrupts.messages(), driver.used_index()), (vec![0x21], 2));
}

#[test]
fn a_state_that_breaks_a_rule_is_refused() {
    let machine = machine();
    machine.start(8);
    machine.park();
    let good = state(&machine);
    let refused = |change: fn(&mut PciTransportState)| {
        let mut state = good.clone();
        change(&mut state);
        PciMachine::restored(rng(), ram(), &Arc::default(), Some(state)).is_err()
    };
    assert!(!refused(|_| {}));
    assert!(!refused(|state| state.queue_select = 0xffff));
    assert!(!refused(|state| state.config_vector = 1));
    for change in [
        (|state| state.config_vector = 2) as fn(&mut PciTransportState),
        |state| state.queue_vectors = vec![7],
        |state| state.queue_vectors.clear(),
        |state| state.queue_vectors.push(0xffff),
        |state| state.core.isr = 4,
    ] {
        assert!(refused(change));
    }
}
