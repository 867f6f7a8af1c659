//! A TAP interface of the host.

use super::{HEADER_LENGTH, NetBackend};
use crate::id::DeviceId;
use crate::io::tap::{self, InterfaceKind};
use rustix::fs::{Mode, OFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use thiserror::Error;

/// What TAP interfaces are attached by.
const DRIVER: &str = "/dev/net/tun";

/// Why a TAP interface cannot be used.
#[derive(Debug, Error)]
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
    /// The interface was made for several queues.
    #[error(
        "Interface {0} is a TAP with several queues: make one without `multi_queue`, or hand one of its queues over as a descriptor"
    )]
    MultiQueue(String),
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

/// Attaches to the existing TAP interface `name` of this process's network namespace, for [`Tap::from_fd`]. It is never
/// made: a typing error would silently give a machine without a network.
///
/// # Errors
/// There is no such interface, it is of another kind or in use, or this process may not use it.
pub fn open_tap(name: &str) -> Result<OwnedFd, TapError> {
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
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open(DRIVER, flags, Mode::empty()).map_err(|error| TapError::Driver(error.into()))?;
    match tap::attach(fd.as_fd(), name, libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) {
        Ok(()) => {}
        Err(error) => {
            return Err(match error.raw_os_error() {
                Some(libc::EBUSY) => TapError::Busy(name.into()),
                Some(libc::EPERM) => TapError::Forbidden(name.into()),
                // It is a TAP, so only the number of queues can be wrong.
                Some(libc::EINVAL) => TapError::MultiQueue(name.into()),
                _ => host("attach to")(error),
            });
        }
    }
    // Only what was made by the call itself is not persistent: the interface went meanwhile. It goes with `fd` again.
    match tap::interface_flags(fd.as_fd()) {
        Ok(flags) if flags & libc::IFF_PERSIST == 0 => Err(TapError::Missing(name.into())),
        Ok(_) => Ok(fd),
        Err(error) => Err(host("examine")(error)),
    }
}

fn wrong_kind(name: &str, found: String) -> TapError {
    TapError::WrongKind { name: name.to_owned(), found }
}

/// One queue of a TAP interface: each read and each write is one frame behind its header.
#[derive(Debug)]
pub struct Tap(OwnedFd);

impl Tap {
    /// Checks that `fd` is attached to a TAP interface as is needed, and sets it up: not blocking, headers of
    /// [`HEADER_LENGTH`] bytes in little-endian order, no offloads. All of that belongs to the open file description
    /// and may have been left otherwise by whoever used it before.
    ///
    /// # Errors
    /// It is no TAP, is attached in another mode, or the host cannot set it up.
    pub fn from_fd(device: &DeviceId, fd: OwnedFd) -> Result<Self, TapError> {
        let host = |action| move |source| TapError::Host { action, name: device.to_string(), source };
        let wrong = |how| TapError::WrongMode { device: device.clone(), how };
        let flags = tap::interface_flags(fd.as_fd()).map_err(|_| TapError::NotATap(device.clone()))?;
        check_mode(flags).map_err(wrong)?;
        let mode = rustix::fs::fcntl_getfl(&fd).map_err(|error| host("examine")(error.into()))?;
        if mode & OFlags::RWMODE != OFlags::RDWR {
            return Err(wrong("for reading or writing only"));
        }
        rustix::fs::fcntl_setfl(&fd, mode | OFlags::NONBLOCK).map_err(|error| host("set up")(error.into()))?;
        tap::set_header_length(fd.as_fd(), HEADER_LENGTH.into())
            .and_then(|()| tap::set_header_little_endian(fd.as_fd()))
            .and_then(|()| tap::set_offloads(fd.as_fd(), 0))
            .map_err(host("set up"))?;
        Ok(Self(fd))
    }
}

/// What is wrong with the `IFF_` bits of an attached descriptor.
fn check_mode(flags: libc::c_int) -> Result<(), &'static str> {
    if flags & libc::IFF_TAP == 0 {
        return Err("to a TUN interface");
    }
    if flags & libc::IFF_NO_PI == 0 {
        return Err("with packet information");
    }
    if flags & libc::IFF_VNET_HDR == 0 {
        return Err("without the virtio-net header");
    }
    Ok(())
}

impl NetBackend for Tap {
    fn receive(&self, frame: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut *frame))?)
    }

    fn send(&self, frame: &[u8]) -> io::Result<()> {
        // One write is one frame, whole or not at all.
        rustix::io::retry_on_intr(|| rustix::io::write(&self.0, frame))?;
        Ok(())
    }

    fn readable(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
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
            let error = Tap::from_fd(&"net0".into(), File::open(path).unwrap().into()).unwrap_err();
            assert!(matches!(error, TapError::NotATap(id) if id.as_str() == "net0"), "{path}");
        }
    }

    #[test]
    fn a_descriptor_must_be_attached_as_frames_are_exchanged() {
        let all = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        for (flags, wrong) in [
            (all, None),
            (all | libc::IFF_MULTI_QUEUE | libc::IFF_PERSIST, None),
            (libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR, Some("to a TUN interface")),
            (all & !libc::IFF_NO_PI, Some("with packet information")),
            (all & !libc::IFF_VNET_HDR, Some("without the virtio-net header")),
        ] {
            assert_eq!(check_mode(flags).err(), wrong, "{flags:#x}");
        }
    }
}
