//! The power button, by the system control interrupt, and the PM timer.

use super::machine;

/// Bit 8 of the PM1 status: the power button (ACPI 6.5 4.8.3.1.1).
const PRESSED: u64 = 1 << 8;

#[test]
fn the_guest_hears_each_press_of_the_power_button() {
    let Some(machine) = machine("button button poweroff") else { return };
    let mut guest = machine.start();
    for _ in 0..2 {
        guest.line("button ready");
        guest.handle.power_button().unwrap();
        assert_eq!(guest.answer("button").number("status") & PRESSED, PRESSED);
    }
    assert_eq!(guest.stopped(), vmm::StopReason::PoweredOff);
}

#[test]
fn a_press_while_the_machine_is_paused_is_heard_when_it_goes_on() {
    let Some(machine) = machine("button") else { return };
    let mut guest = machine.start();
    guest.line("button ready");
    guest.handle.pause().unwrap();
    guest.handle.power_button().unwrap();
    guest.handle.resume().unwrap();
    assert_eq!(guest.answer("button").number("status") & PRESSED, PRESSED);
}

#[test]
fn the_pm_timer_goes_forward_at_its_rate() {
    let Some(machine) = machine("pm-timer") else { return };
    let mut guest = machine.start();
    let answer = guest.answer("pm-timer");
    let (rate, wanted) = (answer.number("hz"), answer.number("wanted"));
    // The guest compares two clocks of one machine; what is between their two readings is some microseconds.
    assert!(rate.abs_diff(wanted) < wanted / 50, "{answer:?}");
}
