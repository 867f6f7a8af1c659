//! The boards as Linux guests see them.

use std::fmt;

use clap::ValueEnum;

/// A board of the launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Board {
    /// virtio-mmio.
    Microvm,
    /// PCI.
    Q35,
}

/// A Linux without drivers that look for what is not there, and without what only takes time in an emulated machine.
/// XSAVE stays on: the emulation is good at it.
const CMDLINE: &str = "console=ttyS0 panic=-1 8250.nr_uarts=1 mitigations=off tsc=reliable no_timer_check \
                       cryptomgr.notests nowatchdog apparmor=0 audit=0 random.trust_cpu=on";

impl Board {
    /// The command line for a Linux on this board; it says all that it has to say.
    pub fn cmdline(self) -> String {
        match self {
            Self::Microvm => format!("{CMDLINE} reboot=k pci=off"),
            Self::Q35 => CMDLINE.to_owned(),
        }
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Microvm => "microvm",
            Self::Q35 => "q35",
        })
    }
}
