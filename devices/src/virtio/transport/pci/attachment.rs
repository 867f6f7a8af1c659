//! How a function is connected to its machine.

use crate::interrupt::IrqLine;
use crate::pci::{ExpansionRom, ExpressKind};
use std::sync::Arc;

/// What a function has of its place.
#[derive(Clone, Debug)]
pub struct PciAttachment {
    /// The line of its pin INTA, which it shares.
    pub line: IrqLine,
    /// What it is on PCI Express.
    pub express: ExpressKind,
    /// What firmware runs to use the device.
    pub rom: Option<Arc<ExpansionRom>>,
}
