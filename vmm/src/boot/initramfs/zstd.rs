//! Zstandard (RFC 8878): each block tells its length.

use super::reader::{Flaw, Reader};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

/// Goes behind a frame.
pub(super) fn skip<R: Bytes<GuestAddress, E = GuestMemoryError>>(reader: &mut Reader<'_, R>) -> Result<(), Flaw> {
    // 3.1.1.1: magic, descriptor, window, dictionary, size when unpacked.
    let [_, _, _, _, descriptor]: [u8; 5] = reader.take()?;
    let single_segment = descriptor & 1 << 5 != 0;
    let window = u64::from(!single_segment);
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = match descriptor >> 6 {
        0 => u64::from(single_segment),
        power => 1 << power,
    };
    reader.skip(window + dictionary + content)?;
    loop {
        // 3.1.1.2: whether it is the last one, type, size.
        let [low, middle, high] = reader.take()?;
        let header = u32::from_le_bytes([low, middle, high, 0]);
        match header >> 1 & 3 {
            0 | 2 => reader.skip(u64::from(header >> 3))?,
            // One byte, repeated.
            1 => reader.skip(1)?,
            _ => return Err(Flaw::Other),
        }
        if header & 1 != 0 {
            break;
        }
    }
    let checksum = descriptor & 1 << 2 != 0;
    reader.skip(if checksum { 4 } else { 0 })
}
