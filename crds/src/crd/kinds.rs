//! All kinds.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::structural::structural_schema;
use super::{Column, Kind, Scope, Version};
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
    VIRTUAL_MACHINE,
    VIRTUAL_MACHINE_INSTANCE,
    VIRTUAL_MACHINE_INSTANCE_REPLICA_SET,
    VIRTUAL_MACHINE_INSTANCE_MIGRATION,
    VIRTUAL_MACHINE_INSTANCE_PRESET,
    KUBE_VIRT,
    VIRTUAL_MACHINE_POOL,
    VIRTUAL_MACHINE_SNAPSHOT,
    VIRTUAL_MACHINE_SNAPSHOT_CONTENT,
    VIRTUAL_MACHINE_RESTORE,
    VIRTUAL_MACHINE_CLONE,
    VIRTUAL_MACHINE_EXPORT,
    VIRTUAL_MACHINE_BACKUP,
    VIRTUAL_MACHINE_BACKUP_TRACKER,
    VIRTUAL_MACHINE_INSTANCETYPE,
    VIRTUAL_MACHINE_CLUSTER_INSTANCETYPE,
    VIRTUAL_MACHINE_PREFERENCE,
    VIRTUAL_MACHINE_CLUSTER_PREFERENCE,
    MIGRATION_POLICY,
];

fn rewrite<T: DeserializeOwned + Serialize>(document: Value) -> serde_json::Result<Value> {
    serde_json::to_value(serde_json::from_value::<T>(document)?)
}

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

/// What most kinds have.
const KIND: Kind = Kind {
    group: "kubevirt.io",
    kind: "",
    plural: "",
    short_names: &[],
    scope: Scope::Namespaced,
    versions: &V1,
    columns: &[],
    status: true,
    scale: false,
    schema: || Value::Null,
    rewrite: Ok,
};

const VIRTUAL_MACHINE: Kind = Kind {
    kind: "VirtualMachine",
    plural: "virtualmachines",
    short_names: &["vm", "vms"],
    columns: &[AGE, column("Status", "string", ".status.printableStatus"), READY],
    schema: structural_schema::<VirtualMachine>,
    rewrite: rewrite::<VirtualMachine>,
    ..KIND
};

const VIRTUAL_MACHINE_INSTANCE: Kind = Kind {
    kind: "VirtualMachineInstance",
    plural: "virtualmachineinstances",
    short_names: &["vmi", "vmis"],
    columns: &[
        AGE,
        PHASE,
        column("IP", "string", ".status.interfaces[0].ipAddress"),
        column("NodeName", "string", ".status.nodeName"),
        READY,
        wide("Live-Migratable", "string", ".status.conditions[?(@.type=='LiveMigratable')].status"),
        wide("Paused", "string", ".status.conditions[?(@.type=='Paused')].status"),
    ],
    status: false,
    schema: structural_schema::<VirtualMachineInstance>,
    rewrite: rewrite::<VirtualMachineInstance>,
    ..KIND
};

const VIRTUAL_MACHINE_INSTANCE_REPLICA_SET: Kind = Kind {
    kind: "VirtualMachineInstanceReplicaSet",
    plural: "virtualmachineinstancereplicasets",
    short_names: &["vmirs", "vmirss"],
    columns: &[
        column("Desired", "integer", ".spec.replicas"),
        column("Current", "integer", ".status.replicas"),
        column("Ready", "integer", ".status.readyReplicas"),
        AGE,
    ],
    scale: true,
    schema: structural_schema::<VirtualMachineInstanceReplicaSet>,
    rewrite: rewrite::<VirtualMachineInstanceReplicaSet>,
    ..KIND
};

const VIRTUAL_MACHINE_INSTANCE_MIGRATION: Kind = Kind {
    kind: "VirtualMachineInstanceMigration",
    plural: "virtualmachineinstancemigrations",
    short_names: &["vmim", "vmims"],
    columns: &[PHASE, column("VMI", "string", ".spec.vmiName")],
    schema: structural_schema::<VirtualMachineInstanceMigration>,
    rewrite: rewrite::<VirtualMachineInstanceMigration>,
    ..KIND
};

