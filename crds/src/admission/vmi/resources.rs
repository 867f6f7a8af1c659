//! Requests and limits, with absent ones as nothing.

use crate::api::kubernetes::Quantity;
use crate::api::vmi::VirtualMachineInstanceSpec;

/// What is requested of a resource.
pub(super) fn request(spec: &VirtualMachineInstanceSpec, resource: &str) -> Quantity {
    let resources = spec.domain.resources.as_ref();
    resources.and_then(|resources| resources.request(resource)).cloned().unwrap_or_default()
}

/// The limit of a resource.
pub(super) fn limit(spec: &VirtualMachineInstanceSpec, resource: &str) -> Quantity {
    let resources = spec.domain.resources.as_ref();
    resources.and_then(|resources| resources.limit(resource)).cloned().unwrap_or_default()
}
