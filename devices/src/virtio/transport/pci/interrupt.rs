//! How the function interrupts: by MSI-X where the driver enabled it, else by its pin.
//!
//! The pin's level is computed from ISR status under a lock, after each change of what it depends on: whoever computes
//! it last has seen the changes of all who did before, so no assertion is lost to a driver that reads ISR at the same
//! time, and none stays.

use super::vectors::Vectors;
use crate::interrupt::LevelLine;
use crate::pci::Msix;
use crate::virtio::core::{ISR_USED_BUFFERS, Isr, TransportInterrupt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by registers, configuration space and queue handlers.
pub(super) struct PciInterrupt {
    isr: Isr,
    pin: Arc<dyn LevelLine>,
    /// The command register forbids the pin.
    pin_disabled: AtomicBool,
    messages: Arc<Msix>,
    pub(super) vectors: Vectors,
    /// Held while the pin's level is computed and set.
    level: Mutex<()>,
}

impl PciInterrupt {
    pub(super) fn new(pin: Arc<dyn LevelLine>, messages: Arc<Msix>, vectors: Vectors) -> Self {
        Self {
            isr: Isr::default(),
            pin,
            pin_disabled: AtomicBool::new(false),
            messages,
            vectors,
            level: Mutex::default(),
        }
    }

    /// What the interrupt bit of the PCI status register says: as if the pin were not disabled (VIRTIO 1.2 4.1.4.5.1).
    pub(super) fn is_pending(&self) -> bool {
        self.isr.bits() != 0 && !self.messages.is_enabled()
    }

    /// Whether the command register forbids the pin. [`PciInterrupt::update`] makes it so.
    pub(super) fn disable_pin(&self, disabled: bool) {
        self.pin_disabled.store(disabled, Ordering::Release);
    }

    /// Sets the pin's level to what it must be.
    pub(super) fn update(&self) {
        let _level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        self.pin.set(self.is_pending() && !self.pin_disabled.load(Ordering::Acquire));
    }

    /// Interrupts again where an interrupt may have been on its way when the machine was paused or saved: that is in no
    /// state. A message too many is harmless, a driver looks for itself.
    pub(super) fn resume(&self) {
        self.update();
        for vector in self.vectors.mapped() {
            self.messages.notify(vector);
        }
    }
}

impl TransportInterrupt for Arc<PciInterrupt> {
    fn isr(&self) -> &Isr {
        &self.isr
    }

    fn queue(&self, index: u16) {
        // With MSI-X, ISR does not tell of queues (VIRTIO 1.2 4.1.4.5), mapped or not.
        if !self.messages.notify(self.vectors.queue(index)) {
            self.isr.raise(ISR_USED_BUFFERS);
            self.update();
        }
    }

    fn config(&self) {
        if !self.messages.notify(self.vectors.config()) {
            self.update();
        }
    }

    fn cleared(&self) {
        self.update();
    }
}
