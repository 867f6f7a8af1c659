//! Where the ranges of PCI functions are on the machine's buses: they move when the guest says so, their doorbells with
//! them.

use crate::kvm::{IoEvent, KvmVm};
use crate::vcpu::Buses;
use devices::bus::Bus;
use devices::id::DeviceId;
use devices::pci::{BarMapper, Doorbell, Mapping, Space};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Puts ranges on the buses, and lets KVM turn writes to their doorbells into events.
pub(super) struct PciRanges {
    vm: Arc<KvmVm>,
    buses: Buses,
    /// Ranges that lie where a device of the board answers.
    hidden: Mutex<BTreeSet<(Space, u64)>>,
    /// Functions of which a line was logged: a guest that moves ranges about does not flood the log.
    logged: Mutex<BTreeSet<DeviceId>>,
}

impl PciRanges {
    /// Over these buses.
    pub(super) fn new(vm: Arc<KvmVm>, buses: Buses) -> Self {
        Self { vm, buses, hidden: Mutex::default(), logged: Mutex::default() }
    }

    fn bus(&self, space: Space) -> &Bus {
        match space {
            Space::Io => &self.buses.pio,
            Space::Memory => &self.buses.mmio,
        }
    }

    fn log(&self, mapping: &Mapping, what: &str, error: &dyn std::error::Error) {
        if self.logged.lock().unwrap_or_else(PoisonError::into_inner).insert(mapping.function.clone()) {
            tracing::warn!(?mapping, "{what}: {error}; nothing more of this kind is logged of the function");
        }
    }
}

impl BarMapper for PciRanges {
    fn map(&self, mapping: &Mapping) {
        if let Err(error) = self.bus(mapping.space).insert(mapping.range.clone(), Arc::clone(&mapping.device)) {
            self.log(mapping, "The guest put a range where it cannot be reached", &error);
            self.hidden.lock().unwrap_or_else(PoisonError::into_inner).insert(place(mapping));
            return;
        }
        for doorbell in &mapping.doorbells {
            // Without the event the write reaches the device over the bus, which is only slower.
            if let Err(error) = self.vm.register_ioevent(&doorbell.event, write(mapping, doorbell)) {
                self.log(mapping, "A doorbell stays slow", &error);
            }
        }
    }

    fn unmap(&self, mapping: &Mapping) {
        if self.hidden.lock().unwrap_or_else(PoisonError::into_inner).remove(&place(mapping)) {
            return;
        }
        for doorbell in &mapping.doorbells {
            if let Err(error) = self.vm.unregister_ioevent(&doorbell.event, write(mapping, doorbell)) {
                self.log(mapping, "A doorbell was not registered", &error);
            }
        }
        if let Err(error) = self.bus(mapping.space).remove(mapping.range.start) {
            self.log(mapping, "A range was not on its bus", &error);
        }
    }
}

fn place(mapping: &Mapping) -> (Space, u64) {
    (mapping.space, mapping.range.start)
}

/// The write that rings. One without a value rings whatever its width is: KVM cannot ask for a width alone.
fn write(mapping: &Mapping, doorbell: &Doorbell) -> IoEvent {
    IoEvent { space: mapping.space, address: mapping.range.start + doorbell.offset, value: doorbell.datamatch }
}
