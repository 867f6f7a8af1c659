//! What a machine tells its owner.

use devices::id::DeviceId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a reset came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ResetSource {
    /// The keyboard controller's reset pulse (0xFE to port 0x64).
    I8042,
    /// The reset register of hardware-reduced ACPI (microvm).
    Acpi,
    /// The reset control register at port 0xCF9, which ACPI names too (q35).
    ResetControl,
    /// A triple fault.
    TripleFault,
    /// `VmHandle::reset`.
    Request,
}

impl fmt::Display for ResetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I8042 => "the keyboard controller",
            Self::Acpi => "the ACPI reset register",
            Self::ResetControl => "the reset control register",
            Self::TripleFault => "a triple fault",
            Self::Request => "a request",
        })
    }
}

/// Why a machine has stopped for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StopReason {
    /// The guest switched itself off.
    PoweredOff,
    /// The guest asked for a reset and `on_reboot` is `exit`.
    Rebooted {
        /// Where the reset came from.
        source: ResetSource,
    },
    /// The guest wrote a status to the debug-exit port, I/O port 0x501, which every machine has.
    DebugExit {
        /// The byte written.
        status: u8,
    },
    /// `VmHandle::stop`.
    Requested,
    /// The guest crashed, or the host could not run it on.
    Crashed {
        /// One line: what happened and what to do.
        message: String,
    },
}

/// Something that happened to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VmEvent {
    /// A warning at the start: of the vCPUs that were to be possible later, only so many have an APIC id.
    CpusLeftOut {
        /// `cpus.max`.
        wanted: u32,
        /// vCPUs there may be: whole sockets, with ids up to 254.
        possible: u32,
    },
    /// The vCPUs run for the first time.
    Started,
    /// Firmware found nothing to start: it says so on the serial port, and the machine runs on. Once a boot.
    NothingToBoot {
        /// Its words.
        message: String,
    },
    /// The network behind a device is no longer there: somebody deleted the interface. The guest's link is down, for good.
    NetworkGone {
        /// Whose network.
        net: DeviceId,
    },
    /// The host failed a request of a disk whose `on_error` says to stop: the machine is about to be paused, and tries it
    /// again when it is resumed.
    DiskStopped {
        /// Which disk.
        disk: DeviceId,
        /// What the host said.
        error: String,
    },
    /// All vCPUs stand still and all queues are drained.
    Paused,
    /// The vCPUs run again.
    Resumed,
    /// The machine starts again from its beginning.
    Reset {
        /// Where the reset came from.
        source: ResetSource,
    },
    /// The machine has stopped; the last event.
    Stopped(StopReason),
}
