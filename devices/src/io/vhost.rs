//! The ioctls of vhost devices (linux/vhost.h), which serve rings in the host's kernel. Each structure is the kernel's,
//! and each number of a ring is that of the vhost device, not of the virtio device in front of it.

use crate::backend::net::HostRange;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

const VHOST_GET_FEATURES: libc::Ioctl = 0x8008_af00;
const VHOST_SET_FEATURES: libc::Ioctl = 0x4008_af00;
const VHOST_SET_OWNER: libc::Ioctl = 0xaf01;
const VHOST_SET_MEM_TABLE: libc::Ioctl = 0x4008_af03;
const VHOST_SET_VRING_NUM: libc::Ioctl = 0x4008_af10;
const VHOST_SET_VRING_ADDR: libc::Ioctl = 0x4028_af11;
const VHOST_SET_VRING_BASE: libc::Ioctl = 0x4008_af12;
const VHOST_GET_VRING_BASE: libc::Ioctl = 0xc008_af12;
const VHOST_SET_VRING_KICK: libc::Ioctl = 0x4008_af20;
const VHOST_SET_VRING_CALL: libc::Ioctl = 0x4008_af21;
const VHOST_SET_VRING_ERR: libc::Ioctl = 0x4008_af22;
const VHOST_NET_SET_BACKEND: libc::Ioctl = 0x4008_af30;

/// `struct vhost_vring_state`.
#[repr(C)]
struct RingState {
    index: u32,
    number: u32,
}

/// `struct vhost_vring_file`; -1 is no file.
#[repr(C)]
struct RingFile {
    index: u32,
    fd: libc::c_int,
}

/// `struct vhost_vring_addr`: addresses in this process.
#[repr(C)]
struct RingAddresses {
    index: u32,
    flags: u32,
    descriptors: u64,
    used: u64,
    available: u64,
    log: u64,
}

/// An event or a file of a ring.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RingFd {
    /// The driver notifies by it.
    Kick,
    /// The driver is interrupted by it.
    Call,
    /// It tells that the driver broke the ring.
    Fault,
    /// The socket or TAP behind a network's ring, without which it stands still.
    Backend,
}

/// The device belongs to this process from now on, in whose memory it works.
///
/// # Errors
/// `EBUSY`: it has an owner. `ENOTTY` and others: it is no vhost device.
pub(crate) fn set_owner(vhost: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: VHOST_SET_OWNER has no argument; the descriptor is borrowed, so open.
    check(unsafe { libc::ioctl(vhost.as_raw_fd(), VHOST_SET_OWNER) })
}

/// The feature bits that it knows.
///
/// # Errors
/// `ENOTTY` and others: it is no vhost device.
pub(crate) fn features(vhost: BorrowedFd<'_>) -> io::Result<u64> {
    let mut features = 0_u64;
    // SAFETY: VHOST_GET_FEATURES writes one u64, which `features` is; the descriptor is borrowed, so open.
    check(unsafe { libc::ioctl(vhost.as_raw_fd(), VHOST_GET_FEATURES, &raw mut features) })?;
    Ok(features)
}

/// The feature bits that it and the driver agree upon.
pub(crate) fn set_features(vhost: BorrowedFd<'_>, features: u64) -> io::Result<()> {
    // SAFETY: VHOST_SET_FEATURES reads one u64, which `features` is; the descriptor is borrowed, so open.
    check(unsafe { libc::ioctl(vhost.as_raw_fd(), VHOST_SET_FEATURES, &raw const features) })
}

