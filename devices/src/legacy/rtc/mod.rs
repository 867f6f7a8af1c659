//! The real-time clock: an MC146818A at ports 0x70 and 0x71, with 128 bytes of battery-backed RAM and the PC's
//! century byte (0x32).
//!
//! The guest's time is the host's CLOCK_REALTIME plus an offset that the guest sets; the offset is the state, so
//! that time is right after a pause, a restore or a migration. Alarm, periodic and update-ended flags are computed
//! when they are read. No interrupt line is connected, and the DSDT names none.
//!
//! The clock stands still while SET (register B) is one or the divider is held in reset (register A); the time
//! registers then are plain RAM. It runs on from what was written there; values out of range are brought into range.

mod alarm;
mod calendar;
mod registers;
mod setup;
mod state;

pub use setup::{BootSource, FirmwareSetup};
pub use state::RtcState;

use crate::bus::{BusDeviceMut, Width, read_bytes, write_bytes};
use crate::id::DeviceId;
use crate::state::{Section, StateError};
use registers::Registers;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;

/// Offset of the index port.
const INDEX: u64 = 0;
/// Offset of the data port.
const DATA: u64 = 1;

/// Where the time comes from.
pub trait WallClock: Send + Sync {
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    fn now_ns(&self) -> i128;
}

/// The host's CLOCK_REALTIME.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostClock;

impl WallClock for HostClock {
    fn now_ns(&self) -> i128 {
        let now = clock_gettime(ClockId::Realtime);
        i128::from(now.tv_sec) * calendar::SECOND_NS + i128::from(now.tv_nsec)
    }
}

/// The real-time clock.
pub struct Rtc {
    id: DeviceId,
    clock: Arc<dyn WallClock>,
    index: u8,
    registers: Registers,
}

impl Rtc {
    /// A clock in `state`, or one that shows the host's time (UTC).
    ///
    /// # Errors
    /// The state is none of this chip.
    pub fn new(id: DeviceId, clock: Arc<dyn WallClock>, state: Option<RtcState>) -> Result<Self, StateError> {
        let state = state.unwrap_or_else(|| RtcState::at_power_on(clock.now_ns()));
        let registers = state.registers(&id)?;
        Ok(Self { id, clock, index: state.index, registers })
    }

    /// Leaves in its RAM what firmware looks for there. Only for a clock that is new: a state has it already.
    #[must_use]
    pub fn with_setup(mut self, setup: &FirmwareSetup) -> Self {
        for (register, value) in setup.registers() {
            self.registers.write(register, value, self.clock.now_ns());
        }
        self
    }

    /// Registers, RAM, and the offset of the guest's time.
    ///
    /// # Errors
    /// They cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.id, &RtcState::of(self.index, &self.registers))
    }
}

impl BusDeviceMut for Rtc {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        read_bytes(width, |position| match offset + position {
            DATA => self.registers.read(self.index, self.clock.now_ns()),
            // The index port is write-only.
            _ => 0xff,
        })
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        write_bytes(width, value, |position, byte| match offset + position {
            // Bit 7 masks NMIs on a PC; there are none to mask.
            INDEX => self.index = byte & 0x7f,
            DATA => self.registers.write(self.index, byte, self.clock.now_ns()),
            _ => {}
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
