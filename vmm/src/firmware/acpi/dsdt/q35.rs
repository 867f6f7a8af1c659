//! The devices of the q35 board: the PCI host bridge, the LPC function with the devices of a PC behind it, and the
//! addresses that belong to the board itself. PCI finds all others.

use super::{host_bridge, legacy, ports};
use crate::firmware::acpi::PciHost;
use crate::memory::layout;
use acpi_tables::aml::{Device, EISAName, Name, Path, ResourceTemplate, Scope, ZERO};
use acpi_tables::{Aml, AmlSink};
use std::ops::Range;

/// `_ADR` of the LPC function: device and function (ACPI 6.5, table 6.2).
const LPC_ADDRESS: u32 = 0x1f << 16;

/// The devices below `_SB_`.
pub(super) fn devices(aml: &mut Vec<u8>, pci: &PciHost) {
    host_bridge::device(aml, pci);
    let address = Name::new(Path::new("_ADR"), &LPC_ADDRESS);
    let lpc = Device::new(Path::new("ISA_"), vec![&address]);
    Scope::new(Path::new("PCI0"), vec![&lpc]).to_aml_bytes(aml);
    let mut behind_lpc = Vec::new();
    legacy::devices(&mut behind_lpc);
    aml.extend(Scope::raw(Path::new("PCI0.ISA_"), behind_lpc));
    motherboard(aml, pci);
}

/// What belongs to no device: the power management block, and PCI's configuration space, which a guest only uses when
/// it is reserved here (PCI Firmware 3.2, 4.1.2).
fn motherboard(aml: &mut Vec<u8>, pci: &PciHost) {
    let hid = Name::new(Path::new("_HID"), &EISAName::new("PNP0C02"));
    let uid = Name::new(Path::new("_UID"), &ZERO);
    let ecam = ConsumedMemory(&pci.ecam);
    let power_management = ports(&layout::PM_PORTS);
    let resources = ResourceTemplate::new(vec![&ecam, &power_management]);
    let resources = Name::new(Path::new("_CRS"), &resources);
    Device::new(Path::new("MBRD"), vec![&hid, &uid, &resources]).to_aml_bytes(aml);
}

/// A quad word address space descriptor of memory that its device uses itself: a window passes its addresses on to
/// others (ACPI 6.5, 6.4.3.5.1).
struct ConsumedMemory<'a>(&'a Range<u64>);

impl Aml for ConsumedMemory<'_> {
    fn to_aml_bytes(&self, sink: &mut dyn AmlSink) {
        const QWORD_ADDRESS_SPACE: u8 = 0x8a;
        const LENGTH: u16 = 43;
        const MEMORY: u8 = 0;
        /// Consumer, decoded positively, minimum and maximum fixed.
        const FLAGS: u8 = 0b1101;
        const READ_WRITE: u8 = 1 << 0;
        let Self(range) = self;
        sink.byte(QWORD_ADDRESS_SPACE);
        sink.word(LENGTH);
        sink.vec(&[MEMORY, FLAGS, READ_WRITE]);
        let (granularity, translation) = (0, 0);
        for field in [granularity, range.start, range.end - 1, translation, range.end - range.start] {
            sink.qword(field);
        }
    }
}
