//! All kinds.

use super::{Column, Kind, Version};
use crate::api::backup::{VirtualMachineBackup, VirtualMachineBackupTracker};
use crate::api::clone::VirtualMachineClone;
use crate::api::export::VirtualMachineExport;
use crate::api::instancetype::{
    VirtualMachineClusterInstancetype, VirtualMachineClusterPreference, VirtualMachineInstancetype,
    VirtualMachinePreference,
};
use crate::api::kubevirt::KubeVirt;
use crate::api::migration::VirtualMachineInstanceMigration;
use crate::api::migration_policy::MigrationPolicy;
use crate::api::pool::VirtualMachinePool;
use crate::api::preset::VirtualMachineInstancePreset;
use crate::api::replica_set::VirtualMachineInstanceReplicaSet;
use crate::api::snapshot::{VirtualMachineRestore, VirtualMachineSnapshot, VirtualMachineSnapshotContent};
use crate::api::vm::VirtualMachine;
use crate::api::vmi::VirtualMachineInstance;

/// All kinds, in the order of their definitions' importance to a reader.
pub const KINDS: [Kind; 19] = [
    Kind::new::<VirtualMachine>("kubevirt.io", "VirtualMachine", "virtualmachines")
        .versions(&V1)
        .short_names(&["vm", "vms"])
        .columns(&[AGE, column("Status", "string", ".status.printableStatus"), READY]),
    Kind::new::<VirtualMachineInstance>("kubevirt.io", "VirtualMachineInstance", "virtualmachineinstances")
        .versions(&V1)
        .short_names(&["vmi", "vmis"])
        .columns(&[
            AGE,
            PHASE,
            column("IP", "string", ".status.interfaces[0].ipAddress"),
            column("NodeName", "string", ".status.nodeName"),
            READY,
            wide("Live-Migratable", "string", ".status.conditions[?(@.type=='LiveMigratable')].status"),
            wide("Paused", "string", ".status.conditions[?(@.type=='Paused')].status"),
        ])
        .without_status(),
    Kind::new::<VirtualMachineInstanceReplicaSet>(
        "kubevirt.io",
        "VirtualMachineInstanceReplicaSet",
        "virtualmachineinstancereplicasets",
    )
    .versions(&V1)
    .short_names(&["vmirs", "vmirss"])
    .columns(&[
        column("Desired", "integer", ".spec.replicas"),
        column("Current", "integer", ".status.replicas"),
        column("Ready", "integer", ".status.readyReplicas"),
        AGE,
    ])
    .with_scale(),
    Kind::new::<VirtualMachineInstanceMigration>(
        "kubevirt.io",
        "VirtualMachineInstanceMigration",
        "virtualmachineinstancemigrations",
    )
    .versions(&V1)
    .short_names(&["vmim", "vmims"])
    .columns(&[PHASE, column("VMI", "string", ".spec.vmiName")]),
    Kind::new::<VirtualMachineInstancePreset>(
        "kubevirt.io",
        "VirtualMachineInstancePreset",
        "virtualmachineinstancepresets",
    )
    .versions(&PRESETS)
    .short_names(&["vmipreset", "vmipresets"])
    .without_status(),
    Kind::new::<KubeVirt>("kubevirt.io", "KubeVirt", "kubevirts")
        .versions(&V1)
        .short_names(&["kv", "kvs"])
        .columns(&[AGE, PHASE]),
    Kind::new::<VirtualMachinePool>("pool.kubevirt.io", "VirtualMachinePool", "virtualmachinepools")
        .versions(&V1BETA1)
        .short_names(&["vmpool", "vmpools"])
        .columns(&[
            column("Desired", "integer", ".spec.replicas"),
            column("Current", "integer", ".status.replicas"),
            column("Ready", "integer", ".status.readyReplicas"),
            AGE,
        ])
        .with_scale(),
    Kind::new::<VirtualMachineSnapshot>("snapshot.kubevirt.io", "VirtualMachineSnapshot", "virtualmachinesnapshots")
        .versions(&V1BETA1)
        .short_names(&["vmsnapshot", "vmsnapshots"])
        .columns(&[
            SOURCE[0],
            SOURCE[1],
            PHASE,
            column("ReadyToUse", "boolean", ".status.readyToUse"),
            column("CreationTime", "date", ".status.creationTime"),
            ERROR,
        ]),
    Kind::new::<VirtualMachineSnapshotContent>(
        "snapshot.kubevirt.io",
        "VirtualMachineSnapshotContent",
        "virtualmachinesnapshotcontents",
    )
    .versions(&V1BETA1)
    .short_names(&["vmsnapshotcontent", "vmsnapshotcontents"])
    .columns(&[
        column("ReadyToUse", "boolean", ".status.readyToUse"),
        column("CreationTime", "date", ".status.creationTime"),
        ERROR,
    ]),
    Kind::new::<VirtualMachineRestore>("snapshot.kubevirt.io", "VirtualMachineRestore", "virtualmachinerestores")
        .versions(&V1BETA1)
        .short_names(&["vmrestore", "vmrestores"])
        .columns(&[
            column("TargetKind", "string", ".spec.target.kind"),
            column("TargetName", "string", ".spec.target.name"),
            column("Complete", "boolean", ".status.complete"),
            column("RestoreTime", "date", ".status.restoreTime"),
        ]),
    Kind::new::<VirtualMachineClone>("clone.kubevirt.io", "VirtualMachineClone", "virtualmachineclones")
        .versions(&V1BETA1)
        .short_names(&["vmclone", "vmclones"])
        .columns(&[
            PHASE,
            column("SourceVirtualMachine", "string", ".spec.source.name"),
            column("TargetVirtualMachine", "string", ".spec.target.name"),
        ]),
    Kind::new::<VirtualMachineExport>("export.kubevirt.io", "VirtualMachineExport", "virtualmachineexports")
        .versions(&EXPORTS)
        .short_names(&["vmexport", "vmexports"])
        .columns(&[SOURCE[0], SOURCE[1], PHASE]),
    Kind::new::<VirtualMachineBackup>("backup.kubevirt.io", "VirtualMachineBackup", "virtualmachinebackups")
        .versions(&V1ALPHA1_ONLY)
        .short_names(&["vmbackup", "vmbackups"])
        .columns(&[
            SOURCE[0],
            SOURCE[1],
            column("Type", "string", ".status.type"),
            column("CheckpointName", "string", ".status.checkpointName"),
        ]),
    Kind::new::<VirtualMachineBackupTracker>(
        "backup.kubevirt.io",
        "VirtualMachineBackupTracker",
        "virtualmachinebackuptrackers",
    )
    .versions(&V1ALPHA1_ONLY)
    .short_names(&["vmbackuptracker", "vmbackuptrackers"])
    .columns(&[
        SOURCE[0],
        SOURCE[1],
        column("LatestCheckpoint", "string", ".status.latestCheckpoint.name"),
        column("CheckpointTime", "date", ".status.latestCheckpoint.creationTime"),
    ]),
    Kind::new::<VirtualMachineInstancetype>(
        "instancetype.kubevirt.io",
        "VirtualMachineInstancetype",
        "virtualmachineinstancetypes",
    )
    .versions(&V1BETA1_ONLY)
    .short_names(&["vminstancetype", "vminstancetypes", "vmf", "vmfs"])
    .without_status(),
    Kind::new::<VirtualMachineClusterInstancetype>(
        "instancetype.kubevirt.io",
        "VirtualMachineClusterInstancetype",
        "virtualmachineclusterinstancetypes",
    )
    .versions(&V1BETA1_ONLY)
    .short_names(&["vmclusterinstancetype", "vmclusterinstancetypes", "vmcf", "vmcfs"])
    .without_status()
    .for_the_cluster(),
    Kind::new::<VirtualMachinePreference>(
        "instancetype.kubevirt.io",
        "VirtualMachinePreference",
        "virtualmachinepreferences",
    )
    .versions(&V1BETA1_ONLY)
    .short_names(&["vmpref", "vmprefs", "vmp", "vmps"])
    .without_status(),
    Kind::new::<VirtualMachineClusterPreference>(
        "instancetype.kubevirt.io",
        "VirtualMachineClusterPreference",
        "virtualmachineclusterpreferences",
    )
    .versions(&V1BETA1_ONLY)
    .short_names(&["vmcp", "vmcps"])
    .without_status()
    .for_the_cluster(),
    Kind::new::<MigrationPolicy>("migrations.kubevirt.io", "MigrationPolicy", "migrationpolicies")
        .versions(&V1ALPHA1_ONLY)
        .for_the_cluster(),
];

