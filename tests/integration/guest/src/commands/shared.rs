//! `shared`: two disks whose pins share one GSI (with the word `intx`) complete while it is masked; then it is unmasked,
//! and neither completion is lost. Needs two disks eight slots apart.

use alloc::format;
use alloc::string::String;

use super::Outcome;
use crate::apic;
use crate::clock::PATIENCE_MS;
use crate::disk::{self, Disk};
use crate::interrupt::{Interrupt, QUIET_MS, eventually, while_running};
use crate::pci::Function;
use crate::pci::config::read16;
use crate::pci::function::{command, register};

/// In the status register: the function asks for an interrupt.
const ASKS: u16 = 1 << 3;

fn function(disk: &Disk) -> Result<Function, String> {
    disk.link.as_ref().map(|link| link.function()).ok_or_else(|| String::from("not over PCI"))
}

/// Whether the function says that it asks for an interrupt.
fn asks(function: Function) -> bool {
    read16(function.at, register::STATUS) & ASKS != 0
}

/// Waits, without interrupts, until a request is complete and its function asks for an interrupt, which comes later.
fn completed(disk: &mut Disk) -> Result<(), String> {
    let function = function(disk)?;
    if eventually(|| disk.is_complete() && asks(function)) { Ok(()) } else { Err(String::from("no completion")) }
}

fn expect<T: PartialEq + core::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} and not {expected:?}")) }
}

/// The line of two devices, as the guest hears it.
#[derive(Clone, Copy)]
struct Line {
    interrupt: Interrupt,
    gsi: u32,
}

impl Line {
    fn is_quiet(self, when: &str) -> Result<(), String> {
        let came = while_running(|| self.interrupt.count(), 1, QUIET_MS);
        if came == 0 { Ok(()) } else { Err(format!("{came} interrupts {when}")) }
    }

    /// Unmasks the pin, which the interrupt masks again. PVM hosts deliver an interrupt twice whose pin is masked by
    /// its handler: the second comes at once, too.
    fn interrupts(self, when: &str) -> Result<(), String> {
        apic::unmask(self.gsi);
        if while_running(|| self.interrupt.count(), 1, PATIENCE_MS) == 0 {
            return Err(format!("no interrupt {when}"));
        }
        while_running(|| self.interrupt.count(), u64::MAX, QUIET_MS);
        Ok(())
    }
}

fn both(one: &mut Disk, other: &mut Disk, line: Line) -> Result<(), String> {
    apic::mask(line.gsi);
    // What came before this command.
    while_running(|| line.interrupt.count(), u64::MAX, QUIET_MS);
    let asking = [function(one)?, function(other)?];
    let (first, second) = (one.submit(0, 1, false)?, other.submit(0, 1, false)?);
    completed(one)?;
    completed(other)?;
    line.is_quiet("of the masked pin")?;
    expect("who asks", asking.map(asks), [true, true])?;
    line.interrupts("of the unmasked pin")?;
    expect("the first's interrupt status", one.acknowledge(), true)?;
    expect("who asks after the first was served", asking.map(asks), [false, true])?;
    line.interrupts("while the second asks")?;
    expect("the second's interrupt status", other.acknowledge(), true)?;
    expect("who asks at the end", asking.map(asks), [false, false])?;
    apic::unmask(line.gsi);
    line.is_quiet("at the end")?;
    one.finish(first)?;
    other.finish(second)
}

/// A function that may not use its pin asks, but does not interrupt.
fn disabled(disk: &mut Disk, line: Line) -> Result<(), String> {
    let function = function(disk)?;
    function.command(command::INTX_DISABLE, 0);
    let request = disk.submit(0, 1, false)?;
    completed(disk)?;
    line.is_quiet("of a disabled pin")?;
    expect("whether it asks", asks(function), true)?;
    function.command(0, command::INTX_DISABLE);
    line.interrupts("of an enabled pin")?;
    expect("the interrupt status", disk.acknowledge(), true)?;
    apic::unmask(line.gsi);
    line.is_quiet("after it was served")?;
    disk.finish(request)
}

pub fn run() -> Outcome {
    let count = disk::count();
    let line = |index: usize| disk::with(index, |disk| Ok(disk.interrupt));
    for one in 0..count {
        let interrupt = line(one)?;
        let gsi = interrupt.gsi().ok_or("needs the word intx")?;
        for other in one + 1..count {
            if line(other)?.gsi() == Some(gsi) {
                let line = Line { interrupt, gsi };
                disk::with(one, |one| disk::with(other, |other| both(one, other, line)))?;
                disk::with(one, |one| disabled(one, line))?;
                return Ok(format!("disks={one},{other} gsi={gsi}"));
            }
        }
    }
    Err(String::from("no two disks share a GSI"))
}
