//! Requests in guest memory: 16 bytes, big-endian.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | control: [`Control`], the key to select in the upper half; afterwards 0, or [`Control::ERROR`] |
//! | 4 | 4 | length |
//! | 8 | 8 | guest address |

use super::FwCfg;
use crate::virtio::DeviceMemory;
use bitflags::bitflags;
use std::ops::Deref;
use vm_memory::{Bytes, GuestAddress, GuestMemory, Permissions};

bitflags! {
    /// What a request asks for. Of read, write and skip the first counts.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Control: u32 {
        /// The request was not carried out.
        const ERROR = 1 << 0;
        /// From the item to memory.
        const READ = 1 << 1;
        /// Over so many bytes of the item.
        const SKIP = 1 << 2;
        /// Selects an item first.
        const SELECT = 1 << 3;
        /// From memory to the item; exactly within it.
        const WRITE = 1 << 4;
    }
}

/// The longest transfer. No item is longer, so what lies beyond are zeros, which firmware does not ask for; and the
/// request is carried out while its vCPU waits.
const MAX_TRANSFER: u32 = 16 << 20;
const ZEROS: [u8; 4096] = [0; 4096];

struct Request {
    control: Control,
    key: u16,
    length: u32,
    address: GuestAddress,
}

impl Request {
    /// Bytes in guest memory.
    const SIZE: usize = 16;

    fn parse(bytes: [u8; Self::SIZE]) -> Self {
        let [k0, k1, c2, c3, l0, l1, l2, l3, address @ ..] = bytes;
        Self {
            control: Control::from_bits_truncate(u32::from_be_bytes([0, 0, c2, c3])),
            key: u16::from_be_bytes([k0, k1]),
            length: u32::from_be_bytes([l0, l1, l2, l3]),
            address: GuestAddress(u64::from_be_bytes(address)),
        }
    }
}

/// The request cannot be carried out.
struct Refused;

impl<M: DeviceMemory> FwCfg<M> {
    /// Carries out the request at guest address `address`.
    pub(super) fn carry_out(&mut self, address: u64) {
        let memory = self.memory.memory();
        let address = GuestAddress(address);
        let mut bytes = [0; Request::SIZE];
        if memory.read_slice(&mut bytes, address).is_err() {
            if let Some(swallowed) = self.limit.allow() {
                tracing::warn!(device = %self.id, swallowed, "The guest placed a request at {address:?}, where is no memory");
            }
            return;
        }
        let request = Request::parse(bytes);
        if request.control.contains(Control::SELECT) {
            self.select(request.key);
        }
        let result = self.transfer(memory.deref(), &request);
        let answer = if result.is_ok() { Control::empty() } else { Control::ERROR };
        // The request was memory when it was read.
        let _ = memory.write_slice(&answer.bits().to_be_bytes(), address);
    }

    fn transfer(&mut self, memory: &M::M, request: &Request) -> Result<(), Refused> {
        let length = usize::try_from(request.length).map_err(|_| Refused)?;
        if request.control.contains(Control::READ) {
            self.read_to(memory, request, length)
        } else if request.control.contains(Control::WRITE) {
            self.write_from(memory, request, length)
        } else {
            if request.control.contains(Control::SKIP) {
                self.advance(length);
            }
            Ok(())
        }
    }

    fn read_to(&mut self, memory: &M::M, request: &Request, length: usize) -> Result<(), Refused> {
        if request.length > MAX_TRANSFER || !is_memory(memory, request, Permissions::Write) {
            return Err(Refused);
        }
        let rest = self.catalogue.bytes(self.selected).get(self.offset..).unwrap_or_default();
        let found = rest.get(..length).unwrap_or(rest);
        memory.write_slice(found, request.address).map_err(|_| Refused)?;
        let mut done = found.len();
        while done < length {
            let count = (length - done).min(ZEROS.len());
            let address = GuestAddress(request.address.0 + done as u64); // within the range that is memory
            memory.write_slice(ZEROS.get(..count).unwrap_or_default(), address).map_err(|_| Refused)?;
            done += count;
        }
        self.advance(length);
        Ok(())
    }

    fn write_from(&mut self, memory: &M::M, request: &Request, length: usize) -> Result<(), Refused> {
        let start = self.offset;
        let item = self.catalogue.writable(self.selected).ok_or(Refused)?;
        let place = item.get_mut(start..).and_then(|rest| rest.get_mut(..length)).ok_or(Refused)?;
        if !is_memory(memory, request, Permissions::Read) {
            return Err(Refused);
        }
        memory.read_slice(place, request.address).map_err(|_| Refused)?;
        self.advance(length);
        Ok(())
    }

    fn advance(&mut self, length: usize) {
        let end = self.catalogue.bytes(self.selected).len();
        self.offset = self.offset.saturating_add(length).min(end);
    }
}

fn is_memory<G: GuestMemory + ?Sized>(memory: &G, request: &Request, access: Permissions) -> bool {
    let Request { address, length, .. } = request;
    let ends = address.0.checked_add((*length).into()).is_some();
    ends && usize::try_from(*length).is_ok_and(|length| memory.check_range(*address, length, access))
}
