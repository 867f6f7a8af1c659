//! ACPI's fixed hardware (ACPI 6.5 4.8.3): ACPI mode, the power button, the PM timer.

use alloc::string::String;

use crate::apic;
use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::{halt, in16, in32, out8, out16};
use crate::descriptors::{FIRST_INTERRUPT, interrupts};
use crate::platform::{FixedHardware, platform};
use crate::serial::say;

/// Hz of the PM timer.
pub const TIMER_HZ: u64 = 3_579_545;
const SCI_ENABLED: u16 = 1;
/// In PM1 status and in PM1 enable.
const POWER_BUTTON: u16 = 1 << 8;
/// In PM1 status: set with the button that woke a machine; nothing here sleeps.
const WAKE: u16 = 1 << 15;

/// Switches to ACPI mode, where that must be done.
///
/// # Errors
/// The board does not answer.
pub fn enable(fixed: &FixedHardware) -> Result<(), String> {
    let (port, value) = fixed.enable;
    let timeout = Timeout::after(PATIENCE_MS);
    if in16(fixed.control) & SCI_ENABLED == 0 && port != 0 {
        out8(port, value);
    }
    while in16(fixed.control) & SCI_ENABLED == 0 {
        if timeout.passed() {
            return Err(String::from("SCI_EN stays clear"));
        }
    }
    Ok(())
}

/// Waits for the power button by the system control interrupt; says `ready` when it may be pressed. Returns the status
/// that came with the interrupt.
///
/// # Errors
/// No ACPI mode, or the status stays although it was cleared.
pub fn wait_for_button(fixed: &FixedHardware, ready: &str) -> Result<u16, String> {
    let gsi = platform().gsi_of_irq(fixed.sci);
    let vector = FIRST_INTERRUPT + gsi as u8;
    enable(fixed)?;
    apic::init();
    let enabled = in16(fixed.event + 2);
    let before = interrupts(vector);
    out16(fixed.event + 2, POWER_BUTTON);
    apic::route_level(gsi, 0);
    say!("{ready}");
    // An interrupt of somebody else who shares the line changes nothing here.
    let status = loop {
        let status = in16(fixed.event);
        if status & POWER_BUTTON != 0 && interrupts(vector) != before {
            break status;
        }
        apic::unmask(gsi);
        halt();
    };
    // Writing ones clears them, and lowers the line.
    out16(fixed.event, POWER_BUTTON | WAKE);
    out16(fixed.event + 2, enabled);
    if in16(fixed.event) & POWER_BUTTON != 0 {
        return Err(alloc::format!("status={status:#x} is not cleared"));
    }
    apic::mask(gsi);
    Ok(status)
}

/// The PM timer's value.
pub fn timer(fixed: &FixedHardware) -> u32 {
    in32(fixed.timer) & timer_mask(fixed)
}

/// All bits that the PM timer has.
pub fn timer_mask(fixed: &FixedHardware) -> u32 {
    if fixed.timer_is_wide { !0 } else { 0xff_ffff }
}
