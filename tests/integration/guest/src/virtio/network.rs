//! A network driver with what `virtio-drivers`' has not: offloads, mergeable buffers, several pairs of queues, the
//! control queue, queues that are reset.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, Transport as _};

use super::{Device, GuestHal, Transport};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::interrupt::Interrupt;

/// Descriptors of a queue for frames, and of the control queue.
const SIZE: usize = 64;
const CONTROL_SIZE: usize = 16;
/// Buffers of a receive queue, so many mergeable ones, or few large ones.
const MERGEABLE: (usize, usize) = (48, 1536);
const LARGE: (usize, usize) = (1, 65_562);
const SMALL: (usize, usize) = (16, 1536);
/// Bytes of a header.
const HEADER: usize = 12;

/// Features (VIRTIO 1.2 5.1.3, 6).
pub mod feature {
    pub const GUEST_SEGMENTS: u64 = 1 << 7 | 1 << 8 | 3 << 54;
    pub const MRG_RXBUF: u64 = 1 << 15;
    pub const CTRL_VQ: u64 = 1 << 17;
    pub const MQ: u64 = 1 << 22;
    pub const EVENT_IDX: u64 = 1 << 29;
    pub const VERSION_1: u64 = 1 << 32;
    pub const RING_RESET: u64 = 1 << 40;
}

/// A frame that came.
pub struct Frame {
    /// By which pair of queues.
    pub pair: usize,
    /// What it lacks.
    pub header: [u8; HEADER],
    /// From its Ethernet header on.
    pub bytes: Vec<u8>,
}

/// A receive queue with its buffers, by token.
struct ReceiveQueue {
    queue: VirtQueue<GuestHal, SIZE>,
    buffers: Vec<Option<Vec<u8>>>,
}

/// The driver.
pub struct Network {
    transport: Transport,
    /// The device's.
    pub interrupt: Interrupt,
    /// What the device offers.
    pub offered: u64,
    /// What was negotiated.
    pub features: u64,
    receive: Vec<ReceiveQueue>,
    send: Vec<VirtQueue<GuestHal, SIZE>>,
    control: Option<(u16, VirtQueue<GuestHal, CONTROL_SIZE>)>,
}

impl Network {
    /// Takes `device` over, with those of `wanted` that it offers and `pairs` pairs of queues.
    ///
    /// # Errors
    /// The device does not do it.
    pub fn open(device: &Device, wanted: u64, pairs: usize) -> Result<Self, String> {
        let (mut transport, interrupt) = device.open()?;
        let (acknowledge, driver) = (DeviceStatus::ACKNOWLEDGE, DeviceStatus::DRIVER);
        transport.set_status(DeviceStatus::empty());
        transport.set_status(acknowledge | driver);
        let offered = transport.read_device_features();
        let features = offered & (wanted | feature::VERSION_1 | feature::RING_RESET);
        transport.write_driver_features(features);
        transport.set_status(acknowledge | driver | DeviceStatus::FEATURES_OK);
        if !transport.get_status().contains(DeviceStatus::FEATURES_OK) {
            return Err(format!("features {features:#x} of {offered:#x} are refused"));
        }
        let mut network =
            Self { transport, interrupt, offered, features, receive: Vec::new(), send: Vec::new(), control: None };
        for pair in 0..pairs as u16 {
            let queue = network.queue(2 * pair)?;
            network.receive.push(ReceiveQueue { queue, buffers: (0..SIZE).map(|_| None).collect() });
            let queue = network.queue(2 * pair + 1)?;
            network.send.push(queue);
        }
        if features & feature::CTRL_VQ != 0 {
            let many = network.transport.read_config_space::<u16>(8).map_err(|error| format!("{error}"))?;
            let index = if features & feature::MQ != 0 { 2 * many } else { 2 };
            let event_idx = features & feature::EVENT_IDX != 0;
            let queue = VirtQueue::new(&mut network.transport, index, false, event_idx);
            network.control = Some((index, queue.map_err(|error| format!("control queue: {error}"))?));
        }
        let ready = DeviceStatus::FEATURES_OK | DeviceStatus::DRIVER_OK;
        network.transport.set_status(acknowledge | driver | ready);
        (0..pairs).try_for_each(|pair| network.fill(pair))?;
        Ok(network)
    }

