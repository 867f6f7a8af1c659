//! Whether users may make user namespaces: the way to a network of one's own without root.

use super::finding::Finding;
use super::host::Host;
use std::ops::RangeInclusive;

const ID: &str = "user_namespaces";

/// A setting of the kernel that can forbid them; where there is no such file, nothing does.
struct Switch {
    file: &'static str,
    setting: &'static str,
    allowing: RangeInclusive<u64>,
    good: &'static str,
}

const SWITCHES: [Switch; 3] = [
    Switch {
        file: "proc/sys/user/max_user_namespaces",
        setting: "user.max_user_namespaces",
        allowing: 1..=u64::MAX,
        good: "15000",
    },
    // Debian's.
    Switch {
        file: "proc/sys/kernel/unprivileged_userns_clone",
        setting: "kernel.unprivileged_userns_clone",
        allowing: 1..=1,
        good: "1",
    },
    // Ubuntu's.
    Switch {
        file: "proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        setting: "kernel.apparmor_restrict_unprivileged_userns",
        allowing: 0..=0,
        good: "0",
    },
];

pub(super) fn examine(host: &Host) -> Finding {
    let means = "Users who are not root cannot make a network for machines (make demo then goes without)";
    if host.stat("proc/self/ns/user").is_err() {
        return Finding::lacking(ID, "this kernel has none", means)
            .value(false)
            .remedy("Use a kernel with CONFIG_USER_NS");
    }
    let forbidding = SWITCHES.iter().find_map(|switch| {
        let value = host.number(switch.file).filter(|value| !switch.allowing.contains(value))?;
        Some((switch, value))
    });
    match forbidding {
        None => Finding::ok(ID, "every user may make them").value(true),
        Some((Switch { setting, good, .. }, value)) => Finding::lacking(ID, format!("{setting} is {value}"), means)
            .value(false)
            .remedy(format!("Allow them: sudo sysctl {setting}={good}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::super::host::fake;
    use super::*;

    fn with(files: &[(&str, &str)]) -> Finding {
        let (_root, host) = fake::host(files);
        examine(&host)
    }

    const THERE: (&str, &str) = ("proc/self/ns/user", "");

    #[test]
    fn each_switch_alone_forbids_them() {
        for Switch { file, setting, good, .. } in SWITCHES {
            let bad = if good == "0" { "1\n" } else { "0\n" };
            let finding = with(&[THERE, (file, bad)]);
            assert_eq!((finding.status, finding.found), (Status::Lacking, format!("{setting} is {}", bad.trim())));
            assert_eq!(finding.remedy, Some(format!("Allow them: sudo sysctl {setting}={good}")));
            assert_eq!(with(&[THERE, (file, good)]).status, Status::Ok, "{setting}");
        }
    }

    #[test]
    fn a_kernel_without_switches_allows_them_and_one_without_namespaces_does_not() {
        assert_eq!(with(&[THERE]).status, Status::Ok);
        assert_eq!(with(&[]).found, "this kernel has none");
    }
}
