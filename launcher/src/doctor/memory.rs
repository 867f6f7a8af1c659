//! The host's memory.

use super::finding::Finding;
use super::host::Host;
use serde_json::json;

const ID: &str = "memory";

/// What a machine has when nobody says otherwise, and something for the program itself.
const DEFAULT_MACHINE: u64 = (512 + 16) << 20;

pub(super) fn examine(host: &Host) -> Finding {
    let text = host.read("proc/meminfo").unwrap_or_default();
    let (Some(total), Some(available)) = (field(&text, "MemTotal"), field(&text, "MemAvailable")) else {
        return Finding::lacking(ID, "its size cannot be read", "Whether a machine fits is seen only when it starts")
            .remedy("Mount /proc");
    };
    let found = format!("{} MiB, of which {} are available", total >> 20, available >> 20);
    let finding = if available >= DEFAULT_MACHINE {
        Finding::ok(ID, found)
    } else {
        Finding::warning(ID, found, "A machine with the default 512 MiB does not fit")
            .remedy("Free memory, or give machines less: --memory 128Mi")
    };
    finding.value(json!({"total_bytes": total, "available_bytes": available}))
}

/// Bytes of a line such as `MemTotal:  16316412 kB` (proc_meminfo(5)).
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::super::host::fake;
    use super::*;

    fn with(meminfo: &str) -> Finding {
        let (_root, host) = fake::host(&[("proc/meminfo", meminfo)]);
        examine(&host)
    }

    #[test]
    fn total_and_available_are_told_apart() {
        let finding = with("MemTotal:        2097152 kB\nMemFree: 1 kB\nMemAvailable:    1048576 kB\n");
        assert_eq!((finding.status, finding.found.as_str()), (Status::Ok, "2048 MiB, of which 1024 are available"));
        assert_eq!(finding.value["total_bytes"], 2_147_483_648_u64);
    }

    #[test]
    fn too_little_for_a_default_machine_is_warned_of() {
        assert_eq!(with("MemTotal: 2097152 kB\nMemAvailable: 262144 kB\n").status, Status::Warning);
    }

    #[test]
    fn what_cannot_be_read_lacks() {
        for text in ["", "MemTotal: many kB\nMemAvailable: 1 kB", "MemTotal: 18446744073709551615 kB"] {
            assert_eq!(with(text).status, Status::Lacking, "{text}");
        }
    }
}
