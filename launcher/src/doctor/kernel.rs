//! The host's kernel.

use super::finding::Finding;
use super::host::Host;

const ID: &str = "kernel";

/// The oldest kernel whose KVM has all that is required.
const OLDEST: (u32, u32) = (5, 10);

pub(super) fn examine(host: &Host) -> Finding {
    let Ok(release) = host.read("proc/sys/kernel/osrelease") else {
        return Finding::lacking(ID, "its version cannot be read", "Nothing about this host can be relied on")
            .remedy("Mount /proc");
    };
    let found = format!("Linux {release}");
    let finding = match version(&release) {
        Some(version) if version >= OLDEST => Finding::ok(ID, found),
        _ => {
            let (major, minor) = OLDEST;
            let means = format!("It is older than {major}.{minor}: its KVM may lack what machines need");
            Finding::warning(ID, found, means).remedy(format!("Use Linux {major}.{minor} or newer"))
        }
    };
    finding.value(release)
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::super::host::fake;
    use super::*;

    fn with(release: &str) -> Finding {
        let (_root, host) = fake::host(&[("proc/sys/kernel/osrelease", release)]);
        examine(&host)
    }

    #[test]
    fn old_kernels_are_warned_of() {
        for release in ["5.10.0-30-amd64\n", "6.18.44", "10.0"] {
            assert_eq!(with(release).status, Status::Ok, "{release}");
        }
        for release in ["5.9.16", "4.19.0-1", "3.10.0"] {
            assert_eq!(with(release).status, Status::Warning, "{release}");
        }
        assert_eq!(with("6.1.0-18-amd64\n").found, "Linux 6.1.0-18-amd64");
    }

    #[test]
    fn a_host_without_proc_is_told() {
        let (_root, host) = fake::host(&[]);
        assert_eq!(examine(&host).status, Status::Lacking);
    }
}
