//! An expansion ROM: images one after the other, each for firmware of its kind (PCI 3.0 6.3). The guest only reads it.
//!
//! | offset | bytes | of an image |
//! |---|---|---|
//! | 0x00 | 2 | 0x55, 0xAA |
//! | 0x18 | 2 | where its data structure is: `PCIR`, vendor (4), length in units of 512 bytes (16), indicator (21) |

use crate::bus::{BusDevice, Width, read_bytes};
use thiserror::Error;

/// The largest ROM, in bytes (PCI 3.0 6.2.5.2).
pub const MAX_ROM_SIZE: u64 = 16 << 20;
/// The smallest range that its register can ask for.
const MIN_RANGE: u64 = 0x800;

const SIGNATURE: [u8; 2] = [0x55, 0xaa];
const STRUCTURE: usize = 0x18;
const STRUCTURE_SIGNATURE: &[u8] = b"PCIR";
/// Of the data structure.
const VENDOR: usize = 4;
const LENGTH: usize = 0x10;
const INDICATOR: usize = 0x15;
/// In the indicator: no image follows.
const LAST: u8 = 1 << 7;
const UNIT: usize = 512;

/// Why a file is no ROM of a function.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RomError {
    /// Nothing, or more than any ROM.
    #[error("It has {0} bytes: an expansion ROM has 1 byte to 16 MiB")]
    Size(u64),
    /// What stands where an image should begin is none.
    #[error("It is no expansion ROM: there is no image (0x55, 0xAA and a PCIR structure) at offset {0:#x}")]
    Image(usize),
    /// An image goes beyond the end.
    #[error("It is truncated: its image at offset {0:#x} ends beyond the file")]
    Truncated(usize),
    /// No image is for the function's vendor.
    #[error("It is a ROM for devices of vendor {0:#06x}, and not for virtio's ({1:#06x})")]
    Vendor(u16, u16),
}

/// A ROM's contents.
#[derive(Debug)]
pub struct ExpansionRom {
    bytes: Vec<u8>,
}

impl ExpansionRom {
    /// A ROM for a function of `vendor`.
    ///
    /// # Errors
    /// The bytes are no images up to one that says it is the last, or are another vendor's.
    pub fn new(bytes: Vec<u8>, vendor: u16) -> Result<Self, RomError> {
        let size = bytes.len() as u64;
        if size == 0 || size > MAX_ROM_SIZE {
            return Err(RomError::Size(size));
        }
        let mut offset = 0;
        loop {
            let image = Image::at(&bytes, offset).ok_or(RomError::Image(offset))?;
            if image.vendor != vendor {
                return Err(RomError::Vendor(image.vendor, vendor));
            }
            let end = offset.saturating_add(image.length);
            if end > bytes.len() {
                return Err(RomError::Truncated(offset));
            }
            if image.is_last {
                return Ok(Self { bytes });
            }
            offset = end;
        }
    }

    /// Bytes of its range: a power of two.
    pub fn range_size(&self) -> u64 {
        (self.bytes.len() as u64).next_power_of_two().max(MIN_RANGE)
    }
}

/// One image.
struct Image {
    vendor: u16,
    length: usize,
    is_last: bool,
}

impl Image {
    fn at(rom: &[u8], offset: usize) -> Option<Self> {
        let image = rom.get(offset..)?;
        let structure = image.get(usize::from(word(image, STRUCTURE)?)..)?;
        if !image.starts_with(&SIGNATURE) || !structure.starts_with(STRUCTURE_SIGNATURE) {
            return None;
        }
        let length = usize::from(word(structure, LENGTH)?) * UNIT;
        let is_last = structure.get(INDICATOR)? & LAST != 0;
        // An image without length would be followed by itself.
        (length > 0).then_some(Self { vendor: word(structure, VENDOR)?, length, is_last })
    }
}

fn word(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes([*bytes.get(offset)?, *bytes.get(offset + 1)?]))
}

/// All ones behind its end; writes go nowhere.
impl BusDevice for ExpansionRom {
    fn read(&self, offset: u64, width: Width) -> u64 {
        read_bytes(width, |position| {
            let index = usize::try_from(offset + position).ok();
            index.and_then(|index| self.bytes.get(index)).copied().unwrap_or(0xff)
        })
    }

    fn write(&self, _offset: u64, _width: Width, _value: u64) {}
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An image of `units` times 512 bytes, filled with `fill`.
    pub(crate) fn image(vendor: u16, units: u16, fill: u8, is_last: bool) -> Vec<u8> {
        let mut image = vec![fill; usize::from(units) * UNIT];
        image[..2].copy_from_slice(&SIGNATURE);
        image[STRUCTURE..STRUCTURE + 2].copy_from_slice(&0x40_u16.to_le_bytes());
        let structure = &mut image[0x40..];
        structure[..4].copy_from_slice(STRUCTURE_SIGNATURE);
        structure[VENDOR..VENDOR + 2].copy_from_slice(&vendor.to_le_bytes());
        structure[LENGTH..LENGTH + 2].copy_from_slice(&units.to_le_bytes());
        structure[INDICATOR] = if is_last { LAST } else { 0 };
        image
    }

    #[test]
    fn a_rom_of_two_images_is_read_and_not_written() {
        let bytes = [image(7, 1, 0x11, false), image(7, 2, 0x22, true), vec![0x33; 5]].concat();
        let rom = ExpansionRom::new(bytes, 7).unwrap();
        assert_eq!(rom.range_size(), 2048);
        assert_eq!(rom.read(0, Width::Word), 0xaa55);
        rom.write(0, Width::Word, 0);
        assert_eq!((rom.read(0, Width::Byte), rom.read(0x5fe, Width::Dword)), (0x55, 0x3333_2222));
        assert_eq!(rom.read(3 * 512 + 4, Width::Word), 0xff33, "ones behind the end");
        assert_eq!(ExpansionRom::new(image(7, 5, 0, true), 7).unwrap().range_size(), 4096);
    }

    #[test]
    fn what_is_no_rom_is_refused_with_its_reason() {
        let refused = |bytes: Vec<u8>| ExpansionRom::new(bytes, 7).unwrap_err();
        assert_eq!(refused(vec![]), RomError::Size(0));
        assert_eq!(refused(vec![0x55; 1]), RomError::Image(0));
        assert_eq!(refused(vec![0; 4096]), RomError::Image(0));
        assert_eq!(refused(image(8, 1, 0, true)), RomError::Vendor(8, 7));
        assert_eq!(refused(image(7, 3, 0, true)[..1024].to_vec()), RomError::Truncated(0));
        assert_eq!(refused(image(7, 1, 0, false)), RomError::Image(512));
        let endless = image(7, 1, 0, false);
        let mut endless: Vec<u8> = endless;
        endless[0x40 + LENGTH] = 0;
        assert_eq!(refused(endless), RomError::Image(0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_rom_or_refused(
            mut bytes in prop::collection::vec(any::<u8>(), 0..1500), pointer in 0u16..0x60, honest: bool
        ) {
            if honest && bytes.len() > 0x80 {
                bytes[..2].copy_from_slice(&SIGNATURE);
                bytes[STRUCTURE..STRUCTURE + 2].copy_from_slice(&pointer.to_le_bytes());
                let at = usize::from(pointer);
                bytes[at..at + 4].copy_from_slice(STRUCTURE_SIGNATURE);
            }
            if let Ok(rom) = ExpansionRom::new(bytes.clone(), 7) {
                prop_assert!(rom.range_size().is_power_of_two() && rom.range_size() >= bytes.len() as u64);
            }
        }
    }
}
