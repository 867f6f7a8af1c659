//! One virtio block device, driven request by request, completed by interrupt or by polling.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::device::blk::{BlkReq, BlkResp, SECTOR_SIZE, VirtIOBlk};
use virtio_drivers::transport::mmio::MmioTransport;

use crate::clock::Timeout;
use crate::cpu::halt;
use crate::descriptors::{FIRST_INTERRUPT, interrupts};
use crate::platform::VirtioSlot;
use crate::sync::SpinLock;
use crate::{apic, pattern, timer, virtio};

/// How many disks can be used.
pub const MAX_DISKS: usize = 15;
/// Sectors of one request at most.
pub const REQUEST_SECTORS: usize = 32;

static DISKS: [SpinLock<Option<Disk>>; MAX_DISKS] = [const { SpinLock::new(None) }; MAX_DISKS];

/// A disk that was opened.
pub struct Disk {
    driver: VirtIOBlk<virtio_drivers_hal::Hal, MmioTransport<'static>>,
    /// Where it was found.
    pub slot: VirtioSlot,
    /// Completed by interrupts to the CPU that uses it, or by polling.
    pub by_interrupt: bool,
    /// Completions whose interrupt did not come within a second.
    pub late: u64,
    buffer: Vec<u64>,
}

// SAFETY: a disk is used under its lock only.
unsafe impl Send for Disk {}

mod virtio_drivers_hal {
    pub use crate::virtio::GuestHal as Hal;
}

/// How many disks the board has.
pub fn count() -> usize {
    virtio::slots(virtio::BLOCK).count().min(MAX_DISKS)
}

/// Works with disk `index` under its lock; opens it at first use, its interrupt routed to CPU 0.
///
/// # Errors
/// There is no such disk, or it cannot be initialised, or what `work` returns.
pub fn with<T>(index: usize, work: impl FnOnce(&mut Disk) -> Result<T, String>) -> Result<T, String> {
    let lock = DISKS.get(index).ok_or("disk number too high")?;
    let mut place = lock.lock();
    if place.is_none() {
        let slot = virtio::slots(virtio::BLOCK).nth(index).ok_or_else(|| format!("no disk {index}"))?;
        let driver = VirtIOBlk::new(virtio::transport(&slot)?).map_err(|error| format!("init: {error}"))?;
        apic::init();
        timer::start_tick();
        apic::route(slot.gsi, 0);
        let buffer = alloc::vec![0u64; REQUEST_SECTORS * SECTOR_SIZE / 8];
        *place = Some(Disk { driver, slot, by_interrupt: true, late: 0, buffer });
    }
    match place.as_mut() {
        Some(disk) => work(disk),
        None => Err(String::from("disk not open")),
    }
}

impl Disk {
    /// Capacity in sectors.
    pub fn capacity(&self) -> u64 {
        self.driver.capacity()
    }

    /// Whether the device says that it is read-only.
    pub fn read_only(&self) -> bool {
        self.driver.readonly()
    }

    /// Interrupts that have come from the device.
    pub fn interrupts(&self) -> u64 {
        interrupts(FIRST_INTERRUPT + self.slot.gsi as u8)
    }

    /// The identity string (GET_ID).
    pub fn serial(&mut self) -> Result<String, String> {
        let mut id = [0; 20];
        let size = self.driver.device_id(&mut id).map_err(|error| format!("get-id: {error}"))?;
        self.driver.ack_interrupt();
        Ok(id[..size.min(20)].iter().map(|byte| char::from(*byte)).collect())
    }

    /// Flushes.
    pub fn flush(&mut self) -> Result<(), String> {
        let result = self.driver.flush().map_err(|error| format!("flush: {error}"));
        self.driver.ack_interrupt();
        result
    }

    /// Writes `sectors` from `start` with the pattern of `seed`.
    pub fn write(&mut self, start: u64, sectors: u64, seed: u64) -> Result<(), String> {
        self.in_requests(start, sectors, |disk, at, count| {
            let buffer = &mut disk.buffer[..count * SECTOR_SIZE / 8];
            pattern::fill(buffer, at * SECTOR_SIZE as u64, seed);
            disk.request(at, count, true)
        })
    }

    /// Reads `sectors` from `start` and compares them with the pattern of `seed`.
    pub fn verify(&mut self, start: u64, sectors: u64, seed: u64) -> Result<(), String> {
        self.in_requests(start, sectors, |disk, at, count| {
            disk.buffer.fill(!0);
            disk.request(at, count, false)?;
            let first = at * SECTOR_SIZE as u64;
            let words = &disk.buffer[..count * SECTOR_SIZE / 8];
            match pattern::first_difference(words, first, seed) {
                None => Ok(()),
                Some(index) => Err(format!("byte {} is {:#x}", first + index as u64 * 8, words[index])),
            }
        })
    }

    /// FNV-1a (64 bits) of `sectors` from `start`.
    pub fn checksum(&mut self, start: u64, sectors: u64) -> Result<u64, String> {
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        self.in_requests(start, sectors, |disk, at, count| {
            disk.request(at, count, false)?;
            for byte in disk.buffer[..count * SECTOR_SIZE / 8].iter().flat_map(|word| word.to_le_bytes()) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
            Ok(())
        })?;
        Ok(hash)
    }

    fn in_requests(
        &mut self,
        start: u64,
        sectors: u64,
        mut each: impl FnMut(&mut Self, u64, usize) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut at = start;
        while at < start + sectors {
            let count = (start + sectors - at).min(REQUEST_SECTORS as u64) as usize;
            each(self, at, count)?;
            at += count as u64;
        }
        Ok(())
    }

    fn request(&mut self, sector: u64, count: usize, write: bool) -> Result<(), String> {
        let (mut request, mut response) = (BlkReq::default(), BlkResp::default());
        let before = self.interrupts();
        let pointer = self.buffer.as_mut_ptr().cast::<u8>();
        // SAFETY: the vector is at least this long; it is used by the device alone until the completion below.
        let bytes = unsafe { core::slice::from_raw_parts_mut(pointer, count * SECTOR_SIZE) };
        let name = if write { "write" } else { "read" };
        let problem = |error| format!("{name} of sector {sector}: {error}");
        // SAFETY: request, response and buffer live unchanged until the completion, which the function waits for.
        let token = unsafe {
            match write {
                true => self.driver.write_blocks_nb(sector as usize, &mut request, bytes, &mut response),
                false => self.driver.read_blocks_nb(sector as usize, &mut request, bytes, &mut response),
            }
        }
        .map_err(problem)?;
        let timeout = Timeout::after(60_000);
        while self.driver.peek_used().is_none() {
            match self.by_interrupt {
                true => halt(),
                false => core::hint::spin_loop(),
            }
            // The buffers stay with the device: nothing may follow.
            assert!(!timeout.passed(), "disk request not completed within 60 s");
        }
        if self.by_interrupt {
            // Completed while we looked: the interrupt comes with one of the next halts (the tick ends each).
            let patience = Timeout::after(1000);
            while self.interrupts() == before && !patience.passed() {
                halt();
            }
            self.late += u64::from(self.interrupts() == before);
        }
        self.driver.ack_interrupt();
        // SAFETY: the same request, response and buffer.
        unsafe {
            match write {
                true => self.driver.complete_write_blocks(token, &request, bytes, &mut response),
                false => self.driver.complete_read_blocks(token, &request, bytes, &mut response),
            }
        }
        .map_err(problem)
    }
}
