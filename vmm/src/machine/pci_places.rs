//! Which PCI slot each device of the q35 board has, and which interrupt pin. The same configuration gives the same
//! places.

use crate::memory::layout;
use devices::interrupt::IrqLine;
use devices::pci::{Pin, Slot};

/// Slots of the root bus, from 1 on; 0 is the host bridge's, 31 the LPC bridge's.
const FIRST: usize = 1;

/// A device's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The root port in front of it: its number, from 1 on, and its slot on the root bus.
    pub(super) port: Option<(u8, Slot)>,
    /// The device's slot, on the root bus or behind its port.
    pub(super) slot: Slot,
}

impl Place {
    /// The slots from the root bus to the device.
    pub(super) fn path(&self) -> Vec<Slot> {
        self.port.map(|(_, slot)| slot).into_iter().chain([self.slot]).collect()
    }

    /// The IOAPIC pin that the device's INTA drives.
    pub(super) fn line(&self) -> IrqLine {
        let (slot, pin) = match self.port {
            Some((_, port)) => (port, Pin::A.swizzled(self.slot.device())),
            None => (self.slot, Pin::A),
        };
        IrqLine(layout::pci_irq(slot.device(), pin.index()))
    }
}

/// Places for devices that sit behind a root port of their own, or not: first the devices on the root bus, each in a
/// slot; then the ports, eight functions to a slot. The configuration made sure that there is room.
pub(super) fn places(behind_ports: &[bool]) -> Vec<Place> {
    let first_port = FIRST + behind_ports.iter().filter(|behind_port| !**behind_port).count();
    let (mut next, mut ports) = (FIRST, 0);
    let mut place = |behind_port| {
        if behind_port {
            let slot = slot(first_port + ports / layout::PCI_FUNCTIONS, ports % layout::PCI_FUNCTIONS);
            ports += 1;
            let number = u8::try_from(ports).unwrap_or(u8::MAX);
            Place { port: Some((number, slot)), slot: Slot::new(0, 0) }
        } else {
            next += 1;
            Place { port: None, slot: slot(next - 1, 0) }
        }
    };
    behind_ports.iter().map(|behind_port| place(*behind_port)).collect()
}

/// Both numbers fit: there are 32 slots of 8 functions.
fn slot(device: usize, function: usize) -> Slot {
    Slot::new(u8::try_from(device).unwrap_or(u8::MAX), u8::try_from(function).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_the_root_bus_come_first_and_root_ports_share_the_slots_behind_them() {
        let behind_ports: Vec<bool> = [false, true, false].into_iter().chain([true; 8]).collect();
        let places = places(&behind_ports);
        let on_root = |device| Place { port: None, slot: Slot::new(device, 0) };
        let behind = |number, device, function| Place {
            port: Some((number, Slot::new(device, function))),
            slot: Slot::new(0, 0),
        };
        assert_eq!(places[..4], [on_root(1), behind(1, 3, 0), on_root(2), behind(2, 3, 1)]);
        assert_eq!(places[10], behind(9, 4, 0));
        assert_eq!(places[10].path(), [Slot::new(4, 0), Slot::new(0, 0)]);
        assert_eq!(places[2].path(), [Slot::new(2, 0)]);
    }

    #[test]
    fn interrupt_pins_follow_from_the_slot_on_the_root_bus() {
        let places = places(&[false, true, true]);
        assert_eq!(places.iter().map(Place::line).collect::<Vec<_>>(), [IrqLine(17), IrqLine(18), IrqLine(18)]);
    }
}
