//! What went over virtio queues, always counted: a few additions for each chain, none of them waited for.

use crate::id::DeviceId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What went over one queue since the machine was built, resets included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatistics {
    /// Notifications of the driver. Each is an exit to the host's kernel (VIRTIO 1.2 2.7.13.4).
    pub notifications: u64,
    /// Chains that were used: a request, a frame, a packet or a buffer each.
    pub chains: u64,
    /// Bytes in them that the driver had for the device.
    pub read_bytes: u64,
    /// Bytes that the device wrote into them.
    pub written_bytes: u64,
    /// Interrupts of the driver for used chains (VIRTIO 1.2 2.7.7).
    pub interrupts: u64,
}

/// The counters of one queue.
#[derive(Debug, Default)]
pub struct QueueUse {
    notifications: AtomicU64,
    chains: AtomicU64,
    read_bytes: AtomicU64,
    written_bytes: AtomicU64,
    interrupts: AtomicU64,
}

impl QueueUse {
    /// The driver has notified so many times.
    pub fn notified(&self, times: u64) {
        self.notifications.fetch_add(times, Ordering::Relaxed);
    }

    /// A chain was used.
    pub(super) fn used(&self, read_bytes: u32, written_bytes: u32) {
        self.chains.fetch_add(1, Ordering::Relaxed);
        self.read_bytes.fetch_add(read_bytes.into(), Ordering::Relaxed);
        self.written_bytes.fetch_add(written_bytes.into(), Ordering::Relaxed);
    }

    /// The driver was interrupted.
    pub(super) fn interrupted(&self) {
        self.interrupts.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> QueueStatistics {
        let Self { notifications, chains, read_bytes, written_bytes, interrupts } = self;
        let [notifications, chains, read_bytes, written_bytes, interrupts] =
            [notifications, chains, read_bytes, written_bytes, interrupts]
                .map(|counter| counter.load(Ordering::Relaxed));
        QueueStatistics { notifications, chains, read_bytes, written_bytes, interrupts }
    }
}

/// The counters of all queues that have been served. Survives the devices: a reset of the machine makes new ones.
#[derive(Debug, Default)]
pub struct QueueUses(Mutex<BTreeMap<(DeviceId, u16), Arc<QueueUse>>>);

impl QueueUses {
    /// The counters of queue `index` of `device`.
    pub fn of(&self, device: &DeviceId, index: u16) -> Arc<QueueUse> {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry((device.clone(), index)).or_default())
    }

    /// All of them now, by device and queue.
    pub fn read(&self) -> BTreeMap<DeviceId, BTreeMap<u16, QueueStatistics>> {
        let mut devices: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for ((device, index), queue) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            devices.entry(device.clone()).or_default().insert(*index, queue.read());
        }
        devices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_of_each_device_is_counted_for_itself_and_for_good() {
        let uses = QueueUses::default();
        let (disk, net) = (DeviceId::from("disk0"), DeviceId::from("net0"));
        uses.of(&disk, 0).notified(3);
        uses.of(&disk, 0).used(16, 513);
        uses.of(&disk, 1).interrupted();
        uses.of(&net, 1).used(60, 0);
        let counted = uses.read();
        let first = QueueStatistics { notifications: 3, chains: 1, read_bytes: 16, written_bytes: 513, interrupts: 0 };
        assert_eq!(counted[&disk][&0], first);
        assert_eq!(counted[&disk][&1], QueueStatistics { interrupts: 1, ..QueueStatistics::default() });
        assert_eq!((counted[&net].len(), counted[&net][&1].read_bytes), (1, 60));
    }
}
