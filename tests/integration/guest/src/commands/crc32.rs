//! `crc32=PORT`: a function of the host's. Connects to the host's port PORT, takes what comes until there is no more, and
//! answers with one line: the CRC-32 of it (IEEE 802.3, as gzip has it) in hexadecimal, and the number of its bytes.

use alloc::format;
use alloc::string::String;

use virtio_drivers::Error;
use virtio_drivers::device::socket::{
    ConnectionInfo, DisconnectReason, VMADDR_CID_HOST, VirtIOSocket, VsockAddr, VsockEventType,
};

use super::{Outcome, required};
use crate::clock::Timeout;
use crate::cpu::halt;
use crate::interrupt::Interrupt;
use crate::timer;
use crate::virtio::{self, GuestHal, Transport};

/// Bytes of a receive buffer, its header included.
const BUFFER: usize = 8192;
/// Room for what comes.
const ROOM: u32 = 64 * 1024;
/// Our own port.
const PORT: u32 = 10_000;

/// The register of a CRC-32 after `bytes`.
fn update(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1)))
    })
}

/// The call of the function.
struct Call {
    driver: VirtIOSocket<GuestHal, Transport, BUFFER>,
    interrupt: Interrupt,
    info: ConnectionInfo,
    crc: u32,
    bytes: u64,
    /// Bytes that the host does not know to be taken.
    untold: usize,
    /// The host has sent everything.
    ended: bool,
    /// The host has let the connection go.
    closed: bool,
}

fn failed(what: &'static str) -> impl Fn(Error) -> String {
    move |error| format!("{what}: {error}")
}

impl Call {
    /// Takes the next packet; `false`: there is none.
    fn receive(&mut self) -> Result<bool, String> {
        let cid = self.driver.guest_cid();
        let Self { driver, info, crc, bytes, untold, .. } = self;
        let event = driver.poll(|event, body| {
            if !event.matches_connection(info, cid) {
                return Ok(None);
            }
            info.update_for_event(&event);
            info.done_forwarding(body.len());
            *crc = update(*crc, body);
            *bytes += body.len() as u64;
            *untold += body.len();
            Ok(Some(event))
        });
        let Some(event) = event.map_err(failed("poll"))? else { return Ok(false) };
        match event.event_type {
            VsockEventType::Disconnected { reason: DisconnectReason::Shutdown } => self.ended = true,
            VsockEventType::Disconnected { reason: DisconnectReason::Reset } => self.closed = true,
            VsockEventType::CreditRequest => driver.credit_update(info).map_err(failed("credit"))?,
            VsockEventType::Received { .. } if *untold >= ROOM as usize / 2 => {
                *untold = 0;
                driver.credit_update(info).map_err(failed("credit"))?;
            }
            _ => {}
        }
        Ok(true)
    }

    /// Takes packets until it is `done`.
    fn receive_until(&mut self, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        let timeout = Timeout::after(300_000);
        while !done(self) {
            if timeout.passed() {
                return Err(format!("it took longer than 300 s: {} bytes have come", self.bytes));
            }
            if !self.receive()? {
                self.interrupt.rearm();
                halt();
            }
        }
        Ok(())
    }
}

pub fn run(arguments: &str) -> Outcome {
    let port = required(arguments)? as u32;
    let device = virtio::devices(virtio::SOCKET).next().ok_or("no socket device")?;
    let (transport, interrupt) = device.open()?;
    let driver = VirtIOSocket::new(transport).map_err(failed("init"))?;
    timer::start_tick();
    let mut info = ConnectionInfo::new(VsockAddr { cid: VMADDR_CID_HOST, port }, PORT);
    info.buf_alloc = ROOM;
    let mut call = Call { driver, interrupt, info, crc: !0, bytes: 0, untold: 0, ended: false, closed: false };
    call.driver.connect(&call.info).map_err(failed("connect"))?;
    call.receive_until(|call| call.ended || call.closed)?;
    if call.closed {
        return Err(format!("the host hung up after {} bytes", call.bytes));
    }
    let answer = format!("{:08x} {}\n", !call.crc, call.bytes);
    call.driver.send(answer.as_bytes(), &mut call.info).map_err(failed("send"))?;
    call.driver.shutdown(&call.info).map_err(failed("close"))?;
    call.receive_until(|call| call.closed)?;
    Ok(format!("crc32={:#010x} bytes={}", !call.crc, call.bytes))
}
