//! Micro-benchmarks of the data path's pieces, on memory and queues of their own: no machine, no guest, no exit.
//!
//! What an exit and an interrupt cost besides is the host's, and is in the bench's part "I/O" at depth 1.

#![allow(clippy::unwrap_used)] // what fails here ends the run

use std::hint::black_box;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use devices::backend::block::{CacheMode, DiskPort, OnError, RawDisk};
use devices::bus::{Bus, BusDeviceMut, Width};
use devices::rate_limit::RateLimit;
use devices::virtio::block::{BlockConfig, BlockSizes, VirtioBlock};
use devices::virtio::{Activation, QueueConfig, QueueHandler, VirtQueue, VirtioDevice, VirtioInterrupt};
use devices::worker::{RingUse, WorkerContext};
use vm_memory::bitmap::AtomicBitmap;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

type Ram = GuestMemoryMmap<AtomicBitmap>;

/// Of a queue: its parts' addresses, and its size.
const DESCRIPTORS: u64 = 0x1000;
const AVAILABLE: u64 = 0x2000;
const USED: u64 = 0x3000;
const SIZE: u16 = 256;
/// Of a request (VIRTIO 1.2 5.2.6).
const HEADER: u64 = 0x4000;
const STATUS: u64 = 0x4100;
const DATA: u64 = 0x1_0000;
const BYTES: u32 = 4096;
/// Of a descriptor (VIRTIO 1.2 2.7.5).
const NEXT: u16 = 1;
const WRITE: u16 = 2;
/// VIRTIO_F_VERSION_1.
const VERSION_1: u64 = 1 << 32;

#[derive(Default)]
struct Interrupts(AtomicU32);

impl VirtioInterrupt for Interrupts {
    fn used_buffers(&self, _index: u16) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn config_changed(&self) {}

    fn needs_reset(&self, fault: &(dyn std::error::Error + 'static)) {
        panic!("The queue is broken: {fault}");
    }
}

/// A driver whose requests all have the same descriptors: 16 bytes to read, a page to write, a byte to write.
struct Driver {
    memory: Arc<Ram>,
    available: u16,
}

impl Driver {
    fn new() -> Self {
        let memory = Arc::new(Ram::from_ranges(&[(GuestAddress(0), 1 << 20)]).unwrap());
        let parts = [(HEADER, 16, NEXT), (DATA, BYTES, WRITE | NEXT), (STATUS, 1, WRITE)];
        for (index, (address, length, flags)) in (0..).zip(parts) {
            let at = DESCRIPTORS + 16 * u64::from(index);
            memory.write_obj::<u64>(address, GuestAddress(at)).unwrap();
            memory.write_obj::<u32>(length, GuestAddress(at + 8)).unwrap();
            memory.write_obj::<[u16; 2]>([flags, index + 1], GuestAddress(at + 12)).unwrap();
        }
        Self { memory, available: 0 }
    }

    fn queue(&self, interrupts: &Arc<Interrupts>) -> VirtQueue<Arc<Ram>> {
        let (descriptors, available, used) = (DESCRIPTORS, AVAILABLE, USED);
        let config = QueueConfig { size: SIZE, ready: true, descriptors, available, used, next_avail: 0, next_used: 0 };
        let ring = config.to_queue(SIZE, false).unwrap();
        let event = EventFd::new(EFD_NONBLOCK).unwrap();
        VirtQueue::new(0, ring, VERSION_1, Arc::clone(&self.memory), event, Arc::clone(interrupts) as _)
    }

    /// Makes `count` requests available. All begin at descriptor 0, which the ring's empty places name.
    fn offer(&mut self, count: u16) {
        self.available = self.available.wrapping_add(count);
        self.memory.store(self.available.to_le(), GuestAddress(AVAILABLE + 2), Ordering::Release).unwrap();
    }
}

fn queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    for batch in [1, 32] {
        let (mut driver, interrupts) = (Driver::new(), Arc::default());
        let mut queue = driver.queue(&interrupts);
        group.throughput(Throughput::Elements(batch.into()));
        group.bench_function(format!("pop and push {batch}"), |bencher| {
            bencher.iter(|| {
                driver.offer(batch);
                while let Some(chain) = queue.pop() {
                    queue.complete(chain, 1);
                }
                queue.signal();
            });
        });
    }
    group.finish();
}

