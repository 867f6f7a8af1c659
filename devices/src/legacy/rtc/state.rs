//! The clock's state in its saved form.

use super::registers::{RAM_SIZE, Registers};
use crate::id::DeviceId;
use crate::state::{DeviceState, StateError};
use serde::{Deserialize, Serialize};

/// Registers and RAM of the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtcState {
    /// The register that the data port shows.
    pub(super) index: u8,
    /// What the guest's time is ahead of the host's CLOCK_REALTIME, in nanoseconds.
    pub(super) offset_ns: i128,
    /// What the weekday register is ahead of the calendar, 0 to 6.
    pub(super) weekday_shift: u8,
    /// Host time up to which the flags of register C are computed.
    pub(super) flags_until_ns: i128,
    /// All 128 bytes; the time registers count only while the clock stands still.
    pub(super) ram: Vec<u8>,
}

impl DeviceState for RtcState {
    const KIND: &'static str = "rtc-mc146818";
    const VERSION: u16 = 1;
}

/// Times beyond this are no dates of a four-digit year, whatever the host's clock says (year 30,000, in ns).
const FAR_NS: u128 = 1_000_000_000_000 * 1_000_000_000;

impl RtcState {
    /// A running clock that shows `now_ns` in BCD and 24 hours.
    pub(super) fn at_power_on(now_ns: i128) -> Self {
        Self::of(0, &Registers::at_power_on(now_ns))
    }

    pub(super) fn of(index: u8, registers: &Registers) -> Self {
        Self {
            index,
            offset_ns: registers.offset_ns,
            weekday_shift: registers.weekday_shift,
            flags_until_ns: registers.flags_until_ns,
            ram: registers.ram.to_vec(),
        }
    }

    /// # Errors
    /// A value is out of the chip's range.
    pub(super) fn registers(&self, device: &DeviceId) -> Result<Registers, StateError> {
        let invalid = |reason: String| StateError::Invalid { device: device.clone(), reason };
        let ram = <[u8; RAM_SIZE]>::try_from(self.ram.as_slice())
            .map_err(|_| invalid(format!("it has {} bytes of RAM instead of {RAM_SIZE}", self.ram.len())))?;
        if usize::from(self.index) >= RAM_SIZE {
            return Err(invalid(format!("its index register is {:#04x}", self.index)));
        }
        if self.weekday_shift > 6 {
            return Err(invalid(format!("its weekday is {} days off", self.weekday_shift)));
        }
        if [self.offset_ns, self.flags_until_ns].iter().any(|time| time.unsigned_abs() > FAR_NS) {
            return Err(invalid("its time is out of range".into()));
        }
        let registers = Registers {
            offset_ns: self.offset_ns,
            weekday_shift: self.weekday_shift,
            flags_until_ns: self.flags_until_ns,
            ram,
        };
        if !registers.are_legal() {
            return Err(invalid("its registers A and C have bits that are never set".into()));
        }
        Ok(registers)
    }
}
