//! The control core with a device that only takes notes.
#![allow(clippy::unwrap_used)]

mod lifecycle;
mod negotiation;
mod saving;

use super::*;
use crate::state::DeviceState;
use crate::virtio::testing::{Driver, FakeWorkers, TestMemory, ram};
use crate::virtio::{ActivateError, Activation, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;
use virtio_queue::QueueState;

const VERSION_1: u64 = 1 << 32;
const RING_RESET: u64 = 1 << 40;
/// What the device itself offers.
const OFFERED: u64 = 0b101;

/// What happened to the device, in order.
type Notes = Arc<Mutex<Vec<String>>>;

struct Probe {
    id: DeviceId,
    notes: Notes,
    fails: Arc<AtomicBool>,
}

#[derive(Serialize, Deserialize)]
struct ProbeState(u8);

impl DeviceState for ProbeState {
    const KIND: &'static str = "probe";
    const VERSION: u16 = 1;
}

impl VirtioDevice<TestMemory> for Probe {
    fn id(&self) -> &DeviceId {
        &self.id
    }

    fn device_type(&self) -> u32 {
        42
    }

    fn queue_max_sizes(&self) -> &[u16] {
        &[8, 4]
    }

    fn features(&self) -> u64 {
        OFFERED
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        data.fill(u8::try_from(offset).unwrap());
    }

    fn write_config(&mut self, offset: u64, data: &[u8]) {
        self.notes.lock().unwrap().push(format!("config {offset} {data:?}"));
    }

    fn activate(&mut self, activation: Activation<TestMemory>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        let queues: Vec<_> = activation.queues.iter().map(VirtQueue::index).collect();
        self.notes.lock().unwrap().push(format!("activate {queues:?} {:x}", activation.features));
        if self.fails.load(Ordering::Relaxed) {
            return Err(ActivateError::Backend(std::io::ErrorKind::Other.into()));
        }
        Ok(activation.queues.into_iter().map(|queue| Box::new(Echo { queue }) as Box<dyn QueueHandler>).collect())
    }

    fn reset(&mut self) {
        self.notes.lock().unwrap().push("reset".into());
    }

    fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.id, &ProbeState(1))
    }
}

/// Uses every chain at once.
struct Echo {
    queue: VirtQueue<TestMemory>,
}

impl QueueHandler for Echo {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        self.queue.serve(8, |queue, chain| {
            queue.complete(chain, 0);
            ControlFlow::Continue(())
        })
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}

/// Counts interrupts: of queues, of the configuration.
#[derive(Default)]
struct Lines {
    isr: Isr,
    /// ISR as it was each time that bits were cleared.
    cleared: Mutex<Vec<u32>>,
    queue: AtomicU32,
    config: AtomicU32,
}

impl TransportInterrupt for Arc<Lines> {
    fn isr(&self) -> &Isr {
        &self.isr
    }

    fn cleared(&self) {
        self.cleared.lock().unwrap().push(self.isr.bits());
    }

    fn queue(&self, _index: u16) {
        self.isr.raise(ISR_USED_BUFFERS);
        self.queue.fetch_add(1, Ordering::Relaxed);
    }

    fn config(&self) {
        self.config.fetch_add(1, Ordering::Relaxed);
    }
}

struct Bench {
    core: VirtioCore<TestMemory>,
    notes: Notes,
    fails: Arc<AtomicBool>,
    workers: Arc<FakeWorkers>,
    lines: Arc<Lines>,
    memory: TestMemory,
}

impl Bench {
    /// Still parked.
    fn with(memory: TestMemory, state: Option<CoreState>, fails: bool) -> Result<Self, StateError> {
        let (notes, fails) = (Notes::default(), Arc::new(AtomicBool::new(fails)));
        let (workers, lines) = (Arc::new(FakeWorkers::default()), Arc::new(Lines::default()));
        let device = Probe { id: "probe0".into(), notes: Arc::clone(&notes), fails: Arc::clone(&fails) };
        let core = VirtioCore::new(
            Box::new(device),
            Arc::clone(&memory),
            Arc::clone(&workers) as _,
            Box::new(Arc::clone(&lines)),
            state,
        )?;
        Ok(Self { core, notes, fails, workers, lines, memory })
    }

    fn new() -> Self {
        let bench = Self::with(ram(), None, false).unwrap();
        bench.core.unpark();
        bench
    }

    fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }

    fn status(&self) -> u8 {
        self.core.status().bits()
    }

    fn interrupts(&self) -> (u32, u32) {
        (self.lines.queue.swap(0, Ordering::Relaxed), self.lines.config.swap(0, Ordering::Relaxed))
    }

    fn negotiate(&self) {
        self.core.set_status(3);
        self.core.set_driver_features(1, 1);
        self.core.set_status(11);
        assert_eq!(self.core.status(), self.core.status() | Status::FEATURES_OK);
    }

    fn enable(&self, index: u16) {
        let config = Driver::new(Arc::clone(&self.memory), 4).config();
        self.core.configure_queue(index, |queue| *queue = QueueConfig { ready: false, ..config });
        self.core.enable_queue(index);
        assert!(self.core.queue(index).unwrap().ready);
    }

    /// Up to DRIVER_OK with queue 0.
    fn start(&self) -> Driver {
        self.negotiate();
        self.enable(0);
        self.core.set_status(15);
        Driver::new(Arc::clone(&self.memory), 4)
    }

    /// Parks; how often `done` was called is counted.
    fn park(&self) -> Arc<AtomicU32> {
        let count = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&count);
        self.core.park(Box::new(move || {
            seen.fetch_add(1, Ordering::Relaxed);
        }));
        count
    }

    fn slow(&self) {
        self.workers.slow.store(true, Ordering::Relaxed);
    }

    fn shared(&self) -> &Shared<TestMemory> {
        &self.core.shared
    }
}

fn called(count: &AtomicU32) -> u32 {
    count.load(Ordering::Relaxed)
}
