//! `absent[=ADDRESS,PORT]`: addresses without a device read all ones at every width, and writes there do nothing.

use alloc::format;

use super::{Outcome, required};
use crate::cpu::{in8, in16, in32, out8, out16, out32, read_physical, write_physical};

pub fn run(arguments: &str) -> Outcome {
    let (address, port) = match arguments.split_once(',') {
        Some((address, port)) => (required(address)?, required(port)?),
        None => (0xd000_0000, 0x5000),
    };
    let port = u16::try_from(port).map_err(|error| format!("{error}"))?;
    out8(port, 0x5a);
    out16(port, 0x5a5a);
    out32(port, 0x5a5a_5a5a);
    let ports = (in8(port), in16(port), in32(port));
    // SAFETY: everything below 4 GiB is mapped, and the caller of the script says that nothing is there.
    let memory = unsafe {
        write_physical(address, 0x5au8);
        write_physical(address, 0x5a5a_5a5a_5a5a_5a5au64);
        let narrow: (u8, u16) = (read_physical(address), read_physical(address));
        let wide: (u32, u64) = (read_physical(address), read_physical(address));
        (narrow, wide)
    };
    let ((m1, m2), (m4, m8)) = memory;
    let (p1, p2, p4) = ports;
    let values = format!("mmio={m1:#x},{m2:#x},{m4:#x},{m8:#x} pio={p1:#x},{p2:#x},{p4:#x}");
    let all_ones = [m1, p1] == [!0; 2] && [m2, p2] == [!0; 2] && [m4, p4] == [!0; 2] && m8 == !0;
    if all_ones { Ok(values) } else { Err(values) }
}
