//! vhost-net devices of the host: each serves the rings of one queue of a TAP interface.

use super::kernel::{KernelRings, RingOf, RingSetup};
use super::tap::request_failure_of;
use crate::id::DeviceId;
use crate::io::tap;
use crate::io::vhost::{self, RingFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use thiserror::Error;
use virtio_bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_bindings::virtio_net::VIRTIO_NET_F_MRG_RXBUF;
use virtio_bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};

/// VHOST_NET_F_VIRTIO_NET_HDR of linux/vhost.h: it could make the header that a network has not. No other kind of vhost
/// device has the bit; a TAP has the header.
const MAKES_HEADER: u64 = 1 << 27;
/// What is offered to drivers and depends on who serves their rings. Linux has all of it since 4.0.
const NEEDED: u64 = 1 << VIRTIO_NET_F_MRG_RXBUF
    | 1 << VIRTIO_RING_F_INDIRECT_DESC
    | 1 << VIRTIO_RING_F_EVENT_IDX
    | 1 << VIRTIO_F_VERSION_1;

/// Why a network cannot be served by the host's kernel.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VhostError {
    /// The device cannot be opened.
    #[error(
        "{path} cannot be opened: load the driver with `modprobe vhost_net`, and let this process read and write it; \
         or do without vhost",
        path = path.display()
    )]
    Open {
        /// Which.
        path: PathBuf,
        /// What the host said.
        #[source]
        source: io::Error,
    },
    /// A given descriptor is something else.
    #[error("The descriptor for {0} is no vhost-net device: open /dev/vhost-net")]
    NotVhostNet(DeviceId),
    /// Somebody has used the descriptor before.
    #[error("A vhost-net device for {0} is in use: open /dev/vhost-net anew for each pair of queues")]
    Busy(DeviceId),
    /// The kernel is too old.
    #[error("The host's vhost-net lacks the features {missing:#x}: use another kernel, or do without vhost-net")]
    Features {
        /// Bits.
        missing: u64,
    },
    /// Not as many descriptors as the device has queues.
    #[error("{device} has {wanted} queue pairs, but {given} descriptors of vhost-net: give one for each pair")]
    Count {
        /// Whose descriptors.
        device: DeviceId,
        /// Pairs.
        wanted: usize,
        /// Descriptors.
        given: usize,
    },
    /// The host failed a call.
    #[error("Cannot set up the vhost-net device for {device}")]
    Host {
        /// Whose device.
        device: DeviceId,
        /// What the host said.
        #[source]
        source: io::Error,
    },
}

/// Opens the vhost-net device `path` once for each of `queues`: `/dev/vhost-net`, as a rule.
///
/// # Errors
/// There is none, or this process may not use it.
pub fn open_vhost_net(path: &Path, queues: u16) -> Result<Vec<OwnedFd>, VhostError> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let refused = |error: Errno| VhostError::Open { path: path.to_owned(), source: error.into() };
    (0..queues).map(|_| rustix::fs::open(path, flags, Mode::empty()).map_err(refused)).collect()
}

/// A vhost-net device for each queue of a TAP. Two threads may start and stop the two rings of one at a time: the kernel
/// does one call after the other, and what belongs to both rings is the same for both.
#[derive(Debug)]
pub(super) struct Vhost {
    pairs: Vec<Pair>,
    features: u64,
}

#[derive(Debug)]
struct Pair {
    device: OwnedFd,
    /// The queue that frames go through.
    tap: OwnedFd,
}

