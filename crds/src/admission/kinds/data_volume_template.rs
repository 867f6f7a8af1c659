//! DataVolumes that are made with a machine.

use crate::admission::vmi::list;
use crate::admission::{Causes, Path, Reason};
use crate::api::data_volume::{DataVolumeSource, DataVolumeSpec};
use crate::api::kubernetes::ObjectMeta;
use crate::api::vm::{DataVolumeTemplateSpec, VirtualMachineSpec};
use crate::api::vmi::Volume;

/// Each template is complete, and a volume of the machine uses it.
pub(super) fn validate(path: &Path, spec: &VirtualMachineSpec, causes: &mut Causes) {
    let machine = spec.template.as_ref().and_then(|template| template.spec.as_ref());
    let volumes = machine.map(|machine| list(&machine.volumes)).unwrap_or_default();
    for (place, template) in list(&spec.data_volume_templates).iter().enumerate() {
        let field = path.at("dataVolumeTemplate").index(place);
        if let Some((reason, field, message)) = fault(&field, template) {
            causes.add(reason, field, message);
        } else if !volumes.iter().any(|volume| uses(volume, name(template))) {
            let message =
                format!("DataVolumeTemplate entry {field} must be referenced in the VMI template's 'volumes' list");
            causes.required(&field, message);
        }
    }
}

fn name(template: &DataVolumeTemplateSpec) -> &str {
    template.metadata.as_ref().and_then(|metadata: &ObjectMeta| metadata.name.as_deref()).unwrap_or_default()
}

fn uses(volume: &Volume, name: &str) -> bool {
    volume.persistent_volume_claim.as_ref().is_some_and(|claim| claim.claim_name == name)
        || volume.data_volume.as_ref().is_some_and(|source| source.name == name)
}

/// The first thing that is wrong with a template.
fn fault(field: &Path, template: &DataVolumeTemplateSpec) -> Option<(Reason, Path, String)> {
    let field_of_name = field.at("name");
    if name(template).is_empty() {
        let message = format!("'name' field must not be empty for DataVolumeTemplate entry {field_of_name}.");
        return Some((Reason::Required, field_of_name, message));
    }
    let spec = &template.spec;
    let (place, message) = match (&spec.pvc, &spec.storage) {
        (None, None) => ("PVC.Storage", "Missing Data volume PVC or Storage"),
        (Some(_), Some(_)) => {
            ("PVC.Storage", "Duplicate storage definition, both target storage and target pvc defined")
        }
        _ => source_fault(spec)?,
    };
    Some((Reason::Invalid, field.at(place), message.to_owned()))
}

fn source_fault(spec: &DataVolumeSpec) -> Option<(&'static str, &'static str)> {
    let claim = spec.pvc.as_ref().is_some_and(|claim| claim.data_source.is_some() || claim.data_source_ref.is_some());
    let storage =
        spec.storage.as_ref().is_some_and(|storage| storage.data_source.is_some() || storage.data_source_ref.is_some());
    let is_populated = claim || (spec.pvc.is_none() && storage);
    let has_source = spec.source.is_some() || spec.source_ref.is_some();
    match (is_populated, has_source) {
        (true, true) => Some(("source", "External population is incompatible with Source and SourceRef")),
        (false, false) => {
            Some(("source.sourceRef", "Data volume should have either Source, SourceRef, or be externally populated"))
        }
        _ => match sources(spec.source.as_ref()?) {
            0 => Some(("source", "Missing dataVolume valid source")),
            1 => None,
            _ => Some(("source", "Multiple dataVolume sources")),
        },
    }
}

fn sources(source: &DataVolumeSource) -> usize {
    let set = [
        source.http.is_some(),
        source.s3.is_some(),
        source.gcs.is_some(),
        source.registry.is_some(),
        source.pvc.is_some(),
        source.upload.is_some(),
        source.blank.is_some(),
        source.imageio.is_some(),
        source.vddk.is_some(),
        source.snapshot.is_some(),
    ];
    set.into_iter().filter(|is_set| *is_set).count()
}

/// A template in another namespace than its machine is refused.
pub(super) fn namespaces(templates: &[DataVolumeTemplateSpec], namespace: &str, causes: &mut Causes) {
    for (place, template) in templates.iter().enumerate() {
        let own = template.metadata.as_ref().and_then(|metadata| metadata.namespace.as_deref()).unwrap_or_default();
        if !own.is_empty() && own != namespace {
            let message = format!("Embedded DataVolume namespace {own} differs from VM namespace {namespace}");
            causes.invalid(Path::new("spec.dataVolumeTemplates").index(place), message);
        }
    }
}
