//! Message-signalled interrupts, MSI-X (PCI 3.0 6.8.2): the capability, the table of messages and the pending bits.
//!
//! A vector's message is routed from the first time it is unmasked until another message is unmasked or MSI-X is
//! switched off: a guest that masks and unmasks moves nothing in the host. While a vector is masked, or the host could
//! not route it, its notifications stay in its pending bit; what made it deliverable delivers them.
//!
//! Notifications come from workers, on the data path: they take no lock (`signals.rs`). One that is under way while the
//! guest masks its vector may still be sent; none is lost, and none is sent twice.
//!
//! Table and pending bits have a BAR of their own: the table in the lower half, the pending bits in the upper.

mod signals;
mod state;
mod table;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use state::MsixState;

use super::{BarKind, FunctionError, LayoutError, PciConfiguration};
use crate::bus::{BusDevice, Width, read_bytes, write_bytes};
use crate::id::DeviceId;
use crate::interrupt::MsiGroup;
use crate::log_limit::LogLimit;
use signals::Signals;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use table::{ENTRY_SIZE, Table};

/// The capability's id.
const ID: u8 = 0x11;
/// Message control, after id and link.
const CONTROL: u16 = 2;
/// In message control: MSI-X is on, and the interrupt pin is off.
const ENABLE: u32 = 1 << 15;
/// In message control: all vectors are masked.
const FUNCTION_MASK: u32 = 1 << 14;
/// More do not fit message control.
const MOST_VECTORS: u16 = 2048;
/// The smallest BAR: a page, so that nothing else is in it.
const LEAST_BAR: u64 = 0x1000;

/// The MSI-X capability of one function, and what answers in its BAR.
pub struct Msix {
    id: DeviceId,
    group: Arc<dyn MsiGroup>,
    /// Where the capability is.
    capability: u16,
    /// Where the pending bits start in the BAR.
    pending_offset: u64,
    /// What the guest wrote. Held while what notifications see of it is brought in line.
    table: Mutex<Table>,
    signals: Signals,
    log: LogLimit,
}

impl Msix {
    /// Adds the capability and 32-bit BAR `bar` to the function `id` that has `configuration`. `group` has `vectors`
    /// vectors. Without `state`, all are masked.
    ///
    /// When the configuration space is restored too, call [`Msix::follow`] afterwards.
    ///
    /// # Errors
    /// The number of vectors is impossible, the BAR is taken, the configuration space is full, or the state is that of
    /// another function.
    pub fn new(
        id: DeviceId,
        group: Arc<dyn MsiGroup>,
        vectors: u16,
        bar: u8,
        configuration: &mut PciConfiguration,
        state: Option<MsixState>,
    ) -> Result<Self, FunctionError> {
        let last = vectors.checked_sub(1).filter(|_| vectors <= MOST_VECTORS).ok_or(LayoutError::Vectors(vectors))?;
        let bar_size = (2 * u64::from(vectors) * ENTRY_SIZE).next_power_of_two().max(LEAST_BAR);
        let pending_offset = bar_size / 2;
        configuration.add_bar(bar, BarKind::Memory32, bar_size)?;
        let [low, high] = last.to_le_bytes();
        // Offsets are multiples of 8, with the BAR's number in the low bits.
        let [p0, p1, p2, p3, ..] = (pending_offset | u64::from(bar)).to_le_bytes();
        let capability = configuration.add_capability(ID, &[low, high, bar, 0, 0, 0, p0, p1, p2, p3])?;
        configuration.make_writable(capability + CONTROL, Width::Word, ENABLE | FUNCTION_MASK);
        let (table, signals) = state.unwrap_or_else(|| MsixState::first(vectors)).restore(&id, vectors)?;
        let table = Mutex::new(table);
        Ok(Self { id, group, capability, pending_offset, table, signals, log: LogLimit::default() })
    }

    /// Takes over what the guest wrote to the capability; call it after each write to configuration space. Clearing the
    /// function mask routes all unmasked vectors at once.
    pub fn follow(&self, configuration: &PciConfiguration) {
        let control = configuration.read(self.capability + CONTROL, Width::Word);
        let (enabled, masked) = (control & ENABLE != 0, control & FUNCTION_MASK != 0);
        let mut table = self.lock();
        if (table.enabled, table.masked) != (enabled, masked) {
            (table.enabled, table.masked) = (enabled, masked);
            self.deliver(&mut table);
        }
    }

    /// Whether the function signals by messages; otherwise it has its interrupt pin.
    pub fn is_enabled(&self) -> bool {
        self.signals.is_enabled()
    }

    /// Sends the vector's message, now or when it is no longer masked; a vector that does not exist has none. Returns
    /// whether MSI-X is on: otherwise nothing happened, and the function has its interrupt pin.
    pub fn notify(&self, vector: u16) -> bool {
        if !self.signals.is_enabled() {
            return false;
        }
        if self.signals.raise(vector) {
            self.group.trigger(vector);
        }
        // Again: who switched it off meanwhile wants the pin.
        self.signals.is_enabled()
    }

    /// Table and pending bits; the control bits are part of the configuration space.
    pub fn save(&self) -> MsixState {
        MsixState::of(&self.lock(), &self.signals)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic in another thread leaves plain registers behind.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the host's routes and what notifications see in line with the table, and sends what waited for it.
    fn deliver(&self, table: &mut Table) {
        self.signals.set_enabled(table.enabled);
        // First what is held back: nothing is sent by a route that is on its way out.
        for (vector, deliverable) in table.deliverable() {
            self.signals.set_deliverable(vector, deliverable);
        }
        let changes = table.changes();
        if !changes.is_empty() {
            match self.group.route(&changes) {
                Ok(()) => table.set_routed(&changes),
                Err(error) => {
                    if let Some(swallowed) = self.log.allow() {
                        tracing::warn!(device = %self.id, swallowed, "Interrupts stay pending: {error}");
                    }
                }
            }
        }
        for (vector, deliverable) in table.deliverable() {
            self.signals.set_deliverable(vector, deliverable);
            if self.signals.take_deliverable(vector) {
                self.group.trigger(vector);
            }
        }
    }
}

impl BusDevice for Msix {
    fn read(&self, offset: u64, width: Width) -> u64 {
        let table = self.lock();
        read_bytes(width, |position| {
            let offset = offset.saturating_add(position);
            match offset.checked_sub(self.pending_offset) {
                Some(offset) => self.signals.read_pending(offset),
                None => table.read(offset),
            }
        })
    }

    /// Takes all widths; the pending bits are read-only.
    fn write(&self, offset: u64, width: Width, value: u64) {
        let mut table = self.lock();
        write_bytes(width, value, |position, byte| {
            let offset = offset.saturating_add(position);
            if offset < self.pending_offset {
                table.write(offset, byte);
            }
        });
        self.deliver(&mut table);
    }
}
