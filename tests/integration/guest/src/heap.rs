//! The heap: power-of-two classes with free lists over one arena. Small, never compacting, enough for a test guest.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;

use crate::sync::{Place, SpinLock};

const ARENA: usize = 512 * 1024;
const SMALLEST: u32 = 5;
const CLASSES: usize = 13;

static MEMORY: Place<[u8; ARENA]> = Place::new([0; ARENA]);

struct Heap {
    next: usize,
    free: [*mut u8; CLASSES],
}

// SAFETY: the pointers lead into MEMORY, which any CPU may use.
unsafe impl Send for Heap {}

struct Allocator(SpinLock<Heap>);

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(SpinLock::new(Heap { next: 0, free: [null_mut(); CLASSES] }));

fn class(layout: Layout) -> usize {
    let size = layout.size().max(layout.align()).max(1 << SMALLEST).next_power_of_two();
    (size.trailing_zeros() - SMALLEST) as usize
}

// SAFETY: blocks of a class are aligned to their size, inside MEMORY, and handed out once until freed.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout);
        let mut heap = self.0.lock();
        let Some(&head) = heap.free.get(class) else { return null_mut() };
        if !head.is_null() {
            // SAFETY: a free block's first word is the link to the next.
            heap.free[class] = unsafe { head.cast::<*mut u8>().read() };
            return head;
        }
        let size = 1usize << (class as u32 + SMALLEST);
        let start = heap.next.next_multiple_of(size.min(4096));
        if start + size > ARENA {
            return null_mut();
        }
        heap.next = start + size;
        MEMORY.get().cast::<u8>().wrapping_add(start)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let class = class(layout);
        let mut heap = self.0.lock();
        // SAFETY: the block is free now and at least 32 bytes large.
        unsafe { block.cast::<*mut u8>().write(heap.free[class]) };
        heap.free[class] = block;
    }
}
