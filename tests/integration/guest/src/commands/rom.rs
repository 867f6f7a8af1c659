//! `rom=ADDRESS`: the expansion ROM of the first function on bus 0 that has one, by the ports, as firmware reads it: its
//! size, and its contents at ADDRESS.

use alloc::format;
use alloc::string::String;

use super::{Outcome, required};
use crate::cpu::{read_physical, write_physical};
use crate::pci::Address;
use crate::pci::config::{ports_read16, ports_read32, ports_write16, ports_write32};

const COMMAND: u16 = 0x04;
const MEMORY: u16 = 1 << 1;
const ROM: u16 = 0x30;
const ENABLE: u32 = 1;

pub fn run(arguments: &str) -> Outcome {
    let address = required(arguments)?;
    let functions = (0..32).map(|device| Address { bus: 0, device, function: 0 });
    for at in functions.filter(|at| ports_read16(*at, 0) != 0xffff) {
        ports_write32(at, ROM, !ENABLE);
        let mask = ports_read32(at, ROM);
        if mask == 0 {
            continue;
        }
        let size = u64::from(!mask) + 1;
        ports_write32(at, ROM, address as u32 | ENABLE);
        ports_write16(at, COMMAND, ports_read16(at, COMMAND) | MEMORY);
        // SAFETY: below 4 GiB everything is mapped, and the test named an address without memory.
        let read = |offset| unsafe { read_physical::<u32>(address + offset) };
        let first = read(0);
        // SAFETY: as above.
        unsafe { write_physical(address, 0u32) };
        let sum = (0..size / 4).fold(0u32, |sum, word| sum.wrapping_mul(31).wrapping_add(read(4 * word)));
        ports_write32(at, ROM, address as u32);
        let gone = read(0);
        return Ok(format!("at={at} size={size} first={first:#x} sum={sum:#x} gone={gone:#x}"));
    }
    Ok(String::from("at=absent"))
}
