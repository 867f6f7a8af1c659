//! What this host can do for machines, without building one.

use crate::handle::VmError;
use crate::kvm::{Kvm, KvmCapability};
use std::os::fd::OwnedFd;

/// Everything that machines ask of `/dev/kvm`, there or not: first what none can do without, then what some can.
///
/// ```
/// # let Ok(kvm) = std::fs::File::options().read(true).write(true).open("/dev/kvm") else { return Ok(()) };
/// for lack in vmm::kvm_capabilities(kvm.into())?.iter().filter(|capability| capability.value == 0) {
///     println!("This host's KVM has no {}: {}.", lack.name, lack.lack);
/// }
/// # Ok::<(), vmm::VmError>(())
/// ```
///
/// # Errors
/// `device` is not `/dev/kvm`, opened for reading and writing, or speaks another version of the interface.
pub fn kvm_capabilities(device: OwnedFd) -> Result<Vec<KvmCapability>, VmError> {
    Ok(Kvm::report(device)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::error::Error;
    use std::fs::File;

    #[test]
    fn another_device_has_no_capabilities() {
        let error = kvm_capabilities(File::open("/dev/null").unwrap().into()).unwrap_err();
        assert!(error.source().unwrap().to_string().contains("the descriptor is not /dev/kvm"), "{error:?}");
    }
}
