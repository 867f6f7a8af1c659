//! Dynamic XSAVE features (AMX): a process must be permitted to use them in guests before its first vCPU exists.

use std::sync::OnceLock;

/// XCR0 components that need a permission: bit 18, AMX tile data.
pub(crate) const DYNAMIC_XSTATE: u64 = 1 << 18;

// arch/x86/include/uapi/asm/prctl.h
const ARCH_GET_XCOMP_GUEST_PERM: libc::c_long = 0x1024;
const ARCH_REQ_XCOMP_GUEST_PERM: libc::c_long = 0x1025;

/// Asks for all dynamic features, and tells which of [`DYNAMIC_XSTATE`] guests may use: what is missing must be
/// masked from their CPUID. The permission is the process's, so it is asked for once. Never an error: hosts without
/// AMX, or older than Linux 5.17, permit nothing.
pub(crate) fn permit_dynamic_xstate() -> u64 {
    static PERMITTED: OnceLock<u64> = OnceLock::new();
    *PERMITTED.get_or_init(|| {
        let mut permitted: u64 = 0;
        // SAFETY: the first call takes a number, the second writes one u64 to a local.
        let code = unsafe {
            libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_GUEST_PERM, DYNAMIC_XSTATE.trailing_zeros());
            libc::syscall(libc::SYS_arch_prctl, ARCH_GET_XCOMP_GUEST_PERM, &raw mut permitted)
        };
        if code == 0 { permitted & DYNAMIC_XSTATE } else { 0 }
    })
}
