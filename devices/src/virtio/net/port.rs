//! The host's end of a network device: its cable, and what went through.

use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use crate::virtio::VirtioInterrupt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Shared by a device, its queues and the host. It outlives the device: a reset of the machine makes a new one that is
/// connected to the same port.
#[derive(Debug)]
pub struct NetPort {
    id: DeviceId,
    link_up: AtomicBool,
    device: Mutex<Option<Weak<dyn VirtioInterrupt>>>,
    received: AtomicU64,
    receive_dropped: AtomicU64,
    sent: AtomicU64,
    send_dropped: AtomicU64,
    log: LogLimit,
}

/// Frames since the port was made, as the guest sees their directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetStatistics {
    /// Given to the guest.
    pub received: u64,
    /// Lost on the way to the guest: no cable, no room, or longer than its MTU.
    pub receive_dropped: u64,
    /// Taken by the host's network.
    pub sent: u64,
    /// Lost on the way to the host's network: no cable, too short, too long, or refused by the host.
    pub send_dropped: u64,
}

impl NetPort {
    /// The port of device `id`, whose cable is plugged in, or not.
    pub fn new(id: DeviceId, link_up: bool) -> Self {
        Self {
            id,
            link_up: AtomicBool::new(link_up),
            device: Mutex::new(None),
            received: AtomicU64::new(0),
            receive_dropped: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            send_dropped: AtomicU64::new(0),
            log: LogLimit::default(),
        }
    }

    /// The cable is plugged in.
    pub fn is_link_up(&self) -> bool {
        self.link_up.load(Ordering::Acquire)
    }

    /// Plugs the cable in or out, and tells the driver (VIRTIO 1.2 5.1.4). At any time, from any thread; never blocks
    /// on the guest. While it is out, all frames are lost.
    pub fn set_link_up(&self, up: bool) {
        if self.link_up.swap(up, Ordering::AcqRel) == up {
            return;
        }
        let device = self.device.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Weak::upgrade);
        if let Some(device) = device {
            device.config_changed();
        }
    }

    /// What went through.
    pub fn statistics(&self) -> NetStatistics {
        NetStatistics {
            received: self.received.load(Ordering::Relaxed),
            receive_dropped: self.receive_dropped.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            send_dropped: self.send_dropped.load(Ordering::Relaxed),
        }
    }

    /// The device that is behind the port from now on. (The link may change before it knows: it looks at the port.)
    pub(super) fn connect(&self, device: &Arc<dyn VirtioInterrupt>) {
        *self.device.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(device));
    }

    /// Counts a frame on its way to the guest.
    pub(super) fn count_received(&self, delivered: bool) {
        let counter = if delivered { &self.received } else { &self.receive_dropped };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a frame on its way to the host's network.
    pub(super) fn count_sent(&self, taken: bool) {
        let counter = if taken { &self.sent } else { &self.send_dropped };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Logs what the host's network refused, which may happen with every frame. To be busy is no failure.
    pub(super) fn host_failed(&self, what: &'static str, error: &io::Error) {
        if error.kind() != io::ErrorKind::WouldBlock
            && let Some(suppressed) = self.log.allow()
        {
            tracing::warn!(device = %self.id, suppressed, error = error as &dyn std::error::Error, "{what}");
        }
    }
}
