//! The kernel's command line in guest memory.

use super::error::BootError;
use crate::memory::GuestRam;
use crate::memory::layout::CMDLINE;
use vm_memory::{Bytes, GuestAddress};

/// What a kernel without a setup header takes: Linux's COMMAND_LINE_SIZE on x86 is 2048 with the NUL.
pub(super) const DEFAULT_MAX: u32 = 2047;

/// Writes the command line with its NUL to [`CMDLINE`]; at most `max` bytes, the NUL not counted.
///
/// # Errors
/// It is too long.
pub(super) fn write(ram: &GuestRam, cmdline: &str, max: u32) -> Result<(), BootError> {
    let room = CMDLINE.end - CMDLINE.start - 1;
    let max = usize::try_from(room.min(max.into())).unwrap_or(0);
    let len = cmdline.len();
    if len > max {
        return Err(BootError::CmdlineTooLong { len, max });
    }
    let text = ram.write_slice(cmdline.as_bytes(), GuestAddress(CMDLINE.start));
    // CMDLINE has room for it: len is at most its size less 1.
    text.and_then(|()| ram.write_obj(0u8, GuestAddress(CMDLINE.start + len as u64))).map_err(BootError::Structures)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::testing::ram;
    use super::*;

    #[test]
    fn the_text_ends_with_a_nul() {
        let ram = ram(16 << 20);
        ram.write_obj(u64::MAX, GuestAddress(CMDLINE.start)).unwrap();
        write(&ram, "quiet", 5).unwrap();
        let bytes: [u8; 8] = ram.read_obj(GuestAddress(CMDLINE.start)).unwrap();
        assert_eq!(&bytes, b"quiet\0\xff\xff");
    }

    #[test]
    fn one_byte_more_than_the_kernel_takes_is_refused() {
        let ram = ram(16 << 20);
        let error = write(&ram, "quiet", 4).unwrap_err();
        assert!(matches!(error, BootError::CmdlineTooLong { len: 5, max: 4 }), "{error}");
        let room = usize::try_from(CMDLINE.end - CMDLINE.start).unwrap();
        write(&ram, &"x".repeat(room - 1), u32::MAX).unwrap();
        let error = write(&ram, &"x".repeat(room), u32::MAX).unwrap_err();
        assert!(matches!(error, BootError::CmdlineTooLong { .. }), "{error}");
    }
}
