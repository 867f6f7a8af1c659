//! What went through a network device, for each of its queues.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// What went through a network device since it was made, resets included. Directions are as the guest sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetStatistics {
    /// Each pair of queues.
    pub pairs: Vec<PairStatistics>,
    /// The host's kernel carries the frames (vhost-net), and counts none: above are only those that were lost while the
    /// cable was out.
    pub vhost: bool,
    /// Calls that the host failed for another reason than that it was busy.
    pub failures: u64,
}

/// What went through a pair of queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairStatistics {
    /// To the guest. Dropped: no cable, no room, or not as the guest takes it.
    pub received: Traffic,
    /// From the guest. Dropped: no cable, malformed, or refused by the host.
    pub sent: Traffic,
}

/// Frames that went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Frames that arrived.
    pub frames: u64,
    /// Their bytes, from the Ethernet header on. One that is not cut yet counts as one.
    pub bytes: u64,
    /// Frames that were lost on the way.
    pub dropped: u64,
}

impl NetStatistics {
    /// To the guest, by all queues.
    pub fn received(&self) -> Traffic {
        self.pairs.iter().fold(Traffic::default(), |sum, pair| sum.and(pair.received))
    }

    /// From the guest, by all queues.
    pub fn sent(&self) -> Traffic {
        self.pairs.iter().fold(Traffic::default(), |sum, pair| sum.and(pair.sent))
    }
}

impl Traffic {
    fn and(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            bytes: self.bytes + other.bytes,
            dropped: self.dropped + other.dropped,
        }
    }
}

/// The counters of one queue.
#[derive(Debug, Default)]
pub(super) struct Counter {
    frames: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
}

impl Counter {
    /// A frame of `length` bytes has arrived.
    pub(super) fn passed(&self, length: usize) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(length as u64, Ordering::Relaxed);
    }

    /// A frame is lost.
    pub(super) fn lost(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// The values now.
    pub(super) fn read(&self) -> Traffic {
        Traffic {
            frames: self.frames.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}
