//! The same driver over both transports.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use crate::bus::Width;
use crate::virtio::VirtioDevice;
use crate::virtio::rng::{RngConfig, VirtioRng};
use crate::virtio::testing::{Driver, FakeWorkers, Machine, PciMachine, TestMemory, block_device, ram};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a driver and the machine do with a transport.
trait Transport: Sized {
    fn new(device: Box<dyn VirtioDevice<TestMemory>>) -> Self;
    fn start(&self, size: u16) -> Driver;
    fn status(&self) -> u64;
    fn reset(&self);
    /// Resets queue 0, and configures it again once it is.
    fn reset_queue(&self, size: u16);
    fn workers(&self) -> &FakeWorkers;
    fn memory(&self) -> &TestMemory;
    /// The driver was interrupted since the last call, and looked why: the bits of ISR.
    fn take_interrupt(&self) -> Option<u64>;
    /// Parks, saves, restores with `device`, unparks.
    fn reborn(&self, device: Box<dyn VirtioDevice<TestMemory>>) -> Self;
}

impl Transport for Machine {
    fn new(device: Box<dyn VirtioDevice<TestMemory>>) -> Self {
        Self::new(device, ram())
    }

    fn start(&self, size: u16) -> Driver {
        self.start(size)
    }

    fn status(&self) -> u64 {
        self.read(0x70).into()
    }

    fn reset(&self) {
        self.write(0x70, 0);
    }

    fn reset_queue(&self, size: u16) {
        self.write(0xc0, 1);
        assert_eq!((self.read(0xc0), self.read(0x44)), (1, 1), "under way");
        self.workers.deliver();
        assert_eq!((self.read(0xc0), self.read(0x44)), (0, 0));
        self.set_up_queue(size);
    }

    fn workers(&self) -> &FakeWorkers {
        &self.workers
    }

    fn memory(&self) -> &TestMemory {
        &self.memory
    }

    fn take_interrupt(&self) -> Option<u64> {
        let isr = self.read(0x60);
        self.write(0x64, isr);
        (self.line.take() != 0).then_some(isr.into())
    }

    fn reborn(&self, device: Box<dyn VirtioDevice<TestMemory>>) -> Self {
        self.park();
        let saved = self.transport.save().unwrap();
        let copy = Self::restored(device, Arc::clone(&self.memory), Some(saved[0].decode().unwrap()));
        assert_eq!(copy.transport.save().unwrap(), saved);
        copy.transport.unpark();
        copy
    }
}

impl Transport for PciMachine {
    fn new(device: Box<dyn VirtioDevice<TestMemory>>) -> Self {
        Self::new(device, ram())
    }

    fn start(&self, size: u16) -> Driver {
        self.start(size)
    }

    fn status(&self) -> u64 {
        self.status()
    }

    fn reset(&self) {
        self.set_status(0);
    }

    fn reset_queue(&self, size: u16) {
        let registers = || [0x3a, 0x1c].map(|register| self.read(register, Width::Word));
        self.write(0x3a, Width::Word, 1);
        assert_eq!(registers(), [1, 1], "under way");
        self.workers.deliver();
        assert_eq!(registers(), [0, 0]);
        self.set_up_queue(size);
    }

    fn workers(&self) -> &FakeWorkers {
        &self.workers
    }

    fn memory(&self) -> &TestMemory {
        &self.memory
    }

    fn take_interrupt(&self) -> Option<u64> {
        self.is_asserted().then(|| self.take_isr())
    }

    fn reborn(&self, device: Box<dyn VirtioDevice<TestMemory>>) -> Self {
        self.park();
        let saved = self.function.save().unwrap();
        let state = Some(saved[0].decode().unwrap());
        let copy = Self::restored(device, Arc::clone(&self.memory), &Arc::default(), state).unwrap();
        assert_eq!(copy.function.save().unwrap(), saved);
        copy.function.unpark();
        copy
    }
}

fn rng() -> Box<dyn VirtioDevice<TestMemory>> {
    Box::new(VirtioRng::new(RngConfig { id: "rng0".into(), limit: Default::default() }, None))
}

fn disk(file: &File) -> Box<dyn VirtioDevice<TestMemory>> {
    block_device(file.try_clone().unwrap())
}

