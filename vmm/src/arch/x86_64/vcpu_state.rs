//! The state of one vCPU.

use super::clock::{self, VcpuClock};
use super::{msr, tsc};
use crate::kvm::{Capabilities, KvmVcpu};
use devices::id::DeviceId;
use devices::state::{DeviceState, StateError};
use kvm_bindings::{
    CpuId, KVM_MP_STATE_SIPI_RECEIVED, KVM_SREGS2_FLAGS_PDPTRS_VALID, kvm_cpuid_entry2, kvm_debugregs, kvm_lapic_state,
    kvm_mp_state, kvm_msr_entry, kvm_regs, kvm_sregs, kvm_sregs2, kvm_vcpu_events, kvm_xcrs,
};
use serde::{Deserialize, Serialize};

/// All that a vCPU is. Parts that not every host can tell are optional; one that is there and that the new host
/// cannot take is refused by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct VcpuState {
    apic_id: u32,
    cpuid: Vec<kvm_cpuid_entry2>,
    tsc_khz: Option<u32>,
    regs: kvm_regs,
    sregs: kvm_sregs,
    /// The page-directory pointers of a guest in 32-bit PAE mode.
    pdptrs: Option<[u64; 4]>,
    xcrs: Option<kvm_xcrs>,
    xsave: Option<Vec<u32>>,
    debugregs: Option<kvm_debugregs>,
    events: kvm_vcpu_events,
    /// MSRs and their values, but for the two below.
    msrs: Vec<(u32, u64)>,
    // From the clock record, so that saving twice gives the same:
    mp_state: kvm_mp_state,
    lapic: kvm_lapic_state,
    tsc: u64,
    tsc_deadline: u64,
}

impl DeviceState for VcpuState {
    const KIND: &'static str = "x86-vcpu";
    const VERSION: u16 = 1;
}

impl VcpuState {
    /// Reads the state of `vcpu`, which is out of KVM_RUN. `msrs` is [`msr::state_indices`], `clock` the vCPU's part of
    /// the record that was taken when the pause completed.
    ///
    /// # Errors
    /// The host cannot be asked.
    pub(crate) fn save(
        device: &DeviceId,
        vcpu: &KvmVcpu,
        capabilities: &Capabilities,
        msrs: &[u32],
        clock: &VcpuClock,
    ) -> Result<Self, StateError> {
        let host = |source: crate::kvm::KvmError| StateError::Host { device: device.clone(), source: source.into() };
        let pdptrs = match capabilities.sregs2 {
            true => {
                let sregs = vcpu.get_sregs2().map_err(host)?;
                (sregs.flags & u64::from(KVM_SREGS2_FLAGS_PDPTRS_VALID) != 0).then_some(sregs.pdptrs)
            }
            false => None,
        };
        Ok(Self {
            apic_id: vcpu.id(),
            cpuid: vcpu.get_cpuid2().map_err(host)?.as_slice().to_vec(),
            tsc_khz: vcpu.get_tsc_khz(),
            regs: vcpu.get_regs().map_err(host)?,
            sregs: vcpu.get_sregs().map_err(host)?,
            pdptrs,
            xcrs: capabilities.xcrs.then(|| vcpu.get_xcrs()).transpose().map_err(host)?,
            xsave: capabilities.xsave.then(|| vcpu.get_xsave()).transpose().map_err(host)?,
            debugregs: capabilities.debugregs.then(|| vcpu.get_debug_regs()).transpose().map_err(host)?,
            events: vcpu.get_vcpu_events().map_err(host)?,
            msrs: vcpu.get_available_msrs(msrs).map_err(host)?.iter().map(|entry| (entry.index, entry.data)).collect(),
            mp_state: clock.mp_state,
            lapic: clock.lapic,
            tsc: clock.tsc,
            tsc_deadline: clock.tsc_deadline,
        })
    }

    /// Gives the state to `vcpu`, which is new and was not set up, `elapsed_ns` after the record.
    ///
    /// The order is KVM's: what it checks or derives a value from comes first.
    ///
    /// 1. CPUID: it decides which bits of everything else are legal. The TSC's frequency, before its value.
    /// 2. Segment and control registers: the APIC base (its mode) before the LAPIC, EFER and CR4 before MSRs.
    /// 3. XCR0, then the extended registers.
    /// 4. The LAPIC: the timer's mode before its deadline. The TSC, then the other MSRs, and the deadline last: in
    ///    another mode it is ignored, and against a wrong TSC it would fire.
    /// 5. General registers, which clear pending exceptions, then events, which set them.
    /// 6. Running or halted: KVM changes it when segment registers look like a reset.
    ///
    /// # Errors
    /// A part is damaged, belongs to another vCPU, or is nothing that this host can take; `vcpu` is useless then.
    pub(crate) fn restore(
        &self,
        device: &DeviceId,
        vcpu: &KvmVcpu,
        capabilities: &Capabilities,
        msrs: &[u32],
        elapsed_ns: u64,
    ) -> Result<(), StateError> {
        let host = |source: crate::kvm::KvmError| StateError::Host { device: device.clone(), source: source.into() };
        self.check(device, vcpu.id(), capabilities)?;
        let known = self.known_msrs(device, msrs)?;
        let cpuid = CpuId::from_entries(&self.cpuid)
            .map_err(|_| invalid(device, format!("{} CPUID entries are too many", self.cpuid.len())))?;

        vcpu.set_cpuid2(&cpuid).map_err(host)?;
        if let Some(khz) = self.tsc_khz
            && vcpu.get_tsc_khz() != Some(khz)
        {
            vcpu.set_tsc_khz(khz).map_err(host)?;
        }
        match self.pdptrs {
            Some(pdptrs) => vcpu.set_sregs2(&with_pdptrs(&self.sregs, pdptrs)),
            None => vcpu.set_sregs(&self.sregs),
        }
        .map_err(host)?;
        if let Some(xcrs) = &self.xcrs {
            vcpu.set_xcrs(xcrs).map_err(host)?;
        }
        if let Some(xsave) = &self.xsave {
            vcpu.set_xsave(xsave).map_err(host)?;
        }
        if let Some(debugregs) = &self.debugregs {
            vcpu.set_debug_regs(debugregs).map_err(host)?;
        }

        let mut lapic = self.lapic;
        clock::advance_lapic(&mut lapic, elapsed_ns);
        vcpu.set_lapic(&lapic).map_err(host)?;
        let tsc = tsc::advance(self.tsc, self.tsc_khz.unwrap_or(0), elapsed_ns);
        let runs_at = tsc::set(vcpu, tsc, self.tsc_khz).map_err(host)?;
        self.check_tsc(device, runs_at)?;
        msr::restore(vcpu, &known).map_err(host)?;
        if self.tsc_deadline != 0 {
            vcpu.set_msrs(&[msr::entry(msr::TSC_DEADLINE, self.tsc_deadline)]).map_err(host)?;
        }

        vcpu.set_regs(&self.regs).map_err(host)?;
        vcpu.set_vcpu_events(&self.events).map_err(host)?;
        vcpu.set_mp_state(self.mp_state).map_err(host)
    }

