//! How a wider access reaches registers of one byte: as the ISA bus does it, one byte after the other, lowest first.

use super::Width;

/// Reads `width` from byte registers: `read` is called for each byte's position, lowest first.
pub fn read_bytes(width: Width, mut read: impl FnMut(u64) -> u8) -> u64 {
    let mut value = [0; 8];
    for (position, byte) in (0..).zip(value.iter_mut().take(width.bytes())) {
        *byte = read(position);
    }
    u64::from_le_bytes(value)
}

/// Writes the low `width` of `value` to byte registers: `write` is called with each byte's position, lowest first.
pub fn write_bytes(width: Width, value: u64, mut write: impl FnMut(u64, u8)) {
    for (position, byte) in (0..).zip(value.to_le_bytes().into_iter().take(width.bytes())) {
        write(position, byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_moved_lowest_first() {
        let mut order = Vec::new();
        let value = read_bytes(Width::Dword, |position| {
            order.push(position);
            0xa0 + u8::try_from(position).unwrap_or(0)
        });
        assert_eq!((value, order), (0xa3a2_a1a0, vec![0, 1, 2, 3]));

        let mut written = Vec::new();
        write_bytes(Width::Word, 0xdead_beef, |position, byte| written.push((position, byte)));
        assert_eq!(written, [(0, 0xef), (1, 0xbe)]);
    }
}
