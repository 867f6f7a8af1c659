//! The limits: field by field.

use serde_json::Value;

/// Something that cannot be done yet.
#[derive(Debug)]
pub(super) struct Limit {
    /// The field below a machine's spec; `[]` stands for each item of a list.
    pub(super) field: &'static str,
    /// Which values ask for it.
    pub(super) asked: Asked,
    /// What cannot be done; `{}` stands for the value.
    pub(super) message: &'static str,
    /// What to do about it.
    pub(super) remedy: &'static str,
}

/// Which values of a field ask for something.
#[derive(Debug)]
pub(super) enum Asked {
    /// All.
    Present,
    /// True.
    True,
    /// An object whose field of this name is not false.
    Unless(&'static str),
    /// Texts other than these; an empty one asks for nothing.
    OtherThan(&'static [&'static str]),
}

use Asked::{OtherThan, Present, True, Unless};

impl Asked {
    pub(super) fn is_met_by(&self, value: &Value) -> bool {
        match self {
            Present => value.as_array().is_none_or(|items| !items.is_empty()),
            True => value == true,
            Unless(switch) => value.get(switch).is_none_or(|value| value != false),
            OtherThan(known) => value.as_str().is_some_and(|text| !text.is_empty() && !known.contains(&text)),
        }
    }
}

/// A feature that does not say that it is off.
const ENABLED: Asked = Unless("enabled");

const LEAVE_OUT: &str = "leave the field out";
const VIRTIO: &str = "use bus: virtio";

const fn limit(field: &'static str, asked: Asked, message: &'static str, remedy: &'static str) -> Limit {
    Limit { field, asked, message, remedy }
}

const VOLUME: &str = "Volumes of manifests do not become disks yet";
const IMAGE: &str = "give raw images to 'launcher run --disk path=FILE'";

