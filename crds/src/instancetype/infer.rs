//! The instance type and the preference that a machine's volume asks for by its labels.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::api::data_volume::DataVolumeSpec;
use crate::api::vm::{InstancetypeMatcher, VirtualMachine};

/// Labels of volumes and of what they are made from.
type Labels = BTreeMap<String, String>;

/// Where an object is that a volume is, or is made from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place<'a> {
    /// What it is.
    pub kind: PlaceKind,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// What a volume may be, or be made from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlaceKind {
    /// A claim.
    PersistentVolumeClaim,
    /// A volume that CDI fills.
    DataVolume,
    /// A place that CDI fills volumes from.
    DataSource,
    /// A snapshot of a claim.
    VolumeSnapshot,
}

impl PlaceKind {
    /// The resource, as the API server names it.
    fn resource(self) -> &'static str {
        match self {
            Self::PersistentVolumeClaim => "persistentvolumeclaims",
            Self::DataVolume => "datavolumes.cdi.kubevirt.io",
            Self::DataSource => "datasources.cdi.kubevirt.io",
            Self::VolumeSnapshot => "volumesnapshots.snapshot.storage.k8s.io",
        }
    }
}

/// What was found at a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Its labels.
    pub labels: Labels,
    /// What it is made from: a DataVolume's spec, or a DataSource's source in the form of one.
    pub made_from: Option<DataVolumeSpec>,
}

/// Why nothing can be inferred.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum InferError {
    /// The machine has no such volume.
    #[error("unable to find volume {0} to infer defaults")]
    NoVolume(String),
    /// An object is not there.
    #[error("{resource} \"{name}\" not found")]
    NotFound {
        /// The object's resource.
        resource: &'static str,
        /// The object's name.
        name: String,
    },
    /// The volume says nothing; a machine may choose to ignore that.
    #[error("{0}")]
    Nothing(String),
}

/// Names the instance type and the preference of a machine that wants them inferred; `look_up` knows the objects.
///
/// # Errors
///
/// [`InferError`] where the machine does not ignore it.
pub fn infer(vm: &mut VirtualMachine, look_up: &dyn Fn(Place<'_>) -> Option<Found>) -> Result<(), InferError> {
    if let Some(matcher) = vm.spec.instancetype.clone().filter(is_wanted) {
        let ignores = ignores_failure(&matcher);
        vm.spec.instancetype = inferred(vm, &matcher, "instancetype", look_up)?;
        let is_named = vm.spec.instancetype.is_some();
        let template = vm.spec.template.as_mut().and_then(|template| template.spec.as_mut());
        // The instance type brings memory, which upstream's clients may have set for when there is none.
        if let Some(spec) = template.filter(|_| ignores && is_named) {
            spec.domain.memory = None;
        }
    }
    if let Some(matcher) = vm.spec.preference.clone().filter(is_wanted) {
        vm.spec.preference = inferred(vm, &matcher, "preference", look_up)?;
    }
    Ok(())
}

fn is_wanted(matcher: &InstancetypeMatcher) -> bool {
    matcher.infer_from_volume.as_ref().is_some_and(|volume| !volume.is_empty())
}

fn ignores_failure(matcher: &InstancetypeMatcher) -> bool {
    matcher.infer_from_volume_failure_policy.as_deref() == Some("Ignore")
}

/// What the volume asks for; none where it says nothing and that is ignored.
fn inferred(
    vm: &VirtualMachine,
    matcher: &InstancetypeMatcher,
    what: &str,
    look_up: &dyn Fn(Place<'_>) -> Option<Found>,
) -> Result<Option<InstancetypeMatcher>, InferError> {
    let namespace = vm.metadata.namespace.as_deref().unwrap_or_default();
    let search = Search { label: format!("instancetype.kubevirt.io/default-{what}"), namespace, look_up };
    match search.volume(vm, matcher.infer_from_volume.as_deref().unwrap_or_default()) {
        Ok(matcher) => Ok(Some(matcher)),
        Err(InferError::Nothing(_)) if ignores_failure(matcher) => Ok(None),
        Err(error) => Err(error),
    }
}

struct Search<'a> {
    label: String,
    /// The machine's namespace.
    namespace: &'a str,
    look_up: &'a dyn Fn(Place<'_>) -> Option<Found>,
}

