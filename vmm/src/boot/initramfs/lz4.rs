//! LZ4's legacy frames.

use super::reader::{Flaw, Reader};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

const MAGIC: u32 = 0x184c_2102;
/// The most that a block of 8 MiB is packed to.
const MAX_BLOCK: u32 = (8 << 20) + (8 << 20) / 255 + 16;

/// Goes behind the blocks: such a frame ends where the file does, or where a block would have no bytes.
pub(super) fn skip<R: Bytes<GuestAddress, E = GuestMemoryError>>(reader: &mut Reader<'_, R>) -> Result<(), Flaw> {
    while reader.rest() > 0 {
        let mut size = [0; 4];
        if reader.peek(&mut size)?.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        match u32::from_le_bytes(reader.take()?) {
            MAGIC => {}
            size if size > MAX_BLOCK => return Err(Flaw::Other),
            size => reader.skip(size.into())?,
        }
    }
    Ok(())
}
