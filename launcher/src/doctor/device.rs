//! Devices that machines can do without: TUN and the vhost devices.

use super::access::{Access, this_user};
use super::finding::Finding;
use super::host::Host;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

/// A device file, and what follows when it cannot be opened.
pub(super) struct Device {
    id: &'static str,
    path: &'static str,
    module: &'static str,
    means: &'static str,
}

/// All that are looked for.
pub(super) const ALL: [Device; 3] = [
    Device {
        id: "tun",
        path: "dev/net/tun",
        module: "tun",
        means: "Machines have no network by --net tap=NAME; a descriptor that is handed over (fd=N) needs no device",
    },
    Device {
        id: "vhost_net",
        path: "dev/vhost-net",
        module: "vhost_net",
        means: "Packets go through this program instead of the host's kernel, which takes more processor time",
    },
    Device {
        id: "vhost_vsock",
        path: "dev/vhost-vsock",
        module: "vhost_vsock",
        means: "Machines have no vsock by the host's kernel",
    },
];

impl Device {
    /// Looks whether it is there and opens.
    pub(super) fn examine(&self, host: &Host) -> Finding {
        let access = Access::of(host, self.path);
        let opened = open(host.path(self.path), OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty());
        let opens = opened.is_ok();
        self.judge(host, access, opened.err()).value(opens)
    }

    fn judge(&self, host: &Host, access: Option<Access>, refusal: Option<Errno>) -> Finding {
        let module = || format!("Load the module: sudo modprobe {}; in a container, hand the device in", self.module);
        match (access, refusal) {
            (Some(access), None) => Finding::ok(self.id, format!("/{} ({})", self.path, access.text)),
            (Some(access), Some(Errno::ACCESS)) => {
                let found =
                    format!("/{} ({}): this user ({}) may not open it", self.path, access.text, this_user(host));
                Finding::lacking(self.id, found, self.means).remedy(access.remedy(host, self.path))
            }
            (Some(access), Some(errno)) => {
                let found = format!("/{} ({}) cannot be opened: {errno}", self.path, access.text);
                Finding::lacking(self.id, found, self.means).remedy(module())
            }
            (None, _) => Finding::lacking(self.id, format!("there is no /{}", self.path), self.means).remedy(module()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::finding::Status;
    use super::super::host::fake;
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_device_that_is_not_there_lacks_with_its_module() {
        let (_root, host) = fake::host(&[]);
        for device in &ALL {
            let finding = device.examine(&host);
            assert_eq!((finding.status, finding.is_fatal()), (Status::Lacking, false));
            assert!(finding.remedy.unwrap().contains(&format!("modprobe {};", device.module)));
            assert_eq!(finding.value, false);
        }
    }

    #[test]
    fn a_device_that_opens_is_good() {
        let (root, host) = fake::host(&[("dev/net/x", "")]);
        symlink("/dev/null", root.path().join("dev/net/tun")).unwrap();
        let finding = ALL[0].examine(&host);
        assert_eq!((finding.status, finding.value), (Status::Ok, true.into()));
        assert!(finding.found.starts_with("/dev/net/tun ("), "{}", finding.found);
    }

    #[test]
    fn a_device_that_refuses_says_why() {
        let (_root, host) = fake::host(&[]);
        let access = || Some(Access { text: "root:tap crw-rw----".into(), group: Some("tap".into()), is_device: true });
        let denied = ALL[0].judge(&host, access(), Some(Errno::ACCESS));
        assert!(denied.found.ends_with("may not open it") && denied.remedy.unwrap().contains("usermod -aG tap "));
        let dead = ALL[0].judge(&host, access(), Some(Errno::NODEV));
        assert!(dead.found.contains(" cannot be opened: ") && dead.remedy.unwrap().contains("modprobe tun"));
    }
}
