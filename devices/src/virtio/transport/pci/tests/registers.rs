//! The registers, one by one.

use super::*;
use crate::virtio::testing::{CORE_FEATURES, Driver};
use std::sync::atomic::Ordering;

/// (offset, width) of every field.
pub(super) const FIELDS: [(u64, Width); 21] = [
    (0x00, Width::Dword),
    (0x04, Width::Dword),
    (0x08, Width::Dword),
    (0x0c, Width::Dword),
    (0x10, Width::Word),
    (0x12, Width::Word),
    (0x14, Width::Byte),
    (0x15, Width::Byte),
    (0x16, Width::Word),
    (0x18, Width::Word),
    (0x1a, Width::Word),
    (0x1c, Width::Word),
    (0x1e, Width::Word),
    (0x20, Width::Dword),
    (0x24, Width::Dword),
    (0x28, Width::Dword),
    (0x2c, Width::Dword),
    (0x30, Width::Dword),
    (0x34, Width::Dword),
    (0x38, Width::Word),
    (0x3a, Width::Word),
];

#[test]
fn a_device_that_nobody_touched_reads_its_first_values() {
    let machine = machine();
    let values = FIELDS.map(|(offset, width)| machine.read(offset, width));
    let low = CORE_FEATURES[0].into();
    assert_eq!(values, [0, low, 0, 0, 0xffff, 1, 0, 0, 0, 64, 0xffff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(machine.function.id().as_str(), "rng0");
}

#[test]
fn a_field_takes_writes_of_its_own_width_only_and_a_narrower_read_has_its_lowest_bytes() {
    let machine = machine();
    machine.negotiate();
    for width in [Width::Byte, Width::Word, Width::Dword, Width::Qword] {
        for offset in 0..0x1000 {
            let whole_address = width == Width::Qword && [0x20, 0x28, 0x30].contains(&offset);
            if !FIELDS.contains(&(offset, width)) && !whole_address {
                let wider = FIELDS.iter().find(|(start, field)| *start == offset && *field > width);
                let expected = wider.map_or(0, |(start, field)| machine.read(*start, *field) & width.ones());
                machine.write(offset, width, u64::MAX);
                assert_eq!(machine.read(offset, width), expected, "{offset:#x} {width:?}");
            }
        }
    }
    let values = FIELDS.map(|(offset, width)| machine.read(offset, width));
    let high = CORE_FEATURES[1].into();
    assert_eq!(values, [1, high, 1, high, 0xffff, 1, 11, 0, 0, 64, 0xffff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn an_older_ipxe_finds_a_modern_device() {
    let machine = machine();
    machine.write(0x00, Width::Dword, 1);
    assert_eq!(machine.read(0x04, Width::Word) & 1, 1, "VIRTIO_F_VERSION_1, read by half a register");
}

#[test]
fn features_are_seen_and_chosen_by_halves() {
    let machine = machine();
    for (select, half) in [(0, CORE_FEATURES[0]), (1, CORE_FEATURES[1]), (2, 0), (u64::from(u32::MAX), 0)] {
        machine.write(0x00, Width::Dword, select);
        assert_eq!((machine.read(0x00, Width::Dword), machine.read(0x04, Width::Dword)), (select, half.into()));
    }
    machine.set_status(3);
    machine.write(0x08, Width::Dword, 1);
    machine.write(0x0c, Width::Dword, 1);
    assert_eq!(machine.read(0x0c, Width::Dword), 1);
    machine.set_status(11);
    assert_eq!(machine.status(), 11);
    machine.write(0x0c, Width::Dword, 3);
    assert_eq!(machine.read(0x0c, Width::Dword), 1, "negotiated");
}

#[test]
fn features_that_are_not_offered_keep_features_ok_off() {
    let machine = machine();
    machine.set_status(3);
    machine.write(0x0c, Width::Dword, 1);
    machine.write(0x08, Width::Dword, 1);
    machine.write(0x0c, Width::Dword, 1);
    machine.set_status(11);
    assert_eq!(machine.status(), 3);
}

#[test]
fn a_queue_that_does_not_exist_reads_zero_and_cannot_be_enabled() {
    let machine = machine();
    machine.negotiate();
    for select in [1, 0xffff] {
        machine.write(0x16, Width::Word, select);
        for (offset, width) in FIELDS.into_iter().skip(9) {
            machine.write(offset, width, 1);
            assert_eq!(machine.read(offset, width), if offset == 0x1a { 0xffff } else { 0 }, "{offset:#x}");
        }
    }
}

#[test]
fn a_queue_reads_back_what_the_driver_configured_and_stays_enabled() {
    let machine = machine();
    machine.negotiate();
    machine.set_up_queue(8);
    let queue = [0x18, 0x20, 0x28, 0x30]
        .map(|offset| machine.read(offset, if offset == 0x18 { Width::Word } else { Width::Dword }));
    assert_eq!(queue, [8, Driver::DESCRIPTORS, Driver::AVAILABLE, Driver::USED]);
    for value in [0, 2, 3] {
        machine.write(0x1c, Width::Word, value);
        assert_eq!(machine.read(0x1c, Width::Word), 1, "a driver cannot disable it");
    }
    machine.write(0x18, Width::Word, 4);
    machine.write(0x20, Width::Dword, 0);
    assert_eq!((machine.read(0x18, Width::Word), machine.read(0x20, Width::Dword)), (8, Driver::DESCRIPTORS));
}

#[test]
fn addresses_are_accessed_by_halves_or_whole() {
    let machine = machine();
    machine.negotiate();
    for (register, low, high) in [(0x20, 0x1234_5670, 1), (0x28, 0x2345_6788, 2), (0x30, 0x3456_7890, 3)] {
        machine.write(register + 4, Width::Dword, high);
        machine.write(register, Width::Dword, low);
        assert_eq!((machine.read(register, Width::Dword), machine.read(register + 4, Width::Dword)), (low, high));
        assert_eq!(machine.read(register, Width::Qword), high << 32 | low);
        machine.write(register, Width::Qword, 0x1_0000_2000);
        assert_eq!(machine.read(register, Width::Qword), 0x1_0000_2000);
    }
}

#[test]
fn a_queue_size_that_is_impossible_leaves_the_queue_disabled() {
    for size in [0, 3, 65, 128, 0xffff] {
        let machine = machine();
        machine.negotiate();
        machine.write(0x18, Width::Word, size);
        machine.write(0x20, Width::Dword, Driver::DESCRIPTORS);
        machine.write(0x28, Width::Dword, Driver::AVAILABLE);
        machine.write(0x30, Width::Dword, Driver::USED);
        machine.write(0x1c, Width::Word, 1);
        assert_eq!(machine.read(0x1c, Width::Word), 0, "{size}");
    }
}

#[test]
fn an_event_is_mapped_to_a_vector_that_exists_or_to_none() {
    let machine = machine();
    for (register, vectors) in [(0x10, [1, 0, 0xffff, 1]), (0x1a, [0, 1, 0xffff, 0])] {
        for vector in vectors {
            machine.write(register, Width::Word, vector);
            assert_eq!(machine.read(register, Width::Word), vector);
        }
        for vector in [2, 3, 0x7ff, 0x8000, 0xfffe] {
            machine.write(register, Width::Word, vector);
            assert_eq!(machine.read(register, Width::Word), 0xffff, "{vector}");
        }
    }
}

#[test]
fn a_reset_clears_selectors_vectors_and_queues_and_reads_non_zero_until_it_is_done() {
    let machine = machine();
    machine.start(8);
    for (offset, value) in [(0x10, 0), (0x1a, 1), (0x16, 7)] {
        machine.write(offset, Width::Word, value);
    }
    machine.workers.slow.store(true, Ordering::Relaxed);
    machine.set_status(0);
    assert_eq!(machine.status(), 0x40);
    machine.workers.deliver();
    let values = FIELDS.map(|(offset, width)| machine.read(offset, width));
    let low = CORE_FEATURES[0].into();
    assert_eq!(values, [0, low, 0, 0, 0xffff, 1, 0, 0, 0, 64, 0xffff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(machine.workers.running(), 0);
}

#[test]
fn a_notification_raises_the_event_of_its_place_whatever_is_written() {
    let machine = machine();
    machine.start(8);
    let doorbells = machine.function.doorbells(0);
    let [doorbell] = &doorbells[..] else { panic!("{doorbells:?}") };
    assert_eq!((doorbell.offset, doorbell.width, doorbell.datamatch), (0x3000, None, None));
    for (offset, width, raised) in [
        (0x3000, Width::Word, true),
        (0x3000, Width::Dword, true),
        (0x3000, Width::Byte, true),
        (0x3001, Width::Byte, false),
        (0x3002, Width::Word, false),
        (0x3004, Width::Word, false),
        (0x3ffc, Width::Dword, false),
    ] {
        machine.write(offset, width, 0xabcd);
        assert_eq!(doorbell.event.read().is_ok(), raised, "{offset:#x} {width:?}");
        assert_eq!(machine.read(offset, width), 0);
    }
    assert!(machine.function.doorbells(4).is_empty());
}

#[test]
fn the_device_configuration_takes_all_widths_at_any_offset() {
    let machine = PciMachine::new(disk(), ram());
    assert_eq!(machine.read(0x2000, Width::Qword), 0x1234);
    assert_eq!(machine.read(0x2000, Width::Dword), 0x1234);
    assert_eq!(machine.read(0x2001, Width::Byte), 0x12);
    assert_eq!(machine.read(0x2001, Width::Qword) & 0xff, 0x12);
    for width in [Width::Byte, Width::Word, Width::Dword, Width::Qword] {
        machine.write(0x2000, width, u64::MAX);
        assert_eq!(machine.read(0x2ff8, width), 0);
    }
    assert_eq!(machine.read(0x2000, Width::Qword), 0x1234, "read-only");
}

#[test]
fn isr_is_one_byte_on_its_page() {
    let machine = machine();
    let mut driver = machine.start(8);
    driver.offer(0, &[(0x4000, 16, true)]);
    machine.workers.process();
    for (offset, width) in [(0x1000, Width::Word), (0x1000, Width::Dword), (0x1001, Width::Byte)] {
        machine.write(offset, width, u64::MAX);
        assert_eq!(machine.read(offset, width), 0);
    }
    machine.write(0x1000, Width::Byte, 0);
    assert_eq!((machine.take_isr(), machine.take_isr()), (1, 0));
}
