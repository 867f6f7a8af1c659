//! The function as a driver sees it.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod capabilities;
mod interrupts;
mod registers;
mod rom;
mod saving;
mod sequences;

use super::*;
use crate::bus::Width;
use crate::pci::{Command, PciFunction};
use crate::virtio::VirtioDevice;
use crate::virtio::rng::{RngConfig, VirtioRng};
use crate::virtio::testing::{PciMachine, TestMemory, block_device, ram};
use std::sync::Arc;

fn rng() -> Box<dyn VirtioDevice<TestMemory>> {
    Box::new(VirtioRng::new(RngConfig { id: "rng0".into(), limit: Default::default() }, None))
}

/// A disk of 0x1234 sectors.
fn disk() -> Box<dyn VirtioDevice<TestMemory>> {
    let file = tempfile::tempfile().unwrap();
    file.set_len(0x1234 * 512).unwrap();
    block_device(file)
}

fn machine() -> PciMachine {
    PciMachine::new(rng(), ram())
}
