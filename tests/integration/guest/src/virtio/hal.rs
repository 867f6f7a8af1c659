//! What the `virtio-drivers` crate needs of us: memory for queues.

use core::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal, PhysAddr};

use crate::sync::{Place, SpinLock};

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