    fn queue(&mut self, index: u16) -> Result<VirtQueue<GuestHal, SIZE>, String> {
        let event_idx = self.features & feature::EVENT_IDX != 0;
        VirtQueue::new(&mut self.transport, index, false, event_idx).map_err(|error| format!("queue {index}: {error}"))
    }

    /// Gives the device all buffers of a pair.
    fn fill(&mut self, pair: usize) -> Result<(), String> {
        let (count, length) = match self.features {
            features if features & feature::MRG_RXBUF != 0 => MERGEABLE,
            features if features & feature::GUEST_SEGMENTS != 0 => LARGE,
            _ => SMALL,
        };
        (0..count).try_for_each(|_| self.give(pair, vec![0; length]))
    }

    fn give(&mut self, pair: usize, mut buffer: Vec<u8>) -> Result<(), String> {
        let ReceiveQueue { queue, buffers } = &mut self.receive[pair];
        // SAFETY: the buffer lives in `buffers`, where nobody touches it, until its token is popped.
        let token = unsafe { queue.add(&[], &mut [buffer.as_mut_slice()]) };
        let token = token.map_err(|error| format!("receive buffer: {error}"))?;
        buffers[usize::from(token)] = Some(buffer);
        if queue.should_notify() {
            self.transport.notify(2 * pair as u16);
        }
        Ok(())
    }

    /// The next buffer that the device has filled, and how far.
    fn take(&mut self, pair: usize) -> Result<Option<(Vec<u8>, usize)>, String> {
        let ReceiveQueue { queue, buffers } = &mut self.receive[pair];
        let Some(token) = queue.peek_used() else { return Ok(None) };
        let mut buffer = buffers[usize::from(token)].take().ok_or("a buffer that was not given")?;
        // SAFETY: the buffer that was added under this token.
        let length = unsafe { queue.pop_used(token, &[], &mut [buffer.as_mut_slice()]) };
        Ok(Some((buffer, length.map_err(|error| format!("receive: {error}"))? as usize)))
    }

    /// The next frame of any pair.
    ///
    /// # Errors
    /// The device broke a rule.
    pub fn receive(&mut self) -> Result<Option<Frame>, String> {
        for pair in 0..self.receive.len() {
            let Some((first, length)) = self.take(pair)? else { continue };
            if length < HEADER {
                return Err(format!("a frame of {length} bytes"));
            }
            let mut header = [0; HEADER];
            header.copy_from_slice(&first[..HEADER]);
            let buffers = u16::from_le_bytes([header[10], header[11]]);
            if buffers == 0 || buffers > 1 && self.features & feature::MRG_RXBUF == 0 {
                return Err(format!("a frame in {buffers} buffers"));
            }
            let mut bytes = first[HEADER..length].to_vec();
            self.give(pair, first)?;
            for _ in 1..buffers {
                // All of a frame's buffers are used at once (VIRTIO 1.2 5.1.6.4.1).
                let (next, length) = self.take(pair)?.ok_or("a frame that is not all there")?;
                bytes.extend(&next[..length]);
                self.give(pair, next)?;
            }
            return Ok(Some(Frame { pair, header, bytes }));
        }
        Ok(None)
    }

    /// Sends a frame by `pair`, and waits until the device has taken it.
    ///
    /// # Errors
    /// It does not.
    pub fn send(&mut self, pair: usize, header: &[u8; HEADER], frame: &[u8]) -> Result<(), String> {
        let queue = &mut self.send[pair];
        let parts: [&[u8]; 2] = [header, frame];
        // SAFETY: both parts outlive the wait below, which ends when the device is done with them.
        let token = unsafe { queue.add(&parts, &mut []) }.map_err(|error| format!("send: {error}"))?;
        if queue.should_notify() {
            self.transport.notify(2 * pair as u16 + 1);
        }
        wait_for_used(queue, "a frame is not taken")?;
        // SAFETY: the parts that were added under this token.
        unsafe { queue.pop_used(token, &parts, &mut []) }.map_err(|error| format!("sent: {error}"))?;
        Ok(())
    }

