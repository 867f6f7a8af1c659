//! `/dev/kvm`: whether it is there, who may open it, and whether this process can.

use super::access::{Access, this_user};
use super::finding::Finding;
use super::host::Host;
use super::processor::Virtualization;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use serde_json::json;
use std::os::fd::OwnedFd;

const ID: &str = "kvm_device";
const PATH: &str = "dev/kvm";
/// There while KVM is, whatever stands in `/dev`.
const LOADED: &str = "sys/devices/virtual/misc/kvm";
const MEANS: &str = "No machine runs";
const HAND_OVER: &str = "Hand the device to the container: --device /dev/kvm, or a device plugin";

/// Whether the host's kernel has KVM, which this process may or may not use.
pub(super) fn is_loaded(host: &Host) -> bool {
    host.stat(LOADED).is_ok()
}

/// The finding, and the device when it could be opened.
pub(super) fn examine(host: &Host, virtualization: Virtualization) -> (Finding, Option<OwnedFd>) {
    let access = Access::of(host, PATH);
    let opened = open(host.path(PATH), OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty());
    let present = access.is_some();
    let (finding, device) = judge(host, virtualization, access, opened);
    let value = json!({"present": present, "usable": device.is_some()});
    (finding.required().value(value), device)
}

fn judge(
    host: &Host,
    virtualization: Virtualization,
    access: Option<Access>,
    opened: Result<OwnedFd, Errno>,
) -> (Finding, Option<OwnedFd>) {
    let user = this_user(host);
    match (access, opened) {
        (Some(access), _) if !access.is_device => {
            let found = format!("/{PATH} is no character device ({})", access.text);
            (Finding::lacking(ID, found, MEANS).remedy("Remove the file, and load KVM's module again"), None)
        }
        (Some(access), Ok(device)) => {
            (Finding::ok(ID, format!("{}; this user ({user}) may open it", access.text)), Some(device))
        }
        (Some(access), Err(Errno::ACCESS)) => {
            let found = format!("{}; this user ({user}) may not open it", access.text);
            (Finding::lacking(ID, found, MEANS).remedy(access.remedy(host, PATH)), None)
        }
        (Some(access), Err(Errno::PERM)) => {
            let found = format!("{}; this container may not open it", access.text);
            (Finding::lacking(ID, found, MEANS).remedy(HAND_OVER), None)
        }
        (Some(access), Err(Errno::NXIO | Errno::NODEV)) => {
            let found = format!("{}; there is no KVM behind it", access.text);
            (Finding::lacking(ID, found, MEANS).remedy(way_to_kvm(virtualization)), None)
        }
        (Some(access), Err(errno)) => {
            (Finding::lacking(ID, format!("{}; it cannot be opened: {errno}", access.text), MEANS), None)
        }
        (None, _) if is_loaded(host) => {
            let found = format!("there is no /{PATH}, though this kernel has KVM");
            (Finding::lacking(ID, found, MEANS).remedy(HAND_OVER), None)
        }
        (None, _) => {
            (Finding::lacking(ID, format!("there is no /{PATH}"), MEANS).remedy(way_to_kvm(virtualization)), None)
        }
    }
}

fn way_to_kvm(virtualization: Virtualization) -> &'static str {
    match virtualization {
        Virtualization::Usable("SVM") => "Load the module: sudo modprobe kvm_amd; in a container, hand the device in",
        Virtualization::Usable(_) => "Load the module: sudo modprobe kvm_intel; in a container, hand the device in",
        _ => "See virtualization; then load the module (kvm_intel or kvm_amd), or in a container, hand the device in",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::finding::Status;
    use super::super::host::fake;
    use super::*;
    use std::os::unix::fs::symlink;

    const SVM: Virtualization = Virtualization::Usable("SVM");

    fn refused(errno: Errno) -> Finding {
        let (_root, host) = fake::host(&[]);
        let access = Access { text: "root:kvm crw-rw----".into(), group: Some("kvm".into()), is_device: true };
        let (finding, device) = judge(&host, SVM, Some(access), Err(errno));
        assert!(finding.status == Status::Lacking && device.is_none());
        finding
    }

    #[test]
    fn a_device_that_opens_is_good_and_handed_on() {
        let (root, host) = fake::host(&[("dev/x", "")]);
        symlink("/dev/null", root.path().join(PATH)).unwrap();
        let (finding, device) = examine(&host, SVM);
        assert_eq!((finding.status, finding.required), (Status::Ok, true), "{finding:?}");
        assert!(finding.found.contains("crw-rw-rw-; this user ("), "{}", finding.found);
        assert!(device.is_some() && finding.value == json!({"present": true, "usable": true}));
    }

    #[test]
    fn a_device_that_is_not_there_is_fatal_and_the_module_is_named() {
        let (_root, host) = fake::host(&[]);
        let (finding, device) = examine(&host, SVM);
        assert!(finding.is_fatal() && device.is_none());
        assert_eq!(finding.found, "there is no /dev/kvm");
        assert!(finding.remedy.unwrap().contains("modprobe kvm_amd"));
        assert_eq!(finding.value, json!({"present": false, "usable": false}));
        let remedy = |virtualization| examine(&host, virtualization).0.remedy.unwrap();
        assert!(remedy(Virtualization::Usable("VMX")).contains("modprobe kvm_intel"));
        assert!(remedy(Virtualization::NotNested).starts_with("See virtualization"));
    }

    #[test]
    fn a_kernel_with_kvm_needs_no_module_but_the_device() {
        let (_root, host) = fake::host(&[(LOADED, "")]);
        let (finding, _) = examine(&host, Virtualization::NotNested);
        assert_eq!(finding.found, "there is no /dev/kvm, though this kernel has KVM");
        assert!(is_loaded(&host) && finding.remedy.unwrap().contains("--device /dev/kvm"));
    }

    #[test]
    fn each_refusal_has_its_own_way_out() {
        let denied = refused(Errno::ACCESS);
        assert!(denied.found.ends_with("may not open it") && denied.remedy.unwrap().contains("usermod -aG kvm "));
        assert!(refused(Errno::PERM).remedy.unwrap().contains("--device /dev/kvm"));
        assert!(refused(Errno::NODEV).remedy.unwrap().contains("modprobe kvm_amd"));
        assert!(refused(Errno::IO).found.contains("it cannot be opened: "));
    }

    #[test]
    fn a_file_in_its_place_is_no_device() {
        let (_root, host) = fake::host(&[(PATH, "")]);
        let (finding, device) = examine(&host, SVM);
        assert!(finding.is_fatal() && device.is_none());
        assert!(finding.found.starts_with("/dev/kvm is no character device ("), "{}", finding.found);
    }
}
