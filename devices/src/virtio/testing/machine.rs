//! A device behind its MMIO transport, with workers that run when the test says so.

use super::{Driver, TestMemory, without_event_idx};
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use crate::interrupt::EdgeLine;
use crate::virtio::transport::mmio::{MmioState, MmioTransport};
use crate::virtio::{QueueHandler, QueueUse, QueueUses, QueueWorkers, Returned, VirtioDevice};
use crate::worker::WorkerContext;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Counts its triggers.
#[derive(Default)]
pub(crate) struct FakeLine(AtomicU32);

impl FakeLine {
    /// Triggers since the last call.
    pub(crate) fn take(&self) -> u32 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl EdgeLine for FakeLine {
    fn trigger(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Holds the handlers of one device.
#[derive(Default)]
pub(crate) struct FakeWorkers {
    context: Mutex<Option<WorkerContext>>,
    running: Mutex<Vec<Box<dyn QueueHandler>>>,
    asked: Mutex<Vec<Returned>>,
    /// `stop` waits for [`FakeWorkers::deliver`].
    pub(crate) slow: AtomicBool,
    /// What the queues count.
    pub(crate) uses: QueueUses,
}

impl FakeWorkers {
    /// Processes every handler until none wants more.
    pub(crate) fn process(&self) {
        for handler in &mut *self.running.lock().unwrap() {
            while self.lend(|worker| handler.process(worker)) {}
        }
    }

    /// Calls `process` of every handler once, whatever it says.
    pub(crate) fn process_once(&self) {
        for handler in &mut *self.running.lock().unwrap() {
            self.lend(|worker| handler.process(worker));
        }
    }

    /// Drains every handler; whether all are idle.
    pub(crate) fn drain_by(&self, deadline: Instant) -> bool {
        self.running.lock().unwrap().iter_mut().all(|handler| self.lend(|worker| handler.drain(worker, deadline)))
    }

    /// A round of turns at `now`: when the handlers want the next one.
    pub(crate) fn process_at(&self, now: Instant) -> Option<Instant> {
        self.lend(|worker| worker.begin_round(now));
        self.process();
        self.lend(WorkerContext::take_wake)
    }

    fn lend<T>(&self, turn: impl FnOnce(&mut WorkerContext) -> T) -> T {
        turn(self.context.lock().unwrap().get_or_insert_with(|| WorkerContext::new(Instant::now())))
    }

    /// Lets go of all handlers, and of who waits for them, which would keep this and themselves for ever.
    pub(crate) fn let_go(&self) {
        drop(std::mem::take(&mut *self.running.lock().unwrap()));
        drop(std::mem::take(&mut *self.asked.lock().unwrap()));
    }

    /// How many handlers are here.
    pub(crate) fn running(&self) -> usize {
        self.running.lock().unwrap().len()
    }

    /// A worker gives back what it was asked for; `false`: nobody asked.
    pub(crate) fn deliver(&self) -> bool {
        let Some(returned) = self.asked.lock().unwrap().pop() else { return false };
        let mut handlers = std::mem::take(&mut *self.running.lock().unwrap());
        assert!(handlers.iter_mut().all(|handler| self.lend(|worker| handler.drain(worker, Instant::now()))));
        returned(handlers);
        true
    }
}

impl QueueWorkers for FakeWorkers {
    fn start(&self, _device: &DeviceId, handlers: Vec<Box<dyn QueueHandler>>) {
        let mut running = self.running.lock().unwrap();
        let twice = handlers.iter().any(|new| running.iter().any(|handler| handler.index() == new.index()));
        assert!(!twice, "a queue is handed out twice");
        running.extend(handlers);
    }

    fn stop(&self, _device: &DeviceId, returned: Returned) {
        let mut asked = self.asked.lock().unwrap();
        assert!(asked.is_empty(), "handlers are asked back twice");
        asked.push(returned);
        drop(asked);
        if !self.slow.load(Ordering::Relaxed) {
            self.deliver();
        }
    }

    fn counters(&self, device: &DeviceId, index: u16) -> Arc<QueueUse> {
        self.uses.of(device, index)
    }
}

/// A transport with its surroundings.
pub(crate) struct Machine {
    pub(crate) transport: MmioTransport<TestMemory>,
    pub(crate) workers: Arc<FakeWorkers>,
    pub(crate) line: Arc<FakeLine>,
    pub(crate) memory: TestMemory,
}

impl Machine {
    /// Not parked any more.
    pub(crate) fn new(device: Box<dyn VirtioDevice<TestMemory>>, memory: TestMemory) -> Self {
        let machine = Self::restored(device, memory, None);
        machine.transport.unpark();
        machine
    }

    /// Still parked.
    pub(crate) fn restored(
        device: Box<dyn VirtioDevice<TestMemory>>,
        memory: TestMemory,
        state: Option<MmioState>,
    ) -> Self {
        let workers = Arc::new(FakeWorkers::default());
        let line = Arc::new(FakeLine::default());
        let transport =
            MmioTransport::new(device, Arc::clone(&memory), Arc::clone(&workers) as _, Arc::clone(&line) as _, state)
                .unwrap();
        Self { transport, workers, line, memory }
    }

    pub(crate) fn read(&self, register: u64) -> u32 {
        self.transport.read(register, Width::Dword) as u32
    }

    pub(crate) fn write(&self, register: u64, value: u32) {
        self.transport.write(register, Width::Dword, value.into());
    }

    /// A driver's way to FEATURES_OK, with all features that are offered and that [`Driver`] can do.
    pub(crate) fn negotiate(&self) {
        self.write(0x70, 0);
        self.write(0x70, 1);
        self.write(0x70, 3);
        for select in 0..2 {
            self.write(0x14, select);
            self.write(0x24, select);
            let features = self.read(0x10);
            self.write(0x20, without_event_idx(select.into(), features.into()) as u32);
        }
        self.write(0x70, 11);
        assert_eq!(self.read(0x70), 11);
    }

    /// Configures queue 0 where [`Driver`] expects it.
    pub(crate) fn set_up_queue(&self, size: u16) {
        self.write(0x30, 0);
        self.write(0x38, size.into());
        for (register, address) in [(0x80, Driver::DESCRIPTORS), (0x90, Driver::AVAILABLE), (0xa0, Driver::USED)] {
            self.write(register, address as u32);
            self.write(register + 4, 0);
        }
        self.write(0x44, 1);
        assert_eq!(self.read(0x44), 1);
    }

    /// A driver's whole initialisation.
    pub(crate) fn start(&self, size: u16) -> Driver {
        self.negotiate();
        self.set_up_queue(size);
        self.write(0x70, 15);
        Driver::new(Arc::clone(&self.memory), size)
    }

    /// Parks, with workers that answer at once.
    pub(crate) fn park(&self) {
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        self.transport.park(Box::new(move || seen.store(true, Ordering::Relaxed)));
        assert!(done.load(Ordering::Relaxed));
    }
}
