//! Volumes that are to be plugged into a machine, or out of it.

use std::collections::BTreeSet;

use super::hotplug_disk;
use crate::admission::vmi::{list, validate_spec};
use crate::admission::{Causes, Path};
use crate::api::vm::{AddVolumeOptions, VirtualMachine, VolumeRequest};
use crate::api::vmi::{Disk, VirtualMachineInstance, VirtualMachineInstanceSpec, Volume};
use crate::config::ClusterConfig;
use crate::semantic::same;

const FIELD: &str = "Status.volumeRequests";

/// The requests do not contradict each other or what is there, and leave a good template and a good running instance.
/// The first thing that is wrong ends it.
pub(super) fn validate(
    vm: &VirtualMachine,
    running: Option<&VirtualMachineInstance>,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let requests = vm.status.as_ref().map(|status| list(&status.volume_requests)).unwrap_or_default();
    if requests.is_empty() {
        return;
    }
    let template = vm.spec.template.as_ref().and_then(|template| template.spec.clone()).unwrap_or_default();
    // A machine that is not ready has no instance that counts.
    let is_ready = vm.status.as_ref().is_some_and(|status| status.ready == Some(true));
    let running = running.filter(|vmi| is_ready && vmi.metadata.deletion_timestamp.is_none());
    let mut specs = [Some(template.clone()), running.map(|vmi| vmi.spec.clone())];
    let there = [
        ("the vmi template.", list(&template.volumes)),
        ("currently running vmi", running.map(|vmi| list(&vmi.spec.volumes)).unwrap_or_default()),
    ];
    let (mut added, mut removed) = (BTreeSet::new(), BTreeSet::new());
    for request in requests {
        let fault = match (&request.add_volume_options, &request.remove_volume_options) {
            (Some(_), Some(_)) => {
                Some("VolumeRequests require either addVolumeOptions or removeVolumeOptions to be set, not both".into())
            }
            (None, None) => {
                Some("VolumeRequests require one of either addVolumeOptions or removeVolumeOptions to be set".into())
            }
            (Some(add), None) if !added.insert(&add.name) => {
                Some(format!("AddVolume request for [{}] aleady exists", add.name))
            }
            (Some(add), None) => {
                let before = causes.len();
                hotplug_disk::validate(add.disk.as_ref(), &add.name, "AddVolume request", FIELD, causes);
                if causes.len() > before {
                    return;
                }
                clash(add, &there)
            }
            (None, Some(remove)) if !removed.insert(&remove.name) => {
                Some(format!("RemoveVolume request for [{}] aleady exists", remove.name))
            }
            (None, Some(_)) => None,
        };
        if let Some(fault) = fault {
            return causes.invalid(FIELD, fault);
        }
        specs.iter_mut().flatten().for_each(|spec| carry_out(spec, request));
    }
    let path = Path::new("spec.template.spec");
    for spec in specs.iter().flatten() {
        let before = causes.len();
        validate_spec(&path, spec, config, causes);
        if causes.len() > before {
            return;
        }
    }
    if running.is_some_and(is_migrating) {
        let message = "Cannot handle volume requests while VMI migration is in progress";
        causes.not_supported("spec", message);
    }
}

fn clash(add: &AddVolumeOptions, there: &[(&str, &[Volume])]) -> Option<String> {
    let new = volume(add, None);
    let (place, _) = there
        .iter()
        .find(|(_, volumes)| volumes.iter().any(|volume| volume.name == new.name && !same(volume, &new)))?;
    Some(format!("AddVolume request for [{}] conflicts with an existing volume of the same name on {place}", add.name))
}

/// The volume that a request adds; `hotpluggable` is what it says of itself, or what the request says.
fn volume(add: &AddVolumeOptions, hotpluggable: Option<bool>) -> Volume {
    let source = add.volume_source.clone().unwrap_or_default();
    let mut volume = Volume { name: add.name.clone(), ..Volume::default() };
    if let Some(mut claim) = source.persistent_volume_claim {
        claim.hotpluggable = hotpluggable.or(claim.hotpluggable);
        volume.persistent_volume_claim = Some(claim);
    } else if let Some(mut data_volume) = source.data_volume {
        data_volume.hotpluggable = hotpluggable.or(data_volume.hotpluggable);
        volume.data_volume = Some(data_volume);
    }
    volume
}

/// Plugs a volume in or out.
fn carry_out(spec: &mut VirtualMachineInstanceSpec, request: &VolumeRequest) {
    let volumes = spec.volumes.get_or_insert_default();
    let disks = spec.domain.devices.disks.get_or_insert_default();
    if let Some(add) = &request.add_volume_options {
        if volumes.iter().any(|volume| volume.name == add.name) {
            return;
        }
        volumes.push(volume(add, Some(true)));
        disks.extend(add.disk.iter().map(|disk| Disk { name: add.name.clone(), ..disk.clone() }));
    } else if let Some(remove) = &request.remove_volume_options {
        volumes.retain(|volume| volume.name != remove.name);
        disks.retain(|disk| disk.name != remove.name);
    }
}

fn is_migrating(vmi: &VirtualMachineInstance) -> bool {
    let state = vmi.status.as_ref().and_then(|status| status.migration_state.as_ref());
    state.is_some_and(|state| state.start_timestamp.is_some() && state.end_timestamp.is_none())
}
