//! Ports of a SATA controller (AHCI 1.3.1), one command at a time or many queued ones, completed by interrupt.

pub mod disk;
pub mod drive;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::{BufferDirection, Hal};

use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::{halt, read_physical, write_physical};
use crate::interrupt::{self, Interrupt};
use crate::pci::function::command;
use crate::pci::{bar, bus};
use crate::virtio::GuestHal;
use crate::{paging, timer};

/// Class, subclass and interface of AHCI controllers.
const CLASS: u32 = 0x01_06_01;
/// Registers of the controller, and of a port.
const GHC: u64 = 0x04;
const IS: u64 = 0x08;
const FIRST_PORT: u64 = 0x100;
const PORT_LENGTH: u64 = 0x80;
const PX_CLB: u64 = 0x00;
const PX_FB: u64 = 0x08;
const PX_IS: u64 = 0x10;
const PX_IE: u64 = 0x14;
const PX_CMD: u64 = 0x18;
const PX_TFD: u64 = 0x20;
const PX_SIG: u64 = 0x24;
const PX_SSTS: u64 = 0x28;
const PX_SERR: u64 = 0x30;
const PX_SACT: u64 = 0x34;
const PX_CI: u64 = 0x38;
/// Received FISes with their interrupts: registers, PIO setup, set device bits, errors.
const INTERRUPTS: u32 = 1 << 30 | 1 << 3 | 1 << 1 | 1;
const FAILED: u32 = 1 << 30 | 1 << 29;

/// Slots that are used, and the data of each.
pub const SLOTS: usize = 8;
pub const SLOT_DATA: usize = 4096;

/// A port with a device, ready for commands.
pub struct Port {
    hba: u64,
    registers: u64,
    /// The command list and the received FISes; then a page for each slot's table, and one for its data.
    memory: u64,
    interrupt: Interrupt,
    /// Completions whose interrupt did not come within a second.
    pub late: u64,
}

/// A command of a slot.
#[derive(Clone, Copy)]
pub struct Task {
    pub command: u8,
    pub lba: u64,
    pub count: u16,
    pub features: u16,
    /// Bytes of data.
    pub length: usize,
}

impl Port {
    /// Port `number` of the first controller, its interrupt routed to CPU 0.
    ///
    /// # Errors
    /// There is no controller, or nothing on the port.
    pub fn open(number: u64) -> Result<Self, String> {
        let function = bus::functions().into_iter().find(|function| function.class() == CLASS);
        let function = function.ok_or("no SATA controller")?;
        let abar = bar::bars(function).into_iter().find(|bar| bar.index == 5).ok_or("no ABAR")?;
        paging::map_device(abar.address)?;
        function.command(command::MEMORY | command::MASTER, 0);
        let interrupt = interrupt::of_function(function)?;
        interrupt.deliver_to(0);
        timer::start_tick();
        let (memory, _) = GuestHal::dma_alloc(1 + 2 * SLOTS, BufferDirection::Both);
        if memory == 0 {
            return Err(String::from("no memory for a port"));
        }
        let registers = abar.address + FIRST_PORT + number * PORT_LENGTH;
        let mut port = Self { hba: abar.address, registers, memory, interrupt, late: 0 };
        if port.get(PX_SSTS) & 0xf != 3 {
            return Err(format!("nothing on port {number}"));
        }
        port.start()?;
        Ok(port)
    }

    fn get(&self, register: u64) -> u32 {
        // SAFETY: the BAR is mapped, and registers are aligned.
        unsafe { read_physical(self.registers + register) }
    }

    fn set(&self, register: u64, value: u32) {
        // SAFETY: as in `get`.
        unsafe { write_physical(self.registers + register, value) }
    }

    /// The signature of what is connected.
    pub fn signature(&self) -> u32 {
        self.get(PX_SIG)
    }

    /// Interrupts that have come.
    pub fn interrupts(&self) -> u64 {
        self.interrupt.count()
    }

    /// How many messages its controller has; 0 for its pin.
    pub fn messages(&self) -> u16 {
        self.interrupt.messages()
    }

