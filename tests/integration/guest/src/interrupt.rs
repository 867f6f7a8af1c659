//! A device's interrupt: a line, or the message vectors of a PCI function.

use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::apic;
use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::allow_interrupts;
use crate::descriptors::{FIRST_INTERRUPT, FIRST_MESSAGE, MESSAGES, interrupts};
use crate::pci::function::command;
use crate::pci::msi::Msi;
use crate::pci::msix::Msix;
use crate::pci::{Address, Function};
use crate::sync::SpinLock;

/// How many vectors of a function are used: configuration changes, and two queues.
const VECTORS: u16 = 3;

static LINES_ONLY: AtomicBool = AtomicBool::new(false);
/// The functions that have vectors: the N-th has [`VECTORS`] from N times as many.
static OWNERS: SpinLock<Vec<Address>> = SpinLock::new(Vec::new());

/// From now on PCI functions interrupt by their pins.
pub fn use_lines_only() {
    LINES_ONLY.store(true, Ordering::SeqCst);
}

/// How a device interrupts.
#[derive(Clone, Copy)]
pub enum Interrupt {
    /// By a pin of the IOAPIC.
    Line {
        /// Which.
        gsi: u32,
        /// By its level, or by its rising edge.
        level: bool,
    },
    /// By MSI-X: vector N of the function is vector `first` + N of the CPU.
    Messages {
        /// The function's capability.
        msix: Msix,
        /// The CPU's first vector.
        first: u8,
        /// How many.
        count: u16,
    },
    /// By MSI, as vector `vector` of the CPU.
    Message {
        /// The function's capability.
        msi: Msi,
        /// The CPU's vector.
        vector: u8,
    },
}

/// Prepares the interrupt of a PCI function: MSI-X where it has that, or MSI, unless pins were asked for.
///
/// # Errors
/// The function has no interrupt, or too many functions have messages.
pub fn of_function(function: Function) -> Result<Interrupt, String> {
    let messages = !LINES_ONLY.load(Ordering::SeqCst);
    if let Some(msix) = Msix::of(function).filter(|_| messages) {
        let count = msix.size().min(VECTORS);
        return Ok(Interrupt::Messages { msix, first: first_vector(function, count)?, count });
    }
    if let Some(msi) = Msi::of(function).filter(|_| messages) {
        return Ok(Interrupt::Message { msi, vector: first_vector(function, 1)? });
    }
    let gsi = function.gsi().ok_or("no GSI for the function's interrupt pin")?;
    function.command(0, command::INTX_DISABLE);
    Ok(Interrupt::Line { gsi, level: true })
}

/// The first of the CPU's vectors for the `count` messages of a function.
fn first_vector(function: Function, count: u16) -> Result<u8, String> {
    let mut owners = OWNERS.lock();
    let index = owners.iter().position(|owner| *owner == function.at).unwrap_or_else(|| {
        owners.push(function.at);
        owners.len() - 1
    });
    let offset = index as u16 * VECTORS;
    if offset + count > u16::from(MESSAGES) {
        return Err(String::from("too many functions with messages"));
    }
    Ok(FIRST_MESSAGE + offset as u8)
}

impl Interrupt {
    /// From now on it arrives at CPU `cpu`.
    pub fn deliver_to(&self, cpu: usize) {
        apic::init();
        match *self {
            Self::Line { gsi, level: false } => apic::route(gsi, cpu),
            Self::Line { gsi, level: true } => apic::route_level(gsi, cpu),
            Self::Messages { msix, first, count } => {
                msix.enable(true);
                for index in 0..count {
                    msix.mask(index, true);
                    msix.set(index, first + index as u8, cpu);
                    msix.mask(index, false);
                }
            }
            Self::Message { msi, vector } => msi.enable(vector, cpu),
        }
    }

    /// How often it has come.
    pub fn count(&self) -> u64 {
        match *self {
            Self::Line { gsi, .. } => interrupts(FIRST_INTERRUPT + gsi as u8),
            Self::Messages { first, count, .. } => (0..count as u8).map(|index| interrupts(first + index)).sum(),
            Self::Message { vector, .. } => interrupts(vector),
        }
    }

    /// Lets it come again: a level was masked when it came.
    pub fn rearm(&self) {
        if let Self::Line { gsi, level: true } = *self {
            apic::unmask(gsi);
        }
    }

    /// How many messages there are; 0 for a line.
    pub fn messages(&self) -> u16 {
        match self {
            Self::Line { .. } => 0,
            Self::Messages { count, .. } => *count,
            Self::Message { .. } => 1,
        }
    }

    /// The line's GSI.
    pub fn gsi(&self) -> Option<u32> {
        match self {
            Self::Line { gsi, .. } => Some(*gsi),
            Self::Messages { .. } | Self::Message { .. } => None,
        }
    }
}

/// Waits until `condition` holds, but not for ever: whether it does.
pub fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let timeout = Timeout::after(PATIENCE_MS);
    while !condition() {
        if timeout.passed() {
            return false;
        }
        core::hint::spin_loop();
    }
    true
}

/// How long something that must not come is waited for, in ms.
pub const QUIET_MS: u64 = 20;

/// Runs at CPL 3 with interrupts allowed until `count` has grown by `wanted`, for `milliseconds` at most; by how much it
/// has grown.
pub fn while_running(count: impl Fn() -> u64, wanted: u64, milliseconds: u64) -> u64 {
    let before = count();
    let timeout = Timeout::after(milliseconds);
    allow_interrupts(true);
    while count() - before < wanted && !timeout.passed() {
        core::hint::spin_loop();
    }
    allow_interrupts(false);
    count() - before
}
