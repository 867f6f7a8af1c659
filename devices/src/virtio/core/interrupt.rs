//! What the device tells its driver besides used buffers: ISR status, configuration generation, the need of a reset.

use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use crate::virtio::VirtioInterrupt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// ISR bit of used buffers (VIRTIO 1.2 4.2.2, InterruptStatus; 4.1.4.5).
pub const ISR_USED_BUFFERS: u32 = 1;
/// ISR bit of a configuration change.
pub const ISR_CONFIG: u32 = 2;

/// ISR status: what the driver has not looked at yet.
#[derive(Debug, Default)]
pub struct Isr(AtomicU32);

impl Isr {
    /// The bits that are set.
    pub fn bits(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Sets `bits`.
    pub fn raise(&self, bits: u32) {
        self.0.fetch_or(bits, Ordering::AcqRel);
    }

    /// Clears `bits` and returns those of them that were set.
    pub fn clear(&self, bits: u32) -> u32 {
        self.0.fetch_and(!bits, Ordering::AcqRel) & bits
    }
}

/// How a transport interrupts the driver. Called in any thread, also with the core's lock held: it must not call the
/// core.
pub trait TransportInterrupt: Send + Sync {
    /// ISR status, which belongs to the transport: who is told by a message of its own has no use for all of it.
    fn isr(&self) -> &Isr;
    /// Queue `index` has used buffers: raises [`ISR_USED_BUFFERS`], if that is how the driver learns it, and interrupts.
    fn queue(&self, index: u16);
    /// The configuration or the status changed, as ISR says already: interrupts.
    fn config(&self);
    /// Bits of ISR were cleared, by the driver or by a reset: a line whose level ISR is follows.
    fn cleared(&self);
}

/// Shared by the transport's registers (read on vCPU threads) and the queue handlers (on workers).
pub(super) struct Interrupts {
    id: DeviceId,
    transport: Box<dyn TransportInterrupt>,
    generation: AtomicU32,
    needs_reset: AtomicBool,
    /// The driver handles interrupts: the device is active.
    driver_ready: AtomicBool,
    log: LogLimit,
}

impl Interrupts {
    pub(super) fn new(id: DeviceId, transport: Box<dyn TransportInterrupt>) -> Self {
        Self {
            id,
            transport,
            generation: AtomicU32::new(0),
            needs_reset: AtomicBool::new(false),
            driver_ready: AtomicBool::new(false),
            log: LogLimit::default(),
        }
    }

    /// Sets everything as it was saved. Interrupts nobody: the machine does not run yet.
    pub(super) fn restore(&self, isr: u32, generation: u32, needs_reset: bool) {
        self.transport.isr().raise(isr);
        self.generation.store(generation, Ordering::Release);
        self.needs_reset.store(needs_reset, Ordering::Release);
    }

    /// A device reset: no interrupt is pending, no error stands. The generation goes on counting.
    pub(super) fn clear(&self) {
        self.driver_ready.store(false, Ordering::Release);
        self.needs_reset.store(false, Ordering::Release);
        self.acknowledge(u32::MAX);
    }

    /// The driver has set DRIVER_OK.
    pub(super) fn set_driver_ready(&self) {
        self.driver_ready.store(true, Ordering::Release);
    }

    pub(super) fn isr(&self) -> u32 {
        self.transport.isr().bits()
    }

    /// The driver has handled the events of `bits`; returns those that were set.
    pub(super) fn acknowledge(&self, bits: u32) -> u32 {
        let cleared = self.transport.isr().clear(bits);
        self.transport.cleared();
        cleared
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
        self.transport.isr().raise(ISR_CONFIG);
        self.transport.config();
    }
}

impl VirtioInterrupt for Interrupts {
    fn used_buffers(&self, index: u16) {
        self.transport.queue(index);
    }

    fn config_changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        // A line that is shared must not be raised for a driver that is not there.
        if self.driver_ready.load(Ordering::Acquire) {
            self.raise_config();
        }
    }

    fn needs_reset(&self, fault: &(dyn std::error::Error + 'static)) {
        self.log("The device needs a reset", fault);
        self.needs_reset.store(true, Ordering::Release);
        self.raise_config();
    }
}
