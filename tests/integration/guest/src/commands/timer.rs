//! `timer`: counts interrupts of the local APIC's timer in each mode, while waiting in HLT and while running, and the
//! PIT's.

use alloc::format;
use alloc::string::String;

use super::Outcome;
use crate::clock::{PATIENCE_MS, tsc_hz};
use crate::cpu::halt;
use crate::descriptors::{FIRST_INTERRUPT, interrupts};
use crate::platform::platform;
use crate::{apic, interrupt, timer};

const COUNT: u64 = 5;
/// 2 ms of a 1 GHz bus clock.
const TWO_MS: u32 = 2_000_000;

/// Interrupts of `vector` that come while the CPU runs, until there are `count`.
fn while_running(vector: u8, count: u64) -> u64 {
    interrupt::while_running(|| interrupts(vector), count, PATIENCE_MS)
}

pub fn run() -> Outcome {
    apic::init();
    tsc_hz();
    timer::one_shot(TWO_MS);
    let running = while_running(apic::TIMER, 1);
    if running == 0 {
        return Err(String::from("no one-shot interrupt"));
    }
    let each = |start: &dyn Fn()| {
        let before = timer::count();
        for round in 0..COUNT {
            start();
            // Other interrupts may end a halt, too.
            while timer::count() <= before + round {
                halt();
            }
        }
        timer::count() - before
    };
    let one_shot = each(&|| timer::one_shot(TWO_MS));
    timer::periodic(TWO_MS);
    let periodic = each(&|| ());
    timer::stop();
    let deadline = if timer::has_deadline() {
        timer::deadline(tsc_hz() / 500);
        if while_running(apic::TIMER, 1) == 0 {
            return Err(String::from("no deadline interrupt"));
        }
        Some(each(&|| timer::deadline(tsc_hz() / 500)))
    } else {
        None
    };
    timer::one_shot(u32::MAX);
    let first = timer::remainder();
    let counts_down = timer::remainder() < first;
    timer::stop();
    let pit_gsi = platform().gsi_of_irq(0);
    apic::route(pit_gsi, 0);
    timer::start_pit(500);
    let pit = while_running(FIRST_INTERRUPT + pit_gsi as u8, COUNT);
    timer::stop_pit();
    apic::mask(pit_gsi);
    timer::restore_tick();
    let deadline = deadline.map_or(String::from("absent"), |count| format!("{count}"));
    let values = format!(
        "oneshot={one_shot} periodic={periodic} deadline={deadline} running={running} pit={pit} tsc_hz={}",
        tsc_hz()
    );
    if one_shot != COUNT || periodic < COUNT || !counts_down { Err(values) } else { Ok(values) }
}
