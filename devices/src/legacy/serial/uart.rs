//! The registers: vm-superio's chip, and what it leaves to us.

use super::{SerialHost, SerialState};
use crate::interrupt::EdgeLine;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use vm_superio::serial::NoEvents;
use vm_superio::{Serial as Chip, Trigger};

/// Bytes of input the chip holds: vm-superio's FIFO.
pub(super) const FIFO_SIZE: usize = 64;
/// The host is told of room when this much is free, not for each byte.
const ROOM_TOLD: usize = FIFO_SIZE / 2;

/// Register offsets.
mod register {
    pub(super) const DATA: u8 = 0;
    pub(super) const INTERRUPT_ENABLE: u8 = 1;
    /// Read: interrupt identification. Written: FIFO control.
    pub(super) const IDENTIFICATION: u8 = 2;
    pub(super) const FIFO_CONTROL: u8 = 2;
    pub(super) const LINE_CONTROL: u8 = 3;
    pub(super) const MODEM_CONTROL: u8 = 4;
    pub(super) const LINE_STATUS: u8 = 5;
}

mod interrupt_enable {
    pub(super) const RECEIVED: u8 = 1 << 0;
    pub(super) const TRANSMITTER: u8 = 1 << 1;
    pub(super) const ALL: u8 = 0x0f;
}

/// Values of the interrupt identification register.
pub(super) mod identification {
    pub(in super::super) const NONE: u8 = 0b001;
    pub(super) const TRANSMITTER: u8 = 0b010;
    pub(super) const RECEIVED: u8 = 0b100;
    pub(super) const FIFOS_ENABLED: u8 = 0b1100_0000;
}

mod fifo_control {
    pub(super) const ENABLE: u8 = 1 << 0;
    pub(super) const CLEAR_RECEIVER: u8 = 1 << 1;
}

const DIVISOR_LATCH: u8 = 1 << 7;

pub(super) mod modem_control {
    pub(in super::super) const OUT2: u8 = 1 << 3;
    pub(super) const LOOPBACK: u8 = 1 << 4;
    pub(in super::super) const ALL: u8 = 0x1f;
}

pub(super) mod line_status {
    pub(in super::super) const DATA_READY: u8 = 1 << 0;
    pub(in super::super) const TRANSMITTER_IDLE: u8 = 0x60;
}

pub(super) mod modem_status {
    /// Carrier, data set ready, clear to send.
    pub(in super::super) const CONNECTED: u8 = 0xb0;
}

struct Line(Arc<dyn EdgeLine>);

impl Trigger for Line {
    type E = Infallible;

    fn trigger(&self) -> Result<(), Infallible> {
        self.0.trigger();
        Ok(())
    }
}

/// Hands each byte on; never fails.
struct Output(Arc<dyn SerialHost>);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        bytes.iter().for_each(|byte| self.0.output(*byte));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The chip.
pub(super) struct Uart {
    chip: Chip<Line, NoEvents, Output>,
    /// The chip's register, which it does not show while the divisor latch is open.
    interrupt_enable: u8,
    modem_control: u8,
    fifo_enabled: bool,
    /// The transmitter's interrupt is pending though the chip has forgotten it.
    transmit_pending: bool,
    /// The host has found no room and waits to be told.
    host_waits: bool,
}

impl Uart {
    /// A chip in the valid `state`.
    ///
    /// # Errors
    /// vm-superio refuses the state; says why.
    pub(super) fn new(line: Arc<dyn EdgeLine>, host: Arc<dyn SerialHost>, state: &SerialState) -> Result<Self, String> {
        let chip = Chip::from_state(&state.to_chip(), Line(line), NoEvents, Output(host))
            .map_err(|error| error.to_string())?;
        Ok(Self {
            chip,
            interrupt_enable: state.interrupt_enable,
            modem_control: state.modem_control,
            fifo_enabled: state.fifo_enabled,
            transmit_pending: state.transmit_pending,
            host_waits: false,
        })
    }

    pub(super) fn state(&self) -> SerialState {
        let chip = self.chip.state();
        let transmit_pending =
            self.transmit_pending || chip.interrupt_identification & identification::TRANSMITTER != 0;
        SerialState::from_chip(chip, self.fifo_enabled, transmit_pending)
    }

    pub(super) fn read(&mut self, offset: u64) -> u8 {
        match u8::try_from(offset) {
            Ok(register::IDENTIFICATION) => self.identify(),
            Ok(register) => self.chip.read(register),
            Err(_) => 0xff,
        }
    }