const VIRTUAL_MACHINE_INSTANCE_PRESET: Kind = Kind {
    kind: "VirtualMachineInstancePreset",
    plural: "virtualmachineinstancepresets",
    short_names: &["vmipreset", "vmipresets"],
    versions: &[
        deprecated("v1", "kubevirt.io/v1 VirtualMachineInstancePresets is now deprecated and will be removed in v2."),
        Version {
            storage: true,
            ..deprecated(
                "v1alpha3",
                "kubevirt.io/v1alpha3 VirtualMachineInstancePresets is now deprecated and will be removed in v2.",
            )
        },
    ],
    status: false,
    schema: structural_schema::<VirtualMachineInstancePreset>,
    rewrite: rewrite::<VirtualMachineInstancePreset>,
    ..KIND
};

const KUBE_VIRT: Kind = Kind {
    kind: "KubeVirt",
    plural: "kubevirts",
    short_names: &["kv", "kvs"],
    columns: &[AGE, PHASE],
    schema: structural_schema::<KubeVirt>,
    rewrite: rewrite::<KubeVirt>,
    ..KIND
};

const VIRTUAL_MACHINE_POOL: Kind = Kind {
    group: "pool.kubevirt.io",
    kind: "VirtualMachinePool",
    plural: "virtualmachinepools",
    short_names: &["vmpool", "vmpools"],
    versions: &V1BETA1,
    columns: &[
        column("Desired", "integer", ".spec.replicas"),
        column("Current", "integer", ".status.replicas"),
        column("Ready", "integer", ".status.readyReplicas"),
        AGE,
    ],
    scale: true,
    schema: structural_schema::<VirtualMachinePool>,
    rewrite: rewrite::<VirtualMachinePool>,
    ..KIND
};

const VIRTUAL_MACHINE_SNAPSHOT: Kind = Kind {
    group: "snapshot.kubevirt.io",
    kind: "VirtualMachineSnapshot",
    plural: "virtualmachinesnapshots",
    short_names: &["vmsnapshot", "vmsnapshots"],
    versions: &V1BETA1,
    columns: &[
        SOURCE[0],
        SOURCE[1],
        PHASE,
        column("ReadyToUse", "boolean", ".status.readyToUse"),
        column("CreationTime", "date", ".status.creationTime"),
        ERROR,
    ],
    schema: structural_schema::<VirtualMachineSnapshot>,
    rewrite: rewrite::<VirtualMachineSnapshot>,
    ..KIND
};

const VIRTUAL_MACHINE_SNAPSHOT_CONTENT: Kind = Kind {
    group: "snapshot.kubevirt.io",
    kind: "VirtualMachineSnapshotContent",
    plural: "virtualmachinesnapshotcontents",
    short_names: &["vmsnapshotcontent", "vmsnapshotcontents"],
    versions: &V1BETA1,
    columns: &[
        column("ReadyToUse", "boolean", ".status.readyToUse"),
        column("CreationTime", "date", ".status.creationTime"),
        ERROR,
    ],
    schema: structural_schema::<VirtualMachineSnapshotContent>,
    rewrite: rewrite::<VirtualMachineSnapshotContent>,
    ..KIND
};

const VIRTUAL_MACHINE_RESTORE: Kind = Kind {
    group: "snapshot.kubevirt.io",
    kind: "VirtualMachineRestore",
    plural: "virtualmachinerestores",
    short_names: &["vmrestore", "vmrestores"],
    versions: &V1BETA1,
    columns: &[
        column("TargetKind", "string", ".spec.target.kind"),
        column("TargetName", "string", ".spec.target.name"),
        column("Complete", "boolean", ".status.complete"),
        column("RestoreTime", "date", ".status.restoreTime"),
    ],
    schema: structural_schema::<VirtualMachineRestore>,
    rewrite: rewrite::<VirtualMachineRestore>,
    ..KIND
};

const VIRTUAL_MACHINE_CLONE: Kind = Kind {
    group: "clone.kubevirt.io",
    kind: "VirtualMachineClone",
    plural: "virtualmachineclones",
    short_names: &["vmclone", "vmclones"],
    versions: &V1BETA1,
    columns: &[
        PHASE,
        column("SourceVirtualMachine", "string", ".spec.source.name"),
        column("TargetVirtualMachine", "string", ".spec.target.name"),
    ],
    schema: structural_schema::<VirtualMachineClone>,
    rewrite: rewrite::<VirtualMachineClone>,
    ..KIND
};

