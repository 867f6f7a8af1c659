//! Instructions that Rust has no word for, and the gate into the CPL 0 stub (`boot.s`).

use core::arch::asm;
use core::arch::x86_64::{__cpuid_count, _rdtsc, CpuidResult};

/// What the CPL 0 stub does for us; the order is `gate_table`'s in `boot.s`.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Gate {
    Halt,
    ReadMsr,
    WriteMsr,
    InterruptsOn,
    InterruptsOff,
    Stop,
    TripleFault,
    Crash,
    Cpuid,
    ReadXcr0,
}

fn gate(operation: Gate, first: u64, second: u64) -> u64 {
    let mut result = operation as u64;
    // SAFETY: the stub changes RAX, RCX and RDX only, and returns behind the `int3` (or never).
    unsafe {
        asm!("int3", inout("rax") result, in("rdi") first, in("rsi") second, out("rcx") _, out("rdx") _);
    }
    result
}

/// Waits for an interrupt. Between two calls none is delivered (IF is clear), so none is lost between check and wait.
pub fn halt() {
    gate(Gate::Halt, 0, 0);
}

/// Stops this CPU for ever.
pub fn stop() -> ! {
    loop {
        gate(Gate::Stop, 0, 0);
    }
}

/// Reads a model-specific register.
pub fn read_msr(msr: u32) -> u64 {
    gate(Gate::ReadMsr, u64::from(msr), 0)
}

/// Writes a model-specific register.
pub fn write_msr(msr: u32, value: u64) {
    gate(Gate::WriteMsr, u64::from(msr), value);
}

/// Lets interrupts in while CPL 3 code runs, or not (how it starts).
pub fn allow_interrupts(on: bool) {
    gate(if on { Gate::InterruptsOn } else { Gate::InterruptsOff }, 0, 0);
}

/// Raises a triple fault: an exception with an empty IDT, in long mode.
pub fn triple_fault() -> ! {
    gate(Gate::TripleFault, 0, 0);
    stop()
}

/// An x87 load from `address` at CPL 0: KVM emulates no such access and ends with KVM_EXIT_INTERNAL_ERROR.
pub fn emulation_failure(address: u64) {
    gate(Gate::Crash, address, 0);
}

/// Reads the time stamp counter.
pub fn tsc() -> u64 {
    // SAFETY: every 64-bit CPU has it, and CR4.TSD is clear.
    unsafe { _rdtsc() }
}

/// Reads a CPUID leaf at CPL 0, where a PVM host emulates the instruction.
pub fn cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
    let mut registers = [leaf, subleaf, 0, 0];
    gate(Gate::Cpuid, registers.as_mut_ptr().expose_provenance() as u64, 0);
    let [eax, ebx, ecx, edx] = registers;
    CpuidResult { eax, ebx, ecx, edx }
}

/// XCR0, read at CPL 0. The CPU must have XSAVE.
pub fn xcr0() -> u64 {
    gate(Gate::ReadXcr0, 0, 0)
}

/// Reads a CPUID leaf at CPL 3: where the host's CPU cannot fault on it, a PVM guest sees the host's values.
pub fn cpuid_unprivileged(leaf: u32, subleaf: u32) -> CpuidResult {
    __cpuid_count(leaf, subleaf)
}

macro_rules! port_access {
    ($read:ident, $write:ident, $type:ty, $register:tt) => {
        /// Reads from an I/O port.
        pub fn $read(port: u16) -> $type {
            let value: $type;
            // SAFETY: the I/O bitmap allows all ports; no device here writes our memory on a port read.
            unsafe { asm!(concat!("in ", $register, ", dx"), in("dx") port, out($register) value, options(nostack)) };
            value
        }
        /// Writes to an I/O port.
        pub fn $write(port: u16, value: $type) {
            // SAFETY: as above; a device's effects are what the caller asked for.
            unsafe { asm!(concat!("out dx, ", $register), in("dx") port, in($register) value, options(nostack)) };
        }
    };
}
port_access!(in8, out8, u8, "al");
port_access!(in16, out16, u16, "ax");
port_access!(in32, out32, u32, "eax");

/// Writes `bytes` to a port by `rep outsb`.
pub fn out_string8(port: u16, bytes: &[u8]) {
    // SAFETY: reads `bytes` only; the direction flag is clear.
    unsafe {
        asm!("rep outsb", in("dx") port, inout("rsi") bytes.as_ptr() => _, inout("rcx") bytes.len() => _, options(nostack));
    }
}

/// Fills `bytes` from a port by `rep insb`.
pub fn in_string8(port: u16, bytes: &mut [u8]) {
    // SAFETY: writes `bytes` only; the direction flag is clear.
    unsafe {
        asm!("rep insb", in("dx") port, inout("rdi") bytes.as_mut_ptr() => _, inout("rcx") bytes.len() => _, options(nostack));
    }
}

/// Fills `words` from a port by `rep insw`.
pub fn in_string16(port: u16, words: &mut [u16]) {
    // SAFETY: writes `words` only; the direction flag is clear.
    unsafe {
        asm!("rep insw", in("dx") port, inout("rdi") words.as_mut_ptr() => _, inout("rcx") words.len() => _, options(nostack));
    }
}

/// Reads `T` at a guest-physical address (memory or device), exactly once.
///
/// # Safety
/// The address must be mapped (all below 4 GiB is, and all RAM) and aligned for `T`.
pub unsafe fn read_physical<T: Copy>(address: u64) -> T {
    // SAFETY: the caller promises it.
    unsafe { core::ptr::read_volatile(core::ptr::with_exposed_provenance(address as usize)) }
}

/// Writes `T` at a guest-physical address (memory or device), exactly once.
///
/// # Safety
/// As [`read_physical`], and nothing of ours may live there.
pub unsafe fn write_physical<T: Copy>(address: u64, value: T) {
    // SAFETY: the caller promises it.
    unsafe { core::ptr::write_volatile(core::ptr::with_exposed_provenance_mut(address as usize), value) }
}
