//! What an exit asks for: port and memory accesses go to the buses, in the widths the guest used.

use super::dump;
use crate::kvm::Exit;
use crate::statistics::ExitKind;
use devices::bus::{Bus, Width};
use std::sync::Arc;

/// The machine's address spaces of devices.
#[derive(Clone, Default)]
pub(crate) struct Buses {
    /// I/O ports.
    pub(crate) pio: Arc<Bus>,
    /// Guest-physical addresses without memory.
    pub(crate) mmio: Arc<Bus>,
}

/// What follows from an exit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is served; the guest goes on.
    Done,
    /// Nothing happened, and nothing is half done.
    Interrupted,
    /// The guest met a triple fault.
    TripleFault,
    /// The vCPU cannot go on; why, and what to do.
    Crash(String),
}

/// What an exit counts as.
pub(super) fn kind(exit: &Exit<'_>) -> ExitKind {
    match exit {
        Exit::PioRead { .. } => ExitKind::PortRead,
        Exit::PioWrite { .. } => ExitKind::PortWrite,
        Exit::MmioRead { .. } => ExitKind::MmioRead,
        Exit::MmioWrite { .. } => ExitKind::MmioWrite,
        Exit::Interrupted => ExitKind::Interruption,
        _ => ExitKind::Other,
    }
}

/// Serves an exit.
pub(super) fn dispatch(exit: Exit<'_>, buses: &Buses) -> Outcome {
    match exit {
        Exit::PioRead { port, size, data } => {
            // One access per element: string input reads the same port again and again.
            for element in data.chunks_mut(size.max(1)) {
                read(&buses.pio, port.into(), element);
            }
            Outcome::Done
        }
        Exit::PioWrite { port, size, data } => {
            for element in data.chunks(size.max(1)) {
                write(&buses.pio, port.into(), element);
            }
            Outcome::Done
        }
        Exit::MmioRead { address, data } => {
            read(&buses.mmio, address, data);
            Outcome::Done
        }
        Exit::MmioWrite { address, data } => {
            write(&buses.mmio, address, data);
            Outcome::Done
        }
        Exit::Interrupted => Outcome::Interrupted,
        Exit::Shutdown => Outcome::TripleFault,
        Exit::InternalError { suberror, data } => Outcome::Crash(dump::internal_error(suberror, &data)),
        Exit::FailEntry { reason, cpu } => Outcome::Crash(dump::fail_entry(reason, cpu)),
        Exit::SystemEvent { kind } => Outcome::Crash(dump::system_event(kind)),
        Exit::Hlt => Outcome::Crash(dump::unexpected("KVM_EXIT_HLT")),
        Exit::Other(reason) => Outcome::Crash(dump::unexpected(&format!("exit reason {reason}"))),
    }
}

fn read(bus: &Bus, address: u64, data: &mut [u8]) {
    let mut rest = data;
    let mut address = address;
    while let Some((width, count)) = piece(address, rest.len()) {
        let (now, later) = rest.split_at_mut(count);
        for (to, from) in now.iter_mut().zip(bus.read(address, width).to_le_bytes()) {
            *to = from;
        }
        rest = later;
        address = address.wrapping_add(count as u64);
    }
}

fn write(bus: &Bus, address: u64, data: &[u8]) {
    let mut rest = data;
    let mut address = address;
    while let Some((width, count)) = piece(address, rest.len()) {
        let (now, later) = rest.split_at(count);
        let mut value = [0; 8];
        for (to, from) in value.iter_mut().zip(now) {
            *to = *from;
        }
        bus.write(address, width, u64::from_le_bytes(value));
        rest = later;
        address = address.wrapping_add(count as u64);
    }
}

/// The first bus access of `count` bytes at `address`. 1, 2, 4 and 8 bytes are one access, as the guest made it. KVM
/// cuts an access that crosses a page, so other sizes come too: they become aligned ones, lowest address first.
fn piece(address: u64, count: usize) -> Option<(Width, usize)> {
    if let Some(width) = Width::from_bytes(count) {
        return Some((width, count));
    }
    [Width::Dword, Width::Word, Width::Byte]
        .into_iter()
        .map(|width| (width, width.bytes()))
        .find(|(_, bytes)| *bytes <= count && address.is_multiple_of(*bytes as u64))
}
