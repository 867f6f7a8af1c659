//! The controllers' saved form: KVM's own structures.

use crate::kvm::IrqchipState;
use devices::state::DeviceState;
use kvm_bindings::{kvm_irqchip, kvm_pit_state2};
use serde::{Deserialize, Serialize};

/// PICs, IOAPIC and PIT.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct IrqchipSection {
    pic_master: kvm_irqchip,
    pic_slave: kvm_irqchip,
    ioapic: kvm_irqchip,
    pit: kvm_pit_state2,
}

impl DeviceState for IrqchipSection {
    const KIND: &'static str = "irqchip";
    const VERSION: u16 = 1;
}

impl From<IrqchipState> for IrqchipSection {
    fn from(IrqchipState { chips: [pic_master, pic_slave, ioapic], pit }: IrqchipState) -> Self {
        Self { pic_master, pic_slave, ioapic, pit }
    }
}

impl From<IrqchipSection> for IrqchipState {
    fn from(IrqchipSection { pic_master, pic_slave, ioapic, pit }: IrqchipSection) -> Self {
        Self { chips: [pic_master, pic_slave, ioapic], pit }
    }
}
