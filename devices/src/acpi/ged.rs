//! The generic event device (ACPI 6.5, 5.6.9) and the registers of hardware-reduced ACPI (4.8.3.6, 4.8.3.7).
//!
//! | offset | bytes | register |
//! |---|---|---|
//! | 0x00 | 4 | event select: which events wait; reading a byte of it clears that byte |
//! | 0x08 | 1 | sleep control: SLP_TYP in bits 2-4, SLP_EN in bit 5; reads zero but for SLP_TYP |
//! | 0x0c | 1 | sleep status: WAK_STS in bit 7, cleared by writing one |
//! | 0x10 | 1 | reset: writing [`RESET_VALUE`] resets the machine; reads zero |
//!
//! The event select register is our own convention between this device and the `_EVT` method in the DSDT; the
//! others are where the FADT says they are. All other bytes read zero.

use crate::bus::{BusDeviceMut, Width, read_bytes, write_bytes};
use crate::id::DeviceId;
use crate::interrupt::EdgeLine;
use crate::power::{PowerControl, ResetRequest};
use crate::state::{DeviceState, Section, StateError};
use bitflags::bitflags;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Offset of the event select register, four bytes.
pub const SELECT: u64 = 0x00;
/// Offset of the sleep control register, one byte.
pub const SLEEP_CONTROL: u64 = 0x08;
/// Offset of the sleep status register, one byte.
pub const SLEEP_STATUS: u64 = 0x0c;
/// Offset of the reset register, one byte.
pub const RESET: u64 = 0x10;
/// What the FADT tells the guest to write to the reset register.
pub const RESET_VALUE: u8 = 0x01;
/// The SLP_TYP that the DSDT's `_S5` names.
pub const S5_SLEEP_TYPE: u8 = 5;

const LAST_SELECT: u64 = SELECT + 3;
const SLEEP_TYPE_SHIFT: u32 = 2;
const SLEEP_TYPE_MASK: u8 = 0b111 << SLEEP_TYPE_SHIFT;
const SLEEP_ENABLE: u8 = 1 << 5;
const WAKE_STATUS: u8 = 1 << 7;

bitflags! {
    /// Events the guest can be told of.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct GedEvents: u32 {
        /// The power button was pressed.
        const POWER_BUTTON = 1 << 0;
    }
}

/// Registers of the generic event device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GedState {
    /// Events that wait for the guest.
    select: u32,
    /// SLP_TYP as last written, in its place.
    sleep_control: u8,
    /// WAK_STS.
    sleep_status: u8,
}

impl DeviceState for GedState {
    const KIND: &'static str = "acpi-ged";
    const VERSION: u16 = 1;
}

/// The generic event device.
pub struct Ged {
    id: DeviceId,
    line: Arc<dyn EdgeLine>,
    power: Arc<dyn PowerControl>,
    select: GedEvents,
    sleep_control: u8,
    sleep_status: u8,
}

impl Ged {
    /// A device in `state`, or as after power-on, that interrupts through `line`.
    ///
    /// # Errors
    /// The state has events or bits that this device does not know.
    pub fn new(
        id: DeviceId,
        line: Arc<dyn EdgeLine>,
        power: Arc<dyn PowerControl>,
        state: Option<GedState>,
    ) -> Result<Self, StateError> {
        let GedState { select, sleep_control, sleep_status } = state.unwrap_or_default();
        let invalid = |reason| StateError::Invalid { device: id.clone(), reason };
        let select = GedEvents::from_bits(select)
            .ok_or_else(|| invalid(format!("the events {select:#x} are not all known here")))?;
        if sleep_control & !SLEEP_TYPE_MASK != 0 || sleep_status & !WAKE_STATUS != 0 {
            return Err(invalid(format!(
                "its sleep registers {sleep_control:#04x} and {sleep_status:#04x} have bits that are never set"
            )));
        }
        Ok(Self { id, line, power, select, sleep_control, sleep_status })
    }

    /// The registers.
    ///
    /// # Errors
    /// They cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        let state =
            GedState { select: self.select.bits(), sleep_control: self.sleep_control, sleep_status: self.sleep_status };
        Section::encode(&self.id, &state)
    }

    /// Tells the guest of `events`; those that already wait are not told twice.
    pub fn raise(&mut self, events: GedEvents) {
        self.select |= events;
        self.line.trigger();
    }

    /// Raises the line again when events wait: interrupts on their way are not state. Called when a machine that was
    /// paused or restored goes on.
    pub fn resume(&self) {
        if !self.select.is_empty() {
            self.line.trigger();
        }
    }

    fn read_select(&mut self, position: u64) -> u8 {
        let mut select = self.select.bits().to_le_bytes();
        let byte = usize::try_from(position).ok().and_then(|position| select.get_mut(position));
        let waiting = byte.map(std::mem::take).unwrap_or(0);
        self.select = GedEvents::from_bits_truncate(u32::from_le_bytes(select));
        waiting
    }

    fn write_sleep_control(&mut self, value: u8) {
        self.sleep_control = value & SLEEP_TYPE_MASK;
        // Other sleep types are not offered by the DSDT; a guest that enters one goes on as if it had woken.
        if value & SLEEP_ENABLE != 0 {
            if self.sleep_control >> SLEEP_TYPE_SHIFT == S5_SLEEP_TYPE {
                self.power.power_off();
            } else {
                self.sleep_status = WAKE_STATUS;
            }
        }
    }
}

