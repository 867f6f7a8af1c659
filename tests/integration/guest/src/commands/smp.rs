//! `smp`: all CPUs pass ten barriers together, which no CPU can do while another does not run.

use alloc::format;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Outcome, list};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::descriptors::{MAX_CPUS, interrupts};
use crate::platform::platform;
use crate::{apic, smp};

const ROUNDS: u64 = 10;
static COUNTERS: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
static LAPIC_IDS: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
static LATE: AtomicBool = AtomicBool::new(false);

fn rounds(cpu: usize) {
    LAPIC_IDS[cpu].store(u64::from(apic::id()), Ordering::SeqCst);
    let timeout = Timeout::after(PATIENCE_MS);
    for round in 1..=ROUNDS {
        COUNTERS[cpu].store(round, Ordering::SeqCst);
        while COUNTERS[..smp::count()].iter().any(|counter| counter.load(Ordering::SeqCst) < round) {
            core::hint::spin_loop();
            if timeout.passed() {
                LATE.store(true, Ordering::SeqCst);
                return;
            }
        }
    }
}

pub fn run() -> Outcome {
    smp::start().map_err(|cpu| format!("CPU {cpu} did not start"))?;
    COUNTERS.iter().for_each(|counter| counter.store(0, Ordering::SeqCst));
    LATE.store(false, Ordering::SeqCst);
    smp::run_everywhere(rounds);
    let cpus = smp::count();
    let values = |values: &[AtomicU64]| list(values[..cpus].iter().map(|value| Some(value.load(Ordering::SeqCst))));
    let wakes = (1..cpus as u8).map(|cpu| interrupts(apic::WAKE + cpu)).sum::<u64>();
    let result = format!(
        "cpus={cpus} table={} lapic={} counters={} wakes={wakes} x2apic={}",
        list(platform().apic_ids.iter().copied().map(Some)),
        values(&LAPIC_IDS),
        values(&COUNTERS),
        u8::from(apic::is_x2apic()),
    );
    let same = (0..cpus).all(|cpu| {
        platform().apic_ids.get(cpu).is_none_or(|id| u64::from(*id) == LAPIC_IDS[cpu].load(Ordering::SeqCst))
    });
    match (LATE.load(Ordering::SeqCst), same) {
        (true, _) => Err(format!("not concurrent: {result}")),
        (_, false) => Err(format!("ids differ: {result}")),
        _ => Ok(result),
    }
}
