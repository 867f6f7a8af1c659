//! Feature gates: names in the configuration that switch features on and off.

/// How far a feature has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Off until its gate is named.
    Alpha,
    /// On until its gate is disabled.
    Beta,
    /// Always on.
    General,
}

/// A feature that a rule asks for. Features that are always on have no rule, and so no entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FeatureGate {
    /// Machines that wait for a migration from another cluster.
    DecentralizedLiveMigration,
    /// Empty CD-ROM drives, volumes that are plugged in by changing the spec.
    DeclarativeHotplugVolumes,
    /// Metrics of the node for its guests.
    DownwardMetrics,
    /// Ignition data by annotation.
    ExperimentalIgnitionSupport,
    /// Graphics processors by resource claim.
    GpusWithDra,
    /// Graphics processors of NVIDIA Grace.
    GraceIoVirtualization,
    /// Devices of the node.
    HostDevices,
    /// Devices of the node by resource claim.
    HostDevicesWithDra,
    /// Image files of the node.
    HostDisk,
    /// Backups, and chains of them.
    IncrementalBackup,
    /// Devices of the node by IOMMUFD.
    Iommufd,
    /// Longer downtimes of migrations, step by step.
    MigrationDowntimeTuning,
    /// Noticing that a migration gets nowhere.
    MigrationStallDetection,
    /// Networks by resource claim.
    NetworkDevicesWithDra,
    /// Handlers that change the instances of their node only.
    NodeRestriction,
    /// Exports as container images.
    OciExport,
    /// Roles that are not added to the cluster's own.
    OptOutRoleAggregation,
    /// The built-in passt binding.
    PasstBinding,
    /// PCI devices on the NUMA node that they are near to.
    PciNumaAwareTopology,
    /// SCSI reservations.
    PersistentReservation,
    /// Forwarded ranges of ports.
    PortRangesSpec,
    /// What a reboot of the guest does.
    RebootPolicy,
    /// Locked memory beyond the guest's.
    ReservedOverheadMemlock,
    /// Launchers that run as root.
    Root,
    /// Hook sidecars.
    Sidecar,
    /// Snapshots, and what is made with them.
    Snapshot,
    /// Templates of machines.
    Template,
    /// Volumes of the launcher that come and go.
    UtilityVolumes,
    /// Claims shared by virtiofs.
    VirtioFsStorage,
    /// Sockets between node and guest.
    Vsock,
    /// AMD SEV.
    WorkloadEncryptionSev,
    /// Intel TDX.
    WorkloadEncryptionTdx,
}

impl FeatureGate {
    /// The name in the configuration, and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::DecentralizedLiveMigration => "DecentralizedLiveMigration",
            Self::DeclarativeHotplugVolumes => "DeclarativeHotplugVolumes",
            Self::DownwardMetrics => "DownwardMetrics",
            Self::ExperimentalIgnitionSupport => "ExperimentalIgnitionSupport",
            Self::GpusWithDra => "GPUsWithDRA",
            Self::GraceIoVirtualization => "GraceIOVirtualization",
            Self::HostDevices => "HostDevices",
            Self::HostDevicesWithDra => "HostDevicesWithDRA",
            Self::HostDisk => "HostDisk",
            Self::IncrementalBackup => "IncrementalBackup",
            Self::Iommufd => "IOMMUFD",
            Self::MigrationDowntimeTuning => "MigrationDowntimeTuning",
            Self::MigrationStallDetection => "MigrationStallDetection",
            Self::NetworkDevicesWithDra => "NetworkDevicesWithDRA",
            Self::NodeRestriction => "NodeRestriction",
            Self::OciExport => "OCIExport",
            Self::OptOutRoleAggregation => "OptOutRoleAggregation",
            Self::PasstBinding => "PasstBinding",
            Self::PciNumaAwareTopology => "PCINUMAAwareTopology",
            Self::PersistentReservation => "PersistentReservation",
            Self::PortRangesSpec => "PortRangesSpec",
            Self::RebootPolicy => "RebootPolicy",
            Self::ReservedOverheadMemlock => "ReservedOverheadMemlock",
            Self::Root => "Root",
            Self::Sidecar => "Sidecar",
            Self::Snapshot => "Snapshot",
            Self::Template => "Template",
            Self::UtilityVolumes => "UtilityVolumes",
            Self::VirtioFsStorage => "EnableVirtioFsStorageVolumes",
            Self::Vsock => "VSOCK",
            Self::WorkloadEncryptionSev => "WorkloadEncryptionSEV",
            Self::WorkloadEncryptionTdx => "WorkloadEncryptionTDX",
        }
    }

    /// How far the feature has come.
    pub fn stage(self) -> Stage {
        match self {
            Self::DecentralizedLiveMigration
            | Self::DeclarativeHotplugVolumes
            | Self::GpusWithDra
            | Self::HostDevicesWithDra
            | Self::NodeRestriction
            | Self::OptOutRoleAggregation
            | Self::PasstBinding
            | Self::RebootPolicy
            | Self::Snapshot
            | Self::Template
            | Self::WorkloadEncryptionSev => Stage::Beta,
            Self::PersistentReservation => Stage::General,
            _ => Stage::Alpha,
        }
    }
}