/// A device with one register.
struct Register(u64);

impl BusDeviceMut for Register {
    fn read(&mut self, _offset: u64, _width: Width) -> u64 {
        self.0
    }

    fn write(&mut self, _offset: u64, _width: Width, value: u64) {
        self.0 = value;
    }
}

/// `count` devices of `size` bytes, from `base` on, `step` apart.
fn bus(base: u64, step: u64, size: u64, count: u64) -> Bus {
    let bus = Bus::new();
    for start in (0..count).map(|number| base + number * step) {
        bus.insert(start..start + size, Arc::new(Mutex::new(Register(0)))).unwrap();
    }
    bus
}

fn dispatch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    let ports = bus(0x40, 0x20, 8, 16);
    group.bench_function("port read", |bencher| bencher.iter(|| ports.read(black_box(0x104), Width::Byte)));
    group.bench_function("port write", |bencher| bencher.iter(|| ports.write(black_box(0x104), Width::Byte, 7)));
    let memory = bus(0xc000_0000, 0x1000, 0x200, 32);
    group.bench_function("MMIO read", |bencher| bencher.iter(|| memory.read(black_box(0xc001_0010), Width::Dword)));
    group
        .bench_function("MMIO write", |bencher| bencher.iter(|| memory.write(black_box(0xc001_0010), Width::Dword, 7)));
    group.bench_function("where nothing is", |bencher| {
        bencher.iter(|| memory.read(black_box(0xd000_0000), Width::Dword))
    });
    group.finish();
}

/// A disk's only queue, of a file that is in the page cache.
fn disk(driver: &Driver, interrupts: &Arc<Interrupts>) -> Box<dyn QueueHandler> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[0x5a; 1 << 20]).unwrap();
    let backend = Arc::new(RawDisk::new("disk0".into(), file, false).unwrap());
    let port = Arc::new(DiskPort::new("disk0".into(), backend, OnError::Report, &RateLimit::default(), 1));
    let (cache, blocks) = (CacheMode::WriteBack, BlockSizes::default());
    let config = BlockConfig { id: "disk0".into(), serial: None, queues: 1, cache, discard: true, blocks };
    let mut device: Box<dyn VirtioDevice<Arc<Ram>>> = Box::new(VirtioBlock::new(config, port, None).unwrap());
    let queues = vec![driver.queue(interrupts)];
    device.activate(Activation { features: VERSION_1, queues }).unwrap().remove(0)
}

/// A worker's rounds, from a notification until the last of `count` requests is answered.
fn rounds(driver: &mut Driver, handler: &mut dyn QueueHandler, worker: &mut WorkerContext, count: u16) {
    driver.offer(count);
    handler.notification().write(1).unwrap();
    let used = driver.available.to_le();
    while driver.memory.load::<u16>(GuestAddress(USED + 2), Ordering::Acquire).unwrap() != used {
        worker.begin_round(Instant::now());
        // What the ring has done is known from here on; there is one handler, which has a turn anyway.
        worker.collect();
        worker.begin_turn(1);
        handler.process(worker);
        worker.end_round();
    }
}

fn notification(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("notification to completion, reads of 4 KiB");
    for batch in [1, 32] {
        group.throughput(Throughput::Elements(batch.into()));
        for (name, ring) in [("system calls", false), ("io_uring", true)] {
            let rings = Arc::new(RingUse::default());
            let start = Instant::now();
            let mut worker =
                if ring { WorkerContext::with_ring(start, Arc::clone(&rings)) } else { WorkerContext::new(start) };
            let (mut driver, interrupts) = (Driver::new(), Arc::default());
            let mut handler = disk(&driver, &interrupts);
            rounds(&mut driver, handler.as_mut(), &mut worker, 1);
            if ring && rings.refused() > 0 {
                continue; // this host has none for us
            }
            group.bench_function(format!("{batch} by {name}"), |bencher| {
                bencher.iter(|| rounds(&mut driver, handler.as_mut(), &mut worker, batch));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, queue, dispatch, notification);
criterion_main!(benches);
