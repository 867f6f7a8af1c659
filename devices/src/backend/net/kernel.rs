//! Rings that the host's kernel serves by itself (vhost): what it is told of them.

use std::io;
use std::os::fd::BorrowedFd;
use vmm_sys_util::eventfd::EventFd;

/// Guest memory as it is mapped here. Whoever has a ring started keeps it mapped until the ring is stopped: the kernel
/// reads and writes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostRange {
    /// Its guest address.
    pub guest: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Its address in this process.
    pub host: u64,
}

/// Which ring of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingOf {
    /// Frames to the guest, by this queue of the network.
    Receive(u16),
    /// Frames from the guest, by this queue of the network.
    Transmit(u16),
}

impl RingOf {
    /// The queue of the network.
    pub fn queue(self) -> u16 {
        match self {
            Self::Receive(queue) | Self::Transmit(queue) => queue,
        }
    }
}

/// A ring that the kernel is to serve.
#[derive(Clone, Copy)]
pub struct RingSetup<'a> {
    /// The feature bits that were negotiated.
    pub features: u64,
    /// All guest memory that descriptors may name.
    pub memory: &'a [HostRange],
    /// Descriptors.
    pub size: u16,
    /// The next slot of the available ring to look at. Where the used ring stands is read from it.
    pub next: u16,
    /// Addresses in this process: descriptors, available ring, used ring.
    pub addresses: [u64; 3],
    /// Becomes readable when the driver notifies. It is not emptied.
    pub kick: &'a EventFd,
    /// To be raised when the driver is to be interrupted.
    pub call: BorrowedFd<'a>,
    /// To be raised when the driver has broken the ring.
    pub fault: BorrowedFd<'a>,
}

/// A network whose rings are served in the host's kernel.
pub trait KernelRings: Send + Sync {
    /// Serves `ring` from now on.
    ///
    /// # Errors
    /// `NotConnected` when the network has gone, for ever; else what the host says. It is not served then.
    fn start(&self, ring: RingOf, setup: &RingSetup<'_>) -> io::Result<()>;
    /// Serves it no longer: the kernel touches no memory of it from now on. The next slot of the available ring to look at.
    ///
    /// # Errors
    /// What the host says.
    fn stop(&self, ring: RingOf) -> io::Result<u16>;
}
