//! `flash`: the chip with the firmware's variables, found by the signature of the volume in it, as OVMF uses it (CFI,
//! command set 1): its second block is counted up.

use alloc::format;
use alloc::string::String;

use super::Outcome;
use crate::cpu::{read_physical, write_physical};

const END: u64 = 1 << 32;
/// Room for flash.
const ROOM: u64 = 16 << 20;
const BLOCK: u64 = 4096;
/// Where a firmware volume has its signature (UEFI PI 1.7, volume 3, 3.2.1).
const SIGNATURE: u64 = 40;
const VOLUME: u32 = u32::from_le_bytes(*b"_FVH");

const PROGRAM: u8 = 0x10;
const ERASE: u8 = 0x20;
const CLEAR_STATUS: u8 = 0x50;
const READ_STATUS: u8 = 0x70;
const QUERY: u8 = 0x98;
const CONFIRM: u8 = 0xd0;
const READ_ARRAY: u8 = 0xff;
const READY: u8 = 0x80;

fn read(address: u64) -> u8 {
    // SAFETY: below 4 GiB everything is mapped, and flash is no memory of ours.
    unsafe { read_physical(address) }
}

fn word(address: u64) -> u32 {
    // SAFETY: as above; the address is aligned.
    unsafe { read_physical(address) }
}

fn command(address: u64, byte: u8) {
    // SAFETY: as above.
    unsafe { write_physical(address, byte) }
}

/// The last volume below 4 GiB: where it begins.
fn find() -> Option<u64> {
    (1..=ROOM / BLOCK).map(|page| END - page * BLOCK).find(|page| word(page + SIGNATURE) == VOLUME)
}

fn finished(address: u64, what: &str) -> Result<(), String> {
    match read(address) {
        READY => Ok(()),
        status => Err(format!("{what} at {address:#x} left status {status:#x}")),
    }
}

/// As OVMF asks whether it is flash, RAM or ROM.
fn detect(address: u64) -> Result<(), String> {
    let original = read(address);
    command(address, CLEAR_STATUS);
    let after_clear = read(address);
    command(address, READ_STATUS);
    let status = read(address);
    command(address, READ_ARRAY);
    let again = read(address);
    if after_clear != original || status != 0 || again != original {
        return Err(format!("no flash: {original:#x} {after_clear:#x} {status:#x} {again:#x}"));
    }
    Ok(())
}

fn query(address: u64) -> (String, u64) {
    command(address, QUERY);
    let text = [0x10, 0x11, 0x12].map(|offset| char::from(read(address + offset)));
    let size = 1 << read(address + 0x27);
    command(address, READ_ARRAY);
    (text.into_iter().collect(), size)
}

pub fn run() -> Outcome {
    let chip = find().ok_or("no volume")?;
    let block = chip + BLOCK;
    detect(block)?;
    let (cfi, size) = query(block);
    let before = word(block);
    let neighbours = (word(block - 4), word(block + BLOCK));

    command(block, ERASE);
    command(block, CONFIRM);
    finished(block, "an erase")?;
    command(block, READ_ARRAY);
    if (0..BLOCK / 4).any(|index| word(block + 4 * index) != !0) {
        return Err(String::from("a block that was erased is not all ones"));
    }
    let count = before.wrapping_add(1);
    for (offset, byte) in (0..).zip(count.to_le_bytes()) {
        command(block + offset, PROGRAM);
        command(block + offset, byte);
        finished(block + offset, "programming")?;
    }
    // Bits are only cleared.
    command(block + 8, PROGRAM);
    command(block + 8, 0x3c);
    command(block + 8, PROGRAM);
    command(block + 8, 0xf0);
    command(block + 8, READ_ARRAY);
    let (now, cleared) = (word(block), read(block + 8));
    if (now, cleared) != (count, 0x30) || neighbours != (word(block - 4), word(block + BLOCK)) {
        return Err(format!("count={count:#x} but {now:#x}, 0x3c and 0xf0 made {cleared:#x}, or a neighbour changed"));
    }
    Ok(format!("at={chip:#x} size={size} cfi={cfi} before={before:#x} count={count:#x}"))
}
