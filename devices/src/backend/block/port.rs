//! The host's end of a disk, on whatever bus: its policies, and what went through it.

use super::on_error::{OnError, Verdict};
use super::statistics::{DiskQueueStatistics, QueueCounters};
use super::{BlockBackend, DiskError};
use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use crate::rate_limit::{RateLimit, RateLimiter};
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// Who is told that a disk stops the machine.
pub trait DiskAlarm: Send + Sync {
    /// The host failed an operation of `disk` with `error`, and the operation waits until the machine was paused and
    /// goes on. Called on a worker's thread, once for each queue and pause; it must not block.
    fn stopped(&self, disk: &DeviceId, error: &io::Error);
}

/// Who is told that a disk has another size.
pub trait CapacityListener: Send + Sync {
    /// The backend's capacity has changed.
    fn capacity_changed(&self);
}

/// Shared by a device, its queues and the host. It outlives the device: a reset of the machine makes a new one that is
/// connected to the same port.
pub struct DiskPort {
    id: DeviceId,
    backend: Arc<dyn BlockBackend>,
    on_error: OnError,
    limiter: Option<RateLimiter>,
    counters: Vec<QueueCounters>,
    device: Mutex<Option<Weak<dyn CapacityListener>>>,
    alarm: Mutex<Option<Arc<dyn DiskAlarm>>>,
    log: LogLimit,
}

impl std::fmt::Debug for DiskPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskPort").field("id", &self.id).finish_non_exhaustive()
    }
}

impl DiskPort {
    /// The port of disk `id`, which has `queues` queues.
    pub fn new(
        id: DeviceId,
        backend: Arc<dyn BlockBackend>,
        on_error: OnError,
        limit: &RateLimit,
        queues: u16,
    ) -> Self {
        Self {
            id,
            backend,
            on_error,
            limiter: RateLimiter::new(limit, Instant::now()),
            counters: (0..queues).map(|_| QueueCounters::default()).collect(),
            device: Mutex::default(),
            alarm: Mutex::default(),
            log: LogLimit::default(),
        }
    }

    /// The machine's name for the disk.
    pub fn id(&self) -> &DeviceId {
        &self.id
    }

    /// The disk.
    pub fn backend(&self) -> &Arc<dyn BlockBackend> {
        &self.backend
    }

    /// Looks at the host's size of the disk, tells the driver if it has changed, and returns it in bytes. At any time,
    /// from any thread; never blocks on the guest.
    ///
    /// # Errors
    /// The host does not tell, or the size does not fit the guest's sectors: the disk then stays as it was.
    pub fn refresh(&self) -> Result<u64, DiskError> {
        let before = self.backend.capacity();
        let now = self.backend.refresh()?;
        let device = self.device.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Weak::upgrade);
        if let Some(device) = device.filter(|_| now != before) {
            tracing::info!(disk = %self.id, before, now, "The disk has another size");
            device.capacity_changed();
        }
        Ok(now)
    }

    /// Who is told from now on when the disk stops the machine.
    pub fn set_alarm(&self, alarm: Arc<dyn DiskAlarm>) {
        *self.alarm.lock().unwrap_or_else(PoisonError::into_inner) = Some(alarm);
    }

    /// What went through, by queue.
    pub fn statistics(&self) -> Vec<DiskQueueStatistics> {
        self.counters.iter().map(QueueCounters::snapshot).collect()
    }

    /// The device that is behind the port from now on.
    pub fn connect(&self, device: &Arc<dyn CapacityListener>) {
        *self.device.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(device));
    }

    /// Whether an operation of `bytes` may begin; else, when to ask again.
    pub(super) fn admit(&self, bytes: u64, now: Instant) -> Result<(), Instant> {
        self.limiter.as_ref().map_or(Ok(()), |limiter| limiter.take(bytes, now))
    }

    pub(super) fn counters(&self, queue: u16) -> Option<&QueueCounters> {
        self.counters.get(usize::from(queue))
    }

    /// The host failed an operation: what becomes of it.
    pub(super) fn judge(&self, operation: &str, error: &io::Error) -> Verdict {
        let verdict = self.on_error.verdict(error);
        if let Some(suppressed) = self.log.allow() {
            let error = error as &dyn std::error::Error;
            tracing::warn!(disk = %self.id, operation, ?verdict, suppressed, error, "A disk request failed");
        }
        verdict
    }

    /// The machine is to be paused.
    pub(super) fn raise(&self, error: &io::Error) {
        let alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match alarm {
            Some(alarm) => alarm.stopped(&self.id, error),
            None => tracing::error!(disk = %self.id, "A disk request waits for a pause that nobody brings about"),
        }
    }
}
