//! Which disks a bus can have, and how many.

use super::{ConfigError, DiskBus, DiskConfig, DiskKind, VmConfig};

/// Targets of one SCSI device.
const MAX_SCSI_DISKS: usize = 256;

impl VmConfig {
    /// Each disk is what its bus can have, and fits there.
    pub(super) fn validate_buses(&self) -> Result<(), ConfigError> {
        for disk in &self.disks {
            let (kind, buses) = match disk.kind {
                DiskKind::Disk => continue,
                DiskKind::Cdrom => ("CD-ROM drive", "scsi"),
                DiskKind::Lun => ("SCSI unit", "scsi"),
            };
            if disk.bus == DiskBus::Virtio {
                return Err(ConfigError::NotOnVirtio { disk: disk.id.clone(), kind, buses });
            }
        }
        if let Some(disk) = self.disks.iter().find(|disk| disk.root_port && disk.bus != DiskBus::Virtio) {
            return Err(ConfigError::SharedBus(disk.id.clone()));
        }
        let count = self.on_bus(DiskBus::Scsi).count();
        if count > MAX_SCSI_DISKS {
            return Err(ConfigError::TooManyOnBus { bus: "scsi", count, max: MAX_SCSI_DISKS });
        }
        Ok(())
    }

    /// The disks of one bus, in their order.
    pub(crate) fn on_bus(&self, bus: DiskBus) -> impl Iterator<Item = &DiskConfig> {
        self.disks.iter().filter(move |disk| disk.bus == bus)
    }
}
