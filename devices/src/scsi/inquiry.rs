//! What a unit says of itself: INQUIRY and its pages of vital product data (SPC-4 6.4, 7.8; SBC-3 6.6).

use super::Sense;
use super::discard::{MAX_SAME_BLOCKS, MAX_UNMAP_BLOCKS, MAX_UNMAP_RANGES};

/// What sort of device a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// A disk, with blocks of 512 bytes.
    Disk,
    /// A drive for discs, with sectors of 2048 bytes; the disc can be taken out.
    Cdrom,
}

impl UnitKind {
    /// Bytes of a block.
    pub(crate) const fn block_size(self) -> u32 {
        match self {
            Self::Disk => 512,
            Self::Cdrom => 2048,
        }
    }

    /// Peripheral device type.
    const fn code(self) -> u8 {
        match self {
            Self::Disk => 0x00,
            Self::Cdrom => 0x05,
        }
    }
}

const VENDOR: &[u8; 8] = b"PODVISOR";
const REVISION: &[u8; 4] = b"1.0 ";
/// Where SPC-4 and its response format are said.
const VERSION: u8 = 6;
const RESPONSE_FORMAT: u8 = 2;
/// Commands are queued.
const QUEUES: u8 = 2;
/// The medium can be taken out.
const REMOVABLE: u8 = 0x80;

const fn product(kind: UnitKind) -> &'static [u8; 16] {
    match kind {
        UnitKind::Disk => b"HARDDISK        ",
        UnitKind::Cdrom => b"CD-ROM          ",
    }
}

/// The standard data.
pub(crate) fn standard(kind: UnitKind) -> Vec<u8> {
    let removable = if kind == UnitKind::Cdrom { REMOVABLE } else { 0 };
    let mut data = vec![kind.code(), removable, VERSION, RESPONSE_FORMAT, 31, 0, 0, QUEUES];
    data.extend_from_slice(VENDOR);
    data.extend_from_slice(product(kind));
    data.extend_from_slice(REVISION);
    data
}

/// The standard data where a target has no unit (peripheral qualifier 3).
pub(crate) fn absent() -> Vec<u8> {
    let mut data = vec![0x7f, 0, VERSION, RESPONSE_FORMAT, 31];
    data.resize(36, 0);
    data
}

/// A page of vital product data; blocks of a disk can be given back where there is `discard`.
///
/// # Errors
/// There is no such page.
pub(super) fn page(kind: UnitKind, code: u8, serial: &str, discard: bool) -> Result<Vec<u8>, Sense> {
    let body = match (code, kind) {
        (0x00, UnitKind::Disk) => vec![0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2],
        (0x00, UnitKind::Cdrom) => vec![0x00, 0x80, 0x83],
        (0x80, _) => serial.as_bytes().to_vec(),
        (0x83, _) => identification(kind, serial),
        (0xb0, UnitKind::Disk) => block_limits(discard),
        (0xb1, UnitKind::Disk) => characteristics(),
        (0xb2, UnitKind::Disk) => provisioning(discard),
        _ => return Err(Sense::BAD_FIELD),
    };
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    Ok([&[kind.code(), code], &length[..], &body].concat())
}

/// One designator: the vendor, the product and the serial number, as T10 wants them (SPC-4 7.8.6.4).
fn identification(kind: UnitKind, serial: &str) -> Vec<u8> {
    let text = [VENDOR, &product(kind)[..], serial.as_bytes()].concat();
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    [&[0x02, 0x01, 0x00, length], &text[..]].concat()
}

/// Page B0 (SBC-3 6.6.4): how much UNMAP and WRITE SAME may ask for at a time.
fn block_limits(discard: bool) -> Vec<u8> {
    let mut body = vec![1]; // WSNZ: no blocks are not all blocks
    body.resize(16, 0);
    if discard {
        body.extend_from_slice(&MAX_UNMAP_BLOCKS.to_be_bytes());
        body.extend_from_slice(&MAX_UNMAP_RANGES.to_be_bytes());
    }
    body.resize(32, 0); // optimal granularity and alignment: any
    body.extend_from_slice(&u64::from(MAX_SAME_BLOCKS).to_be_bytes());
    body.resize(60, 0);
    body
}

/// Page B1: nothing turns.
fn characteristics() -> Vec<u8> {
    let mut body = vec![0, 1];
    body.resize(60, 0);
    body
}

/// Page B2: thin, by UNMAP and by both forms of WRITE SAME, or full. What unmapped blocks read as is not said.
fn provisioning(discard: bool) -> Vec<u8> {
    if discard { vec![0, 0xe0, 0x02, 0] } else { vec![0; 4] }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_data_has_36_bytes_with_names_in_their_places() {
        let disk = standard(UnitKind::Disk);
        assert_eq!((disk.len(), disk[0], disk[1], disk[4]), (36, 0, 0, 31));
        assert_eq!(&disk[8..36], b"PODVISORHARDDISK        1.0 ");
        let drive = standard(UnitKind::Cdrom);
        assert_eq!((drive.len(), drive[0], drive[1]), (36, 5, 0x80));
        assert_eq!((absent().len(), absent()[0]), (36, 0x7f));
    }

    #[test]
    fn every_page_that_is_listed_is_there_with_its_length() {
        for kind in [UnitKind::Disk, UnitKind::Cdrom] {
            let listed = page(kind, 0, "S-1", true).unwrap();
            for code in &listed[4..] {
                let page = page(kind, *code, "S-1", true).unwrap();
                assert_eq!((page[0], page[1]), (kind.code(), *code));
                assert_eq!(usize::from(u16::from_be_bytes([page[2], page[3]])), page.len() - 4, "{code:#x}");
            }
        }
        assert_eq!(page(UnitKind::Cdrom, 0xb0, "", true), Err(Sense::BAD_FIELD));
        assert_eq!(page(UnitKind::Disk, 0x80, "S-1", true).unwrap(), b"\0\x80\0\x03S-1");
        assert_eq!(page(UnitKind::Disk, 0xb0, "", true).unwrap().len(), 64);
        assert_eq!(page(UnitKind::Disk, 0x83, "S-1", true).unwrap()[4..8], [2, 1, 0, 27]);
    }
}
