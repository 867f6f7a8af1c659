//! The serial port's state in its saved form.

use super::uart::{FIFO_SIZE, line_status, modem_control, modem_status};
use crate::id::DeviceId;
use crate::state::{DeviceState, StateError};
use serde::{Deserialize, Serialize};

/// Registers of a serial port and its unread input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialState {
    pub(super) divisor: [u8; 2],
    pub(super) interrupt_enable: u8,
    pub(super) line_control: u8,
    pub(super) modem_control: u8,
    pub(super) scratch: u8,
    pub(super) fifo_enabled: bool,
    /// The transmitter's interrupt was raised and not acknowledged.
    pub(super) transmit_pending: bool,
    /// Input that the guest has not read yet, oldest first.
    pub(super) input: Vec<u8>,
}

impl DeviceState for SerialState {
    const KIND: &'static str = "serial-16550";
    const VERSION: u16 = 1;
}

impl Default for SerialState {
    /// As after power-on, set to 9600 baud 8N1 as firmware leaves it.
    fn default() -> Self {
        Self {
            divisor: [12, 0],
            interrupt_enable: 0,
            line_control: 0x03,
            modem_control: modem_control::OUT2,
            scratch: 0,
            fifo_enabled: false,
            transmit_pending: false,
            input: Vec::new(),
        }
    }
}

impl SerialState {
    /// # Errors
    /// A register has bits that a 16550A never sets, or there is more input than the FIFO holds.
    pub(super) fn validate(&self, device: &DeviceId) -> Result<(), StateError> {
        let reason = if self.input.len() > FIFO_SIZE {
            format!("its FIFO holds {} bytes and has room for {FIFO_SIZE}", self.input.len())
        } else if self.interrupt_enable & !0x0f != 0 {
            format!("its interrupt enable register {:#04x} has bits that are never set", self.interrupt_enable)
        } else if self.modem_control & !modem_control::ALL != 0 {
            format!("its modem control register {:#04x} has bits that are never set", self.modem_control)
        } else {
            return Ok(());
        };
        Err(StateError::Invalid { device: device.clone(), reason })
    }

    /// In vm-superio's form. No interrupt is identified in it: what is pending, [`super::uart::Uart`] keeps.
    pub(super) fn to_chip(&self) -> vm_superio::SerialState {
        let [baud_divisor_low, baud_divisor_high] = self.divisor;
        let data_ready = if self.input.is_empty() { 0 } else { line_status::DATA_READY };
        vm_superio::SerialState {
            baud_divisor_low,
            baud_divisor_high,
            interrupt_enable: self.interrupt_enable,
            interrupt_identification: super::uart::identification::NONE,
            line_control: self.line_control,
            line_status: line_status::TRANSMITTER_IDLE | data_ready,
            modem_control: self.modem_control,
            modem_status: modem_status::CONNECTED,
            scratch: self.scratch,
            in_buffer: self.input.clone(),
        }
    }

    /// From vm-superio's form.
    pub(super) fn from_chip(chip: vm_superio::SerialState, fifo_enabled: bool, transmit_pending: bool) -> Self {
        Self {
            divisor: [chip.baud_divisor_low, chip.baud_divisor_high],
            interrupt_enable: chip.interrupt_enable,
            line_control: chip.line_control,
            modem_control: chip.modem_control,
            scratch: chip.scratch,
            fifo_enabled,
            transmit_pending,
            input: chip.in_buffer,
        }
    }
}