/// All limits.
pub(super) const TABLE: &[Limit] = &[
    // The board and its processors.
    limit("architecture", OtherThan(&["amd64"]), "Machines of the architecture {} cannot be run", "use amd64"),
    limit("domain.machine.type", OtherThan(&["q35", "pc-q35"]), "There is no board {}", "use q35"),
    limit(
        "domain.cpu.model",
        OtherThan(&["host-model", "host-passthrough"]),
        "Guests see the host's processor: the model {} is not made",
        "use host-model",
    ),
    limit("domain.cpu.features", Present, "Processor features cannot be chosen", LEAVE_OUT),
    limit("domain.cpu.isolateEmulatorThread", True, "Threads are not pinned to processors of their own", LEAVE_OUT),
    limit("domain.cpu.numa", Present, "Guests have no NUMA topology", LEAVE_OUT),
    limit("domain.cpu.realtime", Present, "vCPUs are not scheduled in real time", LEAVE_OUT),
    limit("domain.launchSecurity", Present, "Guests are not encrypted", LEAVE_OUT),
    limit("domain.chassis", Present, "SMBIOS does not tell a chassis", LEAVE_OUT),
    // Firmware, clocks, features.
    limit("domain.firmware.bootloader.efi", Unless("secureBoot"), "There is no secure boot", "say secureBoot: false"),
    limit(
        "domain.firmware.kernelBoot.container",
        Present,
        "Kernels are not taken from container images",
        "give files to 'launcher run --kernel FILE --initrd FILE'",
    ),
    limit("domain.firmware.acpi", Present, "Guests get no ACPI tables from Secrets", LEAVE_OUT),
    limit("domain.clock.utc.offsetSeconds", Present, "The clock is set to UTC", LEAVE_OUT),
    limit("domain.clock.timezone", OtherThan(&["UTC"]), "The clock is set to UTC, not {}", "use UTC"),
    limit("domain.clock.timer", Present, "Timers cannot be chosen", LEAVE_OUT),
    limit("domain.features.hyperv", Present, "Guests see none of Hyper-V's features", LEAVE_OUT),
    limit("domain.features.hypervPassthrough", ENABLED, "Guests see none of Hyper-V's features", LEAVE_OUT),
    limit("domain.features.smm", ENABLED, "There is no system management mode", "say enabled: false"),
    limit("domain.features.kvm.hidden", True, "KVM cannot be hidden from guests", LEAVE_OUT),
    limit("domain.features.pvspinlock", ENABLED, "Spinlocks are the guest's own affair", LEAVE_OUT),
    // Disks.
    limit("domain.devices.disks[].disk.bus", OtherThan(&["virtio", "sata", "scsi"]), "There is no disk bus {}", VIRTIO),
    limit(
        "domain.devices.disks[].cdrom.bus",
        OtherThan(&["sata", "scsi"]),
        "There are no CD-ROM drives on the bus {}",
        "use bus: sata",
    ),
    limit("domain.devices.disks[].lun", Present, "SCSI commands are not passed through", "use disk: {bus: virtio}"),
    limit("domain.devices.disks[].io", Present, "How files are read and written cannot be chosen", LEAVE_OUT),
    limit("domain.devices.disks[].shareable", True, "A disk belongs to one machine", LEAVE_OUT),
    limit("domain.devices.disks[].changedBlockTracking", True, "Changed blocks are not tracked", LEAVE_OUT),
    // Volumes, by their source.
    limit("volumes[].containerDisk", Present, VOLUME, IMAGE),
    limit("volumes[].persistentVolumeClaim", Present, VOLUME, IMAGE),
    limit("volumes[].dataVolume", Present, VOLUME, IMAGE),
    limit("volumes[].ephemeral", Present, VOLUME, IMAGE),
    limit("volumes[].emptyDisk", Present, VOLUME, IMAGE),
    limit("volumes[].hostDisk", Present, VOLUME, IMAGE),
    limit("volumes[].cloudInitNoCloud", Present, VOLUME, IMAGE),
    limit("volumes[].cloudInitConfigDrive", Present, VOLUME, IMAGE),
    limit("volumes[].sysprep", Present, VOLUME, IMAGE),
    limit("volumes[].configMap", Present, VOLUME, IMAGE),
    limit("volumes[].secret", Present, VOLUME, IMAGE),
    limit("volumes[].downwardAPI", Present, VOLUME, IMAGE),
    limit("volumes[].serviceAccount", Present, VOLUME, IMAGE),
    limit("volumes[].downwardMetrics", Present, "Guests get no metrics of their host", LEAVE_OUT),
    limit("volumes[].memoryDump", Present, "Memory is not dumped", LEAVE_OUT),
    limit("volumes[].containerPath", Present, "Directories are not shared with guests", LEAVE_OUT),
    limit("utilityVolumes", Present, "There is nothing that would use a utility volume", LEAVE_OUT),
    // Networks.
    limit(
        "domain.devices.interfaces[].model",
        OtherThan(&["virtio"]),
        "There is no network device {}",
        "use model: virtio",
    ),
    limit("domain.devices.interfaces[].masquerade", Present, NETWORK, TAP),
    limit("domain.devices.interfaces[].bridge", Present, NETWORK, TAP),
    limit("domain.devices.interfaces[].passtBinding", Present, NETWORK, TAP),
    limit("domain.devices.interfaces[].binding", Present, NETWORK, TAP),
    limit("domain.devices.interfaces[].sriov", Present, "Devices of the host are not passed through", TAP),
    limit("domain.devices.interfaces[].pciAddress", Present, "PCI addresses cannot be chosen", LEAVE_OUT),
    limit("networks[].multus", Present, NETWORK, TAP),
    limit("networks[].resourceClaim", Present, "Devices of the host are not passed through", TAP),
    // Other devices.
    limit("domain.devices.autoattachGraphicsDevice", True, "There is no graphics adapter", "say false"),
    limit("domain.devices.video", Present, "There is no graphics adapter", LEAVE_OUT),
    limit("domain.devices.inputs", Present, "There are no pointing devices", LEAVE_OUT),
    limit("domain.devices.autoattachInputDevice", True, "There are no pointing devices", "say false"),
    limit("domain.devices.sound", Present, "There is no sound card", LEAVE_OUT),
    limit("domain.devices.tpm", ENABLED, "There is no TPM", LEAVE_OUT),
    limit("domain.devices.watchdog", Present, "There is no watchdog", LEAVE_OUT),
    limit("domain.devices.panicDevices", Present, "There are no panic devices", LEAVE_OUT),
    limit("domain.devices.gpus", Present, "Devices of the host are not passed through", LEAVE_OUT),
    limit("domain.devices.hostDevices", Present, "Devices of the host are not passed through", LEAVE_OUT),
    limit("domain.devices.filesystems", Present, "Directories are not shared with guests", LEAVE_OUT),
    limit("domain.devices.clientPassthrough", Present, "USB devices of clients are not passed through", LEAVE_OUT),
    limit("domain.devices.downwardMetrics", Present, "Guests get no metrics of their host", LEAVE_OUT),
    limit("domain.devices.useVirtioTransitional", True, "virtio devices are modern only", "say false"),
    // What is done around the machine.
    limit("startStrategy", OtherThan(&[]), "Machines are not started paused", LEAVE_OUT),
    limit("accessCredentials", Present, "Keys and passwords are not given to guests", "use cloud-init in the image"),
    limit("livenessProbe", Present, "Guests are not probed", LEAVE_OUT),
    limit("readinessProbe", Present, "Guests are not probed", LEAVE_OUT),
    limit("resourceClaims", Present, "Devices of the host are not passed through", LEAVE_OUT),
];

const NETWORK: &str = "Networks of manifests are not set up yet";
const TAP: &str = "give a TAP interface to 'launcher run --net tap=NAME'";
