//! The serial port (16550A): vm-superio's register model with a truthful interrupt identification register, and
//! with bounds on both sides.
//!
//! The guest's output goes byte by byte to a [`SerialHost`], which never blocks. The host's input goes into a FIFO of
//! 64 bytes: the host asks for [`Serial::room`], sends that much, and is told when there is room again.
//!
//! What vm-superio leaves to us (National Semiconductor PC16550D data sheet, section 8):
//! - 8.6.3: interrupts are identified by priority, one at a time, and only enabled ones; received data stays
//!   pending until it is read; reading the register acknowledges the transmitter's interrupt only when it was the
//!   one identified; bits 6 and 7 are set while the FIFOs are enabled.
//! - 8.6.4: the FIFO control register clears the receiver's FIFO.
//! - wider accesses, which the ISA bus splits into bytes.

mod state;
mod uart;

pub use state::SerialState;

use crate::bus::{BusDevice, Width, read_bytes, write_bytes};
use crate::id::DeviceId;
use crate::interrupt::EdgeLine;
use crate::state::{Section, StateError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uart::Uart;

/// The other end of the serial line. Called in the thread of a vCPU: no call may block.
pub trait SerialHost: Send + Sync {
    /// The guest sent `byte`.
    fn output(&self, byte: u8);
    /// There is room for input again, after [`Serial::room`] was zero or [`Serial::receive`] took less than it got.
    fn input_wanted(&self);
}

/// A serial port.
pub struct Serial {
    id: DeviceId,
    line: Arc<dyn EdgeLine>,
    host: Arc<dyn SerialHost>,
    uart: Mutex<Uart>,
}

impl Serial {
    /// A port in `state`, or as after power-on, connected to `host`. Restoring a state raises no interrupt:
    /// [`Serial::resume`] does.
    ///
    /// # Errors
    /// The state is none of a 16550A.
    pub fn new(
        id: DeviceId,
        line: Arc<dyn EdgeLine>,
        host: Arc<dyn SerialHost>,
        state: Option<SerialState>,
    ) -> Result<Self, StateError> {
        let state = state.unwrap_or_default();
        state.validate(&id)?;
        let uart = Uart::new(Arc::clone(&line), Arc::clone(&host), &state)
            .map_err(|reason| StateError::Invalid { device: id.clone(), reason })?;
        Ok(Self { id, line, host, uart: Mutex::new(uart) })
    }

    /// The registers and the input that the guest has not read yet.
    ///
    /// # Errors
    /// They cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.id, &self.lock().state())
    }

    /// Raises the line again when an interrupt is pending: interrupts on their way are not state. Called when a
    /// machine that was paused or restored goes on.
    pub fn resume(&self) {
        if self.lock().interrupt_pending() {
            self.line.trigger();
        }
    }

    /// How many bytes of input the guest's FIFO has room for; none while the port is in loopback mode.
    pub fn room(&self) -> usize {
        self.lock().room()
    }

    /// Gives input to the guest, and returns how many bytes of it fitted.
    pub fn receive(&self, input: &[u8]) -> usize {
        self.lock().receive(input)
    }

    fn lock(&self) -> MutexGuard<'_, Uart> {
        self.uart.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one access, and tells the host afterwards when it made room for input.
    fn access<T>(&self, access: impl FnOnce(&mut Uart) -> T) -> T {
        let mut uart = self.lock();
        let result = access(&mut uart);
        let wanted = uart.take_input_wanted();
        drop(uart);
        if wanted {
            self.host.input_wanted();
        }
        result
    }
}

impl BusDevice for Serial {
    fn read(&self, offset: u64, width: Width) -> u64 {
        self.access(|uart| read_bytes(width, |position| uart.read(offset + position)))
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        self.access(|uart| write_bytes(width, value, |position, byte| uart.write(offset + position, byte)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