const fn stored(name: &'static str) -> Version {
    Version { name, storage: true, deprecation: None }
}

const fn served(name: &'static str) -> Version {
    Version { name, storage: false, deprecation: None }
}

const fn deprecated(name: &'static str, warning: &'static str) -> Version {
    Version { name, storage: false, deprecation: Some(warning) }
}

const fn column(name: &'static str, type_: &'static str, path: &'static str) -> Column {
    Column { name, path, type_, wide: false }
}

const fn wide(name: &'static str, type_: &'static str, path: &'static str) -> Column {
    Column { name, path, type_, wide: true }
}

const AGE: Column = column("Age", "date", ".metadata.creationTimestamp");
const READY: Column = column("Ready", "string", ".status.conditions[?(@.type=='Ready')].status");
const PHASE: Column = column("Phase", "string", ".status.phase");
const SOURCE: [Column; 2] =
    [column("SourceKind", "string", ".spec.source.kind"), column("SourceName", "string", ".spec.source.name")];
const ERROR: Column = column("Error", "string", ".status.error.message");

const V1ALPHA3: Version =
    deprecated("v1alpha3", "kubevirt.io/v1alpha3 is now deprecated and will be removed in a future release.");
const V1: [Version; 2] = [stored("v1"), V1ALPHA3];
const V1BETA1: [Version; 2] = [served("v1alpha1"), stored("v1beta1")];
const PRESETS: [Version; 2] = [
    deprecated("v1", "kubevirt.io/v1 VirtualMachineInstancePresets is now deprecated and will be removed in v2."),
    Version {
        storage: true,
        ..deprecated(
            "v1alpha3",
            "kubevirt.io/v1alpha3 VirtualMachineInstancePresets is now deprecated and will be removed in v2.",
        )
    },
];
const EXPORTS: [Version; 2] = [
    deprecated(
        "v1beta1",
        "export.kubevirt.io/v1beta1 VirtualMachineExport is now deprecated and will be removed in a future version.",
    ),
    stored("v1"),
];
const V1BETA1_ONLY: [Version; 1] = [stored("v1beta1")];
const V1ALPHA1_ONLY: [Version; 1] = [stored("v1alpha1")];
