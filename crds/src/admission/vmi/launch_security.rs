//! Guests whose memory the host cannot read.

use super::firmware::is_on;
use super::{list, text};
use crate::admission::{Causes, Path, Reason};
use crate::api::vmi::{Efi, LaunchSecurity, VirtualMachineInstanceSpec};
use crate::config::{ClusterConfig, FeatureGate};

/// One technology, whose gate is open, with firmware and options that it works with.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    let Some(security) = &spec.domain.launch_security else { return };
    match text(&spec.architecture) {
        "amd64" => on_amd64(&path.at("launchSecurity"), spec, security, config, causes),
        "s390x" => {}
        other => {
            let message = format!("No launchSecurity support for architecture: {other}");
            causes.invalid(path.at("architecture"), message);
        }
    }
}

fn on_amd64(
    field: &Path,
    spec: &VirtualMachineInstanceSpec,
    security: &LaunchSecurity,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let (name, gate) = match (&security.sev, &security.snp, &security.tdx) {
        (Some(_), None, None) => ("SEV", FeatureGate::WorkloadEncryptionSev),
        (None, Some(_), None) => ("SNP", FeatureGate::WorkloadEncryptionSev),
        (None, None, Some(_)) => ("TDX", FeatureGate::WorkloadEncryptionTdx),
        _ => {
            let message = "One and only one launchSecurity type can be set";
            return causes.add(Reason::Forbidden, field, message);
        }
    };
    if !config.is_enabled(gate) {
        let message = format!("{} feature gate is not enabled in kubevirt-config", gate.name());
        return causes.invalid(field, message);
    }
    if security.tdx.is_some() && spec.domain.features.as_ref().is_some_and(|features| is_on(&features.smm)) {
        causes.invalid(field, "TDX does not work along with SMM");
    }
    let bootloader = spec.domain.firmware.as_ref().and_then(|firmware| firmware.bootloader.as_ref());
    match bootloader.and_then(|bootloader| bootloader.efi.as_ref()) {
        Some(efi) => efi_fits(field, name, efi, causes),
        None => causes.invalid(field, format!("{name} requires OVMF (UEFI)")),
    }
    let is_attested = security.sev.as_ref().is_some_and(|sev| sev.attestation.is_some());
    if is_attested && spec.start_strategy.as_deref() != Some("Paused") {
        causes.invalid(field, "SEV attestation requires VMI StartStrategy 'Paused'");
    }
    for interface in list(&spec.domain.devices.interfaces).iter().filter(|interface| interface.boot_order.is_some()) {
        causes.invalid(field, format!("{name} does not work with bootable NICs: {}", interface.name));
    }
}

fn efi_fits(field: &Path, name: &str, efi: &Efi, causes: &mut Causes) {
    if name != "TDX" && efi.secure_boot != Some(false) {
        causes.invalid(field, format!("{name} does not work along with SecureBoot"));
    }
    if name != "SEV" && efi.persistent == Some(true) {
        causes.invalid(field, format!("{name} does not work along with Persistent EFI variables"));
    }
}
