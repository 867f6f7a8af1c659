//! Local APIC (by MSR in x2APIC mode, else by memory) and IOAPIC.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::cpu::{cpuid, out8, read_msr, read_physical, write_msr, write_physical};
use crate::descriptors::{FIRST_INTERRUPT, set_level_register, use_x2apic};
use crate::platform::platform;

const BASE_MSR: u32 = 0x1b;
const LOCAL: u64 = 0xfee0_0000;
/// The vector of the LAPIC timer.
pub const TIMER: u8 = 0xe0;
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
    write_entry(gsi, cpu, 0);
}

/// The same for a level, active high. Each interrupt masks it; [`unmask`] it when its device was served.
pub fn route_level(gsi: u32, cpu: usize) {
    const LEVEL: u32 = 1 << 15;
    write_entry(gsi, cpu, LEVEL);
}

fn write_entry(gsi: u32, cpu: usize, flags: u32) {
    let Some((_, register)) = pin(gsi) else { return };
    let vector = FIRST_INTERRUPT + gsi as u8;
    set_level_register(vector, if flags == 0 { 0 } else { register as u8 });
    let destination = platform().apic_ids.get(cpu).copied().unwrap_or(0);
    change(gsi, |low, high| {
        *low = u32::from(vector) | flags;
        *high = destination << 24;
    });
}

const MASKED: u32 = 1 << 16;

/// Masks `gsi`.
pub fn mask(gsi: u32) {
    change(gsi, |low, _| *low |= MASKED);
}

/// Lets `gsi` interrupt again.
pub fn unmask(gsi: u32) {
    change(gsi, |low, _| *low &= !MASKED);
}

/// The select register of the IOAPIC with the level-triggered pins, for the interrupt stub.
#[unsafe(no_mangle)]
static io_apic_address: AtomicU64 = AtomicU64::new(0);
/// Not 0 while somebody is between the select and the data register.
#[unsafe(no_mangle)]
static io_apic_lock: AtomicU8 = AtomicU8::new(0);

/// The IOAPIC that has `gsi`, and the register with the low half of its redirection entry.
fn pin(gsi: u32) -> Option<(u64, u32)> {
    let chips = platform().io_apics.iter().filter(|(_, first)| *first <= gsi);
    let (base, first) = chips.max_by_key(|(_, first)| *first).copied()?;
    Some((base, 0x10 + 2 * (gsi - first)))
}

/// Changes the two halves of the redirection entry of `gsi`; the low one, with the mask, is written last.
fn change(gsi: u32, change: impl FnOnce(&mut u32, &mut u32)) {
    let Some((base, register)) = pin(gsi) else { return };
    io_apic_address.store(base, Ordering::SeqCst);
    while io_apic_lock.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        core::hint::spin_loop();
    }
    // SAFETY: the tables say that the IOAPIC is there; it lies below 4 GiB.
    unsafe {
        let read = |register: u32| -> u32 {
            write_physical(base, register);
            read_physical(base + 0x10)
        };
        let (old_low, old_high) = (read(register), read(register + 1));
        let (mut low, mut high) = (old_low, old_high);
        change(&mut low, &mut high);
        if high != old_high {
            write_physical(base + 0x10, high);
        }
        write_physical(base, register);
        write_physical(base + 0x10, low);
    }
    io_apic_lock.store(0, Ordering::SeqCst);
}
