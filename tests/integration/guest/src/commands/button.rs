//! `button`: waits for the power button, by the system control interrupt or an event of the generic event device, and
//! says which bits came.

use alloc::format;

use super::Outcome;
use crate::cpu::{halt, read_physical};
use crate::descriptors::{FIRST_INTERRUPT, interrupts};
use crate::platform::platform;
use crate::serial::say;
use crate::{apic, fixed_hardware};

const READY: &str = "button ready";

pub fn run() -> Outcome {
    if let Some(fixed) = &platform().fixed {
        return Ok(format!("status={:#x}", fixed_hardware::wait_for_button(fixed, READY)?));
    }
    let (select, gsi) = platform().events.ok_or("no fixed hardware, no generic event device")?;
    let vector = FIRST_INTERRUPT + gsi as u8;
    apic::init();
    let before = interrupts(vector);
    apic::route(gsi, 0);
    say!("{READY}");
    while interrupts(vector) == before {
        halt();
    }
    apic::mask(gsi);
    // SAFETY: the DSDT says that the register is there, below 4 GiB; reading clears it.
    let events: u32 = unsafe { read_physical(select) };
    Ok(format!("events={events:#x}"))
}
