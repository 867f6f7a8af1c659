//! The lists of capabilities (PCI 3.0 6.7, PCI Express 4.0 7.6).

use super::{CONVENTIONAL_SIZE, EXTENDED_SIZE, LayoutError, PciConfiguration};
use crate::bus::Width;
use crate::pci::header::{self, Status};

/// Where the first capability goes.
pub(super) const FIRST: u16 = 0x40;
/// Where the first extended capability is.
pub(super) const FIRST_EXTENDED: u16 = 0x100;

/// Bytes of a capability's id and link.
const HEADER: usize = 2;
/// Bytes of an extended capability's id, version and link.
const EXTENDED_HEADER: usize = 4;
/// Where the link is in an extended capability's header; its version is below it.
const EXTENDED_LINK_SHIFT: u32 = 20;
const EXTENDED_VERSION_SHIFT: u32 = 16;

impl PciConfiguration {
    /// Appends capability `id` to the list. `body` is what follows its two bytes of id and link; it is read-only until
    /// bits of it are declared otherwise. Returns the capability's offset, of its id.
    ///
    /// # Errors
    /// The conventional configuration space is full.
    pub fn add_capability(&mut self, id: u8, body: &[u8]) -> Result<u16, LayoutError> {
        let (size, offset) = (HEADER + body.len(), self.next_capability);
        self.next_capability = next(offset, size, CONVENTIONAL_SIZE, id.into())?;
        self.set(self.capability_link, Width::Byte, offset.into());
        self.capability_link = offset + 1;
        self.set(offset, Width::Byte, id.into());
        self.set_bytes(offset + 2, body);
        let status = self.read_word(header::STATUS) | Status::CAPABILITIES.bits();
        self.set(header::STATUS, Width::Word, status.into());
        Ok(offset)
    }

    /// Appends extended capability `id` to the list. `body` is what follows its four bytes of id, version and link.
    /// Returns the capability's offset, of its id.
    ///
    /// # Errors
    /// The extended configuration space is full.
    pub fn add_extended_capability(&mut self, id: u16, version: u8, body: &[u8]) -> Result<u16, LayoutError> {
        let (size, offset) = (EXTENDED_HEADER + body.len(), self.next_extended);
        self.next_extended = next(offset, size, EXTENDED_SIZE, id)?;
        if let Some(link) = self.extended_link {
            let previous = self.read(link, Width::Dword) | u32::from(offset) << EXTENDED_LINK_SHIFT;
            self.set(link, Width::Dword, previous);
        }
        self.extended_link = Some(offset);
        let version = u32::from(version & 0xf) << EXTENDED_VERSION_SHIFT;
        self.set(offset, Width::Dword, version | u32::from(id));
        self.set_bytes(offset + 4, body);
        Ok(offset)
    }

    fn set_bytes(&mut self, offset: u16, bytes: &[u8]) {
        for (offset, byte) in (offset..).zip(bytes) {
            self.set(offset, Width::Byte, (*byte).into());
        }
    }
}

/// Where the capability after one of `size` bytes at `offset` starts.
fn next(offset: u16, size: usize, end: usize, id: u16) -> Result<u16, LayoutError> {
    let next = (usize::from(offset) + size).next_multiple_of(4);
    u16::try_from(next).ok().filter(|_| next <= end).ok_or(LayoutError::Capability { id, size })
}
