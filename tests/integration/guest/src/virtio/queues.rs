//! A device whose queues we drive ourselves: the crate has no driver for it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, Transport as _};

use super::{Device, GuestHal, Transport, negotiate};
use crate::interrupt::Interrupt;

/// Entries of each queue.
pub const SIZE: usize = 16;
/// VIRTIO_F_VERSION_1.
const VERSION_1: u64 = 1 << 32;

/// A device that is ready, and its queues.
pub struct Queues {
    /// Its registers.
    pub transport: Transport,
    /// How it interrupts.
    pub interrupt: Interrupt,
    queues: Vec<VirtQueue<GuestHal, SIZE>>,
}

impl Queues {
    /// Initialises `device` with `features` (all of which it must offer) and its first `count` queues.
    ///
    /// # Errors
    /// It lacks a feature or a queue.
    pub fn open(device: &Device, features: u64, count: u16) -> Result<Self, String> {
        let (mut transport, interrupt) = device.open()?;
        negotiate(&mut transport, features | VERSION_1)?;
        let queues = (0..count).map(|index| VirtQueue::new(&mut transport, index, false, false));
        let queues = queues.collect::<Result<_, _>>().map_err(|error| format!("queue: {error}"))?;
        transport.finish_init();
        Ok(Self { transport, interrupt, queues })
    }

    /// Gives `bytes` to the device, and waits until it has taken them.
    ///
    /// # Errors
    /// The queue does not work.
    pub fn give(&mut self, queue: usize, bytes: &[u8]) -> Result<(), String> {
        let used = self.queues[queue].add_notify_wait_pop(&[bytes], &mut [], &mut self.transport);
        used.map(|_| ()).map_err(|error| format!("queue {queue}: {error}"))
    }

    /// Lends `bytes` to the device to write, and waits until it has answered; how many it wrote.
    ///
    /// # Errors
    /// The queue does not work.
    pub fn lend(&mut self, queue: usize, bytes: &mut [u8]) -> Result<usize, String> {
        let used = self.queues[queue].add_notify_wait_pop(&[], &mut [bytes], &mut self.transport);
        used.map(|count| count as usize).map_err(|error| format!("queue {queue}: {error}"))
    }

    /// Puts a buffer into a queue for the device to write; a token for [`Self::take`].
    ///
    /// # Errors
    /// The queue does not work.
    pub fn post(&mut self, queue: usize, buffer: &'static mut [u8]) -> Result<Posted, String> {
        // SAFETY: nobody has the buffer until `take` gives it back.
        let token = unsafe { self.queues[queue].add(&[], &mut [&mut buffer[..]]) };
        let token = token.map_err(|error| format!("queue {queue}: {error}"))?;
        self.notify(queue);
        Ok(Posted { token, buffer, given: false })
    }

    /// Puts a buffer into a queue for the device to read.
    ///
    /// # Errors
    /// The queue does not work.
    pub fn show(&mut self, queue: usize, buffer: &'static mut [u8]) -> Result<Posted, String> {
        // SAFETY: nobody changes the buffer until `take` gives it back.
        let token = unsafe { self.queues[queue].add(&[&buffer[..]], &mut []) };
        let token = token.map_err(|error| format!("queue {queue}: {error}"))?;
        self.notify(queue);
        Ok(Posted { token, buffer, given: true })
    }

    fn notify(&mut self, queue: usize) {
        if self.queues[queue].should_notify() {
            self.transport.notify(queue as u16);
        }
    }

    /// Takes a buffer back that the device has used, and how many bytes it wrote; the posted one while it has not.
    ///
    /// # Errors
    /// The queue does not work.
    pub fn take(&mut self, queue: usize, posted: Posted) -> Result<Result<(&'static mut [u8], usize), Posted>, String> {
        let Posted { token, buffer, given } = posted;
        if !self.queues[queue].can_pop() || self.queues[queue].peek_used() != Some(token) {
            return Ok(Err(Posted { token, buffer, given }));
        }
        // SAFETY: it is the buffer that was added with this token.
        let used = unsafe {
            if given {
                self.queues[queue].pop_used(token, &[&buffer[..]], &mut [])
            } else {
                self.queues[queue].pop_used(token, &[], &mut [&mut buffer[..]])
            }
        };
        let count = used.map_err(|error| format!("queue {queue}: {error}"))? as usize;
        Ok(Ok((buffer, count)))
    }
}

/// A buffer that the device has.
pub struct Posted {
    token: u16,
    buffer: &'static mut [u8],
    given: bool,
}

impl Drop for Queues {
    fn drop(&mut self) {
        // The device must not write into memory that is used for something else.
        self.transport.set_status(DeviceStatus::empty());
        while !self.transport.get_status().is_empty() {}
    }
}
