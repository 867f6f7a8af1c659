//! What the chip says of itself: its codes, and the CFI tables (JESD68, "Query structure").

use super::BLOCK_SIZE;

/// Manufacturer and device code: a chip of nobody's. The other bytes say of each block that it is not locked.
pub(super) fn id(_offset: u64) -> u8 {
    0
}

/// The byte at `offset` of the CFI tables of a chip of `size` bytes. They repeat in every 256 bytes of the chip.
pub(super) fn query(offset: u64, size: u64) -> u8 {
    /// Where the table of Intel's command set begins.
    const PRIMARY: u8 = 0x31;
    let [block_low, block_high, ..] = (BLOCK_SIZE / 256).to_le_bytes();
    let [last_low, last_high, ..] = (size / BLOCK_SIZE - 1).to_le_bytes();
    match offset % 0x100 {
        0x10 => b'Q',
        0x11 => b'R',
        0x12 => b'Y',
        0x13 => 1, // Intel's extended command set
        0x15 => PRIMARY,
        0x1b => 0x45, // 4.5 V
        0x1c => 0x55, // 5.5 V
        0x1f => 7,    // a byte is programmed in 2^7 us
        0x21 => 10,   // a block is erased in 2^10 ms
        0x23 => 4,    // at most 2^4 times as long
        0x25 => 4,
        0x27 => u8::try_from(size.next_power_of_two().trailing_zeros()).unwrap_or(0),
        0x2c => 1, // one sort of blocks
        0x2d => last_low,
        0x2e => last_high,
        0x2f => block_low,
        0x30 => block_high,
        0x31 => b'P',
        0x32 => b'R',
        0x33 => b'I',
        0x34 => b'1',
        0x35 => b'0',
        _ => 0,
    }
}
