//! A machine with 256 KiB of RAM, one or more vCPUs in real mode, and a bus that takes notes.

use crate::config::Backing;
use crate::interrupt::KvmInterruptManager;
use crate::kvm::{Kvm, KvmVcpu, KvmVm};
use crate::memory::{AddressRange, AddressSpace, RamRegion, layout};
use crate::statistics::ExitKind;
use crate::testing::skip;
use crate::thread::Threads;
use crate::vcpu::{Buses, VcpuControl, VcpuEvents, Vcpus};
use devices::bus::{Bus, BusDevice, Width};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use vm_memory::{Bytes, MemoryRegionAddress};

/// Far longer than anything here takes, on a slow host as well.
pub(super) const DEADLINE: Duration = Duration::from_secs(180);
/// Bytes of RAM, from address 0.
pub(super) const RAM: u64 = 0x4_0000;
/// Where the code of vCPU 0 lies.
pub(super) const CODE: u64 = 0x1000;
/// The port by which a guest says that it is done.
pub(super) const DONE: u64 = 0x80;
/// The port at which a write halts the machine, as a device that switches it off would.
pub(super) const HALT: u64 = 0x90;

/// The host's KVM, or `None` after having noted that the calling test is skipped.
pub(super) fn host() -> Option<Kvm> {
    match Kvm::open(None) {
        Ok(kvm) => Some(kvm),
        Err(error) => {
            skip(&error.to_string());
            None
        }
    }
}

/// What happened, in its order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Note {
    Write(u64, Width, u64),
    Read(u64, Width),
    FirstRun,
    TripleFault(u32),
    Crashed(u32, String),
}

/// The whole bus as one device: reads give the next of `input`, or all ones.
pub(super) struct Recorder {
    notes: Mutex<Sender<Note>>,
    pub(super) input: Mutex<Vec<u64>>,
    control: VcpuControl,
}

impl BusDevice for Recorder {
    fn read(&self, offset: u64, width: Width) -> u64 {
        self.notes.lock().unwrap().send(Note::Read(offset, width)).unwrap();
        let mut input = self.input.lock().unwrap();
        if input.is_empty() { width.ones() } else { input.remove(0) }
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        if offset == HALT {
            self.control.halt();
        }
        self.notes.lock().unwrap().send(Note::Write(offset, width, value)).unwrap();
    }
}

impl VcpuEvents for Recorder {
    fn exit(&self, _vcpu: u32, _kind: ExitKind) {}

    fn first_run(&self) {
        self.notes.lock().unwrap().send(Note::FirstRun).unwrap();
    }

    fn triple_fault(&self, vcpu: u32) {
        self.notes.lock().unwrap().send(Note::TripleFault(vcpu)).unwrap();
    }

    fn crashed(&self, vcpu: u32, message: String) {
        self.notes.lock().unwrap().send(Note::Crashed(vcpu, message)).unwrap();
    }
}

/// The machine; its vCPUs are paused at first.
pub(super) struct Guest {
    pub(super) vm: Arc<KvmVm>,
    pub(super) ram: Arc<RamRegion>,
    pub(super) space: AddressSpace,
    pub(super) vcpus: Vcpus,
    pub(super) control: VcpuControl,
    pub(super) interrupts: Arc<KvmInterruptManager>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) notes: Receiver<Note>,
}

impl Guest {
    /// A machine in which vCPU n starts at the n-th of `codes` in real mode.
    pub(super) fn new(kvm: &Kvm, codes: &[&[u8]]) -> Self {
        let (vm, ram, space) = board(kvm);
        let interrupts = Arc::new(KvmInterruptManager::create(Arc::clone(&vm)).unwrap());
        let vcpus: Vec<_> = (0..).zip(codes).map(|(id, code)| real_mode(kvm, &vm, &ram, id, code)).collect();
        let (sender, notes) = channel();
        let control = VcpuControl::new();
        let recorder =
            Arc::new(Recorder { notes: Mutex::new(sender), input: Mutex::default(), control: control.clone() });
        let buses = Buses { pio: Arc::new(Bus::new()), mmio: Arc::new(Bus::new()) };
        let device: Arc<dyn BusDevice> = Arc::clone(&recorder) as _;
        buses.pio.insert(0..0x1_0000, Arc::clone(&device)).unwrap();
        buses.mmio.insert(0..1 << 32, device).unwrap();
        let events: Arc<dyn VcpuEvents> = Arc::clone(&recorder) as _;
        let vcpus = Vcpus::spawn(&Threads::unconfined(), &control, vcpus, &buses, &events).unwrap();
        space.set_barrier(Arc::new(control.clone()));
        Self { vm, ram, space, vcpus, control, interrupts, recorder, notes }
    }

