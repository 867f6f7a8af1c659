//! One virtio block device, driven request by request, completed by interrupt or by polling.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::device::blk::{BlkReq, BlkResp, SECTOR_SIZE, VirtIOBlk};
use virtio_drivers::transport::InterruptStatus;

use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::halt;
use crate::interrupt::Interrupt;
use crate::sync::SpinLock;
use crate::virtio::{self, GuestHal, PciLink, Transport};
use crate::{pattern, timer};

/// How many disks can be used.
pub const MAX_DISKS: usize = 15;
/// Sectors of one request at most.
pub const REQUEST_SECTORS: usize = 32;

static DISKS: [SpinLock<Option<Disk>>; MAX_DISKS] = [const { SpinLock::new(None) }; MAX_DISKS];

/// A disk that was opened.
pub struct Disk {
    driver: VirtIOBlk<GuestHal, Transport>,
    /// The PCI function, if it is one.
    pub link: Option<PciLink>,
    /// How it interrupts.
    pub interrupt: Interrupt,
    /// Completed by interrupts to the CPU that uses it, or by polling.
    pub by_interrupt: bool,
    /// Completions whose interrupt did not come within a second.
    pub late: u64,
    buffer: Vec<u64>,
    request: Box<(BlkReq, BlkResp)>,
}

// SAFETY: a disk is used under its lock only.
unsafe impl Send for Disk {}

/// A request that the device has.
pub struct Pending {
    token: u16,
    sector: u64,
    count: usize,
    write: bool,
}

/// How many disks the board has.
pub fn count() -> usize {
    virtio::devices(virtio::BLOCK).count().min(MAX_DISKS)
}

/// Works with disk `index` under its lock; opens it at first use, its interrupt routed to CPU 0.
///
/// # Errors
/// There is no such disk, or it cannot be initialised, or what `work` returns.
pub fn with<T>(index: usize, work: impl FnOnce(&mut Disk) -> Result<T, String>) -> Result<T, String> {
    let lock = DISKS.get(index).ok_or("disk number too high")?;
    let mut place = lock.lock();
    if place.is_none() {
        let device = virtio::devices(virtio::BLOCK).nth(index).ok_or_else(|| format!("no disk {index}"))?;
        let (transport, interrupt) = device.open()?;
        let link = if let Transport::Pci(link) = &transport { Some(link.clone()) } else { None };
        let driver = VirtIOBlk::new(transport).map_err(|error| format!("init: {error}"))?;
        timer::start_tick();
        let buffer = alloc::vec![0u64; REQUEST_SECTORS * SECTOR_SIZE / 8];
        *place = Some(Disk { driver, link, interrupt, by_interrupt: true, late: 0, buffer, request: Box::default() });
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
        self.interrupt.count()
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

    /// The words of `sectors` from `start`, at most [`REQUEST_SECTORS`].
    pub fn read(&mut self, start: u64, sectors: u64) -> Result<&[u64], String> {
        let count = (sectors as usize).min(REQUEST_SECTORS);
        self.request(start, count, false)?;
        Ok(&self.buffer[..count * SECTOR_SIZE / 8])
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
        let before = self.interrupts();
        let pending = self.submit(sector, count, write)?;
        let timeout = Timeout::after(PATIENCE_MS);
        while !self.is_complete() {
            match self.by_interrupt {
                true => self.wait(),
                false => core::hint::spin_loop(),
            }
            // The buffers stay with the device: nothing may follow.
            assert!(!timeout.passed(), "disk request not completed in time");
        }
        if self.by_interrupt {
            // Completed while we looked: the interrupt comes with one of the next halts (the tick ends each).
            let patience = Timeout::after(PATIENCE_MS);
            while self.interrupts() == before && !patience.passed() {
                self.wait();
            }
            self.late += u64::from(self.interrupts() == before);
        }
        self.acknowledge();
        self.finish(pending)
    }

    /// Waits for an interrupt.
    fn wait(&self) {
        self.interrupt.rearm();
        halt();
    }

    /// Gives the device a request of the disk's buffer; [`Self::finish`] must follow before anything else.
    ///
    /// # Errors
    /// What the driver says.
    pub fn submit(&mut self, sector: u64, count: usize, write: bool) -> Result<Pending, String> {
        let pointer = self.buffer.as_mut_ptr().cast::<u8>();
        // SAFETY: the vector is at least this long; it is used by the device alone until `finish`.
        let bytes = unsafe { core::slice::from_raw_parts_mut(pointer, count * SECTOR_SIZE) };
        let (request, response) = &mut *self.request;
        // SAFETY: request, response and buffer live unchanged, at their places, until `finish`.
        let token = unsafe {
            match write {
                true => self.driver.write_blocks_nb(sector as usize, request, bytes, response),
                false => self.driver.read_blocks_nb(sector as usize, request, bytes, response),
            }
        };
        let pending = |token| Pending { token, sector, count, write };
        token.map(pending).map_err(|error| problem(sector, write, error))
    }

    /// Whether the device has completed the request.
    pub fn is_complete(&mut self) -> bool {
        self.driver.peek_used().is_some()
    }

    /// Reads the interrupt status, which a line's level follows: whether it said that a queue has something.
    pub fn acknowledge(&mut self) -> bool {
        self.driver.ack_interrupt().contains(InterruptStatus::QUEUE_INTERRUPT)
    }

    /// Takes a completed request back.
    ///
    /// # Errors
    /// The device could not do it.
    pub fn finish(&mut self, pending: Pending) -> Result<(), String> {
        let Pending { token, sector, count, write } = pending;
        let pointer = self.buffer.as_mut_ptr().cast::<u8>();
        // SAFETY: as in `submit`.
        let bytes = unsafe { core::slice::from_raw_parts_mut(pointer, count * SECTOR_SIZE) };
        let (request, response) = &mut *self.request;
        // SAFETY: the same request, response and buffer as in `submit`.
        unsafe {
            match write {
                true => self.driver.complete_write_blocks(token, request, bytes, response),
                false => self.driver.complete_read_blocks(token, request, bytes, response),
            }
        }
        .map_err(|error| problem(sector, write, error))
    }
}

fn problem(sector: u64, write: bool, error: virtio_drivers::Error) -> String {
    let name = if write { "write" } else { "read" };
    format!("{name} of sector {sector}: {error}")
}
