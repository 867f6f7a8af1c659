//! The state of the in-kernel interrupt controllers (PICs, IOAPIC) and the PIT.

use crate::kvm::IrqchipState as Raw;
use devices::state::DeviceState;
use kvm_bindings::{kvm_irqchip, kvm_pit_state2};
use serde::{Deserialize, Serialize};

/// PICs, IOAPIC and PIT in KVM's form.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct IrqchipState {
    chips: [kvm_irqchip; 3],
    pit: kvm_pit_state2,
}

impl DeviceState for IrqchipState {
    const KIND: &'static str = "x86-irqchip";
    const VERSION: u16 = 1;
}

impl From<Raw> for IrqchipState {
    fn from(raw: Raw) -> Self {
        let mut pit = raw.pit;
        for channel in &mut pit.channels {
            // The host's clock at the time of the last load. KVM does not take it back: a restored channel begins
            // its period anew.
            channel.count_load_time = 0;
        }
        Self { chips: raw.chips, pit }
    }
}

impl From<IrqchipState> for Raw {
    fn from(state: IrqchipState) -> Self {
        Self { chips: state.chips, pit: state.pit }
    }
}

impl std::fmt::Debug for IrqchipState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The chips are unions.
        f.debug_struct("IrqchipState").field("pit", &self.pit).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod native_tests {
    use super::*;
    use crate::arch::x86_64::fixture::Fixture;
    use crate::config::CpuTopology;

    fn bytes(fixture: &Fixture) -> Vec<u8> {
        let state = IrqchipState::from(fixture.vm.irqchip_state().unwrap());
        postcard::to_stdvec(&state).unwrap()
    }

    #[test]
    fn controllers_and_pit_are_read_back_as_they_were_set() {
        let shape = CpuTopology { sockets: 1, cores: 1, threads: 1 };
        let Some(old) = Fixture::new(shape) else { return };
        let mut changed = old.vm.irqchip_state().unwrap();
        // Channel 2 in mode 3, as a guest uses it to measure its TSC.
        changed.pit.channels[2].count = 0x4a9;
        changed.pit.channels[2].mode = 3;
        old.vm.set_irqchip_state(&changed).unwrap();

        let saved = bytes(&old);
        let new = Fixture::new(shape).unwrap();
        assert_ne!(saved, bytes(&new));
        let state: IrqchipState = postcard::from_bytes(&saved).unwrap();
        new.vm.set_irqchip_state(&state.into()).unwrap();
        assert_eq!(saved, bytes(&new));
    }
}
