//! The tables that tell the guest its hardware: either ACPI ([`acpi`]) or an MP table and the kernel's command line
//! ([`mptable`]), never both. A kernel that is booted without firmware finds them in memory; firmware gets ACPI with a
//! script that places it ([`table_loader`]), and with it the memory map ([`e820`]) and [`smbios`].

pub(crate) mod acpi;
pub(crate) mod e820;
pub(crate) mod mptable;
pub(crate) mod smbios;
pub(crate) mod table_loader;
pub(crate) mod variables;

/// A processor as the tables name it. The first of a list is the one that boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cpu {
    /// The id of its local APIC; ids may have gaps.
    pub(crate) apic_id: u8,
    /// Whether it is there from the start; otherwise it may come later.
    pub(crate) present: bool,
}

/// The byte that makes `bytes` sum up to zero.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_sub(*byte))
}
