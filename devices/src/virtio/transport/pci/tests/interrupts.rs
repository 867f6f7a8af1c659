//! The pin, shared and masked, and messages.

use super::*;
use crate::pci::header;
use crate::virtio::testing::{Driver, FakeInterrupts};
use std::sync::atomic::Ordering;
use std::thread;

/// A running device whose queue can be used as often as wanted.
fn running() -> (PciMachine, Driver) {
    let machine = machine();
    let driver = machine.start(8);
    (machine, driver)
}

fn complete(machine: &PciMachine, driver: &mut Driver) {
    driver.offer(0, &[(0x4000, 16, true)]);
    machine.workers.process();
}

/// Makes the device complain: a configuration change.
fn break_queue(machine: &PciMachine, driver: &mut Driver) {
    driver.offer(0, &[(u64::MAX - 8, 1, true)]);
    machine.workers.process();
}

#[test]
fn the_pin_is_asserted_until_isr_is_read() {
    let (machine, mut driver) = running();
    assert!(!machine.is_asserted() && !machine.is_pending());
    complete(&machine, &mut driver);
    assert!(machine.is_asserted() && machine.is_pending());
    complete(&machine, &mut driver);
    assert_eq!(machine.take_isr(), 1);
    assert!(!machine.is_asserted() && !machine.is_pending());
    assert_eq!(machine.take_isr(), 0);
    break_queue(&machine, &mut driver);
    assert!(machine.is_asserted());
    assert_eq!((machine.take_isr(), machine.status()), (2, 0x4f));
    assert!(!machine.is_asserted());
}

#[test]
fn two_devices_on_one_line_complete_while_the_pin_is_masked_and_neither_completion_is_lost() {
    // Masking is the IOAPIC's: to devices nothing happens but that nobody reads their ISR.
    let interrupts = Arc::new(FakeInterrupts::default());
    let [first, second] = [(), ()].map(|()| {
        let machine = PciMachine::restored(rng(), ram(), &interrupts, None).unwrap();
        machine.function.unpark();
        let driver = machine.start(8);
        (machine, driver)
    });
    let ((first, mut first_driver), (second, mut second_driver)) = (first, second);
    complete(&first, &mut first_driver);
    complete(&second, &mut second_driver);
    complete(&first, &mut first_driver);
    // Unmasked: the line interrupts for as long as it is asserted, and each handler looks at its own device.
    assert!(first.is_asserted());
    assert_eq!((first.take_isr(), first_driver.used_index()), (1, 2));
    assert!(first.is_asserted(), "the second device still wants service");
    assert_eq!((second.take_isr(), second_driver.used_index()), (1, 1));
    assert!(!first.is_asserted());
}

#[test]
fn a_driver_that_shares_the_line_and_reads_isr_for_nothing_loses_nothing() {
    let (machine, mut driver) = running();
    for _ in 0..3 {
        assert_eq!(machine.take_isr(), 0);
        complete(&machine, &mut driver);
        assert!(machine.is_asserted());
        assert_eq!(machine.take_isr(), 1);
    }
}

#[test]
fn completions_beside_reads_of_isr_never_leave_the_pin_wrong() {
    let (machine, mut driver) = running();
    for _ in 0..200 {
        thread::scope(|scope| {
            scope.spawn(|| machine.take_isr());
            complete(&machine, &mut driver);
        });
        let asserted = machine.is_asserted();
        assert_eq!(asserted, machine.take_isr() != 0);
    }
}

#[test]
fn the_command_register_disables_the_pin_but_not_the_status_bit() {
    let (machine, mut driver) = running();
    machine.set_command(Command::INTX_DISABLE);
    complete(&machine, &mut driver);
    assert!(!machine.is_asserted() && machine.is_pending());
    machine.set_command(Command::empty());
    assert!(machine.is_asserted() && machine.is_pending());
    machine.set_command(Command::INTX_DISABLE | Command::MEMORY);
    assert!(!machine.is_asserted());
}

