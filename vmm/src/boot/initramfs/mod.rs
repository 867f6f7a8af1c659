//! Whether an initramfs is whole.
//!
//! An initrd is the guest's business, whatever is in it; but one that was cut off fails late and darkly. Linux takes a
//! sequence of cpio archives, compressed or not, with zeros between them
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`), and each is followed here to its end by the lengths
//! that its format tells. Nothing is unpacked but gzip, whose format has no lengths. What is none of these formats
//! passes (bzip2, lzma and lzo too, which no distribution uses by default), and so does what is wrong in another way:
//! the guest's kernel complains of it on its console.
//!
//! | file | format |
//! |---|---|
//! | `cpio.rs` | uncompressed ("newc") |
//! | `gzip.rs` | RFC 1952 |
//! | `lz4.rs` | LZ4's legacy frames, the only ones that Linux takes |
//! | `xz.rs` | "The .xz File Format" 1.2.1, with LZMA2 |
//! | `zstd.rs` | RFC 8878 |

mod cpio;
mod gzip;
mod lz4;
mod reader;
mod xz;
mod zstd;

#[cfg(test)]
mod tests;

use super::error::BootError;
use reader::{Flaw, Reader};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

/// Checks the initrd of `size` bytes at `start` of guest memory, which has `ram_size` bytes.
///
/// # Errors
/// [`BootError::Truncated`]; or guest memory cannot be read.
pub(super) fn check(
    ram: &impl Bytes<GuestAddress, E = GuestMemoryError>,
    ram_size: u64,
    start: u64,
    size: u64,
) -> Result<(), BootError> {
    let mut reader = Reader::new(ram, start, size);
    loop {
        match skip_archive(&mut reader, ram_size) {
            Ok(()) if reader.rest() == 0 => return Ok(()),
            Ok(()) => {}
            Err(Flaw::Other) => return Ok(()),
            Err(Flaw::Truncated { needed }) => return Err(BootError::Truncated { payload: "initrd", needed, size }),
            Err(Flaw::Memory(error)) => return Err(BootError::Structures(error)),
        }
    }
}

/// Goes behind the zeros and the archive that come next.
fn skip_archive<R: Bytes<GuestAddress, E = GuestMemoryError>>(
    reader: &mut Reader<'_, R>,
    ram_size: u64,
) -> Result<(), Flaw> {
    reader.skip_zeros()?;
    let mut magic = [0; 6];
    match reader.peek(&mut magic)? {
        [] => Ok(()),
        start if cpio::starts(start) => cpio::skip(reader),
        [0x1f, 0x8b, ..] => gzip::skip(reader, ram_size),
        [0x02, 0x21, 0x4c, 0x18, ..] => lz4::skip(reader),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => xz::skip(reader),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::skip(reader),
        _ => Err(Flaw::Other),
    }
}
