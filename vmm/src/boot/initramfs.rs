//! Whether an uncompressed initramfs is whole.
//!
//! An initrd is the guest's business, whatever is in it; but a cpio archive ("newc", Linux
//! `Documentation/driver-api/early-userspace/buffer-format.rst`) says how long it is, and a truncated one fails late and
//! darkly. Only its first archive is looked at: others may follow. A compressed archive does not say how long it is
//! before it is unpacked, which is the guest kernel's work: it starts, and complains on its console.

use super::error::BootError;
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

/// The header of an entry.
type Header = [u8; 110];
const HEADER: u64 = size_of::<Header>() as u64;
/// Offsets of the eight hexadecimal digits of the fields that give lengths.
const FILE_SIZE: usize = 54;
const NAME_SIZE: usize = 94;
/// The name of the last entry, with its NUL, is this long; no entry after it belongs to the archive.
const TRAILER: &[u8; 11] = b"TRAILER!!!\0";

/// Checks `size` bytes at `start` of guest memory: an archive in which an entry goes on after the end is refused.
/// Everything that is no archive passes.
///
/// # Errors
/// [`BootError::Truncated`]; or guest memory cannot be read.
pub(super) fn check(
    ram: &impl Bytes<GuestAddress, E = GuestMemoryError>,
    start: u64,
    size: u64,
) -> Result<(), BootError> {
    let mut position = 0;
    loop {
        let mut magic = [0; 6];
        if size.saturating_sub(position) < 6 {
            return Ok(());
        }
        read(ram, &mut magic, start + position)?;
        if !matches!(&magic, b"070701" | b"070702") {
            return Ok(());
        }
        let mut header: Header = [0; _];
        if size - position < HEADER {
            return Err(truncated(position + HEADER, size));
        }
        read(ram, &mut header, start + position)?;
        let (Some(name), Some(file)) = (field(&header, NAME_SIZE), field(&header, FILE_SIZE)) else { return Ok(()) };
        // No overflow: each field has 32 bits. Names and files are padded to 4 bytes, the header and its name together.
        let data = (position + HEADER + name).next_multiple_of(4);
        let needed = if file == 0 { position + HEADER + name } else { data + file };
        if needed > size {
            return Err(truncated(needed, size));
        }
        let mut text = [0; TRAILER.len()];
        if name == TRAILER.len() as u64 {
            read(ram, &mut text, start + position + HEADER)?;
        }
        if &text == TRAILER {
            return Ok(());
        }
        position = (data + file).next_multiple_of(4);
    }
}

fn truncated(needed: u64, size: u64) -> BootError {
    BootError::Truncated { payload: "initrd", needed, size }
}

fn read(ram: &impl Bytes<GuestAddress, E = GuestMemoryError>, bytes: &mut [u8], at: u64) -> Result<(), BootError> {
    ram.read_slice(bytes, GuestAddress(at)).map_err(BootError::Structures)
}

/// The number that stands in eight hexadecimal digits at `offset`.
fn field(header: &[u8], offset: usize) -> Option<u64> {
    let digits = header.get(offset..offset + 8)?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;
    use vm_memory::GuestMemoryMmap;

    const START: u64 = 0x1000;

    fn entry(name: &str, file: &[u8]) -> Vec<u8> {
        let mut bytes = b"070701".to_vec();
        for (index, value) in [0; 13].iter().enumerate() {
            let value = match index {
                6 => file.len(),
                11 => name.len() + 1,
                _ => *value,
            };
            bytes.extend(format!("{value:08x}").bytes());
        }
        bytes.extend(name.bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(file);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn archive() -> Vec<u8> {
        [entry("init", b"#!/bin/sh\n"), entry("bin/busybox", &[7; 1001]), entry("TRAILER!!!", b"")].concat()
    }

    fn verdict(bytes: &[u8]) -> Result<(), BootError> {
        let ram: GuestMemoryMmap = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x4000)]).unwrap();
        ram.write_slice(bytes, GuestAddress(START)).unwrap();
        check(&ram, START, bytes.len() as u64)
    }

    #[test]
    fn a_whole_archive_passes_whatever_follows_it() {
        verdict(&archive()).unwrap();
        verdict(&[archive(), vec![0; 512]].concat()).unwrap();
        verdict(&[archive(), b"\x1f\x8b compressed".to_vec()].concat()).unwrap();
        verdict(&[archive(), b"070701 behind the trailer".to_vec()].concat()).unwrap();
    }

    #[test]
    fn an_archive_that_is_cut_inside_an_entry_is_refused() {
        let (whole, first) = (archive(), entry("init", b"#!/bin/sh\n").len());
        for length in [7, 109, 110, 114, first + 6, first + 110, first + 200, whole.len() - 200] {
            let error = verdict(&whole[..length]).unwrap_err();
            assert!(error.to_string().contains("truncated"), "{length}: {error}");
        }
    }

    #[test]
    fn what_is_no_archive_passes() {
        for bytes in [&b"x"[..], b"070", b"070707old format", b"\x1f\x8b\x08", &[0; 4096]] {
            verdict(bytes).unwrap();
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_or_reads_outside(bytes in proptest::collection::vec(any::<u8>(), 0..300), digits in "[0-9a-fA-F]{104}") {
            let _ = verdict(&bytes);
            let _ = verdict(&[b"070701".as_slice(), digits.as_bytes(), &bytes].concat());
        }
    }
}
