//! The ways to end: reset, power-off, exit by the debug port, crash. Each says `begin ...` first; if the machine is
//! still there after a second, that is a failure.

use alloc::format;
use alloc::string::String;

use super::{Outcome, required};
use crate::clock::Timeout;
use crate::cpu::{emulation_failure, in8, in16, out8, out16, triple_fault, write_physical};
use crate::fixed_hardware;
use crate::platform::{Register, platform};
use crate::serial::say;

const DEBUG_EXIT: u16 = 0x501;
const MARKER: u16 = 0x80;
const STILL_HERE: u8 = 0xee;
/// SLP_EN of the sleep control register (4.8.3.7) and of PM1 control (4.8.3.2.1).
const SLEEP_ENABLE: u8 = 1 << 5;
const PM1_SLEEP_ENABLE: u16 = 1 << 13;

fn write(register: Register, value: u8) {
    match register {
        Register::Port(port) => out8(port, value),
        // SAFETY: the FADT says that the register is there.
        Register::Memory(address) => unsafe { write_physical(address, value) },
    }
}

/// The very next instruction tells the host, by the marker port, that the guest was not held.
fn still_here() -> Outcome {
    out8(MARKER, STILL_HERE);
    let timeout = Timeout::after(1000);
    while !timeout.passed() {
        core::hint::spin_loop();
    }
    Err(String::from("still running"))
}

/// The reset control register of the ICH, with "system reset" and then "reset CPU" (ICH9 datasheet 13.7.5).
const RESET_CONTROL: u16 = 0xcf9;
const SYSTEM_RESET: u8 = 1 << 1;
const RESET_CPU: u8 = 1 << 2;

/// `reset=i8042|cf9|acpi|triple`.
pub fn reset(source: &str) -> Outcome {
    // Settle the TSC frequency before, so that nothing but the reset follows.
    crate::clock::tsc_hz();
    match source {
        "i8042" => {
            say!("begin reset source=i8042");
            // The controller's input buffer must be empty; an absent one reads all ones.
            for _ in 0..1000 {
                if in8(0x64) & 2 == 0 {
                    break;
                }
            }
            out8(0x64, 0xfe);
        }
        "cf9" => {
            say!("begin reset source=cf9");
            out8(RESET_CONTROL, SYSTEM_RESET);
            out8(RESET_CONTROL, SYSTEM_RESET | RESET_CPU);
        }
        "acpi" => {
            let (register, value) = platform().reset.ok_or("no reset register")?;
            say!("begin reset source=acpi");
            write(register, value);
        }
        "triple" => {
            say!("begin reset source=triple");
            triple_fault();
        }
        other => return Err(format!("unknown source {other:?}")),
    }
    still_here()
}

/// `poweroff`: S5 by ACPI.
pub fn power_off() -> Outcome {
    crate::clock::tsc_hz();
    let found = platform();
    let s5 = found.s5.ok_or("no _S5_")?;
    if let Some(register) = found.sleep_control {
        say!("begin poweroff");
        write(register, s5 << 2 | SLEEP_ENABLE);
    } else {
        let fixed = found.fixed.ok_or("no sleep register")?;
        fixed_hardware::enable(&fixed)?;
        // All but the sleep type stays as it is.
        let before = in16(fixed.control) & !(7 << 10);
        say!("begin poweroff");
        out16(fixed.control, before | u16::from(s5) << 10 | PM1_SLEEP_ENABLE);
    }
    still_here()
}

/// `exit=N`: status N by the debug-exit port.
pub fn exit(arguments: &str) -> Outcome {
    let status = required(arguments)?;
    crate::clock::tsc_hz();
    say!("begin exit status={status}");
    out8(DEBUG_EXIT, status as u8);
    still_here()
}

/// `crash[=ADDRESS]`: makes KVM give up (KVM_EXIT_INTERNAL_ERROR, emulation failure) at an address without a device.
pub fn crash(arguments: &str) -> Outcome {
    let address = if arguments.is_empty() { 0xd000_0000 } else { required(arguments)? };
    say!("begin crash");
    emulation_failure(address);
    Err(String::from("still running"))
}

/// `fault`: an exception, which the guest reports as a `fault` line before it stops.
pub fn fault() -> Outcome {
    say!("begin fault");
    // SAFETY: an invalid opcode; the handler does not return.
    unsafe { core::arch::asm!("ud2", options(noreturn)) }
}
