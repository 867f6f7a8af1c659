//! The bus on the buses of a machine, as a guest uses them.

use super::*;
use crate::bus::Bus;
use crate::pci::{ConfigPorts, Windows};

/// Puts ranges on the buses, as a board does.
#[derive(Default)]
struct Buses {
    io: Bus,
    memory: Bus,
}

impl Buses {
    fn of(&self, space: Space) -> &Bus {
        match space {
            Space::Io => &self.io,
            Space::Memory => &self.memory,
        }
    }

    /// A configuration access through the window at `window`.
    fn config(&self, window: u64, slot: Slot, offset: u64, value: u64) {
        let function = u64::from(slot.device()) << 15 | u64::from(slot.function()) << 12;
        self.memory.write(window + function + offset, Width::Dword, value);
    }
}

impl BarMapper for Buses {
    fn map(&self, mapping: &Mapping) {
        self.of(mapping.space).insert(mapping.range.clone(), Arc::clone(&mapping.device)).unwrap();
    }

    fn unmap(&self, mapping: &Mapping) {
        self.of(mapping.space).remove(mapping.range.start).unwrap();
    }
}

/// A reset control register that is not there.
struct Absent;

impl BusDevice for Absent {
    fn read(&self, _offset: u64, width: Width) -> u64 {
        width.ones()
    }

    fn write(&self, _offset: u64, _width: Width, _value: u64) {}
}

fn buses() -> (Arc<Buses>, Arc<PciBus>) {
    let mut topology = Topology::new(host_bridge());
    topology.insert(&[FIRST], FakeFunction::new("a")).unwrap();
    topology.insert(&[PORT], root_port("port1", 1)).unwrap();
    topology.insert(&[PORT, BEHIND], FakeFunction::new("b")).unwrap();
    let buses = Arc::new(Buses::default());
    let bus = PciBus::new(topology, Arc::clone(&buses) as _);
    (buses, bus)
}

#[test]
fn a_guest_moves_the_window_through_the_window_and_a_bar_through_both() {
    let (buses, _bus) = buses();
    buses.config(0xb000_0000, Slot::new(0, 0), 0x60, 0xe000_0001);
    assert_eq!(buses.memory.read(0xb000_0000, Width::Dword), 0xffff_ffff);
    assert_eq!(buses.memory.read(0xe000_0000, Width::Dword), 0x29c0_8086);
    buses.config(0xe000_0000, FIRST, 0x1c, 0xc000_0000);
    buses.config(0xe000_0000, FIRST, 0x04, 2);
    assert_eq!(buses.memory.read(0xc000_0000, Width::Byte), 0x5a);
    buses.config(0xe000_0000, FIRST, 0x1c, 0xd000_0000);
    assert_eq!(buses.memory.read(0xc000_0000, Width::Byte), 0xff);
    assert_eq!(buses.memory.read(0xd000_0000, Width::Byte), 0x5a);
}

#[test]
fn ports_move_through_the_ports_they_are_on() {
    let (buses, bus) = buses();
    let ports = ConfigPorts::new("pci".into(), &bus, Arc::new(Absent), None).unwrap();
    buses.io.insert(0xcf8..0xd00, Arc::new(ports)).unwrap();
    let write = |register: u64, value| {
        buses.io.write(0xcf8, Width::Dword, 0x8000_0800 | register);
        buses.io.write(0xcfc, Width::Dword, value);
    };
    write(0x18, 0xc000);
    write(0x04, 1);
    assert_eq!(buses.io.read(0xc03f, Width::Byte), 0x5a);
    write(0x18, 0xd000);
    assert_eq!((buses.io.read(0xc000, Width::Byte), buses.io.read(0xd000, Width::Byte)), (0xff, 0x5a));
}

#[test]
fn what_is_assigned_is_reached_behind_a_root_port() {
    let (buses, bus) = buses();
    bus.assign(&Windows {
        io: 0xc000..0x1_0000,
        memory32: 0xc000_0000..0xfc00_0000,
        memory64: 0x8_0000_0000..0x10_0000_0000,
    })
    .unwrap();
    let behind = address(1, 0, 0);
    let bar = |offset| bus.read(behind, offset, Width::Dword);
    let (ports, memory) = (bar(0x18) & !3, bar(0x1c));
    bus.write(behind, 0x04, Width::Word, 3);
    // The port itself is switched on with its windows.
    assert_eq!((buses.memory.read(memory, Width::Byte), buses.io.read(ports, Width::Byte)), (0x5a, 0x5a));
    assert_eq!(buses.memory.read(0x8_0000_0000, Width::Byte), 0x5a, "the prefetchable BAR of 64 bits");
    bus.write(address(0, 4, 0), 0x04, Width::Word, 0);
    assert_eq!((buses.memory.read(memory, Width::Byte), buses.io.read(ports, Width::Byte)), (0xff, 0xff));
}