    /// Stops the port and starts it again.
    ///
    /// # Errors
    /// It does not stop.
    pub fn start(&mut self) -> Result<(), String> {
        self.set(PX_CMD, 0);
        let timeout = Timeout::after(PATIENCE_MS);
        while self.get(PX_CMD) & (1 << 15 | 1 << 14) != 0 {
            if timeout.passed() {
                return Err(String::from("the port does not stop"));
            }
        }
        self.set(PX_CLB, self.memory as u32);
        self.set(PX_CLB + 4, 0);
        self.set(PX_FB, self.memory as u32 + 0x400);
        self.set(PX_FB + 4, 0);
        self.set(PX_CMD, 1 << 4);
        self.acknowledge();
        self.set(PX_CMD, 1 << 4 | 1);
        self.set(PX_IE, INTERRUPTS);
        // SAFETY: as in `get`.
        unsafe { write_physical(self.hba + GHC, 1u32 << 31 | 1 << 1) };
        Ok(())
    }

    fn acknowledge(&self) {
        self.set(PX_SERR, !0);
        self.set(PX_IS, !0);
        // SAFETY: as in `get`.
        unsafe { write_physical(self.hba + IS, !0u32) };
    }

    fn table(&self, slot: usize) -> u64 {
        self.memory + 4096 * (1 + slot as u64)
    }

    fn data_at(&self, slot: usize) -> u64 {
        self.memory + 4096 * (1 + SLOTS + slot) as u64
    }

    /// Copies what the slot's data holds.
    pub fn data(&self, slot: usize, length: usize) -> Vec<u8> {
        // SAFETY: the slot's page, which no command uses now.
        (0..length.min(SLOT_DATA) as u64).map(|at| unsafe { read_physical(self.data_at(slot) + at) }).collect()
    }

    /// Fills the slot's data.
    pub fn set_data(&mut self, slot: usize, bytes: &[u8]) {
        for (at, byte) in bytes.iter().take(SLOT_DATA).enumerate() {
            // SAFETY: as in `data`.
            unsafe { write_physical(self.data_at(slot) + at as u64, *byte) };
        }
    }

    /// Puts a command into its slot; the data is in two ranges.
    pub fn put(&mut self, slot: usize, task: Task, packet: &[u8]) {
        let Task { command, lba, count, features, length } = task;
        let [l0, l1, l2, l3, l4, l5, ..] = lba.to_le_bytes();
        let ([c0, c1], [f0, f1]) = (count.to_le_bytes(), features.to_le_bytes());
        let fis = [0x27, 0x80, command, f0, l0, l1, l2, 0x40, l3, l4, l5, f1, c0, c1, 0, 0, 0, 0, 0, 0];
        let (table, data) = (self.table(slot), self.data_at(slot) as u32);
        let first = length.min(1024);
        let ranges: Vec<(u32, usize)> =
            [(data, first), (data + first as u32, length - first)].into_iter().filter(|range| range.1 > 0).collect();
        let header = [5 | (ranges.len() as u32) << 16, 0, table as u32, 0];
        // SAFETY: list and tables are ours, and the device looks at the slot only once it is issued.
        unsafe {
            for (index, word) in header.into_iter().enumerate() {
                write_physical(self.memory + 32 * slot as u64 + 4 * index as u64, word);
            }
            for (index, byte) in fis.into_iter().enumerate() {
                write_physical(table + index as u64, byte);
            }
            for index in 0..16 {
                write_physical(table + 0x40 + index as u64, packet.get(index).copied().unwrap_or(0));
            }
            for (index, (address, length)) in ranges.into_iter().enumerate() {
                let entry = table + 0x80 + 16 * index as u64;
                for (word, value) in [address, 0, 0, length as u32 - 1].into_iter().enumerate() {
                    write_physical(entry + 4 * word as u64, value);
                }
            }
        }
    }

    /// Issues the slots of `slots`, queued ones or one other, and waits for their end; status and error when it failed.
    ///
    /// # Errors
    /// Status and error.
    pub fn issue(&mut self, slots: u32, queued: bool) -> Result<(), (u8, u8)> {
        let before = self.interrupts();
        if queued {
            self.set(PX_SACT, slots);
        }
        self.set(PX_CI, slots);
        let timeout = Timeout::after(PATIENCE_MS);
        let mut failed = false;
        while (self.get(PX_CI) | self.get(PX_SACT)) & slots != 0 && !failed {
            assert!(!timeout.passed(), "SATA command not completed in time");
            failed = self.get(PX_IS) & FAILED != 0;
        }
        let patience = Timeout::after(PATIENCE_MS);
        while self.interrupts() == before && !patience.passed() {
            self.interrupt.rearm();
            halt();
        }
        self.late += u64::from(self.interrupts() == before);
        let [status, error, ..] = self.get(PX_TFD).to_le_bytes();
        self.acknowledge();
        self.interrupt.rearm();
        if failed { Err((status, error)) } else { Ok(()) }
    }
}