    /// The next thing that happens, the first run left out.
    pub(super) fn next(&self) -> Note {
        match self.notes.recv_timeout(DEADLINE).expect("the guest does nothing any more") {
            Note::FirstRun => self.next(),
            note => note,
        }
    }

    /// All that happens until the guest says that it is done.
    pub(super) fn until_done(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        loop {
            match self.next() {
                Note::Write(port, ..) if port == DONE => return notes,
                note => notes.push(note),
            }
        }
    }

    pub(super) fn read(&self, address: u64, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.ram.read_slice(&mut bytes, MemoryRegionAddress(address)).unwrap();
        bytes
    }

    pub(super) fn write(&self, address: u64, bytes: &[u8]) {
        self.ram.write_slice(bytes, MemoryRegionAddress(address)).unwrap();
    }

    /// Waits until the guest has written another value to the four bytes at `address`.
    pub(super) fn wait_until_changed(&self, address: u64) {
        let (start, before) = (Instant::now(), self.word(address));
        while self.word(address) == before {
            assert!(start.elapsed() < DEADLINE, "the guest does not run");
            std::thread::yield_now();
        }
    }

    pub(super) fn word(&self, address: u64) -> u32 {
        u32::from_le_bytes(self.read(address, 4).try_into().unwrap())
    }
}

/// A machine without threads, and its vCPU, which starts at `code`.
pub(super) fn lone_vcpu(kvm: &Kvm, code: &[u8]) -> (Arc<KvmVm>, KvmVcpu) {
    let (vm, ram, _) = board(kvm);
    vm.create_irqchip().unwrap();
    let vcpu = real_mode(kvm, &vm, &ram, 0, code);
    (vm, vcpu)
}

fn board(kvm: &Kvm) -> (Arc<KvmVm>, Arc<RamRegion>, AddressSpace) {
    let vm = Arc::new(kvm.create_vm().unwrap());
    let ram = Arc::new(RamRegion::new(0..RAM, Backing::Anonymous).unwrap());
    let space = AddressSpace::new(Arc::clone(&vm) as _);
    space.commit(&[AddressRange::ram(&ram)]).unwrap();
    vm.set_identity_map_address(layout::KVM_IDENTITY_MAP.start).unwrap();
    vm.set_tss_address(layout::KVM_TSS.start).unwrap();
    (vm, ram, space)
}

fn real_mode(kvm: &Kvm, vm: &KvmVm, ram: &RamRegion, id: u32, code: &[u8]) -> KvmVcpu {
    let start = CODE + u64::from(id) * 0x1000;
    ram.write_slice(code, MemoryRegionAddress(start)).unwrap();
    let vcpu = vm.create_vcpu(id).unwrap();
    vcpu.set_cpuid2(&kvm.supported_cpuid().unwrap()).unwrap();
    let mut sregs = vcpu.get_sregs().unwrap();
    (sregs.cs.selector, sregs.cs.base) = (0, 0);
    vcpu.set_sregs(&sregs).unwrap();
    let mut regs = vcpu.get_regs().unwrap();
    (regs.rip, regs.rsp, regs.rflags) = (start, 0x8000 + u64::from(id) * 0x1000, 2);
    vcpu.set_regs(&regs).unwrap();
    // Others than the first would wait for INIT and SIPI.
    vcpu.set_mp_state(kvm_bindings::kvm_mp_state { mp_state: kvm_bindings::KVM_MP_STATE_RUNNABLE }).unwrap();
    vcpu
}
