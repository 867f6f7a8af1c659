//! `window`: reads the common configuration of each virtio function through the window in configuration space
//! (VIRTIO 1.2 4.1.4.9), also while the function does not decode its BARs, and compares it with the BAR.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Outcome;
use crate::cpu::read_physical;
use crate::pci::Function;
use crate::pci::config::{read8, read16, read32, write8, write32};
use crate::pci::function::command;
use crate::virtio::{Device, Structure, all, structures};

/// Fields of the common configuration that reading does not change, with their widths: features, number of queues,
/// status, queue size.
const FIELDS: [(u32, u32); 5] = [(4, 4), (0x12, 2), (0x14, 1), (0x15, 1), (0x18, 2)];

/// Reads `width` bytes at `offset` of a BAR through the window at `capability`.
fn read(function: Function, capability: u16, bar: u8, offset: u32, width: u32) -> u32 {
    let at = function.at;
    write8(at, capability + 4, bar);
    write32(at, capability + 8, offset);
    write32(at, capability + 12, width);
    let data = capability + 16;
    match width {
        1 => read8(at, data).into(),
        2 => read16(at, data).into(),
        _ => read32(at, data),
    }
}

fn compare(function: Function, structures: &[Structure]) -> Result<(), String> {
    let find = |kind| structures.iter().find(|structure| structure.kind == kind).ok_or("a structure is missing");
    let (common, window) = (find(Structure::COMMON)?, find(Structure::WINDOW)?);
    function.command(command::MEMORY, 0);
    let address = common.address(function);
    crate::paging::map_device(address)?;
    // SAFETY: the common configuration is mapped, and its fields are naturally aligned.
    let direct = FIELDS.map(|(offset, width)| unsafe {
        match width {
            1 => u32::from(read_physical::<u8>(address + u64::from(offset))),
            2 => u32::from(read_physical::<u16>(address + u64::from(offset))),
            _ => read_physical::<u32>(address + u64::from(offset)),
        }
    });
    for decode in [true, false] {
        function.command(if decode { command::MEMORY } else { 0 }, if decode { 0 } else { command::MEMORY });
        let through = |(offset, width)| read(function, window.capability, common.bar, common.offset + offset, width);
        let seen = FIELDS.map(through);
        if seen != direct {
            return Err(format!("at={} decode={decode} {seen:x?} and not {direct:x?}", function.at));
        }
    }
    function.command(command::MEMORY, 0);
    Ok(())
}

pub fn run() -> Outcome {
    let functions: Vec<Function> = all()
        .iter()
        .filter_map(|device| if let Device::Pci(function) = device { Some(*function) } else { None })
        .collect();
    for function in &functions {
        compare(*function, &structures(*function))?;
    }
    Ok(format!("functions={}", functions.len()))
}
