//! System Management BIOS 3.6 (DSP0134): what `dmidecode` shows of the machine.
//!
//! Firmware gets the structures and an entry point as files, places them in memory, and corrects the entry point's
//! address and checksums. PC BIOSes take the 2.x entry point, UEFI the 3.0 one; both describe the same structures.
//! Kernels that are booted without firmware search for an entry point in memory.

mod entry_point;
mod structure;
mod structures;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub(crate) use entry_point::EntryPoint;

use std::ops::Range;

/// What is configurable. Texts are cut at their first NUL; an empty one is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SmbiosConfig {
    /// Who made the system, the board and the chassis.
    pub(crate) manufacturer: String,
    /// What the system is called.
    pub(crate) product: String,
    /// Its version.
    pub(crate) version: String,
    /// Its serial number.
    pub(crate) serial: String,
    /// The part number that tells variants of the product apart.
    pub(crate) sku: String,
    /// The family of products.
    pub(crate) family: String,
    /// The chassis' asset tag.
    pub(crate) asset_tag: String,
    /// The system's UUID, its bytes in the order in which they are written as text.
    pub(crate) uuid: [u8; 16],
    /// Version of the firmware, as far as the machine knows it.
    pub(crate) firmware_version: String,
    /// Sockets with a processor in them.
    pub(crate) sockets: u16,
    /// Cores of a socket.
    pub(crate) cores: u16,
    /// Threads of a core.
    pub(crate) threads: u16,
    /// RAM as it is placed, in order of address.
    pub(crate) ram: Vec<Range<u64>>,
}

/// The two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SmbiosTables {
    /// The structures, one behind the other, the end marker last.
    pub(crate) structures: Vec<u8>,
    /// The entry point, its table address zero: firmware sets that and the checksums.
    pub(crate) entry_point: Vec<u8>,
}

/// Builds the structures and an entry point to them. The same configuration gives the same bytes.
pub(crate) fn build(config: &SmbiosConfig, entry_point: EntryPoint) -> SmbiosTables {
    let list = structures::all(config);
    let structures = structure::write(&list);
    let entry_point = entry_point::build(entry_point, &structures, &list, 0);
    SmbiosTables { structures, entry_point }
}

/// Where the structures begin behind the 2.x entry point, of 31 bytes.
const STRUCTURES: u32 = 32;

/// A 2.x entry point, which all kernels know, and the structures: what is to be at `start`, a multiple of 16 in the BIOS
/// area (DSP0134, 5.2.1).
pub(crate) fn in_memory(config: &SmbiosConfig, start: u32) -> Vec<u8> {
    let list = structures::all(config);
    let structures = structure::write(&list);
    let mut blob = entry_point::build(EntryPoint::Legacy, &structures, &list, start + STRUCTURES);
    blob.push(0);
    blob.extend(structures);
    blob
}
