//! What the tests of this module share: a small guest memory, a driver's half of a queue, fake workers and lines.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod driver;
mod interrupts;
mod machine;
mod pci;
pub(crate) mod registers;
mod served;

pub(crate) use driver::{Driver, NEXT, WRITE, descriptor};
pub(crate) use interrupts::FakeInterrupts;
pub(crate) use machine::{FakeWorkers, Machine};
pub(crate) use pci::PciMachine;
pub(crate) use served::Served;

use crate::backend::block::{CacheMode, DiskPort, OnError, RawDisk};
use crate::rate_limit::RateLimit;
use crate::virtio::block::{BlockConfig, BlockSizes, VirtioBlock};
use crate::virtio::{VirtioDevice, VirtioInterrupt};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use vm_memory::bitmap::{AtomicBitmap, Bitmap};
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};

/// The halves of the features that every device has: VIRTIO_F_INDIRECT_DESC and VIRTIO_F_EVENT_IDX, VIRTIO_F_VERSION_1
/// and VIRTIO_F_RING_RESET.
pub(crate) const CORE_FEATURES: [u32; 2] = [1 << 28 | 1 << 29, 1 | 1 << 8];

/// Half `select` of a driver's features, without VIRTIO_F_EVENT_IDX: the drivers of tests count each interrupt.
pub(crate) fn without_event_idx(select: u64, half: u64) -> u64 {
    if select == 0 { half & !(1 << 29) } else { half }
}

/// The memory of tests: as a machine's, with a dirty bitmap.
pub(crate) type TestRam = GuestMemoryMmap<AtomicBitmap>;
/// What devices get in tests.
pub(crate) type TestMemory = Arc<TestRam>;

/// Two regions with a hole between them: 0 to 0x8000 and 0xa000 to 0x10000.
pub(crate) const REGIONS: [(u64, usize); 2] = [(0, 0x8000), (0xa000, 0x6000)];

pub(crate) fn ram() -> TestMemory {
    let ranges = REGIONS.map(|(start, length)| (GuestAddress(start), length));
    Arc::new(TestRam::from_ranges(&ranges).unwrap())
}

/// A block device over `file` with one queue.
pub(crate) fn block_device(file: File) -> Box<dyn VirtioDevice<TestMemory>> {
    let disk = Arc::new(RawDisk::new("disk0".into(), file, false).unwrap());
    let port = DiskPort::new("disk0".into(), disk, OnError::Report, &RateLimit::default(), 1);
    let (cache, blocks) = (CacheMode::WriteBack, BlockSizes::default());
    let config = BlockConfig { id: "disk0".into(), serial: None, queues: 1, cache, discard: true, blocks };
    Box::new(VirtioBlock::new(config, Arc::new(port), None).unwrap())
}

/// `length` bytes at `address` are memory.
pub(crate) fn is_memory(address: u64, length: u64) -> bool {
    let Some(end) = address.checked_add(length) else { return false };
    // The regions do not touch, so a range lies in one of them.
    REGIONS.iter().any(|(start, size)| address >= *start && end <= start + *size as u64)
}

/// All bytes, and which pages are marked, to compare with later.
pub(crate) struct Snapshot(Vec<Vec<u8>>);

impl Snapshot {
    /// Takes the bytes and clears all marks.
    pub(crate) fn take(ram: &TestRam) -> Self {
        Self(
            ram.iter()
                .map(|region| {
                    (**region).bitmap().reset(); // the mapping's own bitmap, not a slice of it
                    let mut bytes = vec![0; region.len() as usize];
                    ram.read_slice(&mut bytes, region.start_addr()).unwrap();
                    bytes
                })
                .collect(),
        )
    }

    /// How many bytes changed since. Each must be marked.
    pub(crate) fn changes(&self, ram: &TestRam) -> usize {
        let everything: Vec<_> = REGIONS.iter().map(|(start, length)| (*start, *length as u64)).collect();
        self.check(ram, &everything);
        let now = Self::take(ram);
        let different = |(old, new): (&[u8], &[u8])| old.iter().zip(new).filter(|(old, new)| old != new).count();
        self.0
            .iter()
            .zip(&now.0)
            .flat_map(|(old, new)| old.chunks(64).zip(new.chunks(64)))
            .map(|(old, new)| if old == new { 0 } else { different((old, new)) })
            .sum()
    }

    /// Every byte that changed since lies in one of `allowed` and in a page that is marked.
    pub(crate) fn check(&self, ram: &TestRam, allowed: &[(u64, u64)]) {
        for (region, before) in ram.iter().zip(&self.0) {
            let mut now = vec![0; before.len()];
            ram.read_slice(&mut now, region.start_addr()).unwrap();
            // By lines first: comparing single bytes is most of a test's time otherwise.
            let lines = before.chunks(64).zip(now.chunks(64)).enumerate().filter(|(_, (old, new))| old != new);
            let bytes = lines.flat_map(|(line, (old, new))| (line * 64..).zip(old.iter().zip(new)));
            for (offset, (old, new)) in bytes {
                let address = region.start_addr().0 + offset as u64;
                if old != new {
                    let inside = allowed.iter().any(|(start, length)| (*start..start + length).contains(&address));
                    assert!(inside, "{address:#x} changed, which no descriptor gave");
                    assert!(region.bitmap().dirty_at(offset), "{address:#x} changed but is not marked");
                }
            }
        }
    }
}

/// Takes notes of what a queue tells its driver.
#[derive(Default)]
pub(crate) struct NotedInterrupt {
    pub(crate) used: AtomicU32,
    pub(crate) config: AtomicU32,
    pub(crate) resets: AtomicU32,
}

impl NotedInterrupt {
    /// Interrupts for used buffers, and demands of a reset.
    pub(crate) fn counts(&self) -> (u32, u32) {
        (self.used.load(Ordering::Relaxed), self.resets.load(Ordering::Relaxed))
    }
}

impl VirtioInterrupt for NotedInterrupt {
    fn used_buffers(&self, _index: u16) {
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    fn config_changed(&self) {
        self.config.fetch_add(1, Ordering::Relaxed);
    }

    fn needs_reset(&self, _fault: &(dyn std::error::Error + 'static)) {
        self.resets.fetch_add(1, Ordering::Relaxed);
    }
}
