//! Gates that guard nothing any more; a configuration may still name them.

use crate::api::vmi::{Interface, VirtualMachineInstanceSpec};

/// A gate that guards nothing any more.
#[derive(Clone, Copy, Debug)]
pub struct RetiredGate {
    /// The name in the configuration.
    pub name: &'static str,
    /// What became of the feature.
    pub fate: Fate,
    /// What an administrator is told who names it; none for what is told of all.
    pub told: Option<&'static str>,
    /// Whether a machine uses the feature, where that is refused or warned of.
    pub is_used: Option<fn(&VirtualMachineInstanceSpec) -> bool>,
}

/// What became of a feature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is always on.
    General,
    /// It will go: its use is warned of.
    Deprecated,
    /// It is gone: its use is refused.
    Discontinued,
}

impl RetiredGate {
    /// What an administrator is told who names it.
    pub fn message(&self) -> String {
        let state = match self.fate {
            Fate::General => "General Availability",
            Fate::Deprecated => "Deprecated",
            Fate::Discontinued => "Discontinued",
        };
        self.told.map_or_else(
            || {
                format!(
                    "feature gate {} is deprecated (feature state is {state:?}), therefore it can be safely removed \
                     and is redundant. For more info, please look at: \
                     https://github.com/kubevirt/kubevirt/blob/main/docs/deprecation.md",
                    self.name
                )
            },
            str::to_owned,
        )
    }
}

const fn general(name: &'static str) -> RetiredGate {
    RetiredGate { name, fate: Fate::General, told: None, is_used: None }
}

const fn deprecated(name: &'static str, told: &'static str) -> RetiredGate {
    RetiredGate { name, fate: Fate::Deprecated, told: Some(told), is_used: None }
}

const fn discontinued(
    name: &'static str,
    is_used: Option<fn(&VirtualMachineInstanceSpec) -> bool>,
    told: &'static str,
) -> RetiredGate {
    RetiredGate { name, fate: Fate::Discontinued, told: Some(told), is_used }
}

/// All of them, by what became of them.
pub(super) const RETIRED: [RetiredGate; 39] = [
    general("LiveMigration"),
    general("SRIOVLiveMigration"),
    general("NonRoot"),
    general("PSA"),
    general("CPUNodeDiscovery"),
    general("NUMA"),
    general("CommonInstancetypesDeploymentGate"),
    general("GPU"),
    general("HotplugNICs"),
    general("BochsDisplayForEFIGuests"),
    general("VMLiveUpdateFeatures"),
    general("NetworkBindingPlugins"),
    general("DynamicPodInterfaceNaming"),
    general("VolumesUpdateStrategy"),
    general("VolumeMigration"),
    general("DisableCustomSELinuxPolicy"),
    general("AutoResourceLimitsGate"),
    general("ClusterProfiler"),
    general("VMPersistentState"),
    general("VMExport"),
    general("PersistentReservation"),
    general("InstancetypeReferencePolicy"),
    general("EnableVirtioFsConfigVolumes"),
    general("ExpandDisks"),
    general("PanicDevices"),
    general("LiveUpdateNADRef"),
    general("VideoConfig"),
    general("SecureExecution"),
    general("MigrationPriorityQueue"),
    general("VmiMemoryOverheadReport"),
    general("LibvirtHooksServerAndClient"),
    deprecated("DockerSELinuxMCSWorkaround", "DockerSELinuxMCSWorkaround has been deprecated since v1.4."),
    deprecated("MultiArchitecture", "MultiArchitecture has been deprecated since v1.8.0"),
    deprecated("DisableMDEVConfiguration", "DisableMDEVConfiguration has been deprecated since v1.8.0"),
    deprecated(
        "HotplugVolumes",
        "HotplugVolumes has been deprecated since v1.9.0 and has been replaced by DeclarativeHotplugVolumes",
    ),
    discontinued(
        "ExperimentalVirtiofsSupport",
        None,
        "Virtiofs ExperimentalVirtiofsSupport feature gate is discontinued since v1.7. Please use \
         EnableVirtioFsConfigVolumes or EnableVirtioFsPVC feature gates instead",
    ),
    discontinued(
        "Passt",
        Some(|spec| uses(spec, |interface| interface.passt.is_some())),
        "Passt network binding is discontinued since v1.3. Please refer to Kubevirt user guide for alternatives.",
    ),
    discontinued(
        "Macvtap",
        Some(|spec| uses(spec, |interface| interface.macvtap.is_some())),
        "Macvtap network binding is discontinued since v1.3. Please refer to Kubevirt user guide for alternatives.",
    ),
    discontinued(
        "PasstIPStackMigration",
        None,
        "Seamless migration with passt network binding plugin is no longer supported since KubeVirt v1.8. Please use \
         the passt core binding instead.",
    ),
];

fn uses(spec: &VirtualMachineInstanceSpec, is_such: fn(&Interface) -> bool) -> bool {
    spec.domain.devices.interfaces.iter().flatten().any(is_such)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_is_told_what_became_of_a_gate() {
        let told = |name: &str| RETIRED.iter().find(|gate| gate.name == name).unwrap().message();
        assert!(
            told("NUMA").starts_with("feature gate NUMA is deprecated (feature state is \"General Availability\")")
        );
        assert_eq!(told("MultiArchitecture"), "MultiArchitecture has been deprecated since v1.8.0");
    }
}