#[test]
fn a_reset_lowers_the_pin_and_so_does_what_comes_home_late() {
    let (machine, mut driver) = running();
    complete(&machine, &mut driver);
    machine.set_status(0);
    assert!(!machine.is_asserted());
    let mut driver = machine.start(8);
    driver.set_available_index(0);
    machine.workers.slow.store(true, Ordering::Relaxed);
    machine.set_status(0);
    break_queue(&machine, &mut driver);
    assert!(machine.is_asserted());
    machine.workers.deliver();
    assert_eq!((machine.is_asserted(), machine.take_isr(), machine.status()), (false, 0, 0));
}

#[test]
fn messages_go_by_the_vectors_that_the_driver_mapped_and_queues_do_not_show_in_isr() {
    let (machine, mut driver) = running();
    machine.enable_messages(2);
    complete(&machine, &mut driver);
    assert!(machine.interrupts.messages().is_empty(), "the queue is not mapped");
    machine.write(0x10, Width::Word, 0);
    machine.write(0x1a, Width::Word, 1);
    complete(&machine, &mut driver);
    assert_eq!((machine.interrupts.messages(), machine.take_isr()), (vec![0x21], 0));
    break_queue(&machine, &mut driver);
    assert_eq!(machine.interrupts.messages(), [0x20]);
    assert!(!machine.is_asserted() && !machine.is_pending());
    assert_eq!(machine.take_isr(), 2, "a configuration change shows nevertheless");
}

#[test]
fn all_events_may_share_a_vector() {
    let (machine, mut driver) = running();
    machine.enable_messages(1);
    machine.write(0x10, Width::Word, 0);
    machine.write(0x1a, Width::Word, 0);
    complete(&machine, &mut driver);
    break_queue(&machine, &mut driver);
    assert_eq!(machine.interrupts.messages(), [0x20, 0x20]);
}

#[test]
fn a_masked_vector_keeps_its_message_pending() {
    let (machine, mut driver) = running();
    machine.enable_messages(2);
    machine.write(0x1a, Width::Word, 1);
    let table = machine.bar(4);
    table.write(0x1c, Width::Dword, 1);
    complete(&machine, &mut driver);
    assert!(machine.interrupts.messages().is_empty());
    table.write(0x1c, Width::Dword, 0);
    assert_eq!(machine.interrupts.messages(), [0x21]);
}

#[test]
fn a_host_that_refuses_a_route_keeps_the_message_pending() {
    let (machine, mut driver) = running();
    machine.interrupts.refuses.store(true, Ordering::Relaxed);
    machine.enable_messages(2);
    machine.write(0x1a, Width::Word, 1);
    complete(&machine, &mut driver);
    machine.interrupts.refuses.store(false, Ordering::Relaxed);
    machine.bar(4).write(0x1c, Width::Dword, 0);
    assert_eq!(machine.interrupts.messages(), [0x21]);
}

#[test]
fn the_pin_is_down_while_messages_are_enabled_and_comes_back_after() {
    let (machine, mut driver) = running();
    complete(&machine, &mut driver);
    assert!(machine.is_asserted());
    machine.set_messages_enabled(true);
    assert!(!machine.is_asserted() && !machine.is_pending());
    machine.set_messages_enabled(false);
    assert!(machine.is_asserted() && machine.is_pending());
}

#[test]
fn a_reset_unmaps_all_vectors_so_that_old_handlers_send_nothing() {
    let (machine, mut driver) = running();
    machine.enable_messages(2);
    machine.write(0x10, Width::Word, 0);
    machine.write(0x1a, Width::Word, 1);
    machine.workers.slow.store(true, Ordering::Relaxed);
    machine.set_status(0);
    complete(&machine, &mut driver);
    break_queue(&machine, &mut driver);
    machine.workers.deliver();
    assert_eq!((machine.interrupts.messages(), machine.take_isr()), (vec![], 0));
}

#[test]
fn a_resumed_function_interrupts_again() {
    let (machine, mut driver) = running();
    machine.park();
    machine.function.unpark();
    assert!(!machine.is_asserted());
    complete(&machine, &mut driver);
    machine.park();
    machine.function.unpark();
    assert!(machine.is_asserted());
    machine.enable_messages(2);
    machine.write(0x1a, Width::Word, 1);
    machine.park();
    machine.function.unpark();
    assert_eq!(machine.interrupts.messages(), [0x21]);
    assert_eq!(machine.function.read_config(header::INTERRUPT_PIN, Width::Byte), 1);
}
