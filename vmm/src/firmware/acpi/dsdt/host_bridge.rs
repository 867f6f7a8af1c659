//! The PCI host bridge: its windows, its interrupts, and what of PCI Express the guest may use (PCI Firmware 3.2).

use super::ports;
use crate::firmware::acpi::PciHost;
use crate::memory::layout;
use acpi_tables::aml::{
    AddressSpace, AddressSpaceCacheable, And, Arg, CreateDWordField, Device, EISAName, Else, Equal, If, Local, Method,
    Name, NotEqual, ONE, Or, Package, PackageBuilder, Path, ResourceTemplate, Return, Store, Uuid, ZERO,
};
use acpi_tables::{Aml, AmlSink};
use std::ops::Range;

/// Slots of a bus, and interrupt pins of a slot.
const SLOTS: u8 = 32;
const PINS: u8 = 4;
/// In an address of `_PRT`: any function.
const ANY_FUNCTION: u32 = 0xffff;
const LAST_PORT: u16 = 0xffff;

/// What `_OSC` of a PCI host bridge is called by (PCI Firmware 3.2, 4.5.1).
const OSC_UUID: &str = "33db4d5b-1ff7-401c-9657-7441c03dd766";
/// Status bits of `_OSC` (ACPI 6.5, table 6.17).
const UNKNOWN_UUID: u8 = 1 << 2;
const UNKNOWN_REVISION: u8 = 1 << 3;
const CAPABILITIES_MASKED: u8 = 1 << 4;
/// What the guest is given control of: the PCI Express capabilities themselves. Hot plug, power management events, error
/// reporting and latency tolerance are not there.
const GRANTED: u8 = 1 << 4;

/// The device.
pub(super) fn device(aml: &mut Vec<u8>, pci: &PciHost) {
    let hid = Name::new(Path::new("_HID"), &EISAName::new("PNP0A08"));
    let cid = Name::new(Path::new("_CID"), &EISAName::new("PNP0A03"));
    let uid = Name::new(Path::new("_UID"), &ZERO);
    let routes = interrupt_routes();
    let routes = Name::new(Path::new("_PRT"), &routes);
    Device::new(Path::new("PCI0"), vec![&hid, &cid, &uid, &Windows(pci), &routes, &ControlMethod]).to_aml_bytes(aml);
}

/// `_CRS`: bus numbers, the ports of configuration space, and the windows.
struct Windows<'a>(&'a PciHost);

impl Aml for Windows<'_> {
    fn to_aml_bytes(&self, sink: &mut dyn AmlSink) {
        let Self(pci) = self;
        let buses = AddressSpace::new_bus_number(0, u16::from(pci.last_bus()));
        let configuration = ports(&layout::PCI_CONFIG_PORTS);
        let [first, next] = [layout::PCI_CONFIG_PORTS.start, layout::PCI_CONFIG_PORTS.end].map(port);
        let low_ports = AddressSpace::new_io(0, first - 1, None);
        let high_ports = AddressSpace::new_io(next, LAST_PORT, None);
        let mut resources: Vec<&dyn Aml> = vec![&buses, &configuration, &low_ports, &high_ports];
        let windows32: Vec<_> = windows32(&pci.window32, &pci.ecam).into_iter().map(|window| memory(&window)).collect();
        resources.extend(windows32.iter().map(|window| window as &dyn Aml));
        let window64 = memory(&pci.window64);
        resources.push(&window64);
        Name::new(Path::new("_CRS"), &ResourceTemplate::new(resources)).to_aml_bytes(sink);
    }
}

/// The 32-bit window without configuration space.
fn windows32(window: &Range<u64>, ecam: &Range<u64>) -> Vec<Range<u64>> {
    let below = window.start..ecam.start.min(window.end);
    let above = ecam.end.max(window.start)..window.end;
    [below, above].into_iter().filter(|range| !range.is_empty()).collect()
}

fn memory(window: &Range<u64>) -> AddressSpace<u64> {
    AddressSpace::new_memory(AddressSpaceCacheable::NotCacheable, true, window.start, window.end - 1, None)
}

fn port(port: u64) -> u16 {
    u16::try_from(port).unwrap_or(LAST_PORT)
}

/// `_PRT`: the IOAPIC pin of each interrupt pin, level-triggered (ACPI 6.5, 6.2.13).
fn interrupt_routes() -> PackageBuilder {
    let mut routes = PackageBuilder::new();
    for (slot, pin) in (0..SLOTS).flat_map(|slot| (0..PINS).map(move |pin| (slot, pin))) {
        let address = u32::from(slot) << 16 | ANY_FUNCTION;
        let line = layout::pci_irq(slot, pin);
        routes.add_element(&Package::new(vec![&address, &pin, &ZERO, &line]));
    }
    routes
}

/// `_OSC`: the guest says what it supports and asks for control; both come back with what it got.
struct ControlMethod;

impl Aml for ControlMethod {
    fn to_aml_bytes(&self, sink: &mut dyn AmlSink) {
        let (uuid, revision, capabilities) = (Arg(0), Arg(1), Arg(3));
        let (status, control, granted) = (Path::new("CDW1"), Path::new("CDW3"), Local(0));

        let status_field = CreateDWordField::new(&status, &capabilities, &ZERO);
        let control_field = CreateDWordField::new(&control, &capabilities, &8u8);
        let grant = And::new(&granted, &control, &GRANTED);
        let revision_differs = NotEqual::new(&revision, &ONE);
        let tell_revision = Or::new(&status, &status, &UNKNOWN_REVISION);
        let if_revision_differs = If::new(&revision_differs, vec![&tell_revision]);
        let not_all_granted = NotEqual::new(&control, &granted);
        let tell_masked = Or::new(&status, &status, &CAPABILITIES_MASKED);
        let if_not_all_granted = If::new(&not_all_granted, vec![&tell_masked]);
        let answer = Store::new(&control, &granted);

        let expected = Uuid::new(OSC_UUID);
        let is_ours = Equal::new(&uuid, &expected);
        let tell_unknown = Or::new(&status, &status, &UNKNOWN_UUID);
        let known = If::new(&is_ours, vec![&control_field, &grant, &if_revision_differs, &if_not_all_granted, &answer]);
        let unknown = Else::new(vec![&tell_unknown]);
        let give_back = Return::new(&capabilities);
        let body: Vec<&dyn Aml> = vec![&status_field, &known, &unknown, &give_back];
        Method::new(Path::new("_OSC"), 4, true, body).to_aml_bytes(sink);
    }
}