impl Vhost {
    /// Takes the vhost-net devices for `device`, one for each of the queues `taps`, into this process's possession.
    ///
    /// # Errors
    /// One is something else or in use, there are not as many as queues, or the kernel cannot do what drivers are offered.
    pub(super) fn from_fds(device: &DeviceId, fds: Vec<OwnedFd>, taps: &[OwnedFd]) -> Result<Self, VhostError> {
        let host = |source| VhostError::Host { device: device.clone(), source };
        if fds.len() != taps.len() {
            return Err(VhostError::Count { device: device.clone(), wanted: taps.len(), given: fds.len() });
        }
        let mut features = u64::MAX;
        for fd in &fds {
            let known = vhost::features(fd.as_fd()).map_err(|_| VhostError::NotVhostNet(device.clone()))?;
            if known & MAKES_HEADER == 0 {
                return Err(VhostError::NotVhostNet(device.clone()));
            }
            vhost::set_owner(fd.as_fd()).map_err(|source| match source.raw_os_error() {
                Some(libc::EBUSY) => VhostError::Busy(device.clone()),
                _ => host(source),
            })?;
            features &= known;
        }
        if NEEDED & !features != 0 {
            return Err(VhostError::Features { missing: NEEDED & !features });
        }
        let pair = |(device, tap): (OwnedFd, &OwnedFd)| Ok(Pair { device, tap: tap.try_clone().map_err(host)? });
        let pairs = fds.into_iter().zip(taps).map(pair).collect::<Result<_, _>>()?;
        Ok(Self { pairs, features: features & !MAKES_HEADER })
    }

    /// Who serves `ring`, and its number there: VHOST_NET_VQ_RX is 0, VHOST_NET_VQ_TX 1.
    fn place(&self, ring: RingOf) -> io::Result<(&Pair, u32)> {
        let index = match ring {
            RingOf::Receive(_) => 0,
            RingOf::Transmit(_) => 1,
        };
        Ok((self.pairs.get(usize::from(ring.queue())).ok_or(io::ErrorKind::InvalidInput)?, index))
    }
}

impl KernelRings for Vhost {
    fn start(&self, ring: RingOf, setup: &RingSetup<'_>) -> io::Result<()> {
        let (Pair { device, tap }, index) = self.place(ring)?;
        // The kernel says of a TAP that is attached to nothing only that the argument is invalid.
        tap::interface_flags(tap.as_fd()).map_err(|error| request_failure_of(ring.queue(), error))?;
        let device = device.as_fd();
        // These two are the device's, and the same for both of its rings.
        vhost::set_features(device, setup.features & self.features)?;
        vhost::set_memory(device, setup.memory)?;
        vhost::set_ring_size(device, index, setup.size)?;
        vhost::set_ring_base(device, index, setup.next)?;
        vhost::set_ring_addresses(device, index, setup.addresses)?;
        vhost::set_ring_fd(device, index, RingFd::Call, Some(&setup.call))?;
        vhost::set_ring_fd(device, index, RingFd::Fault, Some(&setup.fault))?;
        vhost::set_ring_fd(device, index, RingFd::Kick, Some(setup.kick))?;
        vhost::set_ring_fd(device, index, RingFd::Backend, Some(tap))
    }

    fn stop(&self, ring: RingOf) -> io::Result<u16> {
        let (Pair { device, .. }, index) = self.place(ring)?;
        let device = device.as_fd();
        // The first one waits for the frame that is under way. Without a kick the kernel is not woken for nothing later.
        vhost::set_ring_fd(device, index, RingFd::Backend, None)?;
        vhost::set_ring_fd(device, index, RingFd::Kick, None)?;
        vhost::ring_base(device, index)
    }
}

#[cfg(test)]
mod tests {
    //! What needs no vhost-net device. Those are used in the native tests, where a machine has them.

    use super::*;
    use std::fs::File;

    #[test]
    fn a_descriptor_of_something_else_is_refused() {
        for path in ["/dev/null", "/proc/self/exe", "/"] {
            let [fd, tap] = [path, "/dev/null"].map(|path| OwnedFd::from(File::open(path).unwrap()));
            let error = Vhost::from_fds(&"net0".into(), vec![fd], &[tap]).unwrap_err();
            assert!(matches!(error, VhostError::NotVhostNet(id) if id.as_str() == "net0"), "{path}");
        }
    }

    #[test]
    fn there_is_a_descriptor_for_each_queue() {
        for (given, wanted) in [(0, 1), (1, 2), (2, 1)] {
            let some = |count| (0..count).map(|_| File::open("/dev/null").unwrap().into()).collect::<Vec<_>>();
            let error = Vhost::from_fds(&"net0".into(), some(given), &some(wanted)).unwrap_err();
            assert!(matches!(error, VhostError::Count { .. }), "{error}");
        }
    }
}
