//! Which disks a bus can have, and how many.

use super::{BlockSize, BoardConfig, ConfigError, DiskBus, DiskConfig, DiskKind, VmConfig};
use devices::ahci;

/// Targets of one SCSI device.
const MAX_SCSI_DISKS: usize = 256;

impl VmConfig {
    /// Each disk is what its bus can have, and fits there.
    pub(super) fn validate_buses(&self) -> Result<(), ConfigError> {
        for disk in &self.disks {
            let (kind, buses) = match (disk.kind, disk.bus) {
                (DiskKind::Cdrom, DiskBus::Virtio) => ("CD-ROM drive", "sata or scsi"),
                (DiskKind::Lun, DiskBus::Virtio | DiskBus::Sata) => ("SCSI unit", "scsi"),
                _ => continue,
            };
            return Err(ConfigError::WrongBus { disk: disk.id.clone(), kind, buses });
        }
        if let Some(disk) = self.on_bus(DiskBus::Sata).next()
            && self.board != (BoardConfig::Q35 {})
        {
            return Err(ConfigError::NoSata(disk.id.clone()));
        }
        if let Some(disk) = self.disks.iter().find(|disk| disk.root_port && disk.bus != DiskBus::Virtio) {
            return Err(ConfigError::SharedBus(disk.id.clone()));
        }
        for disk in self.disks.iter().filter(|disk| disk.bus != DiskBus::Virtio) {
            let what = if disk.queues.is_some() { "queues" } else { "block sizes" };
            if disk.queues.is_some() || disk.block_size != BlockSize::default() {
                return Err(ConfigError::VirtioOnly { disk: disk.id.clone(), what });
            }
        }
        for (bus, name, max) in [(DiskBus::Scsi, "scsi", MAX_SCSI_DISKS), (DiskBus::Sata, "sata", ahci::PORTS)] {
            let count = self.on_bus(bus).count();
            if count > max {
                return Err(ConfigError::TooManyOnBus { bus: name, count, max });
            }
        }
        Ok(())
    }

    /// The disks of one bus, in their order.
    pub(crate) fn on_bus(&self, bus: DiskBus) -> impl Iterator<Item = &DiskConfig> {
        self.disks.iter().filter(move |disk| disk.bus == bus)
    }
}