/// Where guest memory is in this process: nothing else is reached by the addresses in descriptors.
///
/// # Errors
/// `E2BIG`: there are more ranges than the kernel takes.
pub(crate) fn set_memory(vhost: BorrowedFd<'_>, memory: &[HostRange]) -> io::Result<()> {
    // `struct vhost_memory`: the count and padding, then for each range its guest address, size, address here, flags.
    let [a, b, c, d] = u32::try_from(memory.len()).map_err(io::Error::other)?.to_ne_bytes();
    let head = u64::from_ne_bytes([a, b, c, d, 0, 0, 0, 0]);
    let ranges = memory.iter().flat_map(|range| [range.guest, range.length, range.host, 0]);
    let table: Vec<u64> = std::iter::once(head).chain(ranges).collect();
    // SAFETY: VHOST_SET_MEM_TABLE reads a header of 8 bytes and as many ranges of 32 bytes as it says, which `table`
    // holds; what the ranges stand for is kept mapped by whoever has the rings started (`HostRange`).
    check(unsafe { libc::ioctl(vhost.as_raw_fd(), VHOST_SET_MEM_TABLE, table.as_ptr()) })
}

/// Ring `index` has so many descriptors.
pub(crate) fn set_ring_size(vhost: BorrowedFd<'_>, index: u32, size: u16) -> io::Result<()> {
    set_ring_state(vhost, VHOST_SET_VRING_NUM, index, size)
}

/// The next slot of its available ring to look at.
pub(crate) fn set_ring_base(vhost: BorrowedFd<'_>, index: u32, next: u16) -> io::Result<()> {
    set_ring_state(vhost, VHOST_SET_VRING_BASE, index, next)
}

fn set_ring_state(vhost: BorrowedFd<'_>, request: libc::Ioctl, index: u32, number: u16) -> io::Result<()> {
    let state = RingState { index, number: number.into() };
    // SAFETY: both requests read one `vhost_vring_state`, which `state` is; the descriptor is borrowed, so open.
    check(unsafe { libc::ioctl(vhost.as_raw_fd(), request, &raw const state) })
}

/// The next slot of the available ring that it would look at.
pub(crate) fn ring_base(vhost: BorrowedFd<'_>, index: u32) -> io::Result<u16> {
    let mut state = RingState { index, number: 0 };
    // SAFETY: VHOST_GET_VRING_BASE reads and writes one `vhost_vring_state`, which `state` is; the descriptor is
    // borrowed, so open.
    check(unsafe { libc::ioctl(vhost.as_raw_fd(), VHOST_GET_VRING_BASE, &raw mut state) })?;
    u16::try_from(state.number).map_err(io::Error::other)
}

/// Where ring `index` is in this process: its descriptors, available and used rings.
///
/// # Errors
/// `EFAULT`: not in this process's half of the addresses. `EINVAL`: not aligned.
pub(crate) fn set_ring_addresses(vhost: BorrowedFd<'_>, index: u32, addresses: [u64; 3]) -> io::Result<()> {
    let [descriptors, available, used] = addresses;
    let addresses = RingAddresses { index, flags: 0, descriptors, used, available, log: 0 };
    // SAFETY: VHOST_SET_VRING_ADDR reads one `vhost_vring_addr`, which `addresses` is; the descriptor is borrowed, so
    // open. What is at the addresses is kept mapped by whoever has the ring started (`HostRange`).
    check(unsafe { libc::ioctl(vhost.as_raw_fd(), VHOST_SET_VRING_ADDR, &raw const addresses) })
}

/// Gives ring `index` the descriptor `fd` for `role`, or takes it away. It is kept open by the kernel.
pub(crate) fn set_ring_fd(vhost: BorrowedFd<'_>, index: u32, role: RingFd, fd: Option<&dyn AsRawFd>) -> io::Result<()> {
    let request = match role {
        RingFd::Kick => VHOST_SET_VRING_KICK,
        RingFd::Call => VHOST_SET_VRING_CALL,
        RingFd::Fault => VHOST_SET_VRING_ERR,
        RingFd::Backend => VHOST_NET_SET_BACKEND,
    };
    let file = RingFile { index, fd: fd.map_or(-1, |fd| fd.as_raw_fd()) };
    // SAFETY: all four requests read one `vhost_vring_file`, which `file` is; both descriptors are borrowed, so open.
    // (Were `fd` not, the kernel would refuse it, or hold another file of this process.)
    check(unsafe { libc::ioctl(vhost.as_raw_fd(), request, &raw const file) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
