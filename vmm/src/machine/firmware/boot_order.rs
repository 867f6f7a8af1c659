//! The file `bootorder`: the devices in the order in which firmware tries them, as OpenFirmware paths.

use crate::config::VmConfig;
use crate::machine::pci_places::Place;
use devices::id::DeviceId;
use devices::pci::Slot;
use std::fmt::Write;

/// The order in the making.
#[derive(Debug, Default)]
pub(in crate::machine) struct BootOrder {
    /// Paths in the order of the configuration, and the place that it gives them.
    devices: Vec<(Option<u32>, String)>,
}

impl BootOrder {
    /// `device` is one more, when it is one to start from.
    pub(in crate::machine) fn add(&mut self, config: &VmConfig, device: &DeviceId, place: &Place) {
        if let Some(disk) = config.disks.iter().find(|disk| disk.id == *device) {
            self.devices.push((disk.boot_index, path(place, "scsi", "/disk@0,0")));
        } else if let Some(net) = config.nets.iter().find(|net| net.id == *device) {
            self.devices.push((net.boot_index, path(place, "ethernet", "/ethernet-phy@0")));
        }
    }

    /// The file: first what has a boot index. `None`: nothing can be booted from.
    pub(in crate::machine) fn into_file(self) -> Option<Vec<u8>> {
        let Self { mut devices } = self;
        // A stable sort: the others stay in the configuration's order.
        devices.sort_by_key(|(index, _)| index.map_or(u64::MAX, u64::from));
        let paths: Vec<String> = devices.into_iter().map(|(_, path)| path).collect();
        (!paths.is_empty()).then(|| (paths.join("\n") + "\0").into_bytes())
    }
}

fn path(place: &Place, kind: &str, unit: &str) -> String {
    let mut path = String::from("/pci@i0cf8");
    if let Some((_, port)) = place.port {
        node(&mut path, "pci-bridge", port);
    }
    node(&mut path, kind, place.slot);
    path + unit
}

fn node(path: &mut String, kind: &str, slot: Slot) {
    // Writing to a text does not fail.
    let _ = write!(path, "/{kind}@{:x}", slot.device());
    if slot.function() != 0 {
        let _ = write!(path, ",{:x}", slot.function());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The order of three devices with these boot indices.
    fn order(a: &str, b: &str, n: &str) -> String {
        let mut order = BootOrder::default();
        let json = format!(
            r#"{{"version": 1, "disks": [{{"id": "a"{a}}}, {{"id": "b"{b}}}],
                 "nets": [{{"id": "n", "mac": "02:00:00:00:00:01"{n}}}]}}"#
        );
        let config: VmConfig = serde_json::from_str(&json).unwrap();
        let places = [
            ("rng0", Place { port: None, slot: Slot::new(1, 0) }),
            ("a", Place { port: None, slot: Slot::new(2, 0) }),
            ("b", Place { port: Some((1, Slot::new(0x1c, 3))), slot: Slot::new(0, 0) }),
            ("n", Place { port: None, slot: Slot::new(0x11, 0) }),
        ];
        for (id, place) in &places {
            order.add(&config, &(*id).into(), place);
        }
        String::from_utf8(order.into_file().unwrap()).unwrap()
    }

    const A: &str = "/pci@i0cf8/scsi@2/disk@0,0";
    const B: &str = "/pci@i0cf8/pci-bridge@1c,3/scsi@0/disk@0,0";
    const N: &str = "/pci@i0cf8/ethernet@11/ethernet-phy@0";

    #[test]
    fn devices_are_named_by_their_slots_and_ports_disks_before_networks() {
        assert_eq!(order("", "", ""), format!("{A}\n{B}\n{N}\0"));
    }

    #[test]
    fn those_with_a_boot_index_come_first_in_its_order() {
        let index = |number: u32| format!(r#", "boot_index": {number}"#);
        assert_eq!(order("", "", &index(7)), format!("{N}\n{A}\n{B}\0"));
        assert_eq!(order(&index(9), &index(u32::MAX), &index(0)), format!("{N}\n{A}\n{B}\0"));
        assert_eq!(order("", &index(1), ""), format!("{B}\n{A}\n{N}\0"));
    }

    #[test]
    fn without_devices_there_is_no_order() {
        assert_eq!(BootOrder::default().into_file(), None);
    }
}
