//! `shared`: two disks whose pins share one GSI (with the word `intx`) complete while it is masked; then it is unmasked,
//! and neither completion is lost. Needs two disks eight slots apart.

use alloc::format;
use alloc::string::String;

use super::Outcome;
use crate::apic;
use crate::clock::Timeout;
use crate::disk::{self, Disk};
use crate::interrupt::{QUIET_MS, while_running};
use crate::pci::Function;
use crate::pci::config::read16;
use crate::pci::function::{command, register};

/// In the status register.
const INTERRUPT: u16 = 1 << 3;

fn function(disk: &Disk) -> Result<Function, String> {
    disk.link.as_ref().map(|link| link.function()).ok_or_else(|| String::from("not over PCI"))
}

/// Whether the function says that it asks for an interrupt.
fn asks(disk: &Disk) -> Result<bool, String> {
    Ok(read16(function(disk)?.at, register::STATUS) & INTERRUPT != 0)
}

/// Waits, without interrupts, until a request is complete.
fn completed(disk: &mut Disk) -> Result<(), String> {
    let timeout = Timeout::after(5000);
    while !disk.is_complete() {
        if timeout.passed() {
            return Err(String::from("not complete after 5 s"));
        }
        core::hint::spin_loop();
    }
    Ok(())
}

fn expect<T: PartialEq + core::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} and not {expected:?}")) }
}

fn both(one: &mut Disk, other: &mut Disk, gsi: u32) -> Result<(), String> {
    let interrupt = one.interrupt;
    let count = move || interrupt.count();
    apic::mask(gsi);
    let (first, second) = (one.submit(0, 1, false)?, other.submit(0, 1, false)?);
    completed(one)?;
    completed(other)?;
    expect("interrupts of the masked pin", while_running(count, 1, QUIET_MS), 0)?;
    expect("who asks", (asks(one)?, asks(other)?), (true, true))?;
    apic::unmask(gsi);
    expect("interrupts of the unmasked pin", while_running(count, 1, 1000), 1)?;
    expect("the first's interrupt status", one.acknowledge(), true)?;
    expect("who asks after the first was served", (asks(one)?, asks(other)?), (false, true))?;
    apic::unmask(gsi);
    expect("interrupts while the second asks", while_running(count, 1, 1000), 1)?;
    expect("the second's interrupt status", other.acknowledge(), true)?;
    expect("who asks at the end", (asks(one)?, asks(other)?), (false, false))?;
    apic::unmask(gsi);
    expect("interrupts at the end", while_running(count, 1, QUIET_MS), 0)?;
    one.finish(first)?;
    other.finish(second)
}

/// A function that may not use its pin asks, but does not interrupt.
fn disabled(disk: &mut Disk, gsi: u32) -> Result<(), String> {
    let interrupt = disk.interrupt;
    let function = function(disk)?;
    function.command(command::INTX_DISABLE, 0);
    let request = disk.submit(0, 1, false)?;
    completed(disk)?;
    expect("interrupts of a disabled pin", while_running(|| interrupt.count(), 1, QUIET_MS), 0)?;
    expect("whether it asks", asks(disk)?, true)?;
    function.command(0, command::INTX_DISABLE);
    expect("interrupts of an enabled pin", while_running(|| interrupt.count(), 1, 1000), 1)?;
    expect("the interrupt status", disk.acknowledge(), true)?;
    apic::unmask(gsi);
    disk.finish(request)
}

pub fn run() -> Outcome {
    let count = disk::count();
    let gsi = |index: usize| disk::with(index, |disk| Ok(disk.interrupt.gsi()));
    for one in 0..count {
        let Some(mine) = gsi(one)? else { return Err(String::from("needs the word intx")) };
        for other in one + 1..count {
            if gsi(other)? == Some(mine) {
                disk::with(one, |one| disk::with(other, |other| both(one, other, mine)))?;
                disk::with(one, |one| disabled(one, mine))?;
                return Ok(format!("disks={one},{other} gsi={mine}"));
            }
        }
    }
    Err(String::from("no two disks share a GSI"))
}
