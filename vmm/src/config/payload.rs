//! What the machine runs first.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The boot method and what it needs. The files are resources: [`crate::KERNEL`] and [`crate::INITRD`], or
/// [`crate::FIRMWARE`] and [`crate::VARIABLES`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum PayloadConfig {
    /// A kernel (ELF `vmlinux` by PVH or the 64-bit Linux entry, a `bzImage`, or a raw image), started directly.
    Kernel {
        /// The kernel's command line.
        #[serde(default)]
        cmdline: String,
        /// `true` when there is an initrd among the resources.
        #[serde(default)]
        initrd: bool,
        /// Which entry point the kernel is started by.
        #[serde(default)]
        entry: KernelEntry,
    },
    /// Firmware, which finds on the machine's disks and networks what to start. Only on the q35 board.
    Firmware {
        /// What the firmware is.
        interface: FirmwareInterface,
        /// What the firmware writes to its debug console is logged; it starts more slowly then.
        #[serde(default)]
        log: bool,
        /// Texts for the firmware and for what it starts (fw_cfg), by their names, which begin with `opt/`. Linux shows
        /// them below `/sys/firmware/qemu_fw_cfg/by_name`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        files: BTreeMap<String, String>,
    },
}

/// What firmware is to its guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirmwareInterface {
    /// UEFI: code and, in a chip of their own, variables.
    Uefi,
    /// A PC BIOS.
    Bios,
}

/// The entry point of a kernel. A `bzImage` has only the 64-bit one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelEntry {
    /// PVH when the kernel has the note for it, else the 64-bit Linux entry.
    #[default]
    Auto,
    /// PVH; a kernel without the note (and every `bzImage`) is refused.
    Pvh,
    /// The 64-bit Linux entry.
    Linux64,
    /// The file has no headers that count: all of it goes to guest-physical address `load`, and the 64-bit Linux protocol
    /// begins at `entry`. Below 4 GiB, above 1 MiB, in RAM.
    Raw {
        /// Where its first byte goes.
        load: u64,
        /// Where the first instruction is.
        entry: u64,
    },
}

impl PayloadConfig {
    /// A kernel with this command line, started by the entry that it has, without an initrd.
    pub fn kernel(cmdline: impl Into<String>) -> Self {
        Self::Kernel { cmdline: cmdline.into(), initrd: false, entry: KernelEntry::default() }
    }
}

impl Default for PayloadConfig {
    fn default() -> Self {
        Self::kernel("")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_entry_of_a_kernel_is_automatic_unless_it_is_named() {
        let entry = |json: &str| match serde_json::from_str(json).unwrap() {
            PayloadConfig::Kernel { entry, .. } => entry,
            other => panic!("{other:?}"),
        };
        assert_eq!(entry(r#"{"kind": "kernel"}"#), KernelEntry::Auto);
        assert_eq!(entry(r#"{"kind": "kernel", "entry": "pvh"}"#), KernelEntry::Pvh);
        assert_eq!(entry(r#"{"kind": "kernel", "entry": "linux64"}"#), KernelEntry::Linux64);
        let raw = entry(r#"{"kind": "kernel", "entry": {"raw": {"load": 16777216, "entry": 16777507}}}"#);
        assert_eq!(raw, KernelEntry::Raw { load: 0x100_0000, entry: 0x100_0123 });
    }
}
