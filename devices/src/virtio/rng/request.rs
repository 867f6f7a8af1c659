//! One request: fill the driver's buffer with entropy (VIRTIO 1.2 5.4.6).

use crate::virtio::chain::{AccessError, Writable};
use std::io;
use std::ops::Deref;
use thiserror::Error;
use vm_memory::GuestMemory;

/// Most bytes that one request gets; the device may give less than the driver asks for.
pub(super) const MAX_REQUEST: u32 = 64 * 1024;

/// Bytes that are fetched at a time.
const CHUNK: usize = 4096;

/// Where entropy comes from: fills the whole slice.
pub(super) type Entropy = fn(&mut [u8]) -> io::Result<()>;

/// Why a request cannot be served; all of it needs a reset.
#[derive(Debug, Error)]
pub(super) enum RequestError {
    /// VIRTIO 1.2 5.4.6.2: at least one byte has to be given.
    #[error("An entropy request has no room")]
    NoRoom,
    /// Guest memory refuses.
    #[error("The buffer of an entropy request cannot be written")]
    Memory(#[from] AccessError),
    /// The host has none.
    #[error("The host gives no entropy")]
    Host(#[from] io::Error),
}

/// The host's entropy: the kernel's generator, which does not block once the host has booted.
pub(super) fn host_entropy(bytes: &mut [u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::rand::getrandom(&mut *rest, rustix::rand::GetRandomFlags::empty()) {
            // At most what was asked for.
            Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// How many bytes a request gets.
pub(super) fn wanted<T>(buffer: &Writable<T>) -> u32
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    buffer.len().min(MAX_REQUEST)
}

/// Fills the buffer, up to the bound, and says how many bytes that were.
pub(super) fn fill<T>(buffer: &mut Writable<T>, entropy: Entropy) -> Result<u32, RequestError>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    let wanted = wanted(buffer);
    if wanted == 0 {
        return Err(RequestError::NoRoom);
    }
    let mut chunk = [0; CHUNK];
    let mut done: u32 = 0;
    while done < wanted {
        let count = chunk.len().min((wanted - done) as usize);
        let Some(bytes) = chunk.get_mut(..count) else { break }; // `count` is at most the length
        entropy(bytes)?;
        buffer.write(done, bytes)?;
        // At most `CHUNK`, and at most what is left of `wanted`.
        #[allow(clippy::cast_possible_truncation)]
        {
            done += count as u32;
        }
    }
    Ok(done)
}
