//! `pio-string=PORT[,N]`: `rep outsb` of N bytes (`A`, `B`, ...; 26 unless told), then `rep insb` of N bytes and
//! `rep insw` of N words at the port.

use alloc::format;
use alloc::string::String;

use super::{Outcome, required};
use crate::cpu::{in_string8, in_string16, out_string8};

pub fn run(arguments: &str) -> Outcome {
    let (port, count) = arguments.split_once(',').unwrap_or((arguments, "26"));
    let port = u16::try_from(required(port)?).map_err(|error| format!("{error}"))?;
    let count = required(count)?.min(64) as usize;
    let letters: [u8; 64] = core::array::from_fn(|index| b'A' + (index % 26) as u8);
    out_string8(port, &letters[..count]);
    let mut bytes = [0u8; 64];
    in_string8(port, &mut bytes[..count]);
    let mut words = [0u16; 64];
    in_string16(port, &mut words[..count]);
    let bytes: String = bytes[..count].iter().map(|byte| format!("{byte:02x}")).collect();
    let words: String = words[..count].iter().map(|word| format!("{word:04x}")).collect();
    Ok(format!("port={port:#x} count={count} insb={bytes} insw={words}"))
}
