//! What a device and its queues share.

use crate::backend::block::CapacityListener;
use crate::virtio::VirtioInterrupt;
use crate::virtio::parked::ParkedHeads;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the driver through the device's registers, read by the queues at each request.
#[derive(Debug)]
pub(super) struct Shared {
    /// The write cache is on, as far as the driver may say so.
    writeback: AtomicBool,
    /// Each write is to be stable before it completes.
    write_through: AtomicBool,
    /// The heads of parked requests by queue, written when a queue is drained.
    parked: ParkedHeads,
}

impl Shared {
    pub(super) fn new(writeback: bool, parked: impl IntoIterator<Item = (u16, Vec<u16>)>) -> Self {
        let parked = ParkedHeads::new(parked);
        Self { writeback: AtomicBool::new(writeback), write_through: AtomicBool::new(!writeback), parked }
    }

    pub(super) fn writeback(&self) -> bool {
        self.writeback.load(Ordering::Acquire)
    }

    pub(super) fn set_writeback(&self, on: bool) {
        self.writeback.store(on, Ordering::Release);
    }

    pub(super) fn is_write_through(&self) -> bool {
        self.write_through.load(Ordering::Acquire)
    }

    pub(super) fn set_write_through(&self, on: bool) {
        self.write_through.store(on, Ordering::Release);
    }

    pub(super) fn parked(&self) -> &ParkedHeads {
        &self.parked
    }

    /// The device is as it was before activation.
    pub(super) fn reset(&self, writeback: bool) {
        self.set_writeback(writeback);
        self.set_write_through(!writeback);
        self.parked.clear();
    }
}

/// Tells a driver of its disk's new size (VIRTIO 1.2 5.2.5).
pub(super) struct ConfigChange(pub(super) Arc<dyn VirtioInterrupt>);

impl CapacityListener for ConfigChange {
    fn capacity_changed(&self) {
        self.0.config_changed();
    }
}
