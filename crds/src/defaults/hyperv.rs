//! Hyper-V features that need others.

use crate::api::vmi::{CpuFeature, FeatureHyperv, FeatureState, VirtualMachineInstanceSpec};

/// A Hyper-V feature that works only with another one.
#[derive(Clone, Copy, Debug)]
pub struct Requirement {
    /// The feature's field.
    pub feature: &'static str,
    /// The field of the one it needs.
    pub needs: &'static str,
    enabled: fn(&FeatureHyperv) -> Option<bool>,
    needed: fn(&mut FeatureHyperv) -> &mut Option<FeatureState>,
}

/// Leaves first: what one needs may need something itself.
pub const REQUIREMENTS: [Requirement; 5] = [
    Requirement { feature: "evmcs", needs: "vapic", enabled: |h| state(&h.evmcs), needed: |h| &mut h.vapic },
    Requirement { feature: "ipi", needs: "vpindex", enabled: |h| state(&h.ipi), needed: |h| &mut h.vpindex },
    Requirement {
        feature: "tlbflush",
        needs: "vpindex",
        enabled: |h| h.tlbflush.as_ref()?.enabled,
        needed: |h| &mut h.vpindex,
    },
    Requirement {
        feature: "synictimer",
        needs: "synic",
        enabled: |h| h.synictimer.as_ref()?.enabled,
        needed: |h| &mut h.synic,
    },
    Requirement { feature: "synic", needs: "vpindex", enabled: |h| state(&h.synic), needed: |h| &mut h.vpindex },
];

fn state(feature: &Option<FeatureState>) -> Option<bool> {
    feature.as_ref()?.enabled
}

impl Requirement {
    /// Whether the feature is off, or what it needs is on.
    pub fn is_met(&self, hyperv: &FeatureHyperv) -> bool {
        let mut copy = hyperv.clone();
        (self.enabled)(hyperv) != Some(true) || state((self.needed)(&mut copy)) == Some(true)
    }
}

/// Whether enlightened VMCS is asked for: then the guest needs the processor's VMX.
pub fn wants_enlightened_vmcs(spec: &VirtualMachineInstanceSpec) -> bool {
    let hyperv = spec.domain.features.as_ref().and_then(|features| features.hyperv.as_ref());
    hyperv.and_then(|hyperv| hyperv.evmcs.as_ref()).is_some_and(|evmcs| evmcs.enabled != Some(false))
}

/// Switches on what enabled features need, unless it is switched off: then everything stays, and a rule refuses it.
pub(super) fn enable_requirements(spec: &mut VirtualMachineInstanceSpec) {
    if let Some(hyperv) = spec.domain.features.as_mut().and_then(|features| features.hyperv.as_mut()) {
        for requirement in REQUIREMENTS {
            if (requirement.enabled)(hyperv) != Some(true) {
                continue;
            }
            match (requirement.needed)(hyperv).get_or_insert_default().enabled {
                Some(false) => return,
                Some(true) => {}
                ref mut unset @ None => *unset = Some(true),
            }
        }
    }
    if wants_enlightened_vmcs(spec) {
        require_vmx(spec);
    }
}

fn require_vmx(spec: &mut VirtualMachineInstanceSpec) {
    let features = spec.domain.cpu.get_or_insert_default().features.get_or_insert_default();
    let policy = Some("require".to_owned());
    match features.iter_mut().find(|feature| feature.name == "vmx") {
        Some(vmx) => vmx.policy = policy,
        None => features.push(CpuFeature { name: "vmx".to_owned(), policy }),
    }
}
