//! Saving a paused machine, and restoring its clocks and vCPUs.

use super::{Blueprint, Machine, MachineError};
use crate::arch::x86_64::clock::{self, MachineClock};
use crate::arch::x86_64::irqchip_state::IrqchipState;
use crate::arch::x86_64::msr;
use crate::arch::x86_64::vcpu_state::VcpuState;
use crate::kvm::{KvmVcpu, KvmVm};
use crate::snapshot::SavedMachine;
use devices::id::DeviceId;
use devices::state::{Section, StateError};

/// Whose state the machine's clock is.
const CLOCK: &str = "clock";
/// Whose state the interrupt controllers' is.
const IRQCHIP: &str = "irqchip";

fn vcpu_id(index: usize) -> DeviceId {
    DeviceId::new(format!("vcpu{index}"))
}

impl Machine {
    /// The state of everything but RAM. Saving twice during one pause gives the same sections: what moves with time
    /// is the record's, taken when the pause completed.
    ///
    /// # Errors
    /// The machine is not paused, or the host cannot be asked.
    #[cfg_attr(not(test), expect(dead_code, reason = "snapshots, which will call it, come with memory snapshots"))]
    pub(crate) fn save(&self, blueprint: &Blueprint) -> Result<Vec<Section>, MachineError> {
        let Some(record) = &self.clock else { return Err(MachineError::NotPaused) };
        let mut sections =
            vec![Section::encode(&CLOCK.into(), &record.machine)?, Section::encode(&IRQCHIP.into(), &record.irqchip)?];
        let msrs = blueprint.kvm.msr_indices()?;
        let capabilities = blueprint.kvm.capabilities();
        self.vcpus.each(|index, vcpu| {
            let id = vcpu_id(index);
            let clock = record.vcpus.get(index).ok_or(MachineError::NotPaused)?;
            let state = VcpuState::save(&id, vcpu, capabilities, &msr::state_indices(&msrs, vcpu)?, clock)?;
            sections.push(Section::encode(&id, &state)?);
            Ok::<_, MachineError>(())
        })?;
        sections.extend(self.board.save()?);
        Ok(sections)
    }
}

/// Gives clocks, vCPUs and interrupt controllers of a new machine their saved state, advanced by the real time that
/// has passed since; from then on KVM's clocks run by themselves. Nothing on a first start.
pub(super) fn restore(
    blueprint: &Blueprint,
    vm: &KvmVm,
    vcpus: &[KvmVcpu],
    saved: &mut SavedMachine,
) -> Result<(), MachineError> {
    let time: Option<MachineClock> = saved.take(&CLOCK.into())?;
    let irqchip: Option<IrqchipState> = saved.take(&IRQCHIP.into())?;
    let (Some(time), Some(irqchip)) = (time, irqchip) else { return Ok(()) };
    let elapsed = time.elapsed_until(clock::host_realtime_ns());
    time.restore(vm, elapsed)?;
    let msrs = blueprint.kvm.msr_indices()?;
    let capabilities = blueprint.kvm.capabilities();
    for (index, vcpu) in vcpus.iter().enumerate() {
        let id = vcpu_id(index);
        let state: VcpuState = saved.take(&id)?.ok_or_else(|| missing(&id))?;
        state.restore(&id, vcpu, capabilities, &msr::state_indices(&msrs, vcpu)?, elapsed)?;
        clock::resumed_in_place(vcpu)?;
    }
    // After the LAPICs: what is pending in the IOAPIC is delivered at once.
    vm.set_irqchip_state(&irqchip.into())?;
    Ok(())
}

fn missing(device: &DeviceId) -> StateError {
    StateError::Invalid { device: device.clone(), reason: "it is missing".into() }
}
