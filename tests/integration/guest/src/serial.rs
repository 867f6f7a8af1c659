//! The console: a 16550 at 0x3f8. Lines go out whole, 16 bytes (one FIFO) at a time by `rep outsb`.

use core::fmt::{Arguments, Write};

use crate::apic;
use crate::cpu::{halt, in8, out_string8, out8};
use crate::descriptors::FIRST_INTERRUPT;
use crate::platform::platform;
use crate::sync::SpinLock;

const DATA: u16 = 0x3f8;
const INTERRUPT_ENABLE: u16 = DATA + 1;
const INTERRUPT_ID: u16 = DATA + 2;
const FIFO_CONTROL: u16 = DATA + 2;
const MODEM_CONTROL: u16 = DATA + 4;
const LINE_STATUS: u16 = DATA + 5;
const DATA_READY: u8 = 1;
const TRANSMITTER_EMPTY: u8 = 0x40;
const SERIAL_IRQ: u32 = 4;

static LOCK: SpinLock<()> = SpinLock::new(());

/// Sends the first byte at once: a reset transmitter is empty, and the boot latency counts to here. Then the FIFO is
/// enabled, when the byte has left (enabling clears it).
pub fn init(first: u8) {
    out8(DATA, first);
    while in8(LINE_STATUS) & TRANSMITTER_EMPTY == 0 {}
    out8(FIFO_CONTROL, 1);
}

fn send(bytes: &[u8]) {
    for chunk in bytes.chunks(16) {
        while in8(LINE_STATUS) & TRANSMITTER_EMPTY == 0 {}
        out_string8(DATA, chunk);
    }
}

/// Sends one byte.
pub fn send_byte(byte: u8) {
    let _guard = LOCK.lock();
    send(&[byte]);
}

struct Line {
    bytes: [u8; 2048],
    used: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = &mut self.bytes[self.used..];
        let size = text.len().min(room.len());
        room[..size].copy_from_slice(&text.as_bytes()[..size]);
        self.used += size;
        Ok(())
    }
}

/// Prints one line; [`say!`] calls it.
pub fn print_line(arguments: Arguments) {
    let mut line = Line { bytes: [0; 2048], used: 0 };
    let _ = line.write_fmt(arguments);
    line.used = line.used.min(line.bytes.len() - 1);
    line.bytes[line.used] = b'\n';
    let _guard = LOCK.lock();
    send(&line.bytes[..=line.used]);
}

/// Prints one line on the console.
macro_rules! say {
    ($($argument:tt)*) => { $crate::serial::print_line(format_args!($($argument)*)) };
}
pub(crate) use say;

/// A byte that has arrived, if one has.
pub fn received() -> Option<u8> {
    (in8(LINE_STATUS) & DATA_READY != 0).then(|| in8(DATA))
}

/// Waits for a byte, by the receive interrupt (boot CPU only).
pub fn receive() -> u8 {
    apic::init();
    apic::route(platform().gsi_of_irq(SERIAL_IRQ), 0);
    out8(MODEM_CONTROL, 0x0b);
    out8(INTERRUPT_ENABLE, 1);
    let byte = loop {
        if let Some(byte) = received() {
            break byte;
        }
        in8(INTERRUPT_ID);
        halt();
    };
    out8(INTERRUPT_ENABLE, 0);
    byte
}

/// How many receive interrupts have come.
pub fn interrupts() -> u64 {
    crate::descriptors::interrupts(FIRST_INTERRUPT + platform().gsi_of_irq(SERIAL_IRQ) as u8)
}
