//! Timers: the local APIC's (one-shot, periodic, TSC deadline) and the PIT.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::apic::{self, TIMER, register};
use crate::cpu::{cpuid, out8, tsc, write_msr};
use crate::descriptors::interrupts;

const DEADLINE_MSR: u32 = 0x6e0;
const PERIODIC: u32 = 1 << 17;
const DEADLINE: u32 = 2 << 17;
const MASKED: u32 = 1 << 16;
const DIVIDE_BY_1: u32 = 0xb;
const PIT_HZ: u32 = 1_193_182;

static TICKING: AtomicBool = AtomicBool::new(false);

/// How many timer interrupts have come.
pub fn count() -> u64 {
    interrupts(TIMER)
}

/// Whether the CPU has the TSC deadline mode.
pub fn has_deadline() -> bool {
    cpuid(1, 0).ecx & 1 << 24 != 0
}

/// A slow periodic interrupt on the boot CPU, so that waiting for a device can time out.
pub fn start_tick() {
    if !TICKING.swap(true, Ordering::SeqCst) {
        tick_here();
    }
}

/// The same on the CPU that calls.
pub fn tick_here() {
    // KVM's and QEMU's bus clock is 1 GHz: 50 ms.
    periodic(50_000_000);
}

/// Gives the timer back to the tick, if that was on.
pub fn restore_tick() {
    stop();
    if TICKING.swap(false, Ordering::SeqCst) {
        start_tick();
    }
}

/// One interrupt after `count` bus cycles.
pub fn one_shot(count: u32) {
    apic::write(register::DIVIDE, DIVIDE_BY_1);
    apic::write(register::TIMER, u32::from(TIMER));
    apic::write(register::INITIAL_COUNT, count);
}

/// Interrupts each `count` bus cycles.
pub fn periodic(count: u32) {
    apic::write(register::DIVIDE, DIVIDE_BY_1);
    apic::write(register::TIMER, u32::from(TIMER) | PERIODIC);
    apic::write(register::INITIAL_COUNT, count);
}

/// One interrupt `cycles` of the TSC from now.
pub fn deadline(cycles: u64) {
    apic::write(register::TIMER, u32::from(TIMER) | DEADLINE);
    write_msr(DEADLINE_MSR, tsc() + cycles);
}

/// No more interrupts.
pub fn stop() {
    apic::write(register::TIMER, u32::from(TIMER) | MASKED);
    apic::write(register::INITIAL_COUNT, 0);
}

/// Programs the PIT's channel 0 as a rate generator.
pub fn start_pit(hz: u32) {
    let divisor = (PIT_HZ / hz) as u16;
    out8(0x43, 0x34);
    out8(0x40, divisor as u8);
    out8(0x40, (divisor >> 8) as u8);
}

/// Stops channel 0: mode 0 without a count.
pub fn stop_pit() {
    out8(0x43, 0x30);
}

/// The local APIC timer's remainder.
pub fn remainder() -> u32 {
    apic::read(register::CURRENT_COUNT)
}
