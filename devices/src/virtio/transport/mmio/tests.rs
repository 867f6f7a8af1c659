//! The registers, one by one.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::bus::{BusDevice, Width};
use crate::state::StateError;
use crate::virtio::rng::{RngConfig, VirtioRng};
use crate::virtio::testing::{CORE_FEATURES, Machine, ram};
use std::sync::atomic::Ordering;

fn machine() -> Machine {
    Machine::new(Box::new(VirtioRng::new(RngConfig { id: "rng0".into(), limit: Default::default() }, None)), ram())
}

#[test]
fn the_identity_registers_say_what_the_device_is() {
    let machine = machine();
    for (offset, value) in [(0, 0x7472_6976), (4, 2), (8, 4), (0xc, 0x5644_4f50), (0xfc, 0)] {
        assert_eq!(machine.read(offset), value, "{offset:#x}");
    }
    for offset in [0xb0, 0xb4, 0xb8, 0xbc] {
        assert_eq!(machine.read(offset), u32::MAX, "no shared memory: {offset:#x}");
    }
    assert_eq!(machine.transport.id().as_str(), "rng0");
}

#[test]
fn reserved_and_write_only_registers_read_zero() {
    let machine = machine();
    machine.start(8);
    let known = [0, 4, 8, 0xc, 0x10, 0x34, 0x44, 0x60, 0x70, 0xb0, 0xb4, 0xb8, 0xbc, 0xfc];
    for offset in (0..0x100).step_by(4).filter(|offset| !known.contains(offset)) {
        machine.write(offset, if offset == 0x50 { 9 } else { 0 });
        assert_eq!(machine.read(offset), 0, "{offset:#x}");
    }
}

#[test]
fn control_registers_take_aligned_32_bit_accesses_only() {
    let machine = machine();
    for width in [Width::Byte, Width::Word, Width::Qword] {
        assert_eq!(machine.transport.read(0, width), 0);
        machine.transport.write(0x70, width, 1);
    }
    for offset in [1, 2, 3, 0x6e, 0x72] {
        assert_eq!(machine.read(offset), 0);
        machine.write(offset, 0x0101_0101);
    }
    assert_eq!(machine.read(0x70), 0);
    machine.transport.write(0x70, Width::Dword, 0xffff_ffff_0000_0001);
    assert_eq!(machine.read(0x70), 1, "bits above the width do not count");
}

#[test]
fn features_are_seen_and_chosen_by_halves() {
    let machine = machine();
    assert_eq!(machine.read(0x10), CORE_FEATURES[0]);
    machine.write(0x14, 1);
    assert_eq!(machine.read(0x10), CORE_FEATURES[1]);
    machine.write(0x14, 2);
    assert_eq!(machine.read(0x10), 0);
    machine.write(0x70, 3);
    machine.write(0x24, 1);
    machine.write(0x20, 1);
    machine.write(0x70, 0xb);
    assert_eq!(machine.read(0x70), 0xb);
}

#[test]
fn a_queue_that_does_not_exist_has_no_size_and_cannot_be_enabled() {
    let machine = machine();
    machine.negotiate();
    machine.set_up_queue(8);
    assert_eq!(machine.read(0x34), 64);
    for select in [1, 0x1_0000, u32::MAX] {
        machine.write(0x30, select);
        assert_eq!((machine.read(0x34), machine.read(0x44)), (0, 0));
        machine.write(0x44, 1);
        machine.write(0x44, 0);
        assert_eq!(machine.read(0x44), 0);
    }
    machine.write(0x30, 0);
    assert_eq!(machine.read(0x44), 1);
    machine.write(0x44, 2);
    assert_eq!(machine.read(0x44), 1, "QueueReady has one bit");
    machine.write(0x44, 0);
    assert_eq!(machine.read(0x44), 0);
    machine.write(0x44, 3);
    assert_eq!(machine.read(0x44), 0);
}

#[test]
fn a_queue_size_beyond_16_bits_is_as_impossible_as_none() {
    for size in [0, 3, 65, 128, 0x1_0008] {
        let machine = machine();
        machine.negotiate();
        machine.set_up_queue(8);
        machine.write(0x44, 0);
        machine.write(0x38, size);
        machine.write(0x44, 1);
        assert_eq!(machine.read(0x44), 0, "{size}");
    }
}

#[test]
fn addresses_are_written_by_halves() {
    let machine = machine();
    machine.negotiate();
    machine.write(0x38, 8);
    let halves = [(0x80, 0x1234_5670, 1), (0x90, 0x2345_6788, 2), (0xa0, 0x3456_7890, 3)];
    for (register, low, high) in halves {
        machine.write(register + 4, high);
        machine.write(register, low);
    }
    machine.park();
    let state: MmioState = machine.transport.save().unwrap()[0].decode().unwrap();
    let queue = state.core.queues[0];
    assert_eq!(
        (queue.descriptors, queue.available, queue.used, queue.size),
        (0x1_1234_5670, 0x2_2345_6788, 0x3_3456_7890, 8)
    );
}

