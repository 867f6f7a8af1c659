//! gzip (RFC 1952). Where it ends is known only by unpacking it.

use super::reader::{Flaw, Reader};
use flate2::bufread::GzDecoder;
use std::io::{self, BufReader, ErrorKind, Read};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 16;

/// Goes behind a member. One that unpacks to more than `limit` bytes is left to the guest, which has no room for it
/// either.
pub(super) fn skip<R: Bytes<GuestAddress, E = GuestMemoryError>>(
    reader: &mut Reader<'_, R>,
    limit: u64,
) -> Result<(), Flaw> {
    let end = reader.position() + reader.rest();
    let mut decoder = GzDecoder::new(BufReader::with_capacity(CHUNK, &mut *reader));
    let unpacked = io::copy(&mut decoder.by_ref().take(limit.saturating_add(1)), &mut io::sink());
    let unused = decoder.get_ref().buffer().len() as u64;
    match unpacked {
        Ok(bytes) if bytes <= limit => {
            reader.unread(unused);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(Flaw::Truncated { needed: end + 1 }),
        _ => Err(Flaw::Other),
    }
}
