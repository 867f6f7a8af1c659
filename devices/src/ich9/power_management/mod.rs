//! The power management block: ACPI's fixed hardware (ACPI 6.5, 4.8) as the ICH9 has it (data sheet, 13.8.3).
//!
//! | offset | bytes | register |
//! |---|---|---|
//! | 0x00 | 2 | PM1 status: timer carry, power button, wake; cleared by writing ones |
//! | 0x02 | 2 | PM1 enable: which of them raise the SCI |
//! | 0x04 | 4 | PM1 control: SCI_EN reads one, sleep type, sleep enable |
//! | 0x08 | 4 | PM timer: 24 bits at 3.579545 MHz, read-only |
//! | 0x20 | 8 | GPE0 status: no event is connected, reads zero |
//! | 0x28 | 8 | GPE0 enable: kept |
//! | 0x30 | 4 | SMI enable: reads as locked, see [`SMI_ENABLE`] |
//! | 0x34 | 4 | SMI status: reads zero |
//!
//! All else reads zero and swallows writes. The machine is in ACPI mode from its start and never leaves it: there is no
//! system management mode to go back to (the FADT has no SMI command port, ACPI 6.5, 5.2.9).
//!
//! The SCI is a level: asserted while an enabled event waits. The timer's carry is computed when it is read; it raises
//! no SCI, so its enable bit stays zero.

mod clock;
mod state;

pub use clock::SteadyClock;
pub use state::PowerManagementState;

use crate::bus::{BusDeviceMut, Width, read_bytes, write_bytes};
use crate::id::DeviceId;
use crate::interrupt::LevelLine;
use crate::legacy::WallClock;
use crate::power::PowerControl;
use crate::state::{Section, StateError};
use bitflags::bitflags;
use clock::PmTimer;
use std::sync::Arc;

/// Ports of the block.
pub(super) const PM_BLOCK_LENGTH: u64 = 0x80;
/// Offset of PM1 status and enable.
pub const PM1_EVENT: u64 = 0x00;
/// Bytes of PM1 status and enable.
pub const PM1_EVENT_LENGTH: u8 = 4;
/// Offset of PM1 control.
pub const PM1_CONTROL: u64 = 0x04;
/// Bytes of PM1 control that have a meaning.
pub const PM1_CONTROL_LENGTH: u8 = 2;
/// Offset of the PM timer, which has 24 bits.
pub const PM_TIMER: u64 = 0x08;
/// Bytes of the PM timer.
pub const PM_TIMER_LENGTH: u8 = 4;
/// Offset of GPE0 status and enable.
pub const GPE0: u64 = 0x20;
/// Bytes of GPE0 status and enable.
pub const GPE0_LENGTH: u8 = 16;
/// The SLP_TYP that the DSDT's `_S5` names. Firmware built for this board switches off by it without asking the DSDT.
pub const S5_SLEEP_TYPE: u8 = 0;

const STATUS: u64 = PM1_EVENT;
const ENABLE: u64 = PM1_EVENT + 2;
const CONTROL: u64 = PM1_CONTROL;
const TIMER: u64 = PM_TIMER;
const GPE0_ENABLE: u64 = GPE0 + 8;
const SMI: u64 = 0x30;

/// SMI_EN as it always reads: APMC_EN, and nothing else. Firmware takes it as a sign that system management mode is set
/// up already, and keeps away from it.
const SMI_ENABLE: u64 = 1 << 5;

bitflags! {
    /// PM1 status, and in the same places PM1 enable.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Events: u16 {
        /// The highest bit of the timer has changed.
        const TIMER = 1 << 0;
        /// Firmware released the global lock: there is none that would.
        const GLOBAL = 1 << 5;
        /// The power button was pressed.
        const POWER_BUTTON = 1 << 8;
        /// The clock's alarm: not connected.
        const CLOCK = 1 << 10;
        /// The machine woke from a sleep state.
        const WAKE = 1 << 15;
    }
}

bitflags! {
    /// PM1 control.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Control: u16 {
        /// ACPI mode.
        const SCI_ENABLE = 1 << 0;
        /// Kept for the guest: there is no processor state that bus masters would end.
        const BUS_MASTER_RELOAD = 1 << 1;
        /// The sleep state to enter.
        const SLEEP_TYPE = 0b111 << SLEEP_TYPE_SHIFT;
        /// Enters it; reads zero.
        const SLEEP_ENABLE = 1 << 13;
    }
}

const SLEEP_TYPE_SHIFT: u32 = 10;
/// What can wait. The timer's carry is not kept but computed.
const WAITING: Events = Events::POWER_BUTTON.union(Events::WAKE);
/// What the guest can enable. A driver reads back what it enables, also of events that never come.
const ENABLED: Events = Events::GLOBAL.union(Events::POWER_BUTTON).union(Events::CLOCK);
/// What PM1 control keeps.
const KEPT: Control = Control::BUS_MASTER_RELOAD.union(Control::SLEEP_TYPE);