    pub(super) fn write(&mut self, offset: u64, value: u8) {
        let Ok(register) = u8::try_from(offset) else { return };
        match register {
            register::INTERRUPT_ENABLE if !self.divisor_latch_open() => self.enable_interrupts(value),
            register::FIFO_CONTROL => self.control_fifo(value),
            register::MODEM_CONTROL => {
                self.modem_control = value & modem_control::ALL;
                self.write_chip(register, self.modem_control);
            }
            _ => self.write_chip(register, value),
        }
    }

    /// The host's part of the FIFO that is free.
    pub(super) fn room(&mut self) -> usize {
        let room = if self.loopback() { 0 } else { self.chip.fifo_capacity() };
        self.host_waits |= room == 0;
        room
    }

    /// Takes what fits of `input`.
    pub(super) fn receive(&mut self, input: &[u8]) -> usize {
        let fits = input.len().min(self.room());
        let (taken, left) = input.split_at(fits);
        self.host_waits |= !left.is_empty();
        // Cannot fail: there is room, and neither line nor output fails.
        self.chip.enqueue_raw_bytes(taken).unwrap_or(0)
    }

    /// Whether the host waits and there is room for it again; it waits no more then.
    pub(super) fn take_input_wanted(&mut self) -> bool {
        let wanted = self.host_waits && !self.loopback() && self.chip.fifo_capacity() >= ROOM_TOLD;
        self.host_waits &= !wanted;
        wanted
    }

    /// Whether an enabled interrupt is pending.
    pub(super) fn interrupt_pending(&mut self) -> bool {
        self.latch_transmitter();
        self.pending() != identification::NONE
    }

    /// Reads the interrupt identification register: the most urgent pending interrupt.
    fn identify(&mut self) -> u8 {
        self.latch_transmitter();
        let pending = self.pending();
        if pending == identification::TRANSMITTER {
            self.transmit_pending = false;
        }
        pending | if self.fifo_enabled { identification::FIFOS_ENABLED } else { 0 }
    }

    fn pending(&mut self) -> u8 {
        let enabled = |bit| self.interrupt_enable & bit != 0;
        if enabled(interrupt_enable::RECEIVED) && self.data_ready() {
            identification::RECEIVED
        } else if self.transmit_pending && self.interrupt_enable & interrupt_enable::TRANSMITTER != 0 {
            identification::TRANSMITTER
        } else {
            identification::NONE
        }
    }

    /// Moves the chip's pending interrupts here. The chip forgets all of them when they are read; received data
    /// needs no memory, it is pending as long as there is some.
    fn latch_transmitter(&mut self) {
        self.transmit_pending |= self.chip.read(register::IDENTIFICATION) & identification::TRANSMITTER != 0;
    }

    /// The chip raises interrupts that are enabled while their condition holds, but only those it does not remember
    /// as pending: it is made to forget them first.
    fn enable_interrupts(&mut self, value: u8) {
        self.latch_transmitter();
        self.interrupt_enable = value & interrupt_enable::ALL;
        self.write_chip(register::INTERRUPT_ENABLE, value);
    }

    /// Switching the FIFOs on or off clears them, too.
    fn control_fifo(&mut self, value: u8) {
        let enable = value & fifo_control::ENABLE != 0;
        let clear = enable && value & fifo_control::CLEAR_RECEIVER != 0;
        if clear || enable != self.fifo_enabled {
            self.clear_receiver();
        }
        self.fifo_enabled = enable;
    }

    fn clear_receiver(&mut self) {
        let line_control = self.chip.read(register::LINE_CONTROL);
        self.write_chip(register::LINE_CONTROL, line_control & !DIVISOR_LATCH);
        for _ in 0..FIFO_SIZE {
            self.chip.read(register::DATA);
        }
        self.write_chip(register::LINE_CONTROL, line_control);
    }

    fn data_ready(&mut self) -> bool {
        self.chip.read(register::LINE_STATUS) & line_status::DATA_READY != 0
    }

    fn divisor_latch_open(&mut self) -> bool {
        self.chip.read(register::LINE_CONTROL) & DIVISOR_LATCH != 0
    }

    fn loopback(&self) -> bool {
        self.modem_control & modem_control::LOOPBACK != 0
    }

    fn write_chip(&mut self, register: u8, value: u8) {
        // Neither line nor output fails, and a full FIFO in loopback mode drops the byte.
        self.chip.write(register, value).unwrap_or_default();
    }
}