/// Each test of `$name::<T>` over both transports.
macro_rules! over_both {
    ($($name:ident),* $(,)?) => {
        mod mmio {
            $(#[test] fn $name() { super::$name::<super::Machine>(); })*
        }
        mod pci {
            $(#[test] fn $name() { super::$name::<super::PciMachine>(); })*
        }
    };
}

over_both!(
    a_disk_is_written_and_read_back,
    entropy_arrives_and_interrupts_once_until_the_driver_looks,
    a_reset_waits_for_what_is_under_way_and_the_device_serves_again,
    a_queue_is_reset_alone_and_serves_again,
    a_restored_device_goes_on_where_it_stood,
    a_broken_queue_is_told_and_repaired_by_a_reset,
);

const HEADER: u64 = 0x4000;
const DATA: u64 = 0x5000;
const STATUS: u64 = 0x6000;

/// One request of sector 1; whether it succeeded.
fn request(machine: &impl Transport, driver: &mut Driver, kind: u8) -> bool {
    let is_read = kind == 0;
    driver.fill(HEADER, &[kind, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    driver.fill(STATUS, &[0xff]);
    driver.offer(0, &[(HEADER, 16, false), (DATA, 512, is_read), (STATUS, 1, true)]);
    machine.workers().process();
    driver.bytes(STATUS, 1) == [0]
}

fn a_disk_is_written_and_read_back<T: Transport>() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(4 * 512).unwrap();
    let machine = T::new(disk(&file));
    let mut driver = machine.start(16);
    driver.fill(DATA, &[0x5a; 512]);
    assert!(request(&machine, &mut driver, 1));
    let mut written = [0; 512];
    file.read_exact_at(&mut written, 512).unwrap();
    assert_eq!(written, [0x5a; 512]);
    driver.fill(DATA, &[0; 512]);
    assert!(request(&machine, &mut driver, 0));
    assert_eq!(driver.bytes(DATA, 512), [0x5a; 512]);
    assert_eq!((driver.used_index(), machine.take_interrupt()), (2, Some(1)));
}

fn entropy_arrives_and_interrupts_once_until_the_driver_looks<T: Transport>() {
    let machine = T::new(rng());
    let mut driver = machine.start(8);
    assert_eq!(machine.take_interrupt(), None);
    for _ in 0..2 {
        driver.offer(0, &[(DATA, 64, true)]);
        machine.workers().process();
    }
    assert_eq!((driver.used_index(), driver.used(1)), (2, (0, 64)));
    assert_ne!(driver.bytes(DATA, 64), [0; 64]);
    assert_eq!((machine.take_interrupt(), machine.take_interrupt()), (Some(1), None));
}

fn a_reset_waits_for_what_is_under_way_and_the_device_serves_again<T: Transport>() {
    let machine = T::new(rng());
    machine.start(8);
    machine.workers().slow.store(true, Ordering::Relaxed);
    machine.reset();
    assert_eq!(machine.status(), 0x40);
    machine.workers().deliver();
    assert_eq!(machine.status(), 0);
    let mut driver = machine.start(8);
    driver.offer(0, &[(DATA, 64, true)]);
    machine.workers().process();
    assert_eq!((driver.used_index(), machine.take_interrupt()), (1, Some(1)));
}

fn a_queue_is_reset_alone_and_serves_again<T: Transport>() {
    let machine = T::new(rng());
    let mut driver = machine.start(8);
    driver.offer(0, &[(DATA, 64, true)]);
    machine.workers().process();
    assert_eq!((driver.used_index(), machine.take_interrupt()), (1, Some(1)));
    machine.workers().slow.store(true, Ordering::Relaxed);
    Driver::clear(machine.memory());
    machine.reset_queue(4);
    let mut driver = Driver::new(Arc::clone(machine.memory()), 4);
    driver.offer(0, &[(DATA, 64, true)]);
    machine.workers().process();
    assert_eq!((driver.used_index(), machine.take_interrupt(), machine.status()), (1, Some(1), 15));
}

fn a_restored_device_goes_on_where_it_stood<T: Transport>() {
    let machine = T::new(rng());
    let mut driver = machine.start(8);
    driver.offer(0, &[(DATA, 64, true)]);
    machine.workers().process();
    let machine = machine.reborn(rng());
    assert_eq!(machine.take_interrupt(), Some(1), "the first completion was not looked at");
    driver.offer(1, &[(DATA, 64, true)]);
    machine.workers().process();
    assert_eq!((driver.used_index(), driver.used(1)), (2, (1, 64)));
    let machine = machine.reborn(rng()).reborn(rng());
    assert_eq!((machine.status(), machine.take_interrupt()), (15, Some(1)));
}

fn a_broken_queue_is_told_and_repaired_by_a_reset<T: Transport>() {
    let machine = T::new(rng());
    let mut driver = machine.start(8);
    driver.offer(0, &[(u64::MAX - 8, 1, true)]);
    machine.workers().process();
    assert_eq!((machine.status(), machine.take_interrupt()), (0x4f, Some(2)));
    machine.reset();
    driver.set_available_index(0);
    let mut driver = machine.start(8);
    driver.offer(0, &[(DATA, 64, true)]);
    machine.workers().process();
    assert_eq!((driver.used_index(), machine.status()), (1, 15));
}
