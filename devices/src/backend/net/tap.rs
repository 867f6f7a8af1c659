//! A TAP interface of the host.

use super::kernel::KernelRings;
use super::vhost::{Vhost, VhostError};
use super::{HEADER_LENGTH, NetBackend, Offloads};
use crate::id::DeviceId;
use crate::io::tap::{self, InterfaceKind};
use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use thiserror::Error;

/// What TAP interfaces are attached by.
const DRIVER: &str = "/dev/net/tun";

/// Why a TAP interface cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TapError {
    /// No interface can be called so.
    #[error("{0:?} cannot be the name of an interface: give 1 to 15 characters")]
    BadName(String),
    /// There is no such interface in this network namespace.
    #[error("There is no interface {0} here: make it with `ip tuntap add dev {0} mode tap`")]
    Missing(String),
    /// The interface is of another kind.
    #[error("Interface {name} is {found}, not a TAP: make one with `ip tuntap add dev NAME mode tap`")]
    WrongKind {
        /// Which interface.
        name: String,
        /// What it is instead.
        found: String,
    },
    /// The interface was made for several queues, and one is wanted.
    #[error(
        "Interface {0} is a TAP with several queues: make one without `multi_queue`, or ask for more than one queue"
    )]
    MultiQueue(String),
    /// The interface was made for one queue, and more are wanted.
    #[error("Interface {0} is a TAP with one queue: make one with `ip tuntap add dev {0} mode tap multi_queue`")]
    SingleQueue(String),
    /// The interface has no queue left.
    #[error("Interface {name} has no {count} queues left: a TAP has at most 256, for all who use it")]
    TooManyQueues {
        /// Which interface.
        name: String,
        /// How many are wanted.
        count: u16,
    },
    /// Somebody else is attached.
    #[error("Interface {0} is in use by another process, or twice by this one: a TAP serves one machine")]
    Busy(String),
    /// This process may not attach.
    #[error(
        "This process may not use interface {0}: make it with `ip tuntap add dev {0} mode tap user USER`, or run as root"
    )]
    Forbidden(String),
    /// `/dev/net/tun` cannot be opened.
    #[error("{DRIVER} cannot be opened: load it with `modprobe tun`, and let this process read and write it")]
    Driver(#[source] io::Error),
    /// A given descriptor is something else.
    #[error("The descriptor of {0} is no TAP: open {DRIVER} and attach it to an interface with TUNSETIFF")]
    NotATap(DeviceId),
    /// A given descriptor is attached to an interface, but not as is needed.
    #[error("The descriptor of {device} is attached {how}: attach it with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR")]
    WrongMode {
        /// Whose descriptor.
        device: DeviceId,
        /// What is wrong.
        how: &'static str,
    },
    /// Not as many descriptors as the device has queues.
    #[error("{device} has {wanted} queue pairs, but {given} descriptors: give one for each pair")]
    QueueCount {
        /// Whose descriptors.
        device: DeviceId,
        /// Pairs.
        wanted: u16,
        /// Descriptors.
        given: usize,
    },
    /// The host failed a call.
    #[error("Cannot {action} the TAP of {name}")]
    Host {
        /// What was tried.
        action: &'static str,
        /// The interface or the device.
        name: String,
        /// What the host said.
        #[source]
        source: io::Error,
    },
}

/// Attaches `queues` times to the existing TAP interface `name` of this process's network namespace: the resource of a
/// network device with so many pairs of queues. The interface is never made: a typing error would silently give a machine
/// without a network.
///
/// # Errors
/// There is no such interface, it is of another kind or in use, or this process may not use it.
pub fn open_tap(name: &str, queues: u16) -> Result<Vec<OwnedFd>, TapError> {
    let host = |action| move |source| TapError::Host { action, name: name.to_owned(), source };
    match tap::interface_kind(name) {
        Ok(InterfaceKind::Tap) => {}
        Ok(InterfaceKind::Tun) => return Err(wrong_kind(name, "a TUN (which carries no Ethernet)".into())),
        Ok(InterfaceKind::Other(driver)) if driver.is_empty() => {
            return Err(wrong_kind(name, "an interface without a driver's name".into()));
        }
        Ok(InterfaceKind::Other(driver)) => return Err(wrong_kind(name, format!("an interface of driver {driver}"))),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(TapError::BadName(name.into())),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Err(TapError::Missing(name.into())),
        Err(error) => return Err(host("examine")(error)),
    }
    let fds = (0..queues).map(|_| open_queue(name, queues)).collect::<Result<Vec<_>, _>>()?;
    for fd in &fds {
        // Only what was made by the call itself is not persistent: the interface went meanwhile. It goes with `fd` again.
        let flags = tap::interface_flags(fd.as_fd()).map_err(host("examine"))?;
        if flags & libc::IFF_PERSIST == 0 {
            return Err(TapError::Missing(name.into()));
        }
    }
    Ok(fds)
}