impl BusDeviceMut for Ged {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        read_bytes(width, |position| match offset + position {
            register @ SELECT..=LAST_SELECT => self.read_select(register - SELECT),
            SLEEP_CONTROL => self.sleep_control,
            SLEEP_STATUS => self.sleep_status,
            _ => 0,
        })
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        write_bytes(width, value, |position, byte| match offset + position {
            SLEEP_CONTROL => self.write_sleep_control(byte),
            SLEEP_STATUS => self.sleep_status &= !byte,
            RESET if byte == RESET_VALUE => self.power.reset(ResetRequest::Acpi),
            _ => {}
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::interrupt::tests::CountingLine;
    use crate::power::tests::{Asked, FakePower};
    use proptest::prelude::*;

    fn device() -> (Ged, Arc<CountingLine>, Arc<FakePower>) {
        let (line, power) = (Arc::new(CountingLine::default()), Arc::new(FakePower::default()));
        (Ged::new("ged".into(), line.clone(), power.clone(), None).unwrap(), line, power)
    }

    #[test]
    fn sleeping_in_s5_switches_the_machine_off() {
        let (mut ged, _, power) = device();
        ged.write(SLEEP_CONTROL, Width::Byte, u64::from(S5_SLEEP_TYPE << 2));
        assert_eq!(power.asked(), [], "SLP_TYP alone does nothing");
        ged.write(SLEEP_CONTROL, Width::Byte, u64::from(S5_SLEEP_TYPE << 2 | SLEEP_ENABLE));
        assert_eq!(power.asked(), [Asked::PowerOff]);
        assert_eq!(ged.read(SLEEP_CONTROL, Width::Byte), u64::from(S5_SLEEP_TYPE << 2), "SLP_EN reads zero");
    }

    #[test]
    fn a_sleep_type_that_is_not_offered_wakes_at_once() {
        let (mut ged, _, power) = device();
        ged.write(SLEEP_CONTROL, Width::Byte, u64::from(3 << 2 | SLEEP_ENABLE));
        assert_eq!(power.asked(), []);
        assert_eq!(ged.read(SLEEP_STATUS, Width::Byte), 0x80);
        ged.write(SLEEP_STATUS, Width::Byte, 0x7f);
        assert_eq!(ged.read(SLEEP_STATUS, Width::Byte), 0x80);
        ged.write(SLEEP_STATUS, Width::Byte, 0x80);
        assert_eq!(ged.read(SLEEP_STATUS, Width::Byte), 0);
    }

    #[test]
    fn only_the_reset_value_resets() {
        let (mut ged, _, power) = device();
        ged.write(RESET, Width::Byte, 0);
        ged.write(RESET, Width::Byte, 2);
        assert_eq!(power.asked(), []);
        ged.write(RESET, Width::Byte, RESET_VALUE.into());
        assert_eq!(power.asked(), [Asked::Reset(ResetRequest::Acpi)]);
    }

    #[test]
    fn an_event_interrupts_and_is_read_once() {
        let (mut ged, line, _) = device();
        ged.raise(GedEvents::POWER_BUTTON);
        assert_eq!(line.count(), 1);
        assert_eq!(ged.read(SELECT, Width::Dword), 1);
        assert_eq!(ged.read(SELECT, Width::Dword), 0);
    }

    #[test]
    fn an_event_that_waits_is_raised_again_after_a_restore() {
        let (mut ged, line, power) = device();
        ged.raise(GedEvents::POWER_BUTTON);
        let state = ged.save().unwrap().decode().unwrap();
        let restored = Ged::new("ged".into(), line.clone(), power, Some(state)).unwrap();
        assert_eq!(line.count(), 1, "restoring alone does not interrupt");
        restored.resume();
        assert_eq!(line.count(), 2);
        ged.read(SELECT, Width::Dword);
        ged.resume();
        assert_eq!(line.count(), 2);
    }

    #[test]
    fn state_with_unknown_bits_is_refused() {
        let states = [
            GedState { select: 0x8000_0000, ..GedState::default() },
            GedState { sleep_control: 0x20, ..GedState::default() },
            GedState { sleep_status: 1, ..GedState::default() },
        ];
        for state in states {
            let (_, line, power) = device();
            let refused = Ged::new("ged".into(), line, power, Some(state));
            assert!(matches!(refused.map(|_| ()), Err(StateError::Invalid { .. })));
        }
    }

    proptest! {
        #[test]
        fn any_sequence_of_accesses_leaves_registers_that_can_be_restored(
            accesses in prop::collection::vec((0u8..3, 0u64..0x18, 0usize..4, any::<u64>()), 0..48)
        ) {
            let (mut ged, line, power) = device();
            for (kind, offset, width, value) in accesses {
                let width = [Width::Byte, Width::Word, Width::Dword, Width::Qword][width];
                match kind {
                    0 => ged.write(offset, width, value),
                    1 => prop_assert_eq!(ged.read(offset, width) & !width.ones(), 0),
                    _ => ged.raise(GedEvents::POWER_BUTTON),
                }
                prop_assert_eq!(ged.sleep_control & !SLEEP_TYPE_MASK, 0);
                prop_assert_eq!(ged.sleep_status & !WAKE_STATUS, 0);
            }
            let saved = ged.save().unwrap();
            let restored = Ged::new("ged".into(), line, power, Some(saved.decode().unwrap())).unwrap();
            prop_assert_eq!(restored.save().unwrap(), saved);
        }
    }
}
