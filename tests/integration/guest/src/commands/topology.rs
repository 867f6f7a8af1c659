//! `topology`: what each CPU's CPUID says about its place.

use alloc::format;
use alloc::string::String;
use core::sync::atomic::{AtomicU64, Ordering};

use super::{Outcome, list};
use crate::cpu::cpuid;
use crate::descriptors::MAX_CPUS;
use crate::serial::say;
use crate::{apic, smp};

static LEAF1: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
static LEAF_B: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
static LAPIC: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

fn record(cpu: usize) {
    let (leaf1, leaf_b, lapic) = smp::ids();
    LEAF1[cpu].store(leaf1.into(), Ordering::SeqCst);
    LEAF_B[cpu].store(leaf_b.map_or(u64::MAX, u64::from), Ordering::SeqCst);
    LAPIC[cpu].store(lapic.into(), Ordering::SeqCst);
}

pub fn run() -> Outcome {
    apic::init();
    smp::start().map_err(|cpu| format!("CPU {cpu} did not start"))?;
    smp::run_everywhere(record);
    if LEAF_B[0].load(Ordering::SeqCst) != u64::MAX {
        for level in 0..4 {
            let leaf = cpuid(0xb, level);
            if leaf.ecx >> 8 & 0xff == 0 {
                break;
            }
            // Level types: 1 is SMT, 2 is core.
            say!("topology level={level} type={} shift={} cpus={}", leaf.ecx >> 8 & 0xff, leaf.eax & 31, leaf.ebx);
        }
    }
    let cpus = smp::count();
    let values = |values: &[AtomicU64]| -> String {
        list(values[..cpus].iter().map(|value| Some(value.load(Ordering::SeqCst)).filter(|id| *id != u64::MAX)))
    };
    let leaf1 = cpuid(1, 0);
    Ok(format!(
        "cpus={cpus} leaf1={} leafb={} lapic={} logical={} htt={} hypervisor={}",
        values(&LEAF1),
        values(&LEAF_B),
        values(&LAPIC),
        leaf1.ebx >> 16 & 0xff,
        leaf1.edx >> 28 & 1,
        leaf1.ecx >> 31,
    ))
}
