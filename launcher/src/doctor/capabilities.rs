//! What the host's KVM can do.

use super::finding::Finding;
use std::error::Error;
use std::os::fd::OwnedFd;
use vmm::KvmCapability;

/// One finding for each capability.
pub(super) fn examine(device: OwnedFd) -> Vec<Finding> {
    match vmm::kvm_capabilities(device) {
        Ok(capabilities) => capabilities.iter().map(finding).collect(),
        Err(error) => {
            let found = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            vec![Finding::lacking("kvm_interface", found, "No machine runs").required()]
        }
    }
}

fn finding(capability: &KvmCapability) -> Finding {
    let finding = match (capability.value, capability.required) {
        (0, true) => Finding::lacking(capability.name, "not there", capability.lack)
            .remedy("Use a host with Linux 5.10 or newer, and its KVM unchanged"),
        (0, false) => Finding::lacking(capability.name, "not there", capability.lack),
        (1, _) => Finding::ok(capability.name, "there"),
        (value, _) => Finding::ok(capability.name, format!("there: {value}")),
    };
    Finding { required: capability.required, ..finding }.value(capability.value)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;
    use std::fs::File;

    fn of(value: u32, required: bool) -> Finding {
        finding(&KvmCapability { name: "KVM_CAP_X", required, value, lack: "X does not work" })
    }

    #[test]
    fn only_a_required_capability_that_lacks_is_fatal() {
        assert!(of(0, true).is_fatal() && of(0, true).remedy.is_some());
        assert!(!of(0, false).is_fatal() && !of(1, true).is_fatal());
        let optional = of(0, false);
        assert_eq!((optional.status, optional.means.as_deref()), (Status::Lacking, Some("X does not work")));
    }

    #[test]
    fn limits_are_told() {
        assert_eq!((of(1, true).found.as_str(), of(1024, false).found.as_str()), ("there", "there: 1024"));
        assert_eq!(of(1024, false).value, 1024);
    }

    #[test]
    fn a_device_that_is_no_kvm_is_fatal() -> std::io::Result<()> {
        let findings = examine(File::open("/dev/null")?.into());
        assert!(findings.len() == 1 && findings.iter().all(Finding::is_fatal), "{findings:?}");
        Ok(())
    }
}
