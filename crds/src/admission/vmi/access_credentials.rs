//! Keys and passwords for the guest.

use super::list;
use crate::admission::{Causes, Path};
use crate::api::vmi::{SshPublicKey, VirtualMachineInstanceSpec};

/// Each credential is one key or one password, from one source, by one way.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    for (place, credential) in list(&spec.access_credentials).iter().enumerate() {
        let field = path.index(place);
        if let Some(key) = &credential.ssh_public_key {
            ssh_key(&field, key, spec, causes);
        }
        if let Some(password) = &credential.user_password {
            let ways = usize::from(password.propagation_method.qemu_guest_agent.is_some());
            source_and_way(&field, "userPassword", password.source.secret.is_some(), ways, causes);
        }
        if credential.ssh_public_key.is_some() == credential.user_password.is_some() {
            causes.invalid(&field, format!("{field} must have exactly one access credential type set"));
        }
    }
}

fn ssh_key(field: &Path, key: &SshPublicKey, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let way = &key.propagation_method;
    let volumes = list(&spec.volumes);
    for (name, is_used, has_volume) in [
        ("noCloud", way.no_cloud.is_some(), volumes.iter().any(|volume| volume.cloud_init_no_cloud.is_some())),
        (
            "configDrive",
            way.config_drive.is_some(),
            volumes.iter().any(|volume| volume.cloud_init_config_drive.is_some()),
        ),
    ] {
        if is_used && !has_volume {
            let message =
                format!("{field} requires a {name} volume to exist when the {name} propagationMethod is in use.");
            causes.invalid(field.at("sshPublicKey.propagationMethod"), message);
        }
    }
    if way.qemu_guest_agent.as_ref().is_some_and(|agent| agent.users.is_empty()) {
        let message = format!("{field} requires at least one user to be present in the users list");
        causes.invalid(field.at("sshPublicKey.propagationMethod.qemuGuestAgent.users"), message);
    }
    let ways = [way.no_cloud.is_some(), way.config_drive.is_some(), way.qemu_guest_agent.is_some()];
    let ways = ways.into_iter().filter(|is_set| *is_set).count();
    source_and_way(field, "sshPublicKey", key.source.secret.is_some(), ways, causes);
}

fn source_and_way(field: &Path, kind: &str, has_source: bool, ways: usize, causes: &mut Causes) {
    if !has_source {
        causes.invalid(field.at(kind).at("source"), format!("{field} must have exactly one source set"));
    }
    if ways != 1 {
        let message = format!("{field} must have exactly one propagationMethod set");
        causes.invalid(field.at(kind).at("propagationMethod"), message);
    }
}
