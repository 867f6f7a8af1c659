//! Board, firmware, kernels and ACPI tables.

use super::volumes::path_in_image;
use super::{list, text};
use crate::admission::{Causes, Path};
use crate::api::vmi::{FeatureState, Firmware, KernelBoot, VirtualMachineInstanceSpec};
use crate::config::ClusterConfig;

/// The board is one that the cluster allows.
pub(super) fn machine_type(
    path: &Path,
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let board = spec.domain.machine.as_ref().map(|machine| text(&machine.r#type)).unwrap_or_default();
    let allowed = config.emulated_machines(text(&spec.architecture));
    if !board.is_empty() && !allowed.iter().any(|pattern| matches(pattern, board)) {
        let field = path.at("domain.machine.type");
        let message = format!("{field} is not supported: {board} (allowed values: [{}])", allowed.join(" "));
        causes.invalid(&field, message);
    }
}

/// Whether a name matches a pattern in which `*` stands for any text without a slash, `?` for one character.
fn matches(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match (rest.next(), name.chars().next()) {
        (None, first) => first.is_none(),
        (Some('*'), first) => {
            let without_first = || name.char_indices().nth(1).map_or("", |(place, _)| name.get(place..).unwrap_or(""));
            matches(rest.as_str(), name) || first.is_some_and(|c| c != '/') && matches(pattern, without_first())
        }
        (Some(wanted), Some(first)) if wanted == first || (wanted == '?' && first != '/') => {
            matches(rest.as_str(), name.get(first.len_utf8()..).unwrap_or(""))
        }
        _ => false,
    }
}

/// ACPI tables come from Secrets that are volumes.
pub(super) fn acpi_tables(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(tables) = spec.domain.firmware.as_ref().and_then(|firmware| firmware.acpi.as_ref()) else { return };
    let field = path.at("acpi");
    let names = [("slicNameRef", text(&tables.slic_name_ref)), ("msdmNameRef", text(&tables.msdm_name_ref))];
    if names.iter().all(|(_, name)| name.is_empty()) {
        return causes.invalid(&field, "ACPI was set but no SLIC nor MSDM volume reference was set");
    }
    for (reference, name) in names.into_iter().filter(|(_, name)| !name.is_empty()) {
        let fault = match list(&spec.volumes).iter().find(|volume| volume.name == name) {
            Some(volume) if volume.secret.is_some() => continue,
            Some(_) => "refers to Volume of unsupported type.",
            None => "does not have a matching Volume.",
        };
        causes.invalid(field.at(reference), format!("{field} {fault}"));
    }
}

/// One firmware, which secure boot needs SMM for; or a kernel with its image.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(firmware) = &spec.domain.firmware else { return };
    validate_firmware(&path.at("firmware"), firmware, causes);
    let is_tdx = spec.domain.launch_security.as_ref().is_some_and(|security| security.tdx.is_some());
    let has_smm = spec.domain.features.as_ref().is_some_and(|features| is_on(&features.smm));
    if is_secure_boot(firmware) && !has_smm && !is_tdx {
        let message =
            format!("{path} has EFI SecureBoot enabled. SecureBoot requires SMM, which is currently disabled.");
        causes.invalid(path, message);
    }
}

/// One firmware, or a kernel with its image.
pub(in super::super) fn validate_firmware(field: &Path, firmware: &Firmware, causes: &mut Causes) {
    if let Some(bootloader) = &firmware.bootloader
        && bootloader.efi.is_some()
        && bootloader.bios.is_some()
    {
        let field = field.at("bootloader");
        let message = format!("{field} has both EFI and BIOS configured, but they are mutually exclusive.");
        causes.invalid(&field, message);
    }
    if let Some(kernel) = &firmware.kernel_boot {
        kernel_boot(&field.at("kernelBoot"), kernel, causes);
    }
}

/// Whether a feature is named and not switched off.
pub(super) fn is_on(feature: &Option<FeatureState>) -> bool {
    feature.as_ref().is_some_and(|feature| feature.enabled != Some(false))
}

fn is_secure_boot(firmware: &Firmware) -> bool {
    let efi = firmware.bootloader.as_ref().and_then(|bootloader| bootloader.efi.as_ref());
    efi.is_some_and(|efi| efi.secure_boot != Some(false))
}

fn kernel_boot(field: &Path, kernel: &KernelBoot, causes: &mut Causes) {
    let Some(container) = &kernel.container else {
        if !text(&kernel.kernel_args).is_empty() {
            let message = "kernel arguments cannot be provided without an external kernel";
            causes.invalid(field.at("kernelArgs"), message);
        }
        return;
    };
    let field = field.at("container");
    if container.image.is_empty() {
        causes.required(field.at("image"), format!("{field} must be defined with an image"));
    }
    let files = [("kernelPath", text(&container.kernel_path)), ("initrdPath", text(&container.initrd_path))];
    if files.iter().all(|(_, file)| file.is_empty()) {
        let message = format!("{field} must be defined with at least one of the following: kernelPath, initrdPath");
        causes.required(&field, message);
    }
    for (name, file) in files.into_iter().filter(|(_, file)| !file.is_empty()) {
        path_in_image(&field.at(name), file, causes);
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_pattern_s_star_stands_for_any_text() {
        for (pattern, name, is_match) in [
            ("q35*", "q35", true),
            ("q35*", "q35-9.2", true),
            ("pc-q35*", "q35", false),
            ("*", "", true),
            ("a*c", "abc", true),
            ("a?c", "abc", true),
            ("a*c", "abd", false),
            ("", "a", false),
            ("v*", "v/i", false),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
    }
}
