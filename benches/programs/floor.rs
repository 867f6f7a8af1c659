//! The floor of a start: what KVM, the host's kernel and the guest themselves take. No program that runs this guest with
//! an in-kernel interrupt controller, a disk and a network can be faster.
//!
//! One thread; the system calls that such a machine needs, in the best order known (memory slots before the interrupt
//! controllers: the first slot after them waits for a grace period of the kernel), and nothing else: no device model, no
//! tables, no command line. It ends when the guest has printed one byte.
//!
//! Usage: floor GUEST. The guest is an ELF file with a PVH entry that prints to the port 0x3f8 before it reads any table.
//! Standard output gets the byte, standard error one line of JSON with the times of the steps, named as in the boot
//! reports of Podvisor.

// No runtime before `main` either: it would install handlers and map a signal stack.
#![no_main]

use std::error::Error;
use std::ffi::{c_char, c_int};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::ptr;

use kvm_bindings::{
    KVM_IRQ_ROUTING_IRQCHIP, KVM_IRQCHIP_IOAPIC, KVM_MAX_CPUID_ENTRIES, KvmIrqRouting, kvm_irq_routing_entry,
    kvm_pit_config, kvm_regs, kvm_segment, kvm_sregs, kvm_userspace_memory_region,
};
use kvm_ioctls::{IoEventAddress, Kvm, NoDatamatch, VcpuExit};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use rustix::time::{ClockId, clock_gettime};
use vmm_sys_util::eventfd::EventFd;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const MEMORY: usize = 128 << 20;
const TSS_ADDRESS: usize = 0xfeff_d000;
const SERIAL_PORT: u16 = 0x3f8;
/// A disk and a network: their queues and the notifications of their configuration.
const NOTIFICATIONS: u16 = 6;
const DEVICES: u64 = 0xd000_0000;
/// XEN_ELFNOTE_PHYS32_ENTRY: where a PVH guest starts.
const PVH_NOTE: u64 = 18;

#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _arguments: *const *const c_char) -> c_int {
    match run() {
        Ok(()) => 0,
        Err(error) => {
            let _nobody_reads = writeln!(std::io::stderr(), "floor: {error}");
            1
        }
    }
}

fn run() -> Result<()> {
    let path = std::env::args_os().nth(1).ok_or("usage: floor GUEST")?;
    let kvm = Kvm::new()?;
    let vm = kvm.create_vm()?;
    let kvm_ready = now_ns();

    // SAFETY: a new mapping, at an address of the kernel's choice.
    let address = unsafe {
        mmap_anonymous(
            ptr::null_mut(),
            MEMORY,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::NORESERVE,
        )
    }?;
    let region = kvm_userspace_memory_region {
        memory_size: MEMORY as u64,
        userspace_addr: address as u64,
        ..kvm_userspace_memory_region::default()
    };
    // SAFETY: the mapping stays until the process ends.
    unsafe { vm.set_user_memory_region(region) }?;
    let memory_ready = now_ns();

    vm.create_irq_chip()?;
    vm.create_pit2(kvm_pit_config::default())?;
    vm.set_tss_address(TSS_ADDRESS)?;

    // SAFETY: nobody else has the mapping while the guest does not run, and this slice ends before.
    let memory = unsafe { std::slice::from_raw_parts_mut(address.cast::<u8>(), MEMORY) };
    let entry = load(&File::open(path)?, memory)?;
    let payload_loaded = now_ns();

    let mut notifications = Vec::new();
    for number in 0..u64::from(NOTIFICATIONS) {
        let event = EventFd::new(0)?;
        vm.register_ioevent(&event, &IoEventAddress::Mmio(DEVICES + 0x1000 * number), NoDatamatch)?;
        notifications.push(event);
    }
    // Once as a board makes it, once as a guest changes it.
    let mut routes: Vec<_> = (0..24).map(route).collect();
    vm.set_gsi_routing(&KvmIrqRouting::from_entries(&routes)?)?;
    routes.pop();
    vm.set_gsi_routing(&KvmIrqRouting::from_entries(&routes)?)?;
    for gsi in 0..u32::from(NOTIFICATIONS) {
        let event = EventFd::new(0)?;
        vm.register_irqfd(&event, 5 + gsi)?;
        notifications.push(event);
    }

    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.set_cpuid2(&kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)?)?;
    let mut sregs = vcpu.get_sregs()?;
    protected_mode(&mut sregs);
    vcpu.set_sregs(&sregs)?;
    vcpu.set_regs(&kvm_regs { rip: entry, rflags: 2, ..kvm_regs::default() })?;

    let first_kvm_run = now_ns();
    let output = loop {
        match vcpu.run()? {
            VcpuExit::IoOut(SERIAL_PORT, bytes) => {
                let output = now_ns();
                std::io::stdout().write_all(bytes)?;
                std::io::stdout().flush()?;
                break output;
            }
            VcpuExit::IoOut(..) => {}
            exit => return Err(format!("The guest printed nothing before {exit:?}").into()),
        }
    };
    writeln!(
        std::io::stderr(),
        "{{\"kvm_ready_ns\":{kvm_ready},\"memory_ready_ns\":{memory_ready},\"payload_loaded_ns\":{payload_loaded},\
         \"first_kvm_run_ns\":{first_kvm_run},\"first_console_output_ns\":{output}}}"
    )?;
    Ok(())
}

