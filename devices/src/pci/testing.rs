//! A function with BARs, and a mapper that remembers.

use super::{
    BarKind, BarMapper, DecodedBar, Doorbell, HostBridge, Identity, Mapping, PciAddress, PciBus, PciConfiguration,
    PciFunction, RootPort, Slot, Space, Topology,
};
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// Where the host bridge's window is at first.
pub(super) const ECAM: Range<u64> = 0xb000_0000..0xc000_0000;

pub(super) const IDENTITY: Identity = Identity {
    vendor: 0x1af4,
    device: 0x1044,
    revision: 1,
    class: [0xff, 0x02, 0x03],
    subsystem_vendor: 0x1af5,
    subsystem: 0x1100,
};

/// The BARs of a [`FakeFunction`], with their sizes.
pub(super) const BARS: [(u8, BarKind, u64); 4] = [
    (0, BarKind::PrefetchableMemory64, 0x4000),
    (2, BarKind::Io, 0x40),
    (3, BarKind::Memory32, 0x1000),
    (4, BarKind::Memory64, 0x2000),
];
/// The size of its ROM.
pub(super) const ROM_SIZE: u64 = 0x1_0000;

/// A function that answers in all its ranges as one value, and has a doorbell in BAR 0.
pub(super) struct FakeFunction {
    id: DeviceId,
    pub(super) configuration: Mutex<PciConfiguration>,
}

pub(super) fn configuration() -> PciConfiguration {
    let mut configuration = PciConfiguration::new(IDENTITY);
    for (bar, kind, size) in BARS {
        configuration.add_bar(bar, kind, size).unwrap();
    }
    configuration.add_rom(ROM_SIZE).unwrap();
    configuration
}

impl FakeFunction {
    pub(super) fn new(id: &str) -> Arc<Self> {
        Self::with(id, configuration())
    }

    pub(super) fn with(id: &str, configuration: PciConfiguration) -> Arc<Self> {
        Arc::new(Self { id: id.into(), configuration: Mutex::new(configuration) })
    }
}

struct Constant;

impl BusDevice for Constant {
    fn read(&self, _offset: u64, _width: Width) -> u64 {
        0x5a
    }

    fn write(&self, _offset: u64, _width: Width, _value: u64) {}
}

impl PciFunction for FakeFunction {
    fn id(&self) -> &DeviceId {
        &self.id
    }

    fn read_config(&self, offset: u16, width: Width) -> u32 {
        assert!(offset < 0x1000 && width <= Width::Dword && usize::from(offset).is_multiple_of(width.bytes()));
        self.configuration.lock().unwrap().read(offset, width)
    }

    fn write_config(&self, offset: u16, width: Width, value: u32) {
        assert!(offset < 0x1000 && width <= Width::Dword && usize::from(offset).is_multiple_of(width.bytes()));
        self.configuration.lock().unwrap().write(offset, width, value);
    }

    fn decoded(&self) -> Vec<DecodedBar> {
        self.configuration.lock().unwrap().decoded()
    }

    fn bar_device(&self, _bar: u8) -> Option<Arc<dyn BusDevice>> {
        Some(Arc::new(Constant))
    }

    fn doorbells(&self, bar: u8) -> Vec<Doorbell> {
        let event = Arc::new(vmm_sys_util::eventfd::EventFd::new(0).unwrap());
        let doorbell = Doorbell { offset: 0x3000, width: None, datamatch: None, event };
        if bar == 0 { vec![doorbell] } else { vec![] }
    }
}

/// Name, number, space and addresses of what is mapped.
pub(super) type Mapped = (String, u8, Space, Range<u64>);

/// Remembers what is mapped, and fails when the bus breaks its word.
#[derive(Default)]
pub(super) struct FakeMapper {
    mapped: Mutex<Vec<Mapped>>,
    calls: Mutex<Vec<(char, String)>>,
}

impl FakeMapper {
    /// What is mapped now, but for the host bridge's window.
    pub(super) fn mapped(&self) -> Vec<Mapped> {
        let mut mapped = self.mapped.lock().unwrap().clone();
        mapped.retain(|(function, ..)| function != "host-bridge");
        mapped.sort_by_key(|(function, bar, ..)| (function.clone(), *bar));
        mapped
    }

    /// Where the host bridge's window is.
    pub(super) fn ecam(&self) -> Option<Range<u64>> {
        let mapped = self.mapped.lock().unwrap();
        mapped.iter().find(|(function, ..)| function == "host-bridge").map(|(.., range)| range.clone())
    }

    /// The calls since the last time: `+` maps, `-` unmaps.
    pub(super) fn take_calls(&self) -> Vec<(char, String)> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

fn mapped(mapping: &Mapping) -> Mapped {
    (mapping.function.to_string(), mapping.bar, mapping.space, mapping.range.clone())
}

impl BarMapper for FakeMapper {
    fn map(&self, mapping: &Mapping) {
        assert_eq!(mapping.doorbells.len(), usize::from(mapping.bar == 0));
        let (mut all, new) = (self.mapped.lock().unwrap(), mapped(mapping));
        let overlaps =
            |(_, _, space, range): &&Mapped| *space == new.2 && range.start < new.3.end && new.3.start < range.end;
        assert_eq!(all.iter().find(overlaps), None, "{mapping:?} overlaps");
        self.calls.lock().unwrap().push(('+', new.0.clone()));
        all.push(new);
    }

    fn unmap(&self, mapping: &Mapping) {
        let (mut all, old) = (self.mapped.lock().unwrap(), mapped(mapping));
        let index = all.iter().position(|mapped| *mapped == old).expect("only what is mapped is unmapped");
        all.remove(index);
        self.calls.lock().unwrap().push(('-', old.0));
    }
}

/// A bus, and what it mapped.
pub(super) struct Machine {
    pub(super) bus: Arc<PciBus>,
    pub(super) mapper: Arc<FakeMapper>,
}

pub(super) const fn address(bus: u8, device: u8, function: u8) -> PciAddress {
    PciAddress { bus, slot: Slot::new(device, function) }
}

pub(super) fn host_bridge() -> Arc<HostBridge> {
    Arc::new(HostBridge::new("host-bridge".into(), Some(ECAM.start), None, None).unwrap())
}

pub(super) fn root_port(id: &str, number: u8) -> Arc<RootPort> {
    Arc::new(RootPort::new(id.into(), number, None).unwrap())
}

impl Machine {
    /// A machine with `functions`, each at the end of its path.
    pub(super) fn new(functions: &[(&[Slot], Arc<dyn PciFunction>)]) -> Self {
        let mut topology = Topology::new(host_bridge());
        for (path, function) in functions {
            topology.insert(path, Arc::clone(function)).unwrap();
        }
        let mapper = Arc::new(FakeMapper::default());
        Self { bus: PciBus::new(topology, mapper.clone()), mapper }
    }

    pub(super) fn read(&self, address: PciAddress, offset: u16, width: Width) -> u64 {
        self.bus.read(address, offset, width)
    }

    pub(super) fn write(&self, address: PciAddress, offset: u16, width: Width, value: u64) {
        self.bus.write(address, offset, width, value);
    }
}
