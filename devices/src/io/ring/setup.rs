//! Makes a ring that can do to its files what disks need, and nothing else.

use io_uring::register::Restriction;
use io_uring::squeue::Flags;
use io_uring::{IoUring, opcode};
use std::io;
use std::os::fd::RawFd;

/// Entries of the submission queue: what is told to the host at a time.
const ENTRIES: u32 = 256;
/// Files that a ring can have at a time: one for each queue that its worker serves.
pub(super) const SEATS: usize = 128;
/// What stands in the table where no file is.
pub(super) const NO_FILE: RawFd = -1;
/// IORING_REGISTER_FILES_UPDATE of linux/io_uring.h: puts files into their places, and takes them out.
const REGISTER_FILES_UPDATE: u8 = 6;

/// A ring that was restricted before it could do anything: io_uring operations are not seen by seccomp. From then on
/// it reads, writes, syncs and allocates, only on the files in its table, and only that table can be changed.
///
/// # Errors
/// The host does not let us (`EPERM`: a sandbox or `kernel.io_uring_disabled`; `ENOSYS`), or is too old (`EINVAL`).
pub(super) fn make() -> io::Result<IoUring> {
    let ring = IoUring::builder().setup_r_disabled().dontfork().build(ENTRIES)?;
    if !ring.params().is_feature_nodrop() || !ring.params().is_feature_submit_stable() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let fixed = Flags::FIXED_FILE.bits();
    let operations = [opcode::Readv::CODE, opcode::Writev::CODE, opcode::Fsync::CODE, opcode::Fallocate::CODE];
    let mut restrictions: Vec<_> = operations.into_iter().map(Restriction::sqe_op).collect();
    restrictions.extend([
        Restriction::sqe_flags_required(fixed),
        Restriction::sqe_flags_allowed(fixed),
        Restriction::register_op(REGISTER_FILES_UPDATE),
    ]);
    let submitter = ring.submitter();
    submitter.register_files(&[NO_FILE; SEATS])?;
    submitter.register_restrictions(&mut restrictions)?;
    submitter.register_enable_rings()?;
    Ok(ring)
}

/// Puts `file` at place `seat` of the table, or takes out what is there.
pub(super) fn set_file(ring: &IoUring, seat: usize, file: RawFd) -> io::Result<()> {
    let seat = u32::try_from(seat).map_err(|_| io::ErrorKind::InvalidInput)?;
    ring.submitter().register_files_update(seat, &[file])?;
    Ok(())
}
