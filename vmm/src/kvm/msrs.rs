//! Model-specific registers, in as many calls as it takes; an error names the register.

use super::error::{KvmError, named};
use super::vcpu::KvmVcpu;
use kvm_bindings::{KVM_MAX_MSR_ENTRIES, Msrs, kvm_msr_entry};
use std::io;

/// KVM takes fewer than 256 registers in one call.
const CHUNK: usize = KVM_MAX_MSR_ENTRIES - 1;

impl KvmVcpu {
    /// Reads the registers `indices` (KVM_GET_MSRS), in their order.
    ///
    /// # Errors
    /// The host does not know one; the error names it.
    pub(crate) fn get_msrs(&self, indices: &[u32]) -> Result<Vec<kvm_msr_entry>, KvmError> {
        let wanted: Vec<_> = indices.iter().map(|&index| kvm_msr_entry { index, ..Default::default() }).collect();
        let mut entries = Vec::with_capacity(wanted.len());
        for chunk in wanted.chunks(CHUNK) {
            let mut msrs = table("KVM_GET_MSRS", chunk)?;
            let count = named("KVM_GET_MSRS", self.fd.get_msrs(&mut msrs))?;
            entries.extend_from_slice(msrs.as_slice().get(..count).unwrap_or_default());
            refused("KVM_GET_MSRS", "read", chunk.get(count))?;
        }
        Ok(entries)
    }

    /// Reads those of the registers `indices` that the host lets this vCPU have; the others are left out.
    ///
    /// # Errors
    /// The host cannot be asked.
    pub(crate) fn get_available_msrs(&self, indices: &[u32]) -> Result<Vec<kvm_msr_entry>, KvmError> {
        let wanted: Vec<_> = indices.iter().map(|&index| kvm_msr_entry { index, ..Default::default() }).collect();
        let mut entries = Vec::with_capacity(wanted.len());
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let chunk = rest.get(..CHUNK).unwrap_or(rest);
            let mut msrs = table("KVM_GET_MSRS", chunk)?;
            let count = named("KVM_GET_MSRS", self.fd.get_msrs(&mut msrs))?;
            entries.extend_from_slice(msrs.as_slice().get(..count).unwrap_or_default());
            // KVM stops at the first register that it refuses: go on behind it.
            let done = if count < chunk.len() { count + 1 } else { count };
            rest = rest.get(done..).unwrap_or_default();
        }
        Ok(entries)
    }

    /// Writes registers (KVM_SET_MSRS), in their order.
    ///
    /// # Errors
    /// The host does not know a register or refuses its value; the error names it. Those before it are written.
    pub(crate) fn set_msrs(&self, entries: &[kvm_msr_entry]) -> Result<(), KvmError> {
        for chunk in entries.chunks(CHUNK) {
            let msrs = table("KVM_SET_MSRS", chunk)?;
            let count = named("KVM_SET_MSRS", self.fd.set_msrs(&msrs))?;
            refused("KVM_SET_MSRS", "write", chunk.get(count))?;
        }
        Ok(())
    }
}

fn table(call: &'static str, entries: &[kvm_msr_entry]) -> Result<Msrs, KvmError> {
    Msrs::from_entries(entries).map_err(|_| KvmError::new(call, io::Error::from_raw_os_error(libc::ENOMEM)))
}

/// KVM tells how many registers it did; the next one is what it refused.
fn refused(call: &'static str, verb: &str, entry: Option<&kvm_msr_entry>) -> Result<(), KvmError> {
    let Some(entry) = entry else { return Ok(()) };
    let value = if verb == "write" { format!(" with the value {:#x}", entry.data) } else { String::new() };
    Err(KvmError::with_advice(
        call,
        io::Error::from_raw_os_error(libc::EINVAL),
        format!(
            "the host refuses to {verb} MSR {:#x}{value}: state comes from a host with other features, or this program \
             asks for too much: use the same kind of host",
            entry.index
        ),
    ))
}
