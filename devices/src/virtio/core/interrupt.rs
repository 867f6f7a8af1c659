//! What the device tells its driver besides used buffers: ISR status, configuration generation, the need of a reset.

use crate::id::DeviceId;
use crate::virtio::VirtioInterrupt;
use crate::virtio::log_limit::LogLimit;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// ISR bit of used buffers (VIRTIO 1.2 4.2.2, InterruptStatus).
pub const ISR_USED_BUFFERS: u32 = 1;
/// ISR bit of a configuration change.
pub const ISR_CONFIG: u32 = 2;

/// How a transport interrupts the driver.
pub trait TransportInterrupt: Send + Sync {
    /// Queue `index` has used buffers.
    fn queue(&self, index: u16);
    /// The configuration or the status changed.
    fn config(&self);
}

/// Shared by the transport's registers (read on vCPU threads) and the queue handlers (on workers): atomics only.
pub(super) struct Interrupts {
    id: DeviceId,
    transport: Box<dyn TransportInterrupt>,
    isr: AtomicU32,
    generation: AtomicU32,
    needs_reset: AtomicBool,
    log: LogLimit,
}

impl Interrupts {
    pub(super) fn new(id: DeviceId, transport: Box<dyn TransportInterrupt>) -> Self {
        Self {
            id,
            transport,
            isr: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            needs_reset: AtomicBool::new(false),
            log: LogLimit::default(),
        }
    }

    /// Sets everything as it was saved.
    pub(super) fn restore(&self, isr: u32, generation: u32, needs_reset: bool) {
        self.isr.store(isr, Ordering::Release);
        self.generation.store(generation, Ordering::Release);
        self.needs_reset.store(needs_reset, Ordering::Release);
    }

    /// A device reset: no interrupt is pending, no error stands. The generation goes on counting.
    pub(super) fn clear(&self) {
        self.isr.store(0, Ordering::Release);
        self.needs_reset.store(false, Ordering::Release);
    }

    pub(super) fn isr(&self) -> u32 {
        self.isr.load(Ordering::Acquire)
    }

    /// The driver has handled the events of `bits`.
    pub(super) fn acknowledge(&self, bits: u32) {
        self.isr.fetch_and(!bits, Ordering::AcqRel);
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn is_reset_needed(&self) -> bool {
        self.needs_reset.load(Ordering::Acquire)
    }

    /// Logs a fault of the guest, or of the host on its behalf, but not for ever.
    pub(super) fn log(&self, what: &'static str, fault: &(dyn std::error::Error + 'static)) {
        if let Some(suppressed) = self.log.allow() {
            tracing::warn!(device = %self.id, suppressed, error = fault, "{what}");
        }
    }

    fn raise_config(&self) {
        self.isr.fetch_or(ISR_CONFIG, Ordering::AcqRel);
        self.transport.config();
    }
}

impl VirtioInterrupt for Interrupts {
    fn used_buffers(&self, index: u16) {
        self.isr.fetch_or(ISR_USED_BUFFERS, Ordering::AcqRel);
        self.transport.queue(index);
    }

    fn config_changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.raise_config();
    }

    fn needs_reset(&self, fault: &(dyn std::error::Error + 'static)) {
        self.log("The device needs a reset", fault);
        self.needs_reset.store(true, Ordering::Release);
        self.raise_config();
    }
}