/// The power management block.
pub struct PowerManagement {
    id: DeviceId,
    sci: Arc<dyn LevelLine>,
    power: Arc<dyn PowerControl>,
    timer: PmTimer,
    /// Of [`WAITING`].
    status: Events,
    /// Of [`ENABLED`].
    enable: Events,
    /// Of [`KEPT`].
    control: Control,
    gpe0_enable: u64,
}

impl PowerManagement {
    /// A block in `state`, or as after power-on. Its timer shows `clock`; it asserts `sci`.
    ///
    /// # Errors
    /// The state has bits that this block does not keep.
    pub fn new(
        id: DeviceId,
        sci: Arc<dyn LevelLine>,
        power: Arc<dyn PowerControl>,
        clock: Arc<dyn WallClock>,
        state: Option<PowerManagementState>,
    ) -> Result<Self, StateError> {
        state.unwrap_or_else(|| PowerManagementState::at_power_on(clock.as_ref())).into_block(id, sci, power, clock)
    }

    /// The registers.
    ///
    /// # Errors
    /// They cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.id, &PowerManagementState::of(self))
    }

    /// The power button is pressed. A guest in ACPI mode that has not enabled the button finds it pressed later, or
    /// clears it unseen.
    pub fn press_power_button(&mut self) {
        self.status |= Events::POWER_BUTTON;
        self.update_sci();
    }

    /// Asserts the SCI again when an event waits: levels are not state. Called when a machine that was paused or
    /// restored goes on.
    pub fn resume(&self) {
        self.update_sci();
    }

    fn update_sci(&self) {
        self.sci.set(self.status.intersects(self.enable));
    }

    /// All of PM1 status.
    fn events(&self) -> Events {
        let mut events = self.status;
        events.set(Events::TIMER, self.timer.has_carried());
        events
    }

    fn clear(&mut self, events: Events) {
        self.status -= events;
        if events.contains(Events::TIMER) {
            self.timer.clear_carry();
        }
    }

    fn write_control(&mut self, written: Control, mask: Control) {
        self.control = (self.control - mask) | written & mask & KEPT;
        // A guest that enters a sleep state which the DSDT does not offer goes on as if it had woken.
        if written.contains(Control::SLEEP_ENABLE) {
            let sleep_type = (self.control & Control::SLEEP_TYPE).bits() >> SLEEP_TYPE_SHIFT;
            if sleep_type == u16::from(S5_SLEEP_TYPE) {
                self.power.power_off();
            } else {
                self.status |= Events::WAKE;
            }
        }
    }

    fn write_byte(&mut self, offset: u64, byte: u8) {
        // The byte in its place of a register of two bytes, and which bits it covers.
        let place = |register: u64| {
            let shift = 8 * u32::from(offset != register);
            (u16::from(byte) << shift, 0xff_u16 << shift)
        };
        match offset {
            STATUS..ENABLE => {
                let (written, _) = place(STATUS);
                self.clear(Events::from_bits_truncate(written));
            }
            ENABLE..CONTROL => {
                let (written, mask) = place(ENABLE);
                let [written, mask] = [written, mask].map(Events::from_bits_truncate);
                self.enable = (self.enable - mask) | written & ENABLED;
            }
            CONTROL..=0x05 => {
                let (written, mask) = place(CONTROL);
                self.write_control(Control::from_bits_truncate(written), Control::from_bits_truncate(mask));
            }
            GPE0_ENABLE..SMI => {
                let shift = 8 * (offset - GPE0_ENABLE);
                self.gpe0_enable = self.gpe0_enable & !(0xff << shift) | u64::from(byte) << shift;
            }
            _ => {}
        }
    }
}

impl BusDeviceMut for PowerManagement {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        // The timer is looked at once: its bytes belong together.
        let (events, ticks) = (self.events().bits(), self.timer.ticks());
        let control = (self.control | Control::SCI_ENABLE).bits();
        read_bytes(width, |position| {
            let offset = offset + position;
            let (register, value) = match offset {
                STATUS..ENABLE => (STATUS, events.into()),
                ENABLE..CONTROL => (ENABLE, self.enable.bits().into()),
                CONTROL..TIMER => (CONTROL, control.into()),
                TIMER..=0x0b => (TIMER, ticks.into()),
                GPE0_ENABLE..SMI => (GPE0_ENABLE, self.gpe0_enable),
                SMI..=0x37 => (SMI, SMI_ENABLE),
                _ => (offset, 0),
            };
            let [byte, ..] = (value >> (8 * (offset - register))).to_le_bytes();
            byte
        })
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        write_bytes(width, value, |position, byte| self.write_byte(offset + position, byte));
        self.update_sci();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
