//! Tables behind each other, and what of them depends on where they stand.

use acpi_tables::Aml;
use std::ops::Range;

/// Tables begin on this boundary: the FACS must (ACPI 6.5, 5.2.10), the RSDP on 16 bytes (5.2.5.1).
pub(crate) const ALIGNMENT: usize = 64;
/// Where a table with a header has its checksum (ACPI 6.5, table 5.4).
const HEADER_CHECKSUM: usize = 9;

/// A field that holds the address of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// Where it is in the bytes.
    pub(crate) offset: usize,
    /// Its bytes.
    pub(crate) width: u8,
}

/// A byte that makes others sum up to zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    /// Where it is in the bytes.
    pub(crate) offset: usize,
    /// What it sums up, itself included.
    pub(crate) range: Range<usize>,
}

/// All tables but the RSDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assembly {
    /// The tables, to be put at the address they were assembled for.
    pub(crate) bytes: Vec<u8>,
    /// Where each table's address stands in another.
    pub(crate) pointers: Vec<Pointer>,
    /// The checksums over pointers.
    pub(crate) checksums: Vec<Checksum>,
    base: u64,
}

impl Assembly {
    /// Nothing yet, for guest address `base`.
    pub(super) fn new(base: u64) -> Self {
        Self { bytes: Vec::new(), pointers: Vec::new(), checksums: Vec::new(), base }
    }

    /// Appends a table that names no other, and returns its guest address.
    pub(super) fn append(&mut self, table: &dyn Aml) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        let address = self.base + self.bytes.len() as u64;
        table.to_aml_bytes(&mut self.bytes);
        address
    }

    /// Appends a table with a header, and with pointers at these offsets in it.
    pub(super) fn append_linked(&mut self, table: &dyn Aml, pointers: impl IntoIterator<Item = Pointer>) -> u64 {
        let address = self.append(table);
        // An address of these bytes.
        let start = usize::try_from(address - self.base).unwrap_or(usize::MAX);
        let moved = pointers.into_iter().map(|pointer| Pointer { offset: start + pointer.offset, ..pointer });
        self.pointers.extend(moved);
        self.checksums.push(Checksum { offset: start + HEADER_CHECKSUM, range: start..self.bytes.len() });
        address
    }
}
