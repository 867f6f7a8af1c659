//! Local APIC (by MSR in x2APIC mode, else by memory) and IOAPIC.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::cpu::{cpuid, out8, read_msr, read_physical, write_msr, write_physical};
use crate::descriptors::{FIRST_INTERRUPT, use_x2apic};
use crate::platform::platform;

const BASE_MSR: u32 = 0x1b;
const LOCAL: u64 = 0xfee0_0000;
/// The vector of the LAPIC timer.
pub const TIMER: u8 = 0x78;
/// The vector that wakes CPU 0; CPU N has the N-th behind it.
pub const WAKE: u8 = 0x60;

static READY: AtomicBool = AtomicBool::new(false);
static X2APIC: AtomicBool = AtomicBool::new(false);
static FORCE_XAPIC: AtomicBool = AtomicBool::new(false);

/// Registers of the local APIC (offsets in memory).
pub mod register {
    pub const ID: u32 = 0x20;
    pub const TASK_PRIORITY: u32 = 0x80;
    pub const SPURIOUS: u32 = 0xf0;
    pub const COMMAND: u32 = 0x300;
    pub const COMMAND_HIGH: u32 = 0x310;
    pub const TIMER: u32 = 0x320;
    pub const INITIAL_COUNT: u32 = 0x380;
    pub const CURRENT_COUNT: u32 = 0x390;
    pub const DIVIDE: u32 = 0x3e0;
}

/// Keeps the local APICs in memory-mapped mode, even if x2APIC is offered.
pub fn force_xapic() {
    FORCE_XAPIC.store(true, Ordering::SeqCst);
}

/// Whether x2APIC mode is on.
pub fn is_x2apic() -> bool {
    X2APIC.load(Ordering::SeqCst)
}

/// Prepares interrupts on the boot CPU, once: PIC masked, local APIC on.
pub fn init() {
    if READY.swap(true, Ordering::SeqCst) {
        return;
    }
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    let offered = cpuid(1, 0).ecx & 1 << 21 != 0;
    X2APIC.store(offered && !FORCE_XAPIC.load(Ordering::SeqCst), Ordering::SeqCst);
    use_x2apic(is_x2apic());
    init_cpu();
}

/// Switches this CPU's local APIC on, in the mode that [`init`] chose.
pub fn init_cpu() {
    if is_x2apic() {
        write_msr(BASE_MSR, read_msr(BASE_MSR) | 0xc00);
    }
    write(register::TASK_PRIORITY, 0);
    write(register::SPURIOUS, 0x1ff);
}

/// Reads a register.
pub fn read(register: u32) -> u32 {
    if is_x2apic() {
        return read_msr(0x800 + (register >> 4)) as u32;
    }
    // SAFETY: the local APIC's page is mapped.
    unsafe { read_physical(LOCAL + u64::from(register)) }
}

/// Writes a register.
pub fn write(register: u32, value: u32) {
    if is_x2apic() {
        return write_msr(0x800 + (register >> 4), u64::from(value));
    }
    // SAFETY: the local APIC's page is mapped and not memory.
    unsafe { write_physical(LOCAL + u64::from(register), value) }
}

/// This CPU's APIC id.
pub fn id() -> u32 {
    let id = read(register::ID);
    if is_x2apic() { id } else { id >> 24 }
}

/// Sends an interprocessor interrupt: `command` is the low half of the command register.
pub fn send(apic_id: u32, command: u32) {
    if is_x2apic() {
        write_msr(0x800 + (register::COMMAND >> 4), u64::from(apic_id) << 32 | u64::from(command));
        return;
    }
    write(register::COMMAND_HIGH, apic_id << 24);
    write(register::COMMAND, command);
    while read(register::COMMAND) & 1 << 12 != 0 {}
}

/// Routes `gsi`, edge-triggered, to vector [`FIRST_INTERRUPT`] + `gsi` of CPU `cpu`.
pub fn route(gsi: u32, cpu: usize) {
    let destination = platform().apic_ids.get(cpu).copied().unwrap_or(0);
    let low = u32::from(FIRST_INTERRUPT) + gsi;
    io_write(gsi, 1, destination << 24);
    io_write(gsi, 0, low);
}

/// Masks `gsi`.
pub fn mask(gsi: u32) {
    io_write(gsi, 0, 1 << 16);
}

/// Writes one half of the redirection entry of `gsi`, in the IOAPIC that has it.
fn io_write(gsi: u32, half: u32, value: u32) {
    let chips = platform().io_apics.iter().filter(|(_, first)| *first <= gsi);
    let Some((base, first)) = chips.max_by_key(|(_, first)| *first).copied() else { return };
    let register = 0x10 + 2 * (gsi - first) + half;
    // SAFETY: the tables say that the IOAPIC is there; it lies below 4 GiB.
    unsafe {
        write_physical(base, register);
        write_physical(base + 0x10, value);
    }
}
