//! What the `virtio-drivers` crate needs of us: memory for queues, and the transports of the devices found.

use core::ptr::NonNull;

use virtio_drivers::transport::mmio::MmioTransport;
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

use crate::cpu::read_physical;
use crate::platform::{VirtioSlot, platform};
use crate::sync::{Place, SpinLock};

/// VIRTIO device ids (section 5).
pub const BLOCK: u32 = 2;
/// Entropy device.
pub const ENTROPY: u32 = 4;

const PAGES: usize = 64;
static POOL: Place<[[u8; 4096]; PAGES]> = Place::new([[0; 4096]; PAGES]);
static USED: SpinLock<[bool; PAGES]> = SpinLock::new([false; PAGES]);

/// Memory is identity mapped: sharing is nothing to do.
pub struct GuestHal;

// SAFETY: pages come from POOL, zeroed, once each until given back; addresses are physical addresses.
unsafe impl Hal for GuestHal {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let mut used = USED.lock();
        let Some(first) = (0..=PAGES - pages).find(|first| !used[*first..first + pages].contains(&true)) else {
            return (0, NonNull::dangling());
        };
        used[first..first + pages].fill(true);
        let start = POOL.get().cast::<[u8; 4096]>().wrapping_add(first);
        // SAFETY: inside POOL, and nobody else's.
        unsafe { start.write_bytes(0, pages) };
        (start.expose_provenance() as PhysAddr, NonNull::new(start.cast()).unwrap_or(NonNull::dangling()))
    }

    unsafe fn dma_dealloc(paddr: PhysAddr, _vaddr: NonNull<u8>, pages: usize) -> i32 {
        let first = ((paddr - POOL.address()) / 4096) as usize;
        USED.lock()[first..first + pages].fill(false);
        0
    }

    unsafe fn mmio_phys_to_virt(paddr: PhysAddr, _size: usize) -> NonNull<u8> {
        NonNull::new(core::ptr::with_exposed_provenance_mut(paddr as usize)).unwrap_or(NonNull::dangling())
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr().expose_provenance() as PhysAddr
    }

    unsafe fn unshare(_paddr: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}

/// The device id in a slot's registers (0: nothing there); `None` when the magic value is wrong.
pub fn device_id(slot: &VirtioSlot) -> Option<u32> {
    // SAFETY: the tables say that virtio registers are there, below 4 GiB.
    unsafe { (read_physical::<u32>(slot.base) == 0x7472_6976).then(|| read_physical(slot.base + 8)) }
}

/// The slots with devices of the given id, in the board's order.
pub fn slots(id: u32) -> impl Iterator<Item = VirtioSlot> {
    platform().virtio.iter().copied().filter(move |slot| device_id(slot) == Some(id))
}

/// A transport over a slot's registers.
///
/// # Errors
/// What the driver crate dislikes about the registers.
pub fn transport(slot: &VirtioSlot) -> Result<MmioTransport<'static>, alloc::string::String> {
    let header = NonNull::new(core::ptr::with_exposed_provenance_mut(slot.base as usize)).ok_or("slot at address 0")?;
    // SAFETY: the tables say so, and each device is opened once.
    unsafe { MmioTransport::new(header, slot.size as usize) }.map_err(|error| alloc::format!("{error}"))
}
