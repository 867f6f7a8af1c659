//! The keyboard controller (8042): its ports 0x60 and 0x64, with neither keyboard nor mouse behind it.
//!
//! Guests use it to reset the machine. The FADT says that it exists, so that it answers every command a driver
//! probes it with, at once: a driver never has to wait for a timeout. It raises no interrupt. While no byte waits, its
//! status shows both errors of the keyboard's wire, by which OVMF knows that nobody is there; else it waited for an
//! answer to each of several commands, most of its time to the boot loader.
//!
//! | port | read | write |
//! |---|---|---|
//! | 0x60 | output buffer | parameter of the last command, or a byte for the (absent) keyboard |
//! | 0x64 | status | command |
//!
//! The registers are those of the IBM PC/AT Technical Reference ("8042 Keyboard Controller") and of the PS/2's.

use crate::bus::{BusDeviceMut, Width, read_bytes, write_bytes};
use crate::id::DeviceId;
use crate::power::{PowerControl, ResetRequest};
use crate::state::{DeviceState, Section, StateError};
use bitflags::bitflags;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Offset of the data port in the device's range.
const DATA: u64 = 0;
/// Offset of the status and command port.
const COMMAND: u64 = 4;

bitflags! {
    /// The status register.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Status: u8 {
        /// A byte waits in the output buffer.
        const OUTPUT_FULL = 1 << 0;
        /// The self test was passed.
        const SYSTEM = 1 << 2;
        /// The last write was a command.
        const WAS_COMMAND = 1 << 3;
        /// The keyboard is not inhibited.
        const NOT_LOCKED = 1 << 4;
        /// Nobody answered on the keyboard's or mouse's wire.
        const TIMEOUT = 1 << 6;
        /// What came over the wire was broken.
        const PARITY = 1 << 7;
    }

    /// The command byte (also: controller configuration byte), RAM byte 0.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Configuration: u8 {
        /// Interrupt when the keyboard has sent a byte.
        const KEYBOARD_INTERRUPT = 1 << 0;
        /// Interrupt when the mouse has sent a byte.
        const MOUSE_INTERRUPT = 1 << 1;
        /// Copied to the status register.
        const SYSTEM = 1 << 2;
        /// The keyboard's clock is held.
        const KEYBOARD_OFF = 1 << 4;
        /// The mouse's clock is held. Always set here: there is no second port.
        const MOUSE_OFF = 1 << 5;
        /// Scan codes are translated.
        const TRANSLATE = 1 << 6;
    }
}

/// What an absent keyboard or mouse leaves in the output buffer: "send again", with the time-out bit set.
const NO_ANSWER: u8 = 0xfe;
/// The self test was passed.
const SELF_TEST_PASSED: u8 = 0x55;
/// The keyboard's interface works.
const INTERFACE_WORKS: u8 = 0x00;
/// The mouse's clock line is stuck low: what a controller without a second port finds.
const NO_SECOND_PORT: u8 = 0x01;
/// Input port: keyboard not inhibited, no jumper set.
const INPUT_PORT: u8 = 0x80;
/// Output port: bit 0 low resets the machine, bit 1 is the A20 gate (always open here).
const OUTPUT_PORT: u8 = 0x03;
/// Bit 0 of the output port.
const RESET_LINE: u8 = 0x01;

/// Registers of the keyboard controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct I8042State {
    /// The status register.
    status: u8,
    /// The byte in the output buffer: the one to be read next, or the one that was read last.
    output: u8,
    /// Controller RAM; byte 0 is the command byte.
    ram: [u8; 32],
    /// The command whose parameter comes next.
    pending: Option<u8>,
}

impl DeviceState for I8042State {
    const KIND: &'static str = "i8042";
    const VERSION: u16 = 1;
}

impl Default for I8042State {
    fn default() -> Self {
        let configuration =
            Configuration::SYSTEM | Configuration::KEYBOARD_OFF | Configuration::MOUSE_OFF | Configuration::TRANSLATE;
        let mut ram = [0; 32];
        ram[0] = configuration.bits();
        Self { status: (Status::SYSTEM | Status::NOT_LOCKED).bits(), output: 0, ram, pending: None }
    }
}

/// The keyboard controller.
pub struct I8042 {
    id: DeviceId,
    power: Arc<dyn PowerControl>,
    status: Status,
    output: u8,
    configuration: Configuration,
    /// RAM bytes 1 to 31; byte 0 is `configuration`.
    ram: [u8; 32],
    pending: Option<u8>,
}

