//! The extended register state (FPU, SSE, AVX, AMX ...) in the XSAVE format: 4096 bytes, or more with dynamic
//! features.

use super::error::{KvmError, named};
use super::vcpu::KvmVcpu;
use kvm_bindings::{Xsave, kvm_xsave};
use std::io;

/// The size of KVM_GET_XSAVE's structure in bytes.
pub(super) const LEGACY_SIZE: usize = size_of::<kvm_xsave>();

const LEGACY_WORDS: usize = LEGACY_SIZE / size_of::<u32>();

impl KvmVcpu {
    /// Reads the state in 32-bit words: 1024, or more where the host has dynamic features (KVM_GET_XSAVE2).
    ///
    /// # Errors
    /// The host refuses.
    pub(crate) fn get_xsave(&self) -> Result<Vec<u32>, KvmError> {
        if !self.capabilities.xsave2 {
            return named("KVM_GET_XSAVE", self.fd.get_xsave()).map(|xsave| xsave.region.to_vec());
        }
        let mut xsave = buffer(self.extra_words())?;
        // SAFETY: the buffer has the size that KVM named for this vCPU, which is fixed once a vCPU exists.
        named("KVM_GET_XSAVE2", unsafe { self.fd.get_xsave2(&mut xsave) })?;
        let mut words = xsave.as_fam_struct_ref().xsave.region.to_vec();
        words.extend_from_slice(xsave.as_slice());
        Ok(words)
    }

    /// Writes the state that [`KvmVcpu::get_xsave`] read (KVM_SET_XSAVE). A shorter one, from a host with fewer
    /// features, is filled up with zeros.
    ///
    /// # Errors
    /// The state is longer than this host's or has features that it lacks.
    pub(crate) fn set_xsave(&self, words: &[u32]) -> Result<(), KvmError> {
        let extra = self.extra_words();
        let (region, rest) = words.split_at_checked(LEGACY_WORDS).unwrap_or((words, &[]));
        if rest.len() > extra {
            return Err(KvmError::with_advice(
                "KVM_SET_XSAVE",
                io::Error::from_raw_os_error(libc::EINVAL),
                "the saved register state has features that this host lacks: restore it on the same kind of host",
            ));
        }
        let mut xsave = buffer(extra)?;
        // SAFETY: only the fixed part is written, not the length of the flexible one.
        let fixed = unsafe { &mut xsave.as_mut_fam_struct().xsave.region };
        for (to, from) in fixed.iter_mut().zip(region) {
            *to = *from;
        }
        for (to, from) in xsave.as_mut_slice().iter_mut().zip(rest) {
            *to = *from;
        }
        // SAFETY: the buffer has at least the size that KVM named for this vCPU.
        named("KVM_SET_XSAVE", unsafe { self.fd.set_xsave2(&xsave) })
    }

    fn extra_words(&self) -> usize {
        self.xsave_size.saturating_sub(LEGACY_SIZE).div_ceil(size_of::<u32>())
    }
}

fn buffer(extra: usize) -> Result<Xsave, KvmError> {
    Xsave::new(extra).map_err(|_| KvmError::new("KVM_GET_XSAVE2", io::Error::from_raw_os_error(libc::ENOMEM)))
}