/// Attaches to one queue of the TAP `name`, which is to have one, or several.
fn open_queue(name: &str, queues: u16) -> Result<OwnedFd, TapError> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open(DRIVER, flags, Mode::empty()).map_err(|error| TapError::Driver(error.into()))?;
    let several = if queues > 1 { libc::IFF_MULTI_QUEUE } else { 0 };
    match tap::attach(fd.as_fd(), name, libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | several) {
        Ok(()) => Ok(fd),
        Err(error) => Err(match error.raw_os_error() {
            Some(libc::EBUSY) => TapError::Busy(name.into()),
            Some(libc::EPERM) => TapError::Forbidden(name.into()),
            Some(libc::E2BIG) => TapError::TooManyQueues { name: name.into(), count: queues },
            // It is a TAP, so only the number of queues can be wrong.
            Some(libc::EINVAL) if queues > 1 => TapError::SingleQueue(name.into()),
            Some(libc::EINVAL) => TapError::MultiQueue(name.into()),
            _ => TapError::Host { action: "attach to", name: name.to_owned(), source: error },
        }),
    }
}

fn wrong_kind(name: &str, found: String) -> TapError {
    TapError::WrongKind { name: name.to_owned(), found }
}

/// A TAP interface by one or more of its queues: each read and each write is one frame behind its header.
#[derive(Debug)]
pub struct Tap {
    /// Never empty.
    queues: Vec<OwnedFd>,
    offloads: Offloads,
    /// How many of the queues frames come through: the kernel chooses among them by the frames' flows.
    active: Mutex<u16>,
    /// Who carries the frames instead of this process.
    vhost: Option<Vhost>,
}

impl Tap {
    /// Checks that `fds` are attached to one TAP interface as is needed, one for each of `queues`, and sets them up: not
    /// blocking, headers of [`HEADER_LENGTH`] bytes in little-endian order, no offloads, the first queue alone active. All of
    /// that belongs to the open file descriptions or the interface, and may have been left otherwise by whoever used them before.
    ///
    /// # Errors
    /// One is no TAP, is attached in another mode or elsewhere, there are not as many as `queues`, or the host cannot set
    /// them up.
    pub fn from_fds(device: &DeviceId, fds: Vec<OwnedFd>, queues: u16) -> Result<Self, TapError> {
        let host = |action| move |source| TapError::Host { action, name: device.to_string(), source };
        let wrong = |how| TapError::WrongMode { device: device.clone(), how };
        if fds.is_empty() || fds.len() != usize::from(queues) {
            return Err(TapError::QueueCount { device: device.clone(), wanted: queues, given: fds.len() });
        }
        let mut names = Vec::new();
        for fd in &fds {
            let flags = tap::interface_flags(fd.as_fd()).map_err(|_| TapError::NotATap(device.clone()))?;
            check_mode(flags, queues).map_err(wrong)?;
            names.push(tap::interface_name(fd.as_fd()).map_err(host("examine"))?);
            let mode = rustix::fs::fcntl_getfl(fd).map_err(|error| host("examine")(error.into()))?;
            if mode & OFlags::RWMODE != OFlags::RDWR {
                return Err(wrong("for reading or writing only"));
            }
            rustix::fs::fcntl_setfl(fd, mode | OFlags::NONBLOCK).map_err(|error| host("set up")(error.into()))?;
            tap::set_header_length(fd.as_fd(), HEADER_LENGTH.into())
                .and_then(|()| tap::set_header_little_endian(fd.as_fd()))
                .map_err(host("set up"))?;
        }
        names.dedup();
        if names.len() > 1 {
            return Err(wrong("to another interface than its other descriptors"));
        }
        let tap = Self { queues: fds, offloads: Offloads::empty(), active: Mutex::new(queues), vhost: None };
        let offloads = tap.probe().map_err(host("set up"))?;
        let tap = Self { offloads, ..tap };
        tap.set_offloads(Offloads::empty()).and_then(|()| tap.set_active_queues(1)).map_err(host("set up"))?;
        Ok(tap)
    }

