//! Uncompressed archives ("newc").

use super::reader::{Flaw, Reader};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

/// How an entry begins, without and with a checksum.
const MAGICS: [&[u8; 6]; 2] = [b"070701", b"070702"];
/// The header of an entry.
type Header = [u8; 110];
/// Offsets of the eight hexadecimal digits of the fields that give lengths.
const FILE_SIZE: usize = 54;
const NAME_SIZE: usize = 94;
/// The name of the last entry, with its NUL. An archive may end without it.
const TRAILER: &[u8; 11] = b"TRAILER!!!\0";

/// Whether an entry begins with `bytes`: with all of them, when there are fewer than a magic has.
pub(super) fn starts(bytes: &[u8]) -> bool {
    !bytes.is_empty() && MAGICS.iter().any(|magic| magic.starts_with(bytes))
}

/// Goes behind an archive: its trailer, or its last entry.
pub(super) fn skip<R: Bytes<GuestAddress, E = GuestMemoryError>>(reader: &mut Reader<'_, R>) -> Result<(), Flaw> {
    loop {
        let mut magic = [0; 6];
        if !starts(reader.peek(&mut magic)?) {
            return Ok(());
        }
        let header: Header = reader.take()?;
        let (name, file) = (field(&header, NAME_SIZE)?, field(&header, FILE_SIZE)?);
        let mut text = [0; TRAILER.len()];
        let last = name == TRAILER.len() as u64 && reader.peek(&mut text)? == TRAILER;
        reader.skip(name)?;
        // The header and its name together, and the file, are padded to 4 bytes; padding at the very end may be missing.
        let padding = |reader: &Reader<'_, R>| reader.rest().min(reader.position().wrapping_neg() % 4);
        reader.skip(padding(reader))?;
        reader.skip(file)?;
        reader.skip(padding(reader))?;
        if last {
            return Ok(());
        }
    }
}

/// The number that stands in eight hexadecimal digits at `offset`.
fn field(header: &Header, offset: usize) -> Result<u64, Flaw> {
    let digits = std::str::from_utf8(&header[offset..offset + 8]).map_err(|_| Flaw::Other)?;
    u64::from_str_radix(digits, 16).map_err(|_| Flaw::Other)
}