impl I8042 {
    /// A controller in `state`, or as after power-on.
    ///
    /// # Errors
    /// The state has register bits that this controller never sets.
    pub fn new(id: DeviceId, power: Arc<dyn PowerControl>, state: Option<I8042State>) -> Result<Self, StateError> {
        let state = state.unwrap_or_default();
        let invalid = |reason: String| StateError::Invalid { device: id.clone(), reason };
        let status = Status::from_bits(state.status)
            .filter(|status| !status.contains(Status::PARITY))
            .ok_or_else(|| invalid(format!("its status register {:#04x} has unknown bits", state.status)))?;
        let [first, ..] = state.ram;
        let configuration = Configuration::from_bits(first)
            .filter(|configuration| *configuration == legal(*configuration))
            .ok_or_else(|| invalid(format!("its command byte {first:#04x} has bits that are never set")))?;
        if let Some(command) = state.pending
            && !takes_parameter(command)
        {
            return Err(invalid(format!("its command {command:#04x} takes no parameter")));
        }
        Ok(Self { id, power, status, output: state.output, configuration, ram: state.ram, pending: state.pending })
    }

    /// The registers.
    ///
    /// # Errors
    /// They cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        let mut ram = self.ram;
        ram[0] = self.configuration.bits();
        let state = I8042State { status: self.status.bits(), output: self.output, ram, pending: self.pending };
        Section::encode(&self.id, &state)
    }

    fn answer(&mut self, byte: u8) {
        self.output = byte;
        self.status |= Status::OUTPUT_FULL;
        self.status -= Status::TIMEOUT;
    }

    fn answer_no_device(&mut self) {
        self.answer(NO_ANSWER);
        self.status |= Status::TIMEOUT;
    }

    fn read_status(&self) -> u8 {
        let waits = self.status.contains(Status::OUTPUT_FULL);
        let wire = if waits { Status::empty() } else { Status::TIMEOUT | Status::PARITY };
        (self.status | wire).bits()
    }

    fn read_data(&mut self) -> u8 {
        self.status -= Status::OUTPUT_FULL | Status::TIMEOUT;
        self.output
    }

    fn command(&mut self, command: u8) {
        self.status |= Status::WAS_COMMAND;
        self.pending = takes_parameter(command).then_some(command);
        match command {
            0x20 => self.answer(self.configuration.bits()),
            0x21..=0x3f => {
                let byte = self.ram.get(usize::from(command & 0x1f)).copied().unwrap_or(0);
                self.answer(byte);
            }
            0xa9 => self.answer(NO_SECOND_PORT),
            0xaa => {
                self.set_configuration(self.configuration | Configuration::SYSTEM);
                self.answer(SELF_TEST_PASSED);
            }
            0xab => self.answer(INTERFACE_WORKS),
            0xad => self.set_configuration(self.configuration | Configuration::KEYBOARD_OFF),
            0xae => self.set_configuration(self.configuration - Configuration::KEYBOARD_OFF),
            0xc0 => self.answer(INPUT_PORT),
            0xd0 => self.answer(OUTPUT_PORT),
            // The low four bits say which lines of the output port are pulsed low: those that are zero.
            0xf0..=0xff if command & RESET_LINE == 0 => self.power.reset(ResetRequest::I8042),
            // 0xa7 and 0xa8 switch the second port, which does not exist; the rest is unknown or takes a parameter.
            _ => {}
        }
    }

    fn write_data(&mut self, byte: u8) {
        self.status -= Status::WAS_COMMAND;
        match self.pending.take() {
            Some(0x60) => self.set_configuration(Configuration::from_bits_truncate(byte)),
            Some(command @ 0x61..=0x7f) => {
                if let Some(cell) = self.ram.get_mut(usize::from(command & 0x1f)) {
                    *cell = byte;
                }
            }
            Some(0xd1) if byte & RESET_LINE == 0 => self.power.reset(ResetRequest::I8042),
            Some(0xd1) => {}
            // The byte comes back as if the keyboard had sent it. 0xd3 does so for the mouse; without a second port
            // the byte is not marked as the mouse's, and drivers see at once that there is none.
            Some(0xd2 | 0xd3) => self.answer(byte),
            // For the mouse (0xd4) or for the keyboard: nobody is there.
            _ => self.answer_no_device(),
        }
    }

    fn set_configuration(&mut self, configuration: Configuration) {
        self.configuration = legal(configuration);
        self.status.set(Status::SYSTEM, self.configuration.contains(Configuration::SYSTEM));
    }
}

/// There is no second port: its clock stays held and it never interrupts.
fn legal(configuration: Configuration) -> Configuration {
    (configuration | Configuration::MOUSE_OFF) - Configuration::MOUSE_INTERRUPT
}

fn takes_parameter(command: u8) -> bool {
    matches!(command, 0x60..=0x7f | 0xd1..=0xd4)
}

impl BusDeviceMut for I8042 {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        read_bytes(width, |position| match offset + position {
            DATA => self.read_data(),
            COMMAND => self.read_status(),
            // 0x61 is KVM's (timer and speaker gates), 0x62 and 0x63 are nobody's.
            _ => 0xff,
        })
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        write_bytes(width, value, |position, byte| match offset + position {
            DATA => self.write_data(byte),
            COMMAND => self.command(byte),
            _ => {}
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
