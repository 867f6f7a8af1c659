//! Requests for addresses, and how they are packed: the largest alignment first, which leaves few holes.

use super::AssignmentError;
use crate::bus::Width;
use crate::pci::configuration::halves;
use crate::pci::{PciAddress, PciBus, header};
use std::cmp::Reverse;
use std::ops::Range;

/// From which of the windows an address comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pool {
    Io,
    Memory32,
    Memory64,
}

impl Pool {
    /// The unit of a bridge's window.
    const fn granularity(self) -> u64 {
        match self {
            Self::Io => 0x1000,
            Self::Memory32 | Self::Memory64 => 0x10_0000,
        }
    }
}

/// One range that is wanted.
pub(super) struct Request {
    pub(super) function: PciAddress,
    pub(super) size: u64,
    pub(super) align: u64,
    pub(super) target: Target,
}

/// Whose address it is.
pub(super) enum Target {
    /// The BAR at this offset; `true`: it has 64 bits.
    Bar(u16, bool),
    /// A bridge's window, and what is to be in it.
    Window(Pool, Vec<Request>),
}

/// What is wanted on one bus.
#[derive(Default)]
pub(super) struct Requests {
    io: Vec<Request>,
    memory32: Vec<Request>,
    memory64: Vec<Request>,
}

impl Requests {
    fn of(&mut self, pool: Pool) -> &mut Vec<Request> {
        match pool {
            Pool::Io => &mut self.io,
            Pool::Memory32 => &mut self.memory32,
            Pool::Memory64 => &mut self.memory64,
        }
    }

    pub(super) fn push(&mut self, pool: Pool, request: Request) {
        self.of(pool).push(request);
    }

    /// Asks for windows of `bridge` for what is wanted `behind` it. Windows that nothing needs are closed.
    pub(super) fn push_windows(&mut self, bus: &PciBus, bridge: PciAddress, mut behind: Self) {
        for pool in [Pool::Io, Pool::Memory32, Pool::Memory64] {
            let mut inside = std::mem::take(behind.of(pool));
            if inside.is_empty() {
                write_window(bus, bridge, pool, u64::MAX, 0);
                continue;
            }
            let align = inside.iter().map(|request| request.align).fold(pool.granularity(), u64::max);
            let (_, used) = pack(&mut inside, 0);
            let size = used.checked_next_multiple_of(pool.granularity()).unwrap_or(u64::MAX);
            self.push(pool, Request { function: bridge, size, align, target: Target::Window(pool, inside) });
        }
    }

    /// Gives what is wanted from `pool` addresses in `window`.
    pub(super) fn place(&mut self, bus: &PciBus, pool: Pool, window: &Range<u64>) -> Result<(), AssignmentError> {
        place(bus, std::mem::take(self.of(pool)), window)
    }
}

/// Sorts the requests, the largest alignment first, and packs them from `start` on: each one's address, and the end.
fn pack(requests: &mut [Request], start: u64) -> (Vec<u64>, u64) {
    requests.sort_by_key(|request| Reverse(request.align));
    let mut end = start;
    let addresses = requests.iter().map(|request| {
        let address = end.checked_next_multiple_of(request.align).unwrap_or(u64::MAX);
        end = address.saturating_add(request.size);
        address
    });
    (addresses.collect(), end)
}

fn place(bus: &PciBus, mut requests: Vec<Request>, window: &Range<u64>) -> Result<(), AssignmentError> {
    let (addresses, _) = pack(&mut requests, window.start);
    for (request, address) in requests.into_iter().zip(addresses) {
        let Request { function, size, target, .. } = request;
        let end = address.checked_add(size).filter(|end| *end <= window.end).ok_or(AssignmentError::Full {
            function,
            size,
            start: window.start,
            end: window.end,
        })?;
        match target {
            Target::Bar(offset, is_64) => {
                let [low, high] = halves(address);
                bus.write(function, offset, Width::Dword, low.into());
                if is_64 {
                    bus.write(function, offset + 4, Width::Dword, high.into());
                }
            }
            Target::Window(pool, inside) => {
                write_window(bus, function, pool, address, end - 1);
                place(bus, inside, &(address..end))?;
            }
        }
    }
    Ok(())
}

/// Lets `bridge` pass on what is between `base` and `last`; nothing when that is before the base.
fn write_window(bus: &PciBus, bridge: PciAddress, pool: Pool, base: u64, last: u64) {
    let write = |offset, width, value| bus.write(bridge, offset, width, value);
    match pool {
        Pool::Io => {
            write(header::IO_WINDOW, Width::Byte, base >> 8);
            write(header::IO_WINDOW + 1, Width::Byte, last >> 8);
        }
        Pool::Memory32 => {
            write(header::MEMORY_WINDOW, Width::Word, base >> 16);
            write(header::MEMORY_WINDOW + 2, Width::Word, last >> 16);
        }
        Pool::Memory64 => {
            write(header::PREFETCH_WINDOW, Width::Word, base >> 16);
            write(header::PREFETCH_WINDOW + 2, Width::Word, last >> 16);
            write(header::PREFETCH_UPPER, Width::Dword, base >> 32);
            write(header::PREFETCH_UPPER + 4, Width::Dword, last >> 32);
        }
    }
}
