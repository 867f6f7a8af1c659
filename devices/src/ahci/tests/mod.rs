//! The controller as its driver sees it.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod any;
mod disk;
mod drive;
mod policies;
mod registers;

use super::*;
use crate::backend::block::RemovableDisk;
use crate::backend::block::testing::{LateDisk, contents, file, raw};
use crate::bus::Width;
use crate::interrupt::IrqLine;
use crate::pci::PciFunction;
use crate::scsi::UnitConfig;
use crate::scsi::testing::{disk_unit, drive_unit};
use crate::virtio::testing::{FakeInterrupts, FakeWorkers, TestMemory, ram};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use vm_memory::{Bytes, GuestAddress};

/// Where the driver of tests has its structures: the list and the received FISes of each port, tables, data.
const LIST: u64 = 0x1000;
const RECEIVED: u64 = 0x3000;
const TABLES: u64 = 0x4000;
const DATA: u64 = 0xa000;
const LINE: IrqLine = IrqLine(19);
/// Sectors of the disk of tests.
const SECTORS: u64 = 64;

/// A controller with its surroundings; the driver uses port 0.
struct Rig {
    ahci: Ahci<TestMemory>,
    memory: TestMemory,
    workers: Arc<FakeWorkers>,
    interrupts: Arc<FakeInterrupts>,
}

impl Rig {
    /// Parked, in a state or new.
    fn restored(ports: Vec<UnitConfig>, memory: TestMemory, state: Option<AhciState>) -> Result<Self, AhciError> {
        let (workers, interrupts) = (Arc::new(FakeWorkers::default()), Arc::new(FakeInterrupts::default()));
        let attachment = AhciAttachment { line: LINE, ports };
        let queues = Arc::clone(&workers) as _;
        let ahci = Ahci::new("sata0".into(), attachment, Arc::clone(&memory), queues, &*interrupts, state)?;
        Ok(Self { ahci, memory, workers, interrupts })
    }

    /// Running, with port 0 started and interrupts on.
    fn new(ports: Vec<UnitConfig>) -> Self {
        let rig = Self::restored(ports, ram(), None).unwrap();
        rig.ahci.unpark();
        rig.start();
        rig
    }

    fn disk() -> (Self, File) {
        let file = file(SECTORS);
        (Self::new(vec![disk_unit("disk0", raw(&file, false))]), file)
    }

    fn late() -> (Self, LateDisk) {
        let disk = LateDisk::default();
        (Self::new(vec![disk_unit("disk0", Arc::new(disk.clone()))]), disk)
    }

    fn drive() -> (Self, Arc<RemovableDisk>) {
        let media = Arc::new(RemovableDisk::new("cd0".into(), Some(raw(&file(SECTORS), true))));
        (Self::new(vec![drive_unit("cd0", &media)]), media)
    }

    fn read(&self, register: u64) -> u32 {
        self.ahci.bar_device(5).unwrap().read(register, Width::Dword) as u32
    }

    fn write(&self, register: u64, value: u32) {
        self.ahci.bar_device(5).unwrap().write(register, Width::Dword, value.into());
    }

    /// A register of port 0.
    fn port(&self, register: u64) -> u32 {
        self.read(0x100 + register)
    }

    fn set_port(&self, register: u64, value: u32) {
        self.write(0x100 + register, value);
    }

    /// What drivers do: structures, errors cleared, receive, start, interrupts.
    fn start(&self) {
        for (register, value) in [(0x00, LIST as u32), (0x08, RECEIVED as u32), (0x30, !0), (0x10, !0), (0x14, !0)] {
            self.set_port(register, value);
        }
        self.set_port(0x18, 0x10);
        self.set_port(0x18, 0x11);
        self.write(0x04, 1 << 31 | 2);
        self.write(0x08, !0);
    }

    /// Writes a command into slot `slot`, with data ranges.
    fn put(&self, slot: u32, fis: [u8; 20], ranges: &[(u64, u32)]) {
        let table = TABLES + u64::from(slot % 8) * 0x200;
        let header = [5 | (ranges.len() as u32) << 16, 0, table as u32, 0];
        self.memory.write_obj(header, GuestAddress(LIST + u64::from(slot) * 32)).unwrap();
        self.memory.write_slice(&fis, GuestAddress(table)).unwrap();
        for (index, (address, length)) in (0u64..).zip(ranges) {
            let entry = [*address as u32, (*address >> 32) as u32, 0, length - 1];
            self.memory.write_obj(entry, GuestAddress(table + 0x80 + index * 16)).unwrap();
        }
    }

    fn put_packet(&self, slot: u32, cdb: &[u8]) {
        let table = TABLES + u64::from(slot % 8) * 0x200;
        let mut packet = cdb.to_vec();
        packet.resize(16, 0);
        self.memory.write_slice(&packet, GuestAddress(table + 0x40)).unwrap();
    }

    fn issue(&self, slots: u32) {
        self.set_port(0x38, slots);
        self.workers.process();
    }

    /// A command in slot 0, carried out; status and error.
    fn command(&self, fis: [u8; 20], ranges: &[(u64, u32)]) -> (u8, u8) {
        self.put(0, fis, ranges);
        self.issue(1);
        let [status, error, ..] = self.port(0x20).to_le_bytes();
        (status, error)
    }

    /// Clears all interrupts, and starts the port again after an error.
    fn recover(&self) {
        self.set_port(0x18, 0x10);
        self.workers.process();
        assert_eq!(self.port(0x18) & 0x8000, 0, "nothing runs");
        self.start();
    }

    fn bytes(&self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.memory.read_slice(&mut bytes, GuestAddress(address)).unwrap();
        bytes
    }

    fn is_asserted(&self) -> bool {
        self.interrupts.is_asserted(LINE)
    }
}

/// A command FIS.
fn fis(command: u8, lba: u64, count: u16, features: u16) -> [u8; 20] {
    let [l0, l1, l2, l3, l4, l5, ..] = lba.to_le_bytes();
    let ([c0, c1], [f0, f1]) = (count.to_le_bytes(), features.to_le_bytes());
    [0x27, 0x80, command, f0, l0, l1, l2, 0x40, l3, l4, l5, f1, c0, c1, 0, 0, 0, 0, 0, 0]
}