    /// Sends `frame` so many times by the first pair, `depth` at a time; how often the device was notified.
    ///
    /// # Errors
    /// A frame is not taken, or not in its turn.
    pub fn burst(&mut self, header: &[u8; HEADER], frame: &[u8], depth: u64, frames: u64) -> Result<u64, String> {
        let queue = &mut self.send[0];
        let parts: [&[u8]; 2] = [header, frame];
        let mut notifications = 0;
        for _ in 0..frames / depth {
            let mut tokens = Vec::new();
            for _ in 0..depth {
                // SAFETY: both parts outlive the wait below, which ends when the device is done with them.
                tokens.push(unsafe { queue.add(&parts, &mut []) }.map_err(|error| format!("burst: {error}"))?);
            }
            if queue.should_notify() {
                notifications += 1;
                self.transport.notify(1);
            }
            for token in tokens {
                wait_for_used(queue, "a frame is not taken")?;
                // SAFETY: the parts that were added under this token.
                unsafe { queue.pop_used(token, &parts, &mut []) }.map_err(|error| format!("sent: {error}"))?;
            }
        }
        Ok(notifications)
    }

    /// The device's answer to a command (VIRTIO 1.2 5.1.6.5).
    ///
    /// # Errors
    /// There is no control queue, or no answer.
    pub fn command(&mut self, class: u8, command: u8, argument: &[u8]) -> Result<u8, String> {
        let (index, queue) = self.control.as_mut().ok_or("no control queue")?;
        let bytes = [&[class, command], argument].concat();
        let mut answer = [0xff];
        // SAFETY: both outlive the wait below, which ends when the device is done with them.
        let token = unsafe { queue.add(&[&bytes], &mut [&mut answer]) }.map_err(|error| format!("command: {error}"))?;
        if queue.should_notify() {
            self.transport.notify(*index);
        }
        wait_for_used(queue, "a command is not answered")?;
        // SAFETY: what was added under this token.
        let result = unsafe { queue.pop_used(token, &[&bytes], &mut [&mut answer]) };
        result.map_err(|error| format!("answer: {error}"))?;
        Ok(answer[0])
    }

    /// Resets receive queue `pair` (VIRTIO 1.2 2.6.1) and enables it again, with fresh buffers.
    ///
    /// # Errors
    /// The device does not do it.
    pub fn reset_receive_queue(&mut self, pair: usize) -> Result<(), String> {
        let index = 2 * pair as u16;
        self.transport.reset_queue(index)?;
        let queue = self.queue(index)?;
        self.receive[pair] = ReceiveQueue { queue, buffers: (0..SIZE).map(|_| None).collect() };
        self.fill(pair)
    }

    /// `len` bytes of the configuration space (VIRTIO 1.2 5.1.4): address, status.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn address_and_status(&self) -> Result<([u8; 6], u16), String> {
        let read = |error| format!("configuration space: {error}");
        let mac = self.transport.read_config_space(0).map_err(read)?;
        Ok((mac, self.transport.read_config_space(6).map_err(read)?))
    }

    /// Lets the interrupt come again.
    pub fn acknowledge(&mut self) {
        self.transport.ack_interrupt();
        self.interrupt.rearm();
    }
}

/// Waits until the device has used something.
///
/// # Errors
/// It does not: `what`.
fn wait_for_used<const N: usize>(queue: &VirtQueue<GuestHal, N>, what: &str) -> Result<(), String> {
    let timeout = Timeout::after(PATIENCE_MS);
    while !queue.can_pop() {
        if timeout.passed() {
            return Err(format!("{what} in time"));
        }
        core::hint::spin_loop();
    }
    Ok(())
}
