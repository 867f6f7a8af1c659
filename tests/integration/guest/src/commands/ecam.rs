//! `ecam`: moves configuration space in memory by the host bridge's PCIEXBAR, switches it off, and puts it back.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Outcome;
use crate::pci::config::{ecam_base, move_ecam, ports_read32, ports_write32, read32};
use crate::pci::{Address, bus};

/// The host bridge's register (Intel 82Q35 datasheet, PCIEXBAR).
const HOST_BRIDGE: Address = Address { bus: 0, device: 0, function: 0 };
const PCIEXBAR: u16 = 0x60;
const ENABLE: u32 = 1;
/// 256 MiB above the RAM of a small machine, and below where ECAM is.
const ELSEWHERE: u32 = 0x8000_0000;
/// The lengths 256, 128 and 64 MiB, in bits 1 and 2.
const LENGTHS: [(u32, u64); 3] = [(0, 256), (1 << 1, 128), (2 << 1, 64)];

/// Whether each function shows the same by both ways.
fn same(functions: &[Address]) -> Result<(), String> {
    for at in functions {
        let (one, other) = (read32(*at, 0), ports_read32(*at, 0));
        if one != other || one == !0 {
            return Err(format!("at={at} ecam={one:#x} ports={other:#x}"));
        }
    }
    Ok(())
}

fn gone(base: u64, functions: &[Address]) -> Result<(), String> {
    move_ecam(base);
    match functions.iter().find(|at| read32(**at, 0) != !0) {
        None => Ok(()),
        Some(at) => Err(format!("base={base:#x} still shows {at}")),
    }
}

pub fn run() -> Outcome {
    let home = ecam_base().ok_or("no ECAM")?;
    let functions: Vec<Address> = bus::functions().iter().map(|function| function.at).collect();
    let before = ports_read32(HOST_BRIDGE, PCIEXBAR);
    if u64::from(before & !0xfff) != home || before & ENABLE == 0 {
        return Err(format!("PCIEXBAR={before:#x} but the MCFG table says {home:#x}"));
    }
    for (length, _) in LENGTHS {
        ports_write32(HOST_BRIDGE, PCIEXBAR, ELSEWHERE | length | ENABLE);
        move_ecam(ELSEWHERE.into());
        same(&functions)?;
        gone(home, &functions)?;
    }
    ports_write32(HOST_BRIDGE, PCIEXBAR, ELSEWHERE);
    gone(ELSEWHERE.into(), &functions)?;
    ports_write32(HOST_BRIDGE, PCIEXBAR, before);
    gone(ELSEWHERE.into(), &functions)?;
    move_ecam(home);
    same(&functions)?;
    Ok(format!("functions={} home={home:#x} elsewhere={ELSEWHERE:#x}", functions.len()))
}
