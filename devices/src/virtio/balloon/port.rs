//! The host's end of a balloon: how large it is to be, and what the guest says.

use super::statistics::GuestStatistics;
use crate::virtio::VirtioInterrupt;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Shared by a device, its queues and the host. It outlives the device: a reset of the machine makes a new one that is
/// connected to the same port.
#[derive(Debug)]
pub struct BalloonPort {
    /// In pages of 4096 bytes, as everything here that has no other unit.
    target: AtomicU32,
    actual: AtomicU32,
    /// Bytes given back to the host, ever.
    inflated: AtomicU64,
    reported: AtomicU64,
    statistics: Mutex<(u64, GuestStatistics)>,
    /// Statistics are wanted; the event wakes whoever asks the guest.
    wanted: AtomicBool,
    request: Arc<OwnedFd>,
    device: Mutex<Option<Weak<dyn VirtioInterrupt>>>,
}

/// A balloon now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BalloonStatus {
    /// How many bytes the guest is to do without.
    pub target: u64,
    /// How many it says that it does without.
    pub actual: u64,
    /// Bytes that went back to the host by the balloon, since the machine was built; a page that goes twice counts twice.
    pub inflated: u64,
    /// Bytes that went back to the host because the guest reported them free.
    pub reported: u64,
    /// How often the guest has told its statistics.
    pub updates: u64,
    /// What it told last.
    pub guest: GuestStatistics,
}

impl BalloonPort {
    /// The port of a balloon that is to have no pages.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            target: AtomicU32::new(0),
            actual: AtomicU32::new(0),
            inflated: AtomicU64::new(0),
            reported: AtomicU64::new(0),
            statistics: Mutex::default(),
            wanted: AtomicBool::new(false),
            request: Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?),
            device: Mutex::new(None),
        })
    }

    /// The guest is to do without so many pages, of which it is told. At any time, from any thread; never blocks on the
    /// guest, which may take its time.
    pub fn set_target(&self, pages: u32) {
        if self.target.swap(pages, Ordering::AcqRel) == pages {
            return;
        }
        let device = self.device.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Weak::upgrade);
        if let Some(device) = device {
            device.config_changed();
        }
    }

    /// Asks the guest for its statistics, which come when it answers.
    pub fn request_statistics(&self) {
        self.wanted.store(true, Ordering::Release);
        // The event is watched for its edges and never read; it fails only after 2^64 times.
        let _ = rustix::io::write(&self.request, &1_u64.to_ne_bytes());
    }

    /// The balloon now.
    pub fn status(&self) -> BalloonStatus {
        let bytes = |pages: &AtomicU32| u64::from(pages.load(Ordering::Acquire)) * super::discard::PAGE;
        let (updates, guest) = *self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        BalloonStatus {
            target: bytes(&self.target),
            actual: bytes(&self.actual),
            inflated: self.inflated.load(Ordering::Relaxed),
            reported: self.reported.load(Ordering::Relaxed),
            updates,
            guest,
        }
    }

    pub(super) fn connect(&self, device: &Arc<dyn VirtioInterrupt>) {
        *self.device.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(device));
    }

    pub(super) fn target(&self) -> u32 {
        self.target.load(Ordering::Acquire)
    }

    pub(super) fn actual(&self) -> u32 {
        self.actual.load(Ordering::Acquire)
    }

    pub(super) fn set_actual(&self, pages: u32) {
        self.actual.store(pages, Ordering::Release);
    }

    pub(super) fn count_inflated(&self, bytes: u64) {
        self.inflated.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_reported(&self, bytes: u64) {
        self.reported.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn publish(&self, statistics: GuestStatistics) {
        let mut current = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        *current = (current.0 + 1, statistics);
    }

    /// Becomes readable when statistics are wanted.
    pub(super) fn requests(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.request)
    }

    /// Statistics were wanted, and are asked for now.
    pub(super) fn take_request(&self) -> bool {
        self.wanted.swap(false, Ordering::AcqRel)
    }
}
