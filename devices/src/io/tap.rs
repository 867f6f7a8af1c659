//! The ioctls of TAP interfaces (linux/if_tun.h), and what kind of interface a name stands for (ethtool).

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::ffi::CStr;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

/// SIOCETHTOOL of linux/sockios.h, of the type that `ioctl` takes in every libc.
const SIOCETHTOOL: libc::Ioctl = 0x8946;
/// ETHTOOL_GDRVINFO of linux/ethtool.h.
const ETHTOOL_GDRVINFO: u32 = 3;

/// The kind of an interface, as its driver names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InterfaceKind {
    /// A TAP, whether persistent or not, with one queue or many.
    Tap,
    /// A TUN: the same driver, without Ethernet.
    Tun,
    /// Another driver's; empty when the driver has no name.
    Other(String),
}

/// `struct ethtool_drvinfo` of linux/ethtool.h.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    version: [u8; 32],
    firmware: [u8; 32],
    bus: [u8; 32],
    rom: [u8; 32],
    reserved: [u8; 12],
    counts: [u32; 5],
}

const _: () = assert!(size_of::<DriverInfo>() == 196);

/// An `ifreq` that names `name`.
///
/// # Errors
/// `InvalidInput` when it cannot be the name of an interface.
fn request(name: &str) -> io::Result<libc::ifreq> {
    let mut ifr_name = [0; libc::IFNAMSIZ];
    let legal = !name.is_empty() && name.len() < ifr_name.len() && !name.contains('\0');
    if !legal {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    Ok(libc::ifreq { ifr_name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: 0 } })
}

/// What the interface `name` of this process's network namespace is. Asks; changes nothing.
///
/// # Errors
/// `ENODEV` when there is no such interface; `InvalidInput` when there cannot be one.
pub(crate) fn interface_kind(name: &str) -> io::Result<InterfaceKind> {
    let mut request = request(name)?;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let mut info = DriverInfo {
        command: ETHTOOL_GDRVINFO,
        driver: [0; 32],
        version: [0; 32],
        firmware: [0; 32],
        bus: [0; 32],
        rom: [0; 32],
        reserved: [0; 12],
        counts: [0; 5],
    };
    request.ifr_ifru = libc::__c_anonymous_ifr_ifru { ifru_data: (&raw mut info).cast() };
    // SAFETY: SIOCETHTOOL reads the `ifreq` and, for ETHTOOL_GDRVINFO, writes one `ethtool_drvinfo` where its data
    // points: both are ours, of the kernel's layout, and outlive the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    match check(result) {
        Ok(()) => {}
        // The interface is there, and its driver says nothing of itself.
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(InterfaceKind::Other(String::new())),
        Err(error) => return Err(error),
    }
    Ok(match (text(&info.driver), text(&info.bus)) {
        ("tun", "tap") => InterfaceKind::Tap,
        ("tun", _) => InterfaceKind::Tun,
        (driver, _) => InterfaceKind::Other(driver.to_owned()),
    })
}

/// The text of a field that ends with a NUL.
fn text(field: &[u8]) -> &str {
    CStr::from_bytes_until_nul(field).ok().and_then(|text| text.to_str().ok()).unwrap_or_default()
}

/// Attaches the open `/dev/net/tun` to the interface `name`, with the `IFF_` bits `flags` (TUNSETIFF). Makes the
/// interface if there is none and this process may.
///
/// # Errors
/// `EBUSY`: somebody else is attached. `EINVAL`: it is of another kind. `EPERM`: this process may not.
pub(crate) fn attach(tun: BorrowedFd<'_>, name: &str, flags: libc::c_int) -> io::Result<()> {
    let mut request = request(name)?;
    request.ifr_ifru = libc::__c_anonymous_ifr_ifru { ifru_flags: short(flags) };
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which `request` is; the descriptor is borrowed, so open.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })
}

/// The `IFF_` bits of the interface that the descriptor is attached to (TUNGETIFF).
///
/// # Errors
/// `EBADFD`: it is attached to none. `ENOTTY` and others: it is no TAP at all.
pub(crate) fn interface_flags(tun: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    let request = attachment(tun)?;
    // SAFETY: the call succeeded, so the kernel has filled in the flags; every bit pattern is a value.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    Ok(libc::c_int::from(flags.cast_unsigned()))
}

/// The name of that interface, with the NULs behind it.
///
/// # Errors
/// As [`interface_flags`].
pub(crate) fn interface_name(tun: BorrowedFd<'_>) -> io::Result<[libc::c_char; libc::IFNAMSIZ]> {
    Ok(attachment(tun)?.ifr_name)
}

/// What the descriptor is attached to (TUNGETIFF).
fn attachment(tun: BorrowedFd<'_>) -> io::Result<libc::ifreq> {
    let mut request =
        libc::ifreq { ifr_name: [0; libc::IFNAMSIZ], ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: 0 } };
    // SAFETY: TUNGETIFF writes one `ifreq`, which `request` is; the descriptor is borrowed, so open.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNGETIFF, &raw mut request) })?;
    Ok(request)
}

/// Attaches a descriptor of a TAP with several queues again, or detaches it for a while (TUNSETQUEUE). No frames come
/// to a detached one, and those that waited are lost.
///
/// # Errors
/// `EINVAL`: it is so already. `EBADFD`: the interface has gone.
pub(crate) fn set_queue(tun: BorrowedFd<'_>, attached: bool) -> io::Result<()> {
    let flags = if attached { libc::IFF_ATTACH_QUEUE } else { libc::IFF_DETACH_QUEUE };
    let request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: short(flags) },
    };
    // SAFETY: TUNSETQUEUE reads one `ifreq`, which `request` is; the descriptor is borrowed, so open.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETQUEUE, &raw const request) })
}

/// Each frame is read and written behind a header of `bytes` (TUNSETVNETHDRSZ).
pub(crate) fn set_header_length(tun: BorrowedFd<'_>, bytes: libc::c_int) -> io::Result<()> {
    // SAFETY: TUNSETVNETHDRSZ reads one int; the descriptor is borrowed, so open.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETVNETHDRSZ, &raw const bytes) })
}

/// The header is little-endian, whatever the host is (TUNSETVNETLE).
pub(crate) fn set_header_little_endian(tun: BorrowedFd<'_>) -> io::Result<()> {
    let yes: libc::c_int = 1;
    // SAFETY: TUNSETVNETLE reads one int; the descriptor is borrowed, so open.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETVNETLE, &raw const yes) })
}

/// Which offloads the reader understands (TUNSETOFFLOAD, `TUN_F_` bits): with none, the kernel hands out whole frames
/// with their checksums.
pub(crate) fn set_offloads(tun: BorrowedFd<'_>, offloads: libc::c_uint) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value; the descriptor is borrowed, so open.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETOFFLOAD, libc::c_ulong::from(offloads)) })
}

/// `ifr_flags` has 16 bits, of which IFF_TUN_EXCL is the highest.
#[allow(clippy::cast_possible_truncation)]
fn short(flags: libc::c_int) -> libc::c_short {
    flags as libc::c_short
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
