//! A vCPU that "executes" by counting, and leaves by the exits of its script.

use crate::kvm::{Exit, KvmError};
use crate::statistics::ExitKind;
use crate::thread::Threads;
use crate::vcpu::{Buses, Kick, RunVcpu, VcpuControl, VcpuEvents, Vcpus};
use devices::bus::{Bus, BusDevice};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Far longer than anything here takes.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);

/// What the guest does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Computes until it is kicked.
    Spin,
    /// Writes one byte to port 0x10.
    Write,
    /// Reads one byte from port 0x10; the value is taken when the run after it begins.
    Read,
    /// An access that takes two exits for one instruction.
    Twice,
    TripleFault,
    Broken,
    Panic,
}

/// What tests see of a fake while it runs.
#[derive(Default)]
pub(super) struct Shared {
    immediate_exit: AtomicBool,
    /// Guest instructions executed.
    pub(super) instructions: AtomicU64,
    /// It is in `run` right now.
    pub(super) inside: AtomicBool,
    /// Accesses completed.
    pub(super) completed: AtomicU64,
}

impl Kick for Shared {
    fn attach(&self) -> Result<(), KvmError> {
        Ok(())
    }

    fn set_immediate_exit(&self, on: bool) {
        self.immediate_exit.store(on, SeqCst);
    }

    fn kick(&self) {
        self.immediate_exit.store(true, SeqCst);
    }
}

pub(super) struct FakeVcpu {
    pub(super) shared: Arc<Shared>,
    /// Repeated for ever.
    script: Vec<Step>,
    next: usize,
    data: [u8; 1],
    /// Exits after which an access still has to be completed by another run.
    half_done: u32,
}

impl FakeVcpu {
    pub(super) fn new(script: &[Step]) -> Self {
        Self { shared: Arc::default(), script: script.to_vec(), next: 0, data: [0], half_done: 0 }
    }
}

impl RunVcpu for FakeVcpu {
    fn kicker(&self) -> Arc<dyn Kick> {
        Arc::clone(&self.shared) as _
    }

    fn run(&mut self) -> Result<Exit<'_>, KvmError> {
        let shared = Arc::clone(&self.shared);
        shared.inside.store(true, SeqCst);
        let exit = self.enter();
        shared.inside.store(false, SeqCst);
        exit
    }

    fn registers(&self) -> String {
        format!("instructions={}", self.shared.instructions.load(SeqCst))
    }
}

impl FakeVcpu {
    fn enter(&mut self) -> Result<Exit<'_>, KvmError> {
        match self.half_done {
            0 => {}
            1 => {
                self.half_done = 0;
                self.shared.completed.fetch_add(1, SeqCst);
            }
            _ => {
                self.half_done -= 1;
                return Ok(Exit::PioWrite { port: 0x10, size: 1, data: &self.data });
            }
        }
        loop {
            if self.shared.immediate_exit.load(SeqCst) {
                return Ok(Exit::Interrupted);
            }
            self.shared.instructions.fetch_add(1, SeqCst);
            let step = self.script[self.next];
            if step == Step::Spin {
                std::thread::yield_now();
                continue;
            }
            self.next = (self.next + 1) % self.script.len();
            self.half_done = match step {
                Step::Twice => 2,
                _ => 1,
            };
            return Ok(match step {
                Step::Read => Exit::PioRead { port: 0x10, size: 1, data: &mut self.data },
                Step::Write | Step::Twice => Exit::PioWrite { port: 0x10, size: 1, data: &self.data },
                Step::TripleFault => Exit::Shutdown,
                Step::Broken => Exit::InternalError { suberror: 1, data: vec![1, 0x0f_0a_0f_03, 0] },
                Step::Spin | Step::Panic => panic!("a device model is broken (this is the test)"),
            });
        }
    }
}

/// What the vCPUs told.
#[derive(Default)]
pub(super) struct Events {
    pub(super) interruptions: AtomicU64,
    pub(super) first_runs: AtomicU64,
    pub(super) triple_faults: Mutex<Vec<u32>>,
    pub(super) crashes: Mutex<Vec<(u32, String)>>,
}

impl VcpuEvents for Events {
    fn exit(&self, _vcpu: u32, kind: ExitKind) {
        self.interruptions.fetch_add(u64::from(kind == ExitKind::Interruption), SeqCst);
    }

    fn first_run(&self) {
        self.first_runs.fetch_add(1, SeqCst);
    }

    fn triple_fault(&self, vcpu: u32) {
        self.triple_faults.lock().unwrap().push(vcpu);
    }

    fn crashed(&self, vcpu: u32, message: String) {
        self.crashes.lock().unwrap().push((vcpu, message));
    }
}

pub(super) struct Machine {
    pub(super) vcpus: Vcpus<FakeVcpu>,
    pub(super) control: VcpuControl,
    pub(super) shared: Vec<Arc<Shared>>,
    pub(super) events: Arc<Events>,
}

impl Machine {
    /// vCPUs with these scripts; `device` makes what answers at port 0x10.
    pub(super) fn new(scripts: &[&[Step]], device: impl FnOnce(&VcpuControl) -> Arc<dyn BusDevice>) -> Self {
        let control = VcpuControl::new();
        let buses = Buses { pio: Arc::new(Bus::new()), mmio: Arc::new(Bus::new()) };
        buses.pio.insert(0x10..0x11, device(&control)).unwrap();
        let vcpus: Vec<_> = scripts.iter().map(|script| FakeVcpu::new(script)).collect();
        let shared = vcpus.iter().map(|vcpu| Arc::clone(&vcpu.shared)).collect();
        let events = Arc::new(Events::default());
        let told: Arc<dyn VcpuEvents> = Arc::clone(&events) as _;
        let vcpus = Vcpus::spawn(&Threads::unconfined(), &control, vcpus, &buses, &told).unwrap();
        Self { vcpus, control, shared, events }
    }

    pub(super) fn instructions(&self) -> Vec<u64> {
        self.shared.iter().map(|shared| shared.instructions.load(SeqCst)).collect()
    }

    /// Lets the vCPUs run until `vcpu` has executed something, and then stops them.
    pub(super) fn run_a_little(&self, vcpu: usize) {
        self.vcpus.resume();
        wait_until(|| self.shared[vcpu].instructions.load(SeqCst) > 0);
        self.vcpus.pause();
    }

    /// Waits until every vCPU has executed something since `before`.
    pub(super) fn wait_for_progress(&self, before: &[u64]) {
        wait_until(|| self.instructions().iter().zip(before).all(|(now, before)| now > before));
    }
}

pub(super) fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "it does not come about");
        std::thread::yield_now();
    }
}

/// A device that does `action` at each access and reads 0x5a.
pub(super) struct Acting<F>(pub(super) F);

impl<F: Fn() + Send + Sync> BusDevice for Acting<F> {
    fn read(&self, _: u64, _: devices::bus::Width) -> u64 {
        (self.0)();
        0x5a
    }

    fn write(&self, _: u64, _: devices::bus::Width, _: u64) {
        (self.0)();
    }
}

pub(super) fn nothing(_: &VcpuControl) -> Arc<dyn BusDevice> {
    Arc::new(Acting(|| {}))
}