const VIRTUAL_MACHINE_EXPORT: Kind = Kind {
    group: "export.kubevirt.io",
    kind: "VirtualMachineExport",
    plural: "virtualmachineexports",
    short_names: &["vmexport", "vmexports"],
    versions: &[
        deprecated(
            "v1beta1",
            "export.kubevirt.io/v1beta1 VirtualMachineExport is now deprecated and will be removed in a future version.",
        ),
        stored("v1"),
    ],
    columns: &[SOURCE[0], SOURCE[1], PHASE],
    schema: structural_schema::<VirtualMachineExport>,
    rewrite: rewrite::<VirtualMachineExport>,
    ..KIND
};

const VIRTUAL_MACHINE_BACKUP: Kind = Kind {
    group: "backup.kubevirt.io",
    kind: "VirtualMachineBackup",
    plural: "virtualmachinebackups",
    short_names: &["vmbackup", "vmbackups"],
    versions: &[stored("v1alpha1")],
    columns: &[
        SOURCE[0],
        SOURCE[1],
        column("Type", "string", ".status.type"),
        column("CheckpointName", "string", ".status.checkpointName"),
    ],
    schema: structural_schema::<VirtualMachineBackup>,
    rewrite: rewrite::<VirtualMachineBackup>,
    ..KIND
};

const VIRTUAL_MACHINE_BACKUP_TRACKER: Kind = Kind {
    group: "backup.kubevirt.io",
    kind: "VirtualMachineBackupTracker",
    plural: "virtualmachinebackuptrackers",
    short_names: &["vmbackuptracker", "vmbackuptrackers"],
    versions: &[stored("v1alpha1")],
    columns: &[
        SOURCE[0],
        SOURCE[1],
        column("LatestCheckpoint", "string", ".status.latestCheckpoint.name"),
        column("CheckpointTime", "date", ".status.latestCheckpoint.creationTime"),
    ],
    schema: structural_schema::<VirtualMachineBackupTracker>,
    rewrite: rewrite::<VirtualMachineBackupTracker>,
    ..KIND
};

const VIRTUAL_MACHINE_INSTANCETYPE: Kind = Kind {
    group: "instancetype.kubevirt.io",
    kind: "VirtualMachineInstancetype",
    plural: "virtualmachineinstancetypes",
    short_names: &["vminstancetype", "vminstancetypes", "vmf", "vmfs"],
    versions: &[stored("v1beta1")],
    status: false,
    schema: structural_schema::<VirtualMachineInstancetype>,
    rewrite: rewrite::<VirtualMachineInstancetype>,
    ..KIND
};

const VIRTUAL_MACHINE_CLUSTER_INSTANCETYPE: Kind = Kind {
    group: "instancetype.kubevirt.io",
    kind: "VirtualMachineClusterInstancetype",
    plural: "virtualmachineclusterinstancetypes",
    short_names: &["vmclusterinstancetype", "vmclusterinstancetypes", "vmcf", "vmcfs"],
    scope: Scope::Cluster,
    versions: &[stored("v1beta1")],
    status: false,
    schema: structural_schema::<VirtualMachineClusterInstancetype>,
    rewrite: rewrite::<VirtualMachineClusterInstancetype>,
    ..KIND
};

const VIRTUAL_MACHINE_PREFERENCE: Kind = Kind {
    group: "instancetype.kubevirt.io",
    kind: "VirtualMachinePreference",
    plural: "virtualmachinepreferences",
    short_names: &["vmpref", "vmprefs", "vmp", "vmps"],
    versions: &[stored("v1beta1")],
    status: false,
    schema: structural_schema::<VirtualMachinePreference>,
    rewrite: rewrite::<VirtualMachinePreference>,
    ..KIND
};

const VIRTUAL_MACHINE_CLUSTER_PREFERENCE: Kind = Kind {
    group: "instancetype.kubevirt.io",
    kind: "VirtualMachineClusterPreference",
    plural: "virtualmachineclusterpreferences",
    short_names: &["vmcp", "vmcps"],
    scope: Scope::Cluster,
    versions: &[stored("v1beta1")],
    status: false,
    schema: structural_schema::<VirtualMachineClusterPreference>,
    rewrite: rewrite::<VirtualMachineClusterPreference>,
    ..KIND
};

const MIGRATION_POLICY: Kind = Kind {
    group: "migrations.kubevirt.io",
    kind: "MigrationPolicy",
    plural: "migrationpolicies",
    scope: Scope::Cluster,
    versions: &[stored("v1alpha1")],
    schema: structural_schema::<MigrationPolicy>,
    rewrite: rewrite::<MigrationPolicy>,
    ..KIND
};
