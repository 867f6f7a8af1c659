//! Preferences for features of the hypervisor.

use crate::api::instancetype::FeaturePreferences;
use crate::api::vmi::{FeatureHyperv, Features};

/// Switches features as it is liked.
pub(super) fn apply(liked: &FeaturePreferences, features: &mut Features) {
    // Upstream cannot see whether ACPI is set, and overwrites it.
    features.acpi = liked.preferred_acpi.clone().or(features.acpi.take());
    features.apic = features.apic.take().or(liked.preferred_apic.clone());
    if let Some(liked) = &liked.preferred_hyperv {
        hyperv(liked, features.hyperv.get_or_insert_default());
    }
    features.kvm = features.kvm.take().or(liked.preferred_kvm.clone());
    features.pvspinlock = features.pvspinlock.take().or(liked.preferred_pvspinlock.clone());
    features.smm = features.smm.take().or(liked.preferred_smm.clone());
}

fn hyperv(liked: &FeatureHyperv, own: &mut FeatureHyperv) {
    for (own, liked) in [
        (&mut own.evmcs, &liked.evmcs),
        (&mut own.frequencies, &liked.frequencies),
        (&mut own.ipi, &liked.ipi),
        (&mut own.reenlightenment, &liked.reenlightenment),
        (&mut own.relaxed, &liked.relaxed),
        (&mut own.reset, &liked.reset),
        (&mut own.runtime, &liked.runtime),
        (&mut own.synic, &liked.synic),
        (&mut own.vapic, &liked.vapic),
        (&mut own.vpindex, &liked.vpindex),
    ] {
        *own = own.take().or(liked.clone());
    }
    own.spinlocks = own.spinlocks.take().or(liked.spinlocks.clone());
    own.synictimer = own.synictimer.take().or(liked.synictimer.clone());
    own.tlbflush = own.tlbflush.take().or(liked.tlbflush.clone());
    own.vendorid = own.vendorid.take().or(liked.vendorid.clone());
}