/// Reads the loadable segments to their physical addresses, and finds the PVH entry (ELF-64, little-endian).
fn load(file: &File, memory: &mut [u8]) -> Result<u64> {
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0)?;
    let (offset, count) = (number(&header, 32, 8)?, number(&header, 56, 2)?);
    let mut entry = None;
    for index in 0..count {
        let mut segment = [0; 56];
        file.read_exact_at(&mut segment, offset + 56 * index)?;
        let (kind, at, to, size) =
            (number(&segment, 0, 4)?, number(&segment, 8, 8)?, number(&segment, 24, 8)?, number(&segment, 32, 8)?);
        match kind {
            1 => {
                let to = usize::try_from(to)?;
                let room = memory.get_mut(to..to + usize::try_from(size)?).ok_or("The guest is too large")?;
                file.read_exact_at(room, at)?;
            }
            4 => {
                let mut note = [0; 24]; // sizes and type (12), "Xen\0" (4), the address
                file.read_exact_at(&mut note, at)?;
                entry = (number(&note, 8, 4)? == PVH_NOTE).then_some(number(&note, 16, 8)?);
            }
            _ => {}
        }
    }
    entry.ok_or_else(|| "The guest has no PVH entry".into())
}

fn number(bytes: &[u8], at: usize, size: usize) -> Result<u64> {
    let bytes = bytes.get(at..at + size).ok_or("A structure is too short")?;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The state in which PVH starts: 32-bit protected mode, flat segments, no paging.
fn protected_mode(sregs: &mut kvm_sregs) {
    let data = kvm_segment {
        limit: u32::MAX,
        selector: 0x10,
        type_: 3,
        present: 1,
        s: 1,
        db: 1,
        g: 1,
        ..kvm_segment::default()
    };
    sregs.cs = kvm_segment { selector: 8, type_: 11, ..data };
    (sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ss) = (data, data, data, data, data);
    sregs.tr = kvm_segment { limit: 0x67, selector: 0x18, type_: 11, present: 1, ..kvm_segment::default() };
    sregs.cr0 = 0x11; // ET, PE
}

fn route(gsi: u32) -> kvm_irq_routing_entry {
    let mut entry = kvm_irq_routing_entry { gsi, type_: KVM_IRQ_ROUTING_IRQCHIP, ..kvm_irq_routing_entry::default() };
    entry.u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
    entry.u.irqchip.pin = gsi;
    entry
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
