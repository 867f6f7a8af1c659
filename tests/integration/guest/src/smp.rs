//! The other CPUs: started by INIT and SIPI, then idle in HLT until they get work and a wake-up interrupt.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::apic::{self, WAKE};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::{self, halt};
use crate::descriptors::{MAX_CPUS, prepare_cpu};
use crate::platform::platform;

/// Where the trampoline runs; `boot.s` has the same number.
pub const TRAMPOLINE: u64 = 0x8000;
const INIT: u32 = 0x4500;
const STARTUP: u32 = 0x4600;

static ALIVE: [AtomicBool; MAX_CPUS] = [const { AtomicBool::new(false) }; MAX_CPUS];
static WORK: [AtomicUsize; MAX_CPUS] = [const { AtomicUsize::new(0) }; MAX_CPUS];

unsafe extern "C" {
    static trampoline_start: u8;
    static trampoline_end: u8;
}

/// How many CPUs there are (and can be used).
pub fn count() -> usize {
    platform().apic_ids.len().clamp(1, MAX_CPUS)
}

/// Starts all other CPUs, once. CPU N is the N-th of the tables; CPU 0 must be the boot CPU.
///
/// # Errors
/// The CPU that did not come up.
pub fn start() -> Result<(), usize> {
    apic::init();
    // TSC frequency and kvmclock are settled by the boot CPU before others ask.
    crate::clock::tsc_hz();
    let (start, end) = (&raw const trampoline_start, &raw const trampoline_end);
    // SAFETY: the page at TRAMPOLINE is RAM that nobody else uses (the memory test leaves it out).
    unsafe {
        let target = core::ptr::with_exposed_provenance_mut::<u8>(TRAMPOLINE as usize);
        core::ptr::copy_nonoverlapping(start, target, end as usize - start as usize);
    }
    for (cpu, alive) in ALIVE.iter().enumerate().take(count()).skip(1) {
        if alive.load(Ordering::SeqCst) {
            continue;
        }
        prepare_cpu(cpu);
        let id = platform().apic_ids[cpu];
        apic::send(id, INIT);
        let pause = Timeout::after(1);
        while !pause.passed() {}
        let timeout = Timeout::after(PATIENCE_MS);
        apic::send(id, STARTUP | (TRAMPOLINE >> 12) as u32);
        while !alive.load(Ordering::SeqCst) {
            core::hint::spin_loop();
            if timeout.passed() {
                return Err(cpu);
            }
        }
    }
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn ap_main(cpu: usize) -> ! {
    apic::init_cpu();
    ALIVE[cpu].store(true, Ordering::SeqCst);
    loop {
        let work = WORK[cpu].load(Ordering::SeqCst);
        if work == 0 {
            halt();
            continue;
        }
        // SAFETY: `run` stored a function of this type.
        let work: fn(usize) = unsafe { core::mem::transmute(work) };
        work(cpu);
        WORK[cpu].store(0, Ordering::SeqCst);
    }
}

/// Gives CPU `cpu` (not 0) work to do.
pub fn run(cpu: usize, work: fn(usize)) {
    wait(cpu);
    WORK[cpu].store(work as usize, Ordering::SeqCst);
    apic::send(platform().apic_ids[cpu], u32::from(WAKE) + cpu as u32);
}

/// Waits until CPU `cpu` has done its work.
pub fn wait(cpu: usize) {
    while WORK[cpu].load(Ordering::SeqCst) != 0 {
        core::hint::spin_loop();
    }
}

/// Runs `work` on every CPU at the same time, on this one too, and waits for all.
pub fn run_everywhere(work: fn(usize)) {
    for cpu in 1..count() {
        run(cpu, work);
    }
    work(0);
    for cpu in 1..count() {
        wait(cpu);
    }
}

/// This CPU's ids: CPUID leaf 1, leaf 0xB (if there), local APIC.
pub fn ids() -> (u32, Option<u32>, u32) {
    let extended = cpu::cpuid(0, 0).eax >= 0xb && cpu::cpuid(0xb, 0).ebx != 0;
    (cpu::cpuid(1, 0).ebx >> 24, extended.then(|| cpu::cpuid(0xb, 0).edx), apic::id())
}
