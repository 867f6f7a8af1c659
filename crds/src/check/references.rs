//! ConfigMaps and Secrets that a machine refers to: whether they are among the documents, with the keys it needs.

use super::world::World;
use crate::api::kubernetes::LocalObjectReference;
use crate::api::vmi::{AccessCredential, VirtualMachineInstanceSpec, Volume};

const SECRET: &str = "Secret";
const CONFIG_MAP: &str = "ConfigMap";
const USER_DATA: &[&str] = &["userdata", "userData"];
const NETWORK_DATA: &[&str] = &["networkdata", "networkData"];
const ANSWERS: &[&str] = &["autounattend.xml", "Autounattend.xml", "unattend.xml", "Unattend.xml"];

/// A reference, and the keys of which one must be there; none when any will do.
type Reference<'a> = (&'static str, &'a str, &'static [&'static str]);

/// What is to be known of the references of a machine in a namespace: upstream looks at them when the machine starts.
pub(super) fn notes(namespace: &str, spec: &VirtualMachineInstanceSpec, world: &World) -> Vec<String> {
    let volumes = spec.volumes.iter().flatten().flat_map(of_volume);
    let credentials = spec.access_credentials.iter().flatten().filter_map(of_credential);
    let mut notes: Vec<String> = Vec::new();
    for (kind, name, keys) in volumes.chain(credentials) {
        let note = match world.data(kind, namespace, name) {
            None => format!("{kind} {namespace}/{name} is in none of the files: the machine does not start without it"),
            Some(has) if !keys.is_empty() && !keys.iter().any(|key| has.contains(*key)) => {
                format!("{kind} {namespace}/{name} has none of the keys {}", keys.join(", "))
            }
            Some(_) => continue,
        };
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

fn of_volume<'a>(volume: &'a Volume) -> Vec<Reference<'a>> {
    let mut found: Vec<Reference<'_>> = Vec::new();
    let mut add = |kind: &'static str, name: Option<&'a String>, keys: &'static [&'static str]| {
        found.extend(name.filter(|name| !name.is_empty()).map(|name| (kind, name.as_str(), keys)));
    };
    if let Some(secret) = volume.secret.as_ref().filter(|secret| secret.optional != Some(true)) {
        add(SECRET, secret.secret_name.as_ref(), &[]);
    }
    if let Some(map) = volume.config_map.as_ref().filter(|map| map.optional != Some(true)) {
        add(CONFIG_MAP, map.name.as_ref(), &[]);
    }
    if let Some(source) = &volume.cloud_init_no_cloud {
        add(SECRET, name(&source.secret_ref), USER_DATA);
        add(SECRET, name(&source.network_data_secret_ref), NETWORK_DATA);
    }
    if let Some(source) = &volume.cloud_init_config_drive {
        add(SECRET, name(&source.secret_ref), USER_DATA);
        add(SECRET, name(&source.network_data_secret_ref), NETWORK_DATA);
    }
    if let Some(source) = &volume.sysprep {
        add(SECRET, name(&source.secret), ANSWERS);
        add(CONFIG_MAP, name(&source.config_map), ANSWERS);
    }
    found
}

fn name(reference: &Option<LocalObjectReference>) -> Option<&String> {
    reference.as_ref()?.name.as_ref()
}

fn of_credential(credential: &AccessCredential) -> Option<Reference<'_>> {
    let key = credential.ssh_public_key.as_ref().and_then(|key| key.source.secret.as_ref());
    let password = credential.user_password.as_ref().and_then(|password| password.source.secret.as_ref());
    key.or(password).map(|secret| (SECRET, secret.secret_name.as_str(), &[][..]))
}