    /// Has the kernel carry the frames between the rings of `device` and this interface, by the opened vhost-net devices
    /// `fds`, one for each queue.
    ///
    /// # Errors
    /// One is no vhost-net device or in use, or there are not as many as queues.
    pub fn with_vhost(self, device: &DeviceId, fds: Vec<OwnedFd>) -> Result<Self, VhostError> {
        let vhost = Vhost::from_fds(device, fds, &self.queues)?;
        Ok(Self { vhost: Some(vhost), ..self })
    }

    /// What the host's kernel can do: all but segmentation of UDP, which came with Linux 6.2 both ways at once, it
    /// always could.
    fn probe(&self) -> io::Result<Offloads> {
        match self.set_offloads(Offloads::all()) {
            Ok(()) => Ok(Offloads::all()),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(Offloads::all() - Offloads::USO),
            Err(error) => Err(error),
        }
    }

    fn queue(&self, index: u16) -> io::Result<&OwnedFd> {
        self.queues.get(usize::from(index)).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

/// What `errno` of a call on queue `index` says. A queue that is attached to nothing is one that is not active, but the first
/// always is: its interface was deleted.
fn failure(index: u16, errno: Errno) -> io::Error {
    match (errno, index) {
        (Errno::BADFD, 0) => io::Error::new(io::ErrorKind::NotConnected, "the interface was deleted"),
        (Errno::BADFD, _) => io::ErrorKind::WouldBlock.into(),
        _ => errno.into(),
    }
}

/// The same for a request about queue `index`.
pub(super) fn request_failure_of(index: u16, error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EBADFD) => failure(index, Errno::BADFD),
        _ => error,
    }
}

/// The same for a request about the whole interface.
fn request_failure(error: io::Error) -> io::Error {
    request_failure_of(0, error)
}

/// The kernel's bits for the offloads of frames that come to the guest. It takes those for UDP only together.
fn kernel_bits(offloads: Offloads) -> libc::c_uint {
    let uso = Offloads::GUEST_USO4 | Offloads::GUEST_USO6;
    [
        (Offloads::GUEST_CSUM, libc::TUN_F_CSUM),
        (Offloads::GUEST_TSO4, libc::TUN_F_TSO4),
        (Offloads::GUEST_TSO6, libc::TUN_F_TSO6),
        (Offloads::GUEST_ECN, libc::TUN_F_TSO_ECN),
        (uso, libc::TUN_F_USO4 | libc::TUN_F_USO6),
    ]
    .into_iter()
    .filter(|(offload, _)| offloads.consistent().contains(*offload))
    .fold(0, |bits, (_, bit)| bits | bit)
}

/// What is wrong with the `IFF_` bits of an attached descriptor, one of so many.
fn check_mode(flags: libc::c_int, queues: u16) -> Result<(), &'static str> {
    if flags & libc::IFF_TAP == 0 {
        return Err("to a TUN interface");
    }
    if flags & libc::IFF_NO_PI == 0 {
        return Err("with packet information");
    }
    if flags & libc::IFF_VNET_HDR == 0 {
        return Err("without the virtio-net header");
    }
    if queues > 1 && flags & libc::IFF_MULTI_QUEUE == 0 {
        return Err("to a TAP with one queue");
    }
    Ok(())
}

impl NetBackend for Tap {
    fn queues(&self) -> u16 {
        // As many as were asked for by a number of this type.
        u16::try_from(self.queues.len()).unwrap_or(u16::MAX)
    }

    fn receive(&self, queue: u16, frame: &mut Vec<u8>) -> io::Result<()> {
        let fd = self.queue(queue)?;
        let read = rustix::io::retry_on_intr(|| rustix::io::read(fd, spare_capacity(frame)));
        read.map(drop).map_err(|errno| failure(queue, errno))
    }