#[test]
fn a_used_buffer_raises_the_line_and_isr_until_it_is_acknowledged() {
    let machine = machine();
    let mut driver = machine.start(8);
    assert_eq!((machine.line.take(), machine.read(0x60)), (0, 0));
    driver.offer(0, &[(0x4000, 16, true)]);
    machine.workers.process();
    assert_eq!((machine.line.take(), machine.read(0x60)), (1, 1));
    machine.write(0x64, 2);
    assert_eq!(machine.read(0x60), 1);
    machine.write(0x64, 1);
    assert_eq!(machine.read(0x60), 0);
}

#[test]
fn a_notification_that_comes_by_the_bus_raises_the_same_event() {
    let machine = machine();
    machine.start(8);
    machine.write(QUEUE_NOTIFY, 1);
    assert!(machine.transport.queue_notify_events()[0].read().is_err());
    machine.write(0x50, 0);
    assert_eq!(machine.transport.queue_notify_events()[0].read().unwrap(), 1);
}

#[test]
fn a_write_that_has_only_reserved_status_bits_is_no_reset() {
    let machine = machine();
    machine.start(8);
    machine.write(0x70, 0x100);
    assert_eq!(machine.read(0x70), 15);
    machine.write(0x70, 0x30);
    assert_eq!(machine.read(0x70), 15);
    machine.write(0x70, 0);
    assert_eq!((machine.read(0x70), machine.read(0x44)), (0, 0));
}

#[test]
fn a_reset_clears_the_selectors() {
    let machine = machine();
    machine.write(0x14, 1);
    machine.write(0x30, 1);
    machine.write(0x24, 1);
    machine.write(0x70, 0);
    assert_eq!((machine.read(0x10), machine.read(0x34)), (CORE_FEATURES[0], 64));
    machine.write(0x20, 1);
    machine.write(0x70, 11);
    assert_eq!(machine.read(0x70), 3, "the write went to the low half");
}

#[test]
fn the_configuration_space_takes_all_widths() {
    let machine = machine();
    for width in [Width::Byte, Width::Word, Width::Dword, Width::Qword] {
        machine.transport.write(0x100, width, u64::MAX);
        assert_eq!(machine.transport.read(0x100, width), 0, "an entropy device has none");
        assert_eq!(machine.transport.read(0xfff, width), 0);
    }
}

#[test]
fn a_resumed_transport_raises_its_line_again_only_when_isr_is_set() {
    let machine = machine();
    let mut driver = machine.start(8);
    machine.park();
    machine.transport.unpark();
    assert_eq!(machine.line.take(), 0);
    driver.offer(0, &[(0x4000, 16, true)]);
    machine.workers.process();
    machine.park();
    machine.line.take();
    machine.transport.unpark();
    assert_eq!((machine.line.take(), machine.workers.running()), (1, 1));
}

#[test]
fn all_selectors_are_saved_with_the_core_and_the_device() {
    let machine = machine();
    machine.start(8);
    machine.write(0x14, 1);
    machine.write(0x24, 2);
    machine.write(0x30, 3);
    machine.workers.slow.store(true, Ordering::Relaxed);
    machine.transport.park(Box::new(|| {}));
    assert!(matches!(machine.transport.save(), Err(StateError::Running(_))));
    machine.workers.deliver();
    let saved = machine.transport.save().unwrap();
    assert_eq!([&*saved[0].kind, &*saved[1].kind], ["virtio-mmio", "virtio-rng"]);
    let state: MmioState = saved[0].decode().unwrap();
    let selectors = (state.device_features_select, state.driver_features_select, state.queue_select);
    assert_eq!((selectors, state.core.status), ((1, 2, 3), 15));
    let device = Box::new(VirtioRng::new(RngConfig { id: "rng0".into(), limit: Default::default() }, None));
    let copy = Machine::restored(device, machine.memory, Some(state));
    assert_eq!(copy.transport.save().unwrap(), saved);
    assert_eq!((copy.read(0x10), copy.read(0x34)), (CORE_FEATURES[1], 0));
}

#[test]
fn a_broken_queue_raises_the_line_with_the_configurations_bit() {
    let machine = machine();
    let mut driver = machine.start(8);
    machine.line.take();
    driver.offer(0, &[(u64::MAX - 8, 1, true)]);
    machine.workers.process();
    assert_eq!((machine.read(0x70), machine.read(0x60)), (0x4f, 2));
    assert_eq!(machine.line.take(), 1);
}