type Inferred = Result<InstancetypeMatcher, InferError>;

impl Search<'_> {
    fn volume(&self, vm: &VirtualMachine, name: &str) -> Inferred {
        let template = vm.spec.template.as_ref().and_then(|template| template.spec.as_ref());
        let mut volumes = template.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let volume = volumes.find(|volume| volume.name == name).ok_or_else(|| InferError::NoVolume(name.to_owned()))?;
        if let Some(claim) = &volume.persistent_volume_claim {
            self.object(PlaceKind::PersistentVolumeClaim, self.namespace, &claim.claim_name)
        } else if let Some(source) = &volume.data_volume {
            let mut templates = vm.spec.data_volume_templates.iter().flatten();
            let own = |metadata: &crate::api::kubernetes::ObjectMeta| metadata.name.as_deref() == Some(&source.name);
            match templates.find(|template| template.metadata.as_ref().is_some_and(own)) {
                Some(template) => self.spec(&template.spec),
                None => self.data_volume(&source.name),
            }
        } else {
            let message = format!("unable to infer defaults from volume {name} as type is not supported");
            Err(InferError::Nothing(message))
        }
    }

    /// A DataVolume that is gone has left its claim.
    fn data_volume(&self, name: &str) -> Inferred {
        let place = Place { kind: PlaceKind::DataVolume, namespace: self.namespace, name };
        match (self.look_up)(place) {
            None => self.object(PlaceKind::PersistentVolumeClaim, self.namespace, name),
            Some(found) => self.labels(&found.labels).or_else(|_| self.spec(&found.made_from.unwrap_or_default())),
        }
    }

    fn spec(&self, spec: &DataVolumeSpec) -> Inferred {
        if let Some(answer) = self.source(spec) {
            return answer;
        }
        let unsupported = |message: String| Err(InferError::Nothing(message));
        match &spec.source_ref {
            Some(reference) if reference.kind == "DataSource" => {
                let namespace = reference.namespace.as_deref().unwrap_or(self.namespace);
                let found = self.found(PlaceKind::DataSource, namespace, &reference.name)?;
                self.labels(&found.labels).or_else(|_| {
                    self.source(&found.made_from.unwrap_or_default()).unwrap_or_else(|| {
                        unsupported(
                            "unable to infer defaults from DataSource that doesn't provide DataVolumeSourcePVC or \
                             DataVolumeSourceSnapshot"
                                .to_owned(),
                        )
                    })
                })
            }
            Some(reference) => unsupported(format!(
                "unable to infer defaults from DataVolumeSourceRef as Kind {} is not supported",
                reference.kind
            )),
            None => unsupported(
                "unable to infer defaults from DataVolumeSpec as DataVolumeSource is not supported".to_owned(),
            ),
        }
    }

    /// The claim or the snapshot that a volume is made from, if it is.
    fn source(&self, spec: &DataVolumeSpec) -> Option<Inferred> {
        let source = spec.source.as_ref()?;
        if let Some(claim) = &source.pvc {
            return Some(self.object(PlaceKind::PersistentVolumeClaim, &claim.namespace, &claim.name));
        }
        let snapshot = source.snapshot.as_ref()?;
        Some(self.object(PlaceKind::VolumeSnapshot, &snapshot.namespace, &snapshot.name))
    }

    fn object(&self, kind: PlaceKind, namespace: &str, name: &str) -> Inferred {
        self.labels(&self.found(kind, namespace, name)?.labels)
    }

    fn found(&self, kind: PlaceKind, namespace: &str, name: &str) -> Result<Found, InferError> {
        (self.look_up)(Place { kind, namespace, name })
            .ok_or_else(|| InferError::NotFound { resource: kind.resource(), name: name.to_owned() })
    }

    fn labels(&self, labels: &Labels) -> Inferred {
        let name = labels.get(&self.label).ok_or_else(|| {
            InferError::Nothing(format!("unable to find required {} label on the volume", self.label))
        })?;
        let kind = labels.get(&format!("{}-kind", self.label)).filter(|kind| !kind.is_empty()).cloned();
        Ok(InstancetypeMatcher { name: Some(name.clone()), kind, ..InstancetypeMatcher::default() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What becomes of a machine whose instance type is inferred from a volume.
    fn told(policy: &str, volume: Value, templates: Value) -> Result<Value, String> {
        let mut vm: VirtualMachine = serde_json::from_value(json!({
            "metadata": { "namespace": "ns" },
            "spec": {
                "instancetype": { "inferFromVolume": "v", "inferFromVolumeFailurePolicy": policy },
                "dataVolumeTemplates": templates,
                "template": { "spec": { "domain": { "devices": {}, "memory": { "guest": "1Gi" } }, "volumes": [volume] } },
            },
        }))
        .unwrap();
        let labels = |name: &str| {
            let label = "instancetype.kubevirt.io/default-instancetype";
            Labels::from([(label.to_owned(), name.to_owned()), (format!("{label}-kind"), "k".to_owned())])
        };
        let made_from = |spec: Value| serde_json::from_value(spec).ok();
        let look_up = |place: Place<'_>| {
            let found = match (place.kind, place.namespace, place.name) {
                (PlaceKind::PersistentVolumeClaim, "ns", "claim" | "left") => (labels("of-claim"), None),
                (PlaceKind::PersistentVolumeClaim, "ns", "plain") => (Labels::new(), None),
                (PlaceKind::VolumeSnapshot, "other", "snapshot") => (labels("of-snapshot"), None),
                (PlaceKind::DataVolume, "ns", "volume") => {
                    let spec = json!({ "source": { "snapshot": { "namespace": "other", "name": "snapshot" } } });
                    (Labels::new(), made_from(spec))
                }
                (PlaceKind::DataSource, "ns", "source") => {
                    (Labels::new(), made_from(json!({ "source": { "pvc": { "namespace": "ns", "name": "claim" } } })))
                }
                _ => return None,
            };
            Some(Found { labels: found.0, made_from: found.1 })
        };
        infer(&mut vm, &look_up).map_err(|error| error.to_string())?;
        let memory = vm.spec.template.unwrap().spec.unwrap().domain.memory.is_some();
        Ok(json!([vm.spec.instancetype.map(|matcher| (matcher.name, matcher.kind)), memory]))
    }

    fn data_volume(name: &str) -> Value {
        json!({ "name": "v", "dataVolume": { "name": name } })
    }

    #[test]
    fn the_labels_of_a_volume_or_of_what_it_is_made_from_tell() {
        let source = json!({ "sourceRef": { "kind": "DataSource", "name": "source" } });
        let template = json!([{ "metadata": { "name": "own" }, "spec": source }]);
        for (volume, name) in [
            (json!({ "name": "v", "persistentVolumeClaim": { "claimName": "claim" } }), "of-claim"),
            (data_volume("volume"), "of-snapshot"),
            (data_volume("left"), "of-claim"),
            (data_volume("own"), "of-claim"),
        ] {
            let found = told("Reject", volume.clone(), template.clone());
            assert_eq!(found, Ok(json!([[name, "k"], true])), "{volume}");
        }
        assert_eq!(told("Ignore", data_volume("volume"), json!([])), Ok(json!([["of-snapshot", "k"], false])));
    }

    #[test]
    fn what_says_nothing_may_be_ignored_and_what_is_not_there_not() {
        let plain = json!({ "name": "v", "persistentVolumeClaim": { "claimName": "plain" } });
        let missing =
            "unable to find required instancetype.kubevirt.io/default-instancetype label on the volume".to_owned();
        assert_eq!(told("Reject", plain.clone(), json!([])), Err(missing));
        assert_eq!(told("Ignore", plain, json!([])), Ok(json!([null, true])));
        let empty = json!({ "name": "v", "emptyDisk": { "capacity": "1Gi" } });
        let unsupported = "unable to infer defaults from volume v as type is not supported".to_owned();
        assert_eq!(told("Reject", empty, json!([])), Err(unsupported));
        let gone = "persistentvolumeclaims \"gone\" not found".to_owned();
        assert_eq!(told("Ignore", data_volume("gone"), json!([])), Err(gone));
        let other = json!({ "name": "w", "emptyDisk": { "capacity": "1Gi" } });
        assert_eq!(told("Ignore", other, json!([])), Err("unable to find volume v to infer defaults".to_owned()));
    }
}
