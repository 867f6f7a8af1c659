//! `button`: waits for an event of the generic event device (the power button) and says which bits it had.

use alloc::format;

use super::Outcome;
use crate::apic;
use crate::cpu::{halt, read_physical};
use crate::descriptors::{FIRST_INTERRUPT, interrupts};
use crate::platform::platform;
use crate::serial::say;

pub fn run() -> Outcome {
    let (select, gsi) = platform().events.ok_or("no generic event device")?;
    let vector = FIRST_INTERRUPT + gsi as u8;
    apic::init();
    let before = interrupts(vector);
    apic::route(gsi, 0);
    say!("button ready");
    while interrupts(vector) == before {
        halt();
    }
    apic::mask(gsi);
    // SAFETY: the DSDT says that the register is there, below 4 GiB; reading clears it.
    let events: u32 = unsafe { read_physical(select) };
    Ok(format!("events={events:#x}"))
}
