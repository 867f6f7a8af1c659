//! The host's end of a network device: its cable, and what went through.

use super::statistics::{Counter, NetStatistics, PairStatistics};
use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use crate::virtio::VirtioInterrupt;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// Shared by a device, its queues and the host. It outlives the device: a reset of the machine makes a new one that is
/// connected to the same port.
#[derive(Debug)]
pub struct NetPort {
    id: DeviceId,
    plugged: AtomicBool,
    /// The host's network is no longer there.
    gone: AtomicBool,
    on_gone: Hook,
    announcements: Announcements,
    device: Mutex<Option<Weak<dyn VirtioInterrupt>>>,
    pairs: Vec<Pair>,
    /// The host's kernel carries the frames.
    vhost: bool,
    /// The queues that must know when frames may pass, or may no longer.
    sleepers: Mutex<BTreeMap<u16, OwnedFd>>,
    failures: AtomicU64,
    log: LogLimit,
}

/// What the driver is asked to tell the network of itself (VIRTIO 1.2 5.1.6.5.4).
#[derive(Debug, Default)]
struct Announcements {
    /// The driver can do it.
    negotiated: AtomicBool,
    /// It has been asked, and has not answered.
    pending: AtomicBool,
}

/// The counters of a pair of queues.
#[derive(Debug, Default)]
pub(super) struct Pair {
    pub(super) received: Counter,
    pub(super) sent: Counter,
}

/// Whom to tell.
#[derive(Default)]
struct Hook(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

impl NetPort {
    /// The port of device `id` with `pairs` pairs of queues, whose cable is plugged in, or not.
    pub fn new(id: DeviceId, pairs: u16, link_up: bool) -> Self {
        Self {
            id,
            plugged: AtomicBool::new(link_up),
            gone: AtomicBool::new(false),
            on_gone: Hook::default(),
            announcements: Announcements::default(),
            device: Mutex::new(None),
            pairs: (0..pairs).map(|_| Pair::default()).collect(),
            vhost: false,
            sleepers: Mutex::default(),
            failures: AtomicU64::new(0),
            log: LogLimit::default(),
        }
    }

    /// The same for a device whose frames the host's kernel carries, uncounted.
    #[must_use]
    pub fn behind_vhost(self) -> Self {
        Self { vhost: true, ..self }
    }

    /// Has `tell` called once, in any thread, when the host's network has gone. The first who asks is told.
    pub fn when_gone(&self, tell: Box<dyn Fn() + Send + Sync>) {
        drop(self.on_gone.0.set(tell));
    }

    /// The cable is plugged in, and there is a network at its other end.
    pub fn is_link_up(&self) -> bool {
        self.plugged.load(Ordering::Acquire) && !self.gone.load(Ordering::Acquire)
    }

    /// The cable is plugged in.
    pub(super) fn is_plugged(&self) -> bool {
        self.plugged.load(Ordering::Acquire)
    }

    /// Plugs the cable in or out, and tells the driver (VIRTIO 1.2 5.1.4). At any time, from any thread; never blocks
    /// on the guest. While it is out, all frames are lost.
    pub fn set_link_up(&self, up: bool) {
        if self.plugged.swap(up, Ordering::AcqRel) != up {
            self.wake_queues();
            self.tell_driver();
        }
    }

    /// Asks the driver to tell the network where its address is now; `false` when it cannot be asked.
    pub fn announce(&self) -> bool {
        let possible = self.announcements.negotiated.load(Ordering::Acquire);
        if possible && !self.announcements.pending.swap(true, Ordering::AcqRel) {
            self.tell_driver();
        }
        possible
    }

    /// What went through.
    pub fn statistics(&self) -> NetStatistics {
        let pair = |pair: &Pair| PairStatistics { received: pair.received.read(), sent: pair.sent.read() };
        let failures = self.failures.load(Ordering::Relaxed);
        NetStatistics { pairs: self.pairs.iter().map(pair).collect(), vhost: self.vhost, failures }
    }

    /// The device that is behind the port from now on. (The link may change before it knows: it looks at the port.)
    pub(super) fn connect(&self, device: &Arc<dyn VirtioInterrupt>) {
        *self.device.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(device));
    }

    fn tell_driver(&self) {
        let device = self.device.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Weak::upgrade);
        if let Some(device) = device {
            device.config_changed();
        }
    }

    /// A driver that can announce itself, or not, has taken over; `pending`: it was asked before.
    pub(super) fn negotiated(&self, announcements: bool, pending: bool) {
        self.announcements.negotiated.store(announcements, Ordering::Release);
        self.announcements.pending.store(announcements && pending, Ordering::Release);
        self.sleepers().clear();
    }

    /// Has `event` raised, for queue `index`, whenever frames may pass from now on, or may no longer; until another
    /// driver takes over.
    pub(super) fn wake_on_change(&self, index: u16, event: OwnedFd) {
        self.sleepers().insert(index, event);
    }

    /// Frames may pass, or may no longer.
    pub(super) fn wake_queues(&self) {
        for event in self.sleepers().values() {
            // It fails when nobody has looked 2^64 times.
            let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
        }
    }

    fn sleepers(&self) -> MutexGuard<'_, BTreeMap<u16, OwnedFd>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The driver has been asked to announce itself.
    pub(super) fn is_announcement_pending(&self) -> bool {
        self.announcements.pending.load(Ordering::Acquire)
    }

    /// The driver has announced itself.
    pub(super) fn announced(&self) {
        self.announcements.pending.store(false, Ordering::Release);
    }

    /// The counters of pair `index`.
    pub(super) fn pair(&self, index: u16) -> Option<&Pair> {
        self.pairs.get(usize::from(index))
    }

    /// The host failed a call, which may happen with every frame: counted, and logged within bounds. To be busy is no
    /// failure. A network that has gone is one that takes the link with it.
    pub(super) fn host_failed(&self, what: &'static str, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock => return,
            io::ErrorKind::NotConnected => self.network_gone(error),
            _ => {
                if let Some(suppressed) = self.log.allow() {
                    tracing::warn!(device = %self.id, suppressed, error = error as &dyn std::error::Error, "{what}");
                }
            }
        }
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn network_gone(&self, error: &io::Error) {
        let was_up = self.is_link_up();
        if self.gone.swap(true, Ordering::AcqRel) {
            return;
        }
        tracing::warn!(device = %self.id, error = error as &dyn std::error::Error, "The network of a device has gone");
        if was_up {
            self.wake_queues();
            self.tell_driver();
        }
        if let Some(tell) = self.on_gone.0.get() {
            tell();
        }
    }
}
