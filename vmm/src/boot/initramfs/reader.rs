//! Reads an initrd from guest memory, front to back.

use std::io::{self, Read};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

/// Why an archive could not be followed to its end.
#[derive(Debug)]
pub(super) enum Flaw {
    /// The initrd ends before the archive does.
    Truncated {
        /// Bytes that the initrd would have at least.
        needed: u64,
    },
    /// It does not follow its format, or the format is not known here.
    Other,
    /// Guest memory cannot be read.
    Memory(GuestMemoryError),
}

/// The rest of an initrd.
pub(super) struct Reader<'a, R> {
    ram: &'a R,
    start: u64,
    size: u64,
    position: u64,
}

impl<'a, R: Bytes<GuestAddress, E = GuestMemoryError>> Reader<'a, R> {
    /// Reads the `size` bytes at `start` of `ram`.
    pub(super) fn new(ram: &'a R, start: u64, size: u64) -> Self {
        Self { ram, start, size, position: 0 }
    }

    /// Bytes before the next one.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Bytes that are left.
    pub(super) fn rest(&self) -> u64 {
        self.size - self.position
    }

    /// The next bytes, as many as `buffer` takes and there are; they stay the next ones.
    pub(super) fn peek<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], Flaw> {
        let len = usize::try_from(self.rest()).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        let bytes = &mut buffer[..len];
        self.ram.read_slice(bytes, GuestAddress(self.start + self.position)).map_err(Flaw::Memory)?;
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let mut bytes = [0; N];
        let at = self.position;
        self.skip(N as u64)?;
        self.ram.read_slice(&mut bytes, GuestAddress(self.start + at)).map_err(Flaw::Memory)?;
        Ok(bytes)
    }

    /// Goes `bytes` on.
    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), Flaw> {
        if bytes > self.rest() {
            return Err(Flaw::Truncated { needed: self.position.saturating_add(bytes) });
        }
        self.position += bytes;
        Ok(())
    }

    /// Goes behind the zeros that come next.
    pub(super) fn skip_zeros(&mut self) -> Result<(), Flaw> {
        let mut buffer = [0; 4096];
        loop {
            let bytes = self.peek(&mut buffer)?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            self.position += zeros as u64;
            if zeros < bytes.len() || zeros == 0 {
                return Ok(());
            }
        }
    }

    /// Goes `bytes` back.
    pub(super) fn unread(&mut self, bytes: u64) {
        self.position = self.position.saturating_sub(bytes);
    }
}

impl<R: Bytes<GuestAddress, E = GuestMemoryError>> Read for Reader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = match self.peek(buffer) {
            Ok(bytes) => bytes.len(),
            Err(Flaw::Memory(error)) => return Err(io::Error::other(error)),
            Err(_) => 0,
        };
        self.position += len as u64;
        Ok(len)
    }
}
