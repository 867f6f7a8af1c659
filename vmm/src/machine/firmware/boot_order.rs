//! The file `bootorder`: the devices in the order in which firmware tries them, as OpenFirmware paths.

use crate::config::VmConfig;
use crate::machine::pci_places::Place;
use devices::id::DeviceId;
use devices::pci::Slot;
use std::fmt::Write;

/// The order in the making.
#[derive(Debug, Default)]
pub(in crate::machine) struct BootOrder {
    paths: String,
}

impl BootOrder {
    /// `device` comes next, when it is one to start from.
    pub(in crate::machine) fn add(&mut self, config: &VmConfig, device: &DeviceId, place: &Place) {
        if config.disks.iter().any(|disk| disk.id == *device) {
            self.device(place, "scsi", "/disk@0,0");
        } else if config.nets.iter().any(|net| net.id == *device) {
            self.device(place, "ethernet", "/ethernet-phy@0");
        }
    }

    fn device(&mut self, place: &Place, kind: &str, unit: &str) {
        self.paths.push_str("/pci@i0cf8");
        if let Some((_, port)) = place.port {
            self.node("pci-bridge", port);
        }
        self.node(kind, place.slot);
        self.paths.push_str(unit);
        self.paths.push('\n');
    }

    fn node(&mut self, kind: &str, slot: Slot) {
        // Writing to a text does not fail.
        let _ = write!(self.paths, "/{kind}@{:x}", slot.device());
        if slot.function() != 0 {
            let _ = write!(self.paths, ",{:x}", slot.function());
        }
    }

    /// The file; `None`: nothing can be booted from.
    pub(in crate::machine) fn into_file(self) -> Option<Vec<u8>> {
        let Self { paths } = self;
        let paths = paths.strip_suffix('\n')?;
        Some([paths.as_bytes(), b"\0"].concat())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_by_their_slots_and_ports() {
        let mut order = BootOrder::default();
        let json = r#"{"version": 1, "disks": [{"id": "a"}, {"id": "b"}],
                       "nets": [{"id": "n", "mac": "02:00:00:00:00:01"}]}"#;
        let config: VmConfig = serde_json::from_str(json).unwrap();
        let places = [
            ("rng0", Place { port: None, slot: Slot::new(1, 0) }),
            ("a", Place { port: None, slot: Slot::new(2, 0) }),
            ("b", Place { port: Some((1, Slot::new(0x1c, 3))), slot: Slot::new(0, 0) }),
            ("n", Place { port: None, slot: Slot::new(0x11, 0) }),
        ];
        for (id, place) in &places {
            order.add(&config, &(*id).into(), place);
        }
        let expected = "/pci@i0cf8/scsi@2/disk@0,0\n/pci@i0cf8/pci-bridge@1c,3/scsi@0/disk@0,0\n\
                        /pci@i0cf8/ethernet@11/ethernet-phy@0\0";
        assert_eq!(String::from_utf8(order.into_file().unwrap()).unwrap(), expected);
    }

    #[test]
    fn without_devices_there_is_no_order() {
        assert_eq!(BootOrder::default().into_file(), None);
    }
}
