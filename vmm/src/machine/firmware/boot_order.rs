//! The file `bootorder`: the devices in the order in which firmware tries them, as OpenFirmware paths.

use crate::config::{DiskBus, DiskConfig, VmConfig};
use crate::machine::pci_places::Place;
use crate::machine::virtio::SCSI;
use devices::id::DeviceId;
use devices::pci::Slot;
use std::fmt::Write;

/// The order in the making.
#[derive(Debug, Default)]
pub(in crate::machine) struct BootOrder {
    devices: Vec<Entry>,
}

/// One device to start from: sorted, these are the order. Disks come before networks, in the configuration's order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// The place that the configuration gives it, or the last.
    index: u64,
    is_net: bool,
    position: usize,
    path: String,
}

impl BootOrder {
    /// `device` is one more, when it is one to start from, or has some.
    pub(in crate::machine) fn add(&mut self, config: &VmConfig, device: &DeviceId, place: &Place) {
        if device.as_str() == SCSI {
            for (target, disk) in config.on_bus(DiskBus::Scsi).enumerate() {
                let unit = format!("/channel@0/disk@{target:x},0");
                self.add_disk(config, disk, path(place, "scsi", &unit));
            }
        } else if let Some(disk) = config.disks.iter().find(|disk| disk.id == *device) {
            self.add_disk(config, disk, path(place, "scsi", "/disk@0,0"));
        } else if let Some(position) = config.nets.iter().position(|net| net.id == *device) {
            let index = config.nets.get(position).and_then(|net| net.boot_index);
            self.push(index, true, position, path(place, "ethernet", "/ethernet-phy@0"));
        }
    }

    /// The disks of the SATA controller at `slot` are more.
    pub(in crate::machine) fn add_sata(&mut self, config: &VmConfig, slot: Slot) {
        for (port, disk) in config.on_bus(DiskBus::Sata).enumerate() {
            let place = Place { port: None, slot };
            self.add_disk(config, disk, path(&place, "pci8086,2922", &format!("/drive@{port:x}/disk@0")));
        }
    }

    fn add_disk(&mut self, config: &VmConfig, disk: &DiskConfig, path: String) {
        let position = config.disks.iter().position(|other| other.id == disk.id).unwrap_or(usize::MAX);
        self.push(disk.boot_index, false, position, path);
    }

    fn push(&mut self, index: Option<u32>, is_net: bool, position: usize, path: String) {
        self.devices.push(Entry { index: index.map_or(u64::MAX, u64::from), is_net, position, path });
    }

    /// The file: first what has a boot index. `None`: nothing can be booted from.
    pub(in crate::machine) fn into_file(self) -> Option<Vec<u8>> {
        let Self { mut devices } = self;
        devices.sort();
        let paths: Vec<String> = devices.into_iter().map(|entry| entry.path).collect();
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
    fn disks_of_one_bus_are_its_targets_and_stand_where_the_configuration_has_them() {
        let json = r#"{"version": 1, "disks": [
            {"id": "s", "bus": "scsi"}, {"id": "t", "bus": "sata"}, {"id": "a"}, {"id": "u", "bus": "sata"}, {"id": "cd", "bus": "scsi", "kind": "cdrom", "boot_index": 0}]}"#;
        let config: VmConfig = serde_json::from_str(json).unwrap();
        let mut order = BootOrder::default();
        order.add_sata(&config, Slot::new(0x1f, 2));
        order.add(&config, &"a".into(), &Place { port: None, slot: Slot::new(2, 0) });
        order.add(&config, &SCSI.into(), &Place { port: None, slot: Slot::new(3, 0) });
        let expected = [
            "/pci@i0cf8/scsi@3/channel@0/disk@1,0",
            "/pci@i0cf8/scsi@3/channel@0/disk@0,0",
            "/pci@i0cf8/pci8086,2922@1f,2/drive@0/disk@0",
            "/pci@i0cf8/scsi@2/disk@0,0",
            "/pci@i0cf8/pci8086,2922@1f,2/drive@1/disk@0",
        ];
        let expected = expected.join("\n") + "\0";
        assert_eq!(String::from_utf8(order.into_file().unwrap()).unwrap(), expected);
    }

    #[test]
    fn without_devices_there_is_no_order() {
        assert_eq!(BootOrder::default().into_file(), None);
    }
}
