//! The in-kernel interrupt controllers (two PICs, one IOAPIC, a LAPIC per vCPU) and the PIT, and what drives them.
//!
//! KVM makes a default routing with the controllers: GSI n reaches pin n of the IOAPIC and, below 16, of the PICs. Lines
//! need no other, so a start does not touch the table; the first message that a guest routes does, and repeats the
//! default.

use super::error::{KvmError, named};
use super::vm::KvmVm;
use devices::interrupt::MsiMessage;
use kvm_bindings::{
    KVM_IRQ_ROUTING_IRQCHIP, KVM_IRQ_ROUTING_MSI, KVM_IRQCHIP_IOAPIC, KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE,
    KVM_PIT_SPEAKER_DUMMY, KvmIrqRouting, kvm_irq_routing_entry, kvm_irq_routing_irqchip, kvm_irq_routing_msi,
    kvm_irqchip, kvm_pit_config, kvm_pit_state2,
};
use vmm_sys_util::eventfd::EventFd;

/// Pins of the IOAPIC, and so GSIs of lines; messages have the GSIs from here on.
pub(crate) const PINS: u32 = 24;
/// Pins of one PIC, of which there are two.
const PIC_PINS: u32 = 8;
/// GSIs that can have a route: the size of KVM's table (KVM_MAX_IRQ_ROUTES on x86).
const GSIS: u32 = 4096;
/// Most messages that fit into the table beside the default routes.
pub(crate) const MAX_MESSAGES: u32 = GSIS - PINS - 2 * PIC_PINS;

/// The in-kernel controllers' state, as KVM gives and takes it.
#[derive(Clone, Copy)]
pub(crate) struct IrqchipState {
    /// PIC master, PIC slave, IOAPIC: in KVM's order of chip ids.
    pub chips: [kvm_irqchip; 3],
    /// The PIT.
    pub pit: kvm_pit_state2,
}

impl KvmVm {
    /// Makes the interrupt controllers (KVM_CREATE_IRQCHIP). After the memory slots, before the vCPUs.
    ///
    /// # Errors
    /// The host refuses, or they exist.
    pub(crate) fn create_irqchip(&self) -> Result<(), KvmError> {
        named("KVM_CREATE_IRQCHIP", self.fd.create_irq_chip())
    }

    /// Makes the PIT (KVM_CREATE_PIT2), with port 0x61 answered by KVM. After the interrupt controllers.
    ///
    /// # Errors
    /// The host refuses, or it exists.
    pub(crate) fn create_pit(&self) -> Result<(), KvmError> {
        let config = kvm_pit_config { flags: KVM_PIT_SPEAKER_DUMMY, ..Default::default() };
        named("KVM_CREATE_PIT2", self.fd.create_pit2(config))
    }

    /// The controllers' state. While no vCPU runs.
    ///
    /// # Errors
    /// The host cannot be asked, or the controllers do not exist.
    pub(crate) fn irqchip_state(&self) -> Result<IrqchipState, KvmError> {
        let chip = |chip_id| {
            let mut chip = kvm_irqchip { chip_id, ..Default::default() };
            named("KVM_GET_IRQCHIP", self.fd.get_irqchip(&mut chip)).map(|()| chip)
        };
        Ok(IrqchipState {
            chips: [chip(KVM_IRQCHIP_PIC_MASTER)?, chip(KVM_IRQCHIP_PIC_SLAVE)?, chip(KVM_IRQCHIP_IOAPIC)?],
            pit: named("KVM_GET_PIT2", self.fd.get_pit2())?,
        })
    }

    /// Gives the controllers the state of [`KvmVm::irqchip_state`]. While no vCPU runs.
    ///
    /// # Errors
    /// The host refuses a value.
    pub(crate) fn set_irqchip_state(&self, state: &IrqchipState) -> Result<(), KvmError> {
        for (chip_id, chip) in (KVM_IRQCHIP_PIC_MASTER..).zip(&state.chips) {
            // The id is the place in the array: state from outside cannot choose another chip.
            let chip = kvm_irqchip { chip_id, ..*chip };
            named("KVM_SET_IRQCHIP", self.fd.set_irqchip(&chip))?;
        }
        named("KVM_SET_PIT2", self.fd.set_pit2(&state.pit))
    }

    /// Lets each write to `event` raise an edge on `gsi` (KVM_IRQFD).
    ///
    /// # Errors
    /// The host refuses, or the event drives a GSI already.
    pub(crate) fn register_irqfd(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        named("KVM_IRQFD", self.fd.register_irqfd(event, gsi))
    }

    /// Undoes [`KvmVm::register_irqfd`].
    ///
    /// # Errors
    /// The event does not drive this GSI.
    pub(crate) fn unregister_irqfd(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        named("KVM_IRQFD", self.fd.unregister_irqfd(event, gsi))
    }

    /// Sets the level of the line `gsi` (KVM_IRQ_LINE).
    ///
    /// # Errors
    /// The host refuses.
    pub(crate) fn set_irq_line(&self, gsi: u32, asserted: bool) -> Result<(), KvmError> {
        named("KVM_IRQ_LINE", self.fd.set_irq_line(gsi, asserted))
    }

    /// Replaces the routing table (KVM_SET_GSI_ROUTING): each GSI of `messages` sends its message, those of lines
    /// reach the pins of their number as before.
    ///
    /// # Errors
    /// The host refuses, for example more than [`MAX_MESSAGES`].
    pub(crate) fn set_routing(&self, messages: impl Iterator<Item = (u32, MsiMessage)>) -> Result<(), KvmError> {
        let entries: Vec<_> = pin_routes().chain(messages.map(message_route)).collect();
        let table = KvmIrqRouting::from_entries(&entries)
            .map_err(|_| KvmError::new("KVM_SET_GSI_ROUTING", std::io::Error::from_raw_os_error(libc::E2BIG)))?;
        named("KVM_SET_GSI_ROUTING", self.fd.set_gsi_routing(&table))
    }
}

/// The routing that KVM makes with the controllers.
fn pin_routes() -> impl Iterator<Item = kvm_irq_routing_entry> {
    let pic = |gsi: u32| {
        let chip = if gsi < PIC_PINS { KVM_IRQCHIP_PIC_MASTER } else { KVM_IRQCHIP_PIC_SLAVE };
        pin_route(gsi, chip, gsi % PIC_PINS)
    };
    (0..PINS).map(|gsi| pin_route(gsi, KVM_IRQCHIP_IOAPIC, gsi)).chain((0..2 * PIC_PINS).map(pic))
}

fn pin_route(gsi: u32, irqchip: u32, pin: u32) -> kvm_irq_routing_entry {
    let mut entry = kvm_irq_routing_entry { gsi, type_: KVM_IRQ_ROUTING_IRQCHIP, ..Default::default() };
    entry.u.irqchip = kvm_irq_routing_irqchip { irqchip, pin };
    entry
}

fn message_route((gsi, message): (u32, MsiMessage)) -> kvm_irq_routing_entry {
    let mut entry = kvm_irq_routing_entry { gsi, type_: KVM_IRQ_ROUTING_MSI, ..Default::default() };
    let [a, b, c, d, e, f, g, h] = message.address.to_le_bytes();
    entry.u.msi = kvm_irq_routing_msi {
        address_lo: u32::from_le_bytes([a, b, c, d]),
        address_hi: u32::from_le_bytes([e, f, g, h]),
        data: message.data,
        ..Default::default()
    };
    entry
}