    fn send(&self, queue: u16, frame: &[u8]) -> io::Result<()> {
        let fd = self.queue(queue)?;
        // One write is one frame, whole or not at all.
        rustix::io::retry_on_intr(|| rustix::io::write(fd, frame)).map_err(|errno| failure(queue, errno))?;
        Ok(())
    }

    fn readable(&self, queue: u16) -> Option<BorrowedFd<'_>> {
        self.queues.get(usize::from(queue)).map(AsFd::as_fd)
    }

    fn kernel(&self) -> Option<&dyn KernelRings> {
        self.vhost.as_ref().map(|vhost| vhost as &dyn KernelRings)
    }

    fn offloads(&self) -> Offloads {
        self.offloads
    }

    fn set_offloads(&self, offloads: Offloads) -> io::Result<()> {
        // They are the interface's: any queue will do.
        tap::set_offloads(self.queue(0)?.as_fd(), kernel_bits(offloads)).map_err(request_failure)
    }

    fn set_active_queues(&self, count: u16) -> io::Result<()> {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let count = count.clamp(1, self.queues());
        while *active < count {
            tap::set_queue(self.queue(*active)?.as_fd(), true).map_err(request_failure)?;
            *active += 1;
        }
        while *active > count {
            tap::set_queue(self.queue(*active - 1)?.as_fd(), false).map_err(request_failure)?;
            *active -= 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! What needs no interface. Interfaces are made, and used, in the native tests.

    use super::*;
    use std::fs::File;

    #[test]
    fn a_descriptor_of_something_else_is_refused() {
        for path in ["/dev/null", "/proc/self/exe", "/"] {
            let error = Tap::from_fds(&"net0".into(), vec![File::open(path).unwrap().into()], 1).unwrap_err();
            assert!(matches!(error, TapError::NotATap(id) if id.as_str() == "net0"), "{path}");
        }
    }

    #[test]
    fn a_descriptor_must_be_attached_as_frames_are_exchanged() {
        let all = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        for (flags, queues, wrong) in [
            (all, 1, None),
            (all, 2, Some("to a TAP with one queue")),
            (all | libc::IFF_MULTI_QUEUE | libc::IFF_PERSIST, 1, None),
            (all | libc::IFF_MULTI_QUEUE | libc::IFF_PERSIST, 2, None),
            (libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR, 1, Some("to a TUN interface")),
            (all & !libc::IFF_NO_PI, 1, Some("with packet information")),
            (all & !libc::IFF_VNET_HDR, 1, Some("without the virtio-net header")),
        ] {
            assert_eq!(check_mode(flags, queues).err(), wrong, "{flags:#x}");
        }
    }

    #[test]
    fn there_is_a_descriptor_for_each_queue() {
        for (given, wanted) in [(0, 0), (0, 1), (1, 2), (2, 1)] {
            let fds = (0..given).map(|_| File::open("/dev/null").unwrap().into()).collect();
            let error = Tap::from_fds(&"net0".into(), fds, wanted).unwrap_err();
            assert!(matches!(error, TapError::QueueCount { .. }), "{error}");
        }
    }

    #[test]
    fn the_kernel_is_asked_for_what_the_guest_takes_and_for_udp_only_in_both_protocols() {
        let cases = [
            (Offloads::empty(), 0),
            (Offloads::all(), 0x6f),
            (Offloads::all() - Offloads::GUEST, 0),
            (Offloads::GUEST - Offloads::GUEST_CSUM, 0),
            (Offloads::GUEST - Offloads::GUEST_USO6, 0x0f),
            (Offloads::GUEST_CSUM | Offloads::GUEST_TSO6, 0x05),
        ];
        for (offloads, bits) in cases {
            assert_eq!(kernel_bits(offloads), bits, "{offloads:?}");
        }
    }

    #[test]
    fn only_the_first_queue_tells_that_the_interface_has_gone() {
        assert_eq!(failure(0, Errno::BADFD).kind(), io::ErrorKind::NotConnected);
        assert_eq!(failure(1, Errno::BADFD).kind(), io::ErrorKind::WouldBlock);
        assert_eq!(failure(0, Errno::IO).raw_os_error(), Some(libc::EIO));
    }
}