    /// What can be refused before the vCPU is touched.
    fn check(&self, device: &DeviceId, apic_id: u32, capabilities: &Capabilities) -> Result<(), StateError> {
        if self.apic_id != apic_id {
            return Err(invalid(device, format!("its APIC id is {}, but the vCPU's is {apic_id}", self.apic_id)));
        }
        let initial = self.cpuid.iter().find(|entry| entry.function == 1).map(|entry| entry.ebx >> 24);
        if initial != Some(apic_id & 0xff) {
            return Err(invalid(device, "CPUID leaf 1 tells another APIC id".into()));
        }
        if self.mp_state.mp_state > KVM_MP_STATE_SIPI_RECEIVED {
            return Err(invalid(device, format!("a vCPU cannot be in state {}", self.mp_state.mp_state)));
        }
        let parts = [
            (self.pdptrs.is_some(), capabilities.sregs2, "PAE page-directory pointers (KVM_CAP_SREGS2)"),
            (self.xcrs.is_some(), capabilities.xcrs, "extended control registers (KVM_CAP_XCRS)"),
            (self.xsave.is_some(), capabilities.xsave, "extended register state (KVM_CAP_XSAVE)"),
            (self.debugregs.is_some(), capabilities.debugregs, "debug registers (KVM_CAP_DEBUGREGS)"),
            (self.tsc_khz.is_some(), capabilities.tsc_khz, "the TSC's frequency (KVM_CAP_GET_TSC_KHZ)"),
            (self.tsc_deadline != 0, capabilities.tsc_deadline, "a TSC deadline (KVM_CAP_TSC_DEADLINE_TIMER)"),
        ];
        match parts.iter().find(|(there, possible, _)| *there && !possible) {
            Some((.., part)) => Err(invalid(device, format!("this host cannot take {part}"))),
            None => Ok(()),
        }
    }

    /// PVM hosts take no TSC: the guest sees the host's own. That is right as long as the host runs on; after its
    /// restart, or on another one, the guest's TSC could go backwards, which guests do not survive.
    fn check_tsc(&self, device: &DeviceId, runs_at: u64) -> Result<(), StateError> {
        if runs_at >= self.tsc {
            return Ok(());
        }
        Err(invalid(
            device,
            "this host cannot set its TSC, and the host's own is behind it: restore it on the host that saved it, \
             before that restarts, or on one with VMX or SVM"
                .into(),
        ))
    }

    /// The MSRs to set: those of `msrs`, sorted, that the state has. Others are refused unless they are zero, which
    /// is what a register that does not exist amounts to.
    fn known_msrs(&self, device: &DeviceId, msrs: &[u32]) -> Result<Vec<kvm_msr_entry>, StateError> {
        let mut known = Vec::new();
        for &(index, data) in &self.msrs {
            if msrs.binary_search(&index).is_ok() {
                known.push(msr::entry(index, data));
            } else if data != 0 {
                return Err(invalid(device, format!("this host has no MSR {index:#x}, which is {data:#x}")));
            }
        }
        Ok(known)
    }
}

fn invalid(device: &DeviceId, reason: String) -> StateError {
    StateError::Invalid { device: device.clone(), reason }
}

/// `sregs` in the form that has the page-directory pointers.
fn with_pdptrs(sregs: &kvm_sregs, pdptrs: [u64; 4]) -> kvm_sregs2 {
    kvm_sregs2 {
        cs: sregs.cs,
        ds: sregs.ds,
        es: sregs.es,
        fs: sregs.fs,
        gs: sregs.gs,
        ss: sregs.ss,
        tr: sregs.tr,
        ldt: sregs.ldt,
        gdt: sregs.gdt,
        idt: sregs.idt,
        cr0: sregs.cr0,
        cr2: sregs.cr2,
        cr3: sregs.cr3,
        cr4: sregs.cr4,
        cr8: sregs.cr8,
        efer: sregs.efer,
        apic_base: sregs.apic_base,
        flags: KVM_SREGS2_FLAGS_PDPTRS_VALID.into(),
        pdptrs,
    }
}

#[cfg(test)]
mod native_tests;
#[cfg(test)]
mod tests;
