//! How a machine names its instance type and its preference.

use crate::admission::vmi::text;
use crate::admission::{Causes, Path, Reason};
use crate::api::vm::{InstancetypeMatcher, VirtualMachineSpec};

/// Either matcher, as these rules see it.
struct Matcher<'a> {
    kind: &'static str,
    path: Path,
    name: &'a str,
    named_kind: &'a str,
    revision: &'a str,
    volume: &'a str,
    failure_policy: Option<&'a str>,
}

impl<'a> Matcher<'a> {
    fn new(kind: &'static str, path: &str, matcher: &'a InstancetypeMatcher) -> Self {
        Self {
            kind,
            path: Path::new(path),
            name: text(&matcher.name),
            named_kind: text(&matcher.kind),
            revision: text(&matcher.revision_name),
            volume: text(&matcher.infer_from_volume),
            failure_policy: matcher.infer_from_volume_failure_policy.as_deref(),
        }
    }
}

/// A matcher names something or says where to look for it, and does not keep the revision of another name. The first
/// of these that finds something ends it.
pub(super) fn validate(spec: &VirtualMachineSpec, old: Option<&VirtualMachineSpec>) -> Causes {
    let instancetype = spec.instancetype.as_ref().map(of_type);
    let preference = spec.preference.as_ref().map(of_preference);
    let old_instancetype = old.and_then(|old| old.instancetype.as_ref()).map(of_type);
    let old_preference = old.and_then(|old| old.preference.as_ref()).map(of_preference);
    let mut causes = Causes::default();
    for (new, old) in [(&instancetype, old_instancetype), (&preference, old_preference)] {
        if let (Some(new), Some(old)) = (new, old)
            && causes.len() == 0
        {
            keeps_no_revision(new, &old, &mut causes);
        }
    }
    for matcher in [instancetype, preference].iter().flatten() {
        if causes.len() == 0 {
            names_something(matcher, &mut causes);
        }
    }
    causes
}

fn of_type(matcher: &InstancetypeMatcher) -> Matcher<'_> {
    Matcher::new("InstancetypeMatcher", "spec.instancetype", matcher)
}

fn of_preference(matcher: &InstancetypeMatcher) -> Matcher<'_> {
    Matcher::new("PreferenceMatcher", "spec.preference", matcher)
}

fn keeps_no_revision(new: &Matcher<'_>, old: &Matcher<'_>, causes: &mut Causes) {
    if !new.revision.is_empty() && new.name != old.name && new.revision == old.revision {
        let message = "the Matcher Name has been updated without updating the RevisionName";
        causes.invalid(new.path.at("revisionName"), message);
    }
}

fn names_something(matcher: &Matcher<'_>, causes: &mut Causes) {
    if matcher.name.is_empty() && matcher.volume.is_empty() {
        let message = format!("Either Name or InferFromVolume should be provided within the {}", matcher.kind);
        causes.add(Reason::NotFound, &matcher.path, message);
    }
    if !matcher.volume.is_empty() {
        for (what, field, value) in [("Name", "name", matcher.name), ("Kind", "kind", matcher.named_kind)] {
            if !value.is_empty() {
                let message = format!("{what} already set, should be cleared before setting inferFromVolume");
                causes.not_supported(matcher.path.at(field), message);
            }
        }
    }
    if let Some(policy) = matcher.failure_policy.filter(|policy| !["Ignore", "Reject"].contains(policy)) {
        let message = format!("Invalid value '{policy}' for InferFromVolumeFailurePolicy");
        causes.invalid(matcher.path.at("inferFromVolumeFailurePolicy"), message);
    }
}
