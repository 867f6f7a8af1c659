//! What a guest searches for: the entry points of SMBIOS 2.x (DSP0134, 5.2.1) and 3.0 (5.2.2).

use super::structure::Structure;
use crate::firmware::checksum;

/// The version of the specification that the structures follow.
const MAJOR: u8 = 3;
const MINOR: u8 = 6;
/// The 2.x entry point cannot tell a version from 3.0 on: the structures go up to 2.8, what is longer is skipped.
const LEGACY: [u8; 2] = [2, 8];

/// Which of the two there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryPoint {
    /// 31 bytes, `_SM_`: a table below 4 GiB of at most 64 KiB.
    Legacy,
    /// 24 bytes, `_SM3_`.
    Modern,
}

/// The entry point to the table at `address`.
pub(super) fn build(entry_point: EntryPoint, table: &[u8], structures: &[Structure], address: u32) -> Vec<u8> {
    match entry_point {
        EntryPoint::Legacy => legacy(table, structures, address),
        EntryPoint::Modern => modern(table, address),
    }
}

fn legacy(table: &[u8], structures: &[Structure], address: u32) -> Vec<u8> {
    let [major, minor] = LEGACY;
    let largest = structures.iter().map(Structure::size).max().unwrap_or(0);
    let mut intermediate = b"_DMI_\0".to_vec();
    intermediate.extend(word(table.len()));
    intermediate.extend(address.to_le_bytes());
    intermediate.extend(word(structures.len()));
    intermediate.push(major << 4 | minor);
    set_checksum(&mut intermediate, 5);

    let mut bytes = b"_SM_\0".to_vec();
    bytes.extend([31, major, minor]);
    bytes.extend(word(largest));
    bytes.extend([0; 6]); // revision 2.1, and its formatted area
    bytes.extend(intermediate);
    set_checksum(&mut bytes, 4);
    bytes
}

fn modern(table: &[u8], address: u32) -> Vec<u8> {
    let mut bytes = b"_SM3_\0".to_vec();
    bytes.extend([24, MAJOR, MINOR, 0, 1, 0]); // document revision 0, entry point revision 3.0
    bytes.extend(u32::try_from(table.len()).unwrap_or(u32::MAX).to_le_bytes()); // some KiB
    bytes.extend(u64::from(address).to_le_bytes());
    set_checksum(&mut bytes, 5);
    bytes
}

fn set_checksum(bytes: &mut [u8], place: usize) {
    let sum = checksum(bytes);
    if let Some(byte) = bytes.get_mut(place) {
        *byte = sum;
    }
}

/// Numbers and sizes of structures: the largest machine has some 300, of 64 KiB in all.
fn word(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes()
}
