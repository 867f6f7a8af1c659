//! The guest's memory.

use crate::api::kubernetes::Quantity;
use crate::api::vmi::{Memory, VirtualMachineInstanceSpec};

/// A guest has the memory that is requested, else its limit, else one huge page.
pub(super) fn set_guest(spec: &mut VirtualMachineInstanceSpec) {
    let memory = spec.domain.memory.get_or_insert_with(Memory::default);
    if memory.guest.is_some() {
        return;
    }
    let resources = spec.domain.resources.as_ref();
    let request = resources.and_then(|resources| resources.request("memory")).filter(|request| !request.is_zero());
    let limit = resources.and_then(|resources| resources.limit("memory")).filter(|limit| !limit.is_zero());
    memory.guest = request.or(limit).cloned().or_else(|| {
        let size = memory.hugepages.as_ref()?.page_size.as_deref()?;
        Some(Quantity::from(size)).filter(|size| size.check().is_ok())
    });
}
