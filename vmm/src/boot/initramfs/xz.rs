//! xz ("The .xz File Format" 1.2.1): the chunks of LZMA2, which every filter chain that Linux takes ends with, tell
//! their lengths.

use super::reader::{Flaw, Reader};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

const FOOTER_MAGIC: &[u8; 2] = b"YZ";

/// Goes behind a stream.
pub(super) fn skip<R: Bytes<GuestAddress, E = GuestMemoryError>>(reader: &mut Reader<'_, R>) -> Result<(), Flaw> {
    let start = reader.position();
    // 2.1.1: magic, flags, CRC.
    let header: [u8; 12] = reader.take()?;
    let check = check_size(header[7])?;
    loop {
        match reader.take()? {
            // 4.1: the index.
            [0] => break,
            // 3.1.1: a block, with the size of its header.
            [size] => reader.skip(u64::from(size) * 4 + 3)?,
        }
        skip_lzma2(reader)?;
        skip_padding(reader, start)?;
        reader.skip(check)?;
    }
    // 4.2 to 4.5: records of two numbers each, and the CRC.
    for _ in 0..number(reader)? {
        number(reader)?;
        number(reader)?;
    }
    skip_padding(reader, start)?;
    reader.skip(4)?;
    // 2.1.2
    let footer: [u8; 12] = reader.take()?;
    if footer.ends_with(FOOTER_MAGIC) { Ok(()) } else { Err(Flaw::Other) }
}

/// 2.1.1.2: bytes of the check behind each block.
fn check_size(flags: u8) -> Result<u64, Flaw> {
    match flags {
        0 => Ok(0),
        1..=3 => Ok(4),
        4..=6 => Ok(8),
        7..=9 => Ok(16),
        10..=12 => Ok(32),
        13..=15 => Ok(64),
        _ => Err(Flaw::Other),
    }
}

/// Blocks and the index are padded to 4 bytes, from the stream's start on.
fn skip_padding<R: Bytes<GuestAddress, E = GuestMemoryError>>(
    reader: &mut Reader<'_, R>,
    start: u64,
) -> Result<(), Flaw> {
    reader.skip((reader.position() - start).wrapping_neg() % 4)
}

/// 5.3.1: chunks, until one that says it is the end.
fn skip_lzma2<R: Bytes<GuestAddress, E = GuestMemoryError>>(reader: &mut Reader<'_, R>) -> Result<(), Flaw> {
    loop {
        let [control] = reader.take()?;
        match control {
            0 => return Ok(()),
            // Not packed: the size less one.
            1 | 2 => {
                let size = u16::from_be_bytes(reader.take()?);
                reader.skip(u64::from(size) + 1)?;
            }
            // Packed: the low half of the size when unpacked, the size less one, and from 0xc0 on new properties.
            0x80.. => {
                let [_, _, high, low] = reader.take()?;
                let properties = u64::from(control >= 0xc0);
                reader.skip(u64::from(u16::from_be_bytes([high, low])) + 1 + properties)?;
            }
            _ => return Err(Flaw::Other),
        }
    }
}

/// 1.2: a number of up to nine bytes with seven bits each, low ones first.
fn number<R: Bytes<GuestAddress, E = GuestMemoryError>>(reader: &mut Reader<'_, R>) -> Result<u64, Flaw> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let [byte] = reader.take()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Flaw::Other)
}
