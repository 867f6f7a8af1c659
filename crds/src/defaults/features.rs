//! Features and timers: named, they are on.

use super::vmi::architecture;
use crate::api::vmi::{FeatureHyperv, FeatureState, VirtualMachineInstanceSpec};

/// s390x has no ACPI.
pub(super) fn disable_acpi_on_s390x(spec: &mut VirtualMachineInstanceSpec) {
    if architecture(spec) == "s390x" {
        let features = spec.domain.features.get_or_insert_default();
        features.acpi.get_or_insert_default().enabled.get_or_insert(false);
    }
}

/// A feature or a timer that is named without a state is on; ACPI is on when it is not named, too.
pub(super) fn set(spec: &mut VirtualMachineInstanceSpec) {
    let features = spec.domain.features.get_or_insert_default();
    features.acpi.get_or_insert_default().enabled.get_or_insert(true);
    if let Some(apic) = &mut features.apic {
        apic.enabled.get_or_insert(true);
    }
    switch_on([&mut features.smm, &mut features.pvspinlock]);
    features.hyperv.iter_mut().for_each(set_hyperv);
    let Some(timer) = spec.domain.clock.as_mut().and_then(|clock| clock.timer.as_mut()) else { return };
    let timers = [
        timer.hpet.as_mut().map(|timer| &mut timer.present),
        timer.kvm.as_mut().map(|timer| &mut timer.present),
        timer.pit.as_mut().map(|timer| &mut timer.present),
        timer.rtc.as_mut().map(|timer| &mut timer.present),
        timer.hyperv.as_mut().map(|timer| &mut timer.present),
    ];
    for present in timers.into_iter().flatten() {
        present.get_or_insert(true);
    }
}

fn set_hyperv(hyperv: &mut FeatureHyperv) {
    switch_on([
        &mut hyperv.relaxed,
        &mut hyperv.vapic,
        &mut hyperv.vpindex,
        &mut hyperv.runtime,
        &mut hyperv.synic,
        &mut hyperv.reset,
        &mut hyperv.frequencies,
        &mut hyperv.reenlightenment,
        &mut hyperv.ipi,
        &mut hyperv.evmcs,
    ]);
    if let Some(spinlocks) = &mut hyperv.spinlocks
        && *spinlocks.enabled.get_or_insert(true)
    {
        spinlocks.spinlocks.get_or_insert(4096);
    }
    if let Some(vendor) = &mut hyperv.vendorid {
        vendor.enabled.get_or_insert(true);
    }
    if let Some(timer) = &mut hyperv.synictimer {
        timer.enabled.get_or_insert(true);
        switch_on([&mut timer.direct]);
    }
    if let Some(flush) = &mut hyperv.tlbflush {
        flush.enabled.get_or_insert(true);
        switch_on([&mut flush.direct, &mut flush.extended]);
    }
}

fn switch_on<const N: usize>(features: [&mut Option<FeatureState>; N]) {
    for feature in features.into_iter().flatten() {
        feature.enabled.get_or_insert(true);
    }
}
