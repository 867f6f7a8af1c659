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
    ByBeing,
    /// True.
    ByTrue,
    /// A feature's state that does not say that it is off.
    ByNotOff,
    /// Texts other than these; an empty one asks for nothing.
    ByOtherThan(&'static [&'static str]),
}

use Asked::{ByBeing, ByNotOff, ByOtherThan, ByTrue};

impl Asked {
    pub(super) fn is_met_by(&self, value: &Value) -> bool {
        match self {
            ByBeing => value.as_array().is_none_or(|items| !items.is_empty()),
            ByTrue => value == true,
            ByNotOff => value.get("enabled").is_none_or(|enabled| enabled != false),
            ByOtherThan(known) => value.as_str().is_some_and(|text| !text.is_empty() && !known.contains(&text)),
        }
    }
}

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
    limit("architecture", ByOtherThan(&["amd64"]), "Machines of the architecture {} cannot be run", "use amd64"),
    limit("domain.machine.type", ByOtherThan(&["q35", "pc-q35"]), "There is no board {}", "use q35"),
    limit(
        "domain.cpu.model",
        ByOtherThan(&["host-model", "host-passthrough"]),
        "Guests see the host's processor: the model {} is not made",
        "use host-model",
    ),
    limit("domain.cpu.features", ByBeing, "Processor features cannot be chosen", LEAVE_OUT),
    limit("domain.cpu.dedicatedCpuPlacement", ByTrue, "vCPUs are not pinned to processors of their own", LEAVE_OUT),
    limit("domain.cpu.isolateEmulatorThread", ByTrue, "Threads are not pinned to processors of their own", LEAVE_OUT),
    limit("domain.cpu.numa", ByBeing, "Guests have no NUMA topology", LEAVE_OUT),
    limit("domain.cpu.realtime", ByBeing, "vCPUs are not scheduled in real time", LEAVE_OUT),
    limit("domain.memory.hugepages", ByBeing, "Memory is not taken from huge pages", LEAVE_OUT),
    limit("domain.launchSecurity", ByBeing, "Guests are not encrypted", LEAVE_OUT),
    limit("domain.chassis", ByBeing, "SMBIOS does not tell a chassis", LEAVE_OUT),
    // Firmware, clocks, features.
    limit(
        "domain.firmware.bootloader.efi",
        ByBeing,
        "UEFI of manifests is not started yet",
        "use 'launcher run --firmware uefi'",
    ),
    limit(
        "domain.firmware.kernelBoot.container",
        ByBeing,
        "Kernels are not taken from container images",
        "give files to 'launcher run --kernel FILE --initrd FILE'",
    ),
    limit("domain.firmware.acpi", ByBeing, "Guests get no ACPI tables from Secrets", LEAVE_OUT),
    limit("domain.clock.utc.offsetSeconds", ByBeing, "The clock is set to UTC", LEAVE_OUT),
    limit("domain.clock.timezone", ByOtherThan(&["UTC"]), "The clock is set to UTC, not {}", "use UTC"),
    limit("domain.clock.timer", ByBeing, "Timers cannot be chosen", LEAVE_OUT),
    limit("domain.features.hyperv", ByBeing, "Guests see none of Hyper-V's features", LEAVE_OUT),
    limit("domain.features.hypervPassthrough", ByNotOff, "Guests see none of Hyper-V's features", LEAVE_OUT),
    limit("domain.features.smm", ByNotOff, "There is no system management mode", "say enabled: false"),
    limit("domain.features.kvm.hidden", ByTrue, "KVM cannot be hidden from guests", LEAVE_OUT),
    limit("domain.features.pvspinlock", ByNotOff, "Spinlocks are the guest's own affair", LEAVE_OUT),
    // Disks.
    limit("domain.devices.disks[].disk.bus", ByOtherThan(&["virtio"]), "There is no disk bus {}", VIRTIO),
    limit(
        "domain.devices.disks[].cdrom",
        ByBeing,
        "There are no CD-ROM drives",
        "use disk: {bus: virtio, readonly: true}",
    ),
    limit("domain.devices.disks[].lun", ByBeing, "SCSI commands are not passed through", "use disk: {bus: virtio}"),
    limit("domain.devices.disks[].cache", ByOtherThan(&["writeback"]), "There is no cache mode {}", LEAVE_OUT),
    limit("domain.devices.disks[].io", ByBeing, "How files are read and written cannot be chosen", LEAVE_OUT),
    limit("domain.devices.disks[].blockSize", ByBeing, "Block sizes are the image's", LEAVE_OUT),
    limit("domain.devices.disks[].shareable", ByTrue, "A disk belongs to one machine", LEAVE_OUT),
    limit(
        "domain.devices.disks[].errorPolicy",
        ByOtherThan(&["report"]),
        "Errors of disks are the guest's to handle: there is no policy {}",
        "use report",
    ),
    limit("domain.devices.disks[].dedicatedIOThread", ByTrue, "Threads of disks cannot be chosen", LEAVE_OUT),
    limit("domain.devices.disks[].changedBlockTracking", ByTrue, "Changed blocks are not tracked", LEAVE_OUT),
    limit("domain.devices.blockMultiQueue", ByTrue, "A disk has one queue", LEAVE_OUT),
    limit("domain.ioThreadsPolicy", ByBeing, "Threads of disks cannot be chosen", LEAVE_OUT),
    // Volumes, by their source.
    limit("volumes[].containerDisk", ByBeing, VOLUME, IMAGE),
    limit("volumes[].persistentVolumeClaim", ByBeing, VOLUME, IMAGE),
    limit("volumes[].dataVolume", ByBeing, VOLUME, IMAGE),
    limit("volumes[].ephemeral", ByBeing, VOLUME, IMAGE),
    limit("volumes[].emptyDisk", ByBeing, VOLUME, IMAGE),
    limit("volumes[].hostDisk", ByBeing, VOLUME, IMAGE),
    limit("volumes[].cloudInitNoCloud", ByBeing, VOLUME, IMAGE),
    limit("volumes[].cloudInitConfigDrive", ByBeing, VOLUME, IMAGE),
    limit("volumes[].sysprep", ByBeing, VOLUME, IMAGE),
    limit("volumes[].configMap", ByBeing, VOLUME, IMAGE),
    limit("volumes[].secret", ByBeing, VOLUME, IMAGE),
    limit("volumes[].downwardAPI", ByBeing, VOLUME, IMAGE),
    limit("volumes[].serviceAccount", ByBeing, VOLUME, IMAGE),
    limit("volumes[].downwardMetrics", ByBeing, "Guests get no metrics of their host", LEAVE_OUT),
    limit("volumes[].memoryDump", ByBeing, "Memory is not dumped", LEAVE_OUT),
    limit("volumes[].containerPath", ByBeing, "Directories are not shared with guests", LEAVE_OUT),
    limit("utilityVolumes", ByBeing, "There is nothing that would use a utility volume", LEAVE_OUT),
    // Networks.
    limit(
        "domain.devices.interfaces[].model",
        ByOtherThan(&["virtio"]),
        "There is no network device {}",
        "use model: virtio",
    ),
    limit("domain.devices.interfaces[].masquerade", ByBeing, NETWORK, TAP),
    limit("domain.devices.interfaces[].bridge", ByBeing, NETWORK, TAP),
    limit("domain.devices.interfaces[].passtBinding", ByBeing, NETWORK, TAP),
    limit("domain.devices.interfaces[].binding", ByBeing, NETWORK, TAP),
    limit("domain.devices.interfaces[].sriov", ByBeing, "Devices of the host are not passed through", TAP),
    limit("domain.devices.interfaces[].pciAddress", ByBeing, "PCI addresses cannot be chosen", LEAVE_OUT),
    limit("domain.devices.networkInterfaceMultiqueue", ByTrue, "An interface has one pair of queues", LEAVE_OUT),
    limit("networks[].multus", ByBeing, NETWORK, TAP),
    limit("networks[].resourceClaim", ByBeing, "Devices of the host are not passed through", TAP),
    // Other devices.
    limit("domain.devices.autoattachGraphicsDevice", ByTrue, "There is no graphics adapter", "say false"),
    limit("domain.devices.video", ByBeing, "There is no graphics adapter", LEAVE_OUT),
    limit("domain.devices.inputs", ByBeing, "There are no pointing devices", LEAVE_OUT),
    limit("domain.devices.autoattachInputDevice", ByTrue, "There are no pointing devices", "say false"),
    limit("domain.devices.sound", ByBeing, "There is no sound card", LEAVE_OUT),
    limit("domain.devices.tpm", ByNotOff, "There is no TPM", LEAVE_OUT),
    limit("domain.devices.watchdog", ByBeing, "There is no watchdog", LEAVE_OUT),
    limit("domain.devices.panicDevices", ByBeing, "There are no panic devices", LEAVE_OUT),
    limit("domain.devices.autoattachMemBalloon", ByTrue, "There is no memory balloon", "say false"),
    limit("domain.devices.autoattachVSOCK", ByTrue, "There is no vsock device", "say false"),
    limit("domain.devices.gpus", ByBeing, "Devices of the host are not passed through", LEAVE_OUT),
    limit("domain.devices.hostDevices", ByBeing, "Devices of the host are not passed through", LEAVE_OUT),
    limit("domain.devices.filesystems", ByBeing, "Directories are not shared with guests", LEAVE_OUT),
    limit("domain.devices.clientPassthrough", ByBeing, "USB devices of clients are not passed through", LEAVE_OUT),
    limit("domain.devices.downwardMetrics", ByBeing, "Guests get no metrics of their host", LEAVE_OUT),
    limit("domain.devices.useVirtioTransitional", ByTrue, "virtio devices are modern only", "say false"),
    // What is done around the machine.
    limit("startStrategy", ByOtherThan(&[]), "Machines are not started paused", LEAVE_OUT),
    limit("accessCredentials", ByBeing, "Keys and passwords are not given to guests", "use cloud-init in the image"),
    limit("livenessProbe", ByBeing, "Guests are not probed", LEAVE_OUT),
    limit("readinessProbe", ByBeing, "Guests are not probed", LEAVE_OUT),
    limit("resourceClaims", ByBeing, "Devices of the host are not passed through", LEAVE_OUT),
];

const NETWORK: &str = "Networks of manifests are not set up yet";
const TAP: &str = "give a TAP interface to 'launcher run --net tap=NAME'";
