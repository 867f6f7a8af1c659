//! Processors: time, topology, model.

use super::is_unset;
use super::vmi::architecture;
use crate::api::kubernetes::Quantity;
use crate::api::vmi::{Bootloader, Cpu, Efi, Firmware, VirtualMachineInstanceSpec};
use crate::config::ClusterConfig;

/// A limit without a request is requested; else what the cluster configures.
pub(super) fn set_requests(spec: &mut VirtualMachineInstanceSpec, config: &ClusterConfig) {
    let dedicated = spec.domain.cpu.as_ref().is_some_and(|cpu| cpu.dedicated_cpu_placement == Some(true));
    let limit = spec.domain.resources.as_ref().and_then(|resources| resources.limit("cpu")).cloned();
    let request = spec.domain.resources.as_ref().and_then(|resources| resources.request("cpu")).cloned();
    let is_zero = request.as_ref().is_none_or(Quantity::is_zero);
    let value = match (limit.filter(|limit| !limit.is_zero()), config.cpu_request()) {
        (Some(limit), _) if is_zero => limit,
        (_, Some(configured)) if request.is_none() && !dedicated => configured.clone(),
        _ => return,
    };
    let resources = spec.domain.resources.get_or_insert_default();
    resources.requests.get_or_insert_default().insert("cpu".to_owned(), value);
}

/// A machine without a topology has as many sockets as it may use processors.
pub(super) fn set_topology(spec: &mut VirtualMachineInstanceSpec) {
    let resources = spec.domain.resources.as_ref();
    let asked = resources.and_then(|resources| resources.limit("cpu").or_else(|| resources.request("cpu")));
    // As upstream, which cuts the number to 32 bits.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "upstream's arithmetic")]
    let sockets = asked.map_or(1, |asked| asked.value() as u32);
    let cpu = spec.domain.cpu.get_or_insert_with(Cpu::default);
    if [cpu.cores, cpu.sockets, cpu.threads].into_iter().all(|count| count.unwrap_or(0) == 0) {
        cpu.sockets = Some(sockets);
        cpu.cores = Some(1);
        cpu.threads = Some(1);
    }
}

/// ARM machines have the host's processor and UEFI.
pub(super) fn set_by_architecture(spec: &mut VirtualMachineInstanceSpec) {
    if architecture(spec) != "arm64" {
        return;
    }
    let cpu = spec.domain.cpu.get_or_insert_with(Cpu::default);
    if is_unset(cpu.model.as_deref()) {
        cpu.model = Some("host-passthrough".to_owned());
    }
    let firmware = spec.domain.firmware.get_or_insert_with(Firmware::default);
    let bootloader =
        firmware.bootloader.get_or_insert_with(|| Bootloader { efi: Some(Efi::default()), ..Bootloader::default() });
    if let Some(efi) = &mut bootloader.efi {
        efi.secure_boot.get_or_insert(false);
    }
}

/// The cluster's model, or the host's.
pub(super) fn set_model(spec: &mut VirtualMachineInstanceSpec, config: &ClusterConfig) {
    let cpu = spec.domain.cpu.get_or_insert_with(Cpu::default);
    if is_unset(cpu.model.as_deref()) {
        cpu.model = Some(config.cpu_model().unwrap_or("host-model").to_owned());
    }
}
