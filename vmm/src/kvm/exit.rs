//! Why a vCPU left KVM_RUN, read from the pages that it shares with KVM.

use super::error::KvmError;
use kvm_bindings as kvm;
use kvm_bindings::kvm_run;
use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why a vCPU left KVM_RUN. Slices borrow from the vCPU: reads are answered by filling them before it runs again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exit<'a> {
    /// The guest reads a port: `data.len() / size` accesses of `size` bytes each (more than one for `rep ins`).
    PioRead {
        /// The port.
        port: u16,
        /// Bytes of one access: 1, 2 or 4.
        size: usize,
        /// What the guest will see.
        data: &'a mut [u8],
    },
    /// The guest writes a port: `data.len() / size` accesses of `size` bytes each (more than one for `rep outs`).
    PioWrite {
        /// The port.
        port: u16,
        /// Bytes of one access: 1, 2 or 4.
        size: usize,
        /// What the guest wrote.
        data: &'a [u8],
    },
    /// The guest reads where no memory is: 1 to 8 bytes.
    MmioRead {
        /// Guest-physical address.
        address: u64,
        /// What the guest will see.
        data: &'a mut [u8],
    },
    /// The guest writes where no writable memory is: 1 to 8 bytes.
    MmioWrite {
        /// Guest-physical address.
        address: u64,
        /// What the guest wrote.
        data: &'a [u8],
    },
    /// HLT without in-kernel interrupt controllers.
    Hlt,
    /// A triple fault.
    Shutdown,
    /// KVM asks for a power-off, a reset or reports a crash (`KVM_SYSTEM_EVENT_*`).
    SystemEvent {
        /// Which.
        kind: u32,
    },
    /// A signal or immediate_exit: nothing happened in the guest.
    Interrupted,
    /// KVM cannot go on.
    InternalError {
        /// `KVM_INTERNAL_ERROR_*`; 1 is an instruction that could not be emulated.
        suberror: u32,
        /// What belongs to it; for suberror 1: flags, then one byte of length and the instruction's bytes.
        data: Vec<u64>,
    },
    /// The processor refused the guest's state.
    FailEntry {
        /// The processor's reason.
        reason: u64,
        /// On which host CPU.
        cpu: u32,
    },
    /// An exit that this machine asks for nowhere: `KVM_EXIT_*`.
    Other(u32),
}

/// The pages that a vCPU shares with KVM, mapped a second time beside kvm-ioctls' own mapping: so that their
/// `immediate_exit` byte can be set from other threads, and lives as long as somebody may set it.
#[derive(Debug)]
pub(super) struct RunArea {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread; what is shared is accessed atomically
// (`set_immediate_exit`) or by the one thread that runs the vCPU (`exit`, whose caller upholds it).
unsafe impl Send for RunArea {}
// SAFETY: as above.
unsafe impl Sync for RunArea {}

impl RunArea {
    /// Maps `size` bytes (KVM_GET_VCPU_MMAP_SIZE) of the vCPU.
    pub(super) fn map(vcpu: impl AsFd, size: usize) -> Result<Self, KvmError> {
        use rustix::mm::{MapFlags, ProtFlags, mmap};
        const CALL: &str = "Mapping a vCPU's shared pages";
        if size < size_of::<kvm_run>() {
            return Err(KvmError::new(CALL, io::Error::from_raw_os_error(libc::EINVAL)));
        }
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory of ours.
        let start =
            unsafe { mmap(std::ptr::null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, vcpu, 0) }
                .map_err(|errno| KvmError::new(CALL, errno))?;
        let start = NonNull::new(start.cast())
            .ok_or_else(|| KvmError::new(CALL, io::Error::from_raw_os_error(libc::ENOMEM)))?;
        Ok(Self { start, size })
    }

    fn run(&self) -> NonNull<kvm_run> {
        self.start.cast()
    }

    /// Sets the byte that makes KVM_RUN return before it enters the guest. From any thread.
    pub(super) fn set_immediate_exit(&self, on: bool) {
        // SAFETY: the field lies in the mapping, and everybody in this process writes it through this atomic; the
        // kernel only reads it.
        let byte = unsafe { AtomicU8::from_ptr(&raw mut (*self.run().as_ptr()).immediate_exit) };
        byte.store(on.into(), Ordering::SeqCst);
    }

    /// What KVM says after KVM_RUN returned 0.
    ///
    /// # Safety
    /// The caller has the vCPU for itself for `'a`: no KVM_RUN, and no second call.
    pub(super) unsafe fn exit<'a>(&self) -> Exit<'a> {
        let run = self.run().as_ptr();
        // SAFETY: the fields lie in the mapping, and KVM does not write them before the next KVM_RUN (caller). The
        // exit reason says which member of the union KVM filled; all members are plain integers. Slices are inside
        // the mapping: MMIO data by its type and the bound, port data because `port_data` checks it.
        unsafe {
            let reason = (*run).exit_reason;
            let detail = &raw mut (*run).__bindgen_anon_1;
            match reason {
                kvm::KVM_EXIT_IO => {
                    let io = (*detail).io;
                    let Some(data) = self.port_data(io.data_offset, io.count, io.size) else {
                        return Exit::Other(reason);
                    };
                    let (port, size) = (io.port, io.size.into());
                    if u32::from(io.direction) == kvm::KVM_EXIT_IO_IN {
                        Exit::PioRead { port, size, data }
                    } else {
                        Exit::PioWrite { port, size, data }
                    }
                }
                kvm::KVM_EXIT_MMIO => {
                    let mmio = &mut (*detail).mmio;
                    let count = usize::try_from(mmio.len).unwrap_or(usize::MAX).min(mmio.data.len());
                    let data = &mut mmio.data[..count];
                    if mmio.is_write == 0 {
                        Exit::MmioRead { address: mmio.phys_addr, data }
                    } else {
                        Exit::MmioWrite { address: mmio.phys_addr, data }
                    }
                }
                kvm::KVM_EXIT_HLT => Exit::Hlt,
                kvm::KVM_EXIT_SHUTDOWN => Exit::Shutdown,
                kvm::KVM_EXIT_SYSTEM_EVENT => Exit::SystemEvent { kind: (*detail).system_event.type_ },
                kvm::KVM_EXIT_INTR => Exit::Interrupted,
                kvm::KVM_EXIT_INTERNAL_ERROR => {
                    let internal = (*detail).internal;
                    let count = usize::try_from(internal.ndata).unwrap_or(0).min(internal.data.len());
                    Exit::InternalError { suberror: internal.suberror, data: internal.data[..count].to_vec() }
                }
                kvm::KVM_EXIT_FAIL_ENTRY => {
                    let fail = (*detail).fail_entry;
                    Exit::FailEntry { reason: fail.hardware_entry_failure_reason, cpu: fail.cpu }
                }
                other => Exit::Other(other),
            }
        }
    }

    /// The data of a port exit, when it lies inside the mapping.
    ///
    /// # Safety
    /// As for [`RunArea::exit`].
    unsafe fn port_data<'a>(&self, offset: u64, count: u32, size: u8) -> Option<&'a mut [u8]> {
        let offset = usize::try_from(offset).ok()?;
        let bytes = usize::try_from(count).ok()?.checked_mul(size.into())?;
        if size == 0 || offset.checked_add(bytes)? > self.size {
            return None;
        }
        // SAFETY: `offset..offset + bytes` lies in the mapping (checked), and nobody else uses it (caller).
        Some(unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().add(offset), bytes) })
    }
}

impl Drop for RunArea {
    fn drop(&mut self) {
        // SAFETY: the mapping is this object's own, and slices into it borrow from the vCPU that holds it. It cannot
        // fail: address and size are those that mmap took.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.size) };
    }
}

/// A descriptor borrowed from kvm-ioctls, which offers only the number.
pub(super) fn borrow(fd: &kvm_ioctls::VcpuFd) -> std::os::fd::BorrowedFd<'_> {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open as long as `fd` lives, which outlives the borrow.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(fd.as_raw_fd()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// An area whose pages are a file, filled in as KVM would.
    fn area(fill: impl FnOnce(&mut kvm_run, &mut [u8])) -> RunArea {
        let file = tempfile::tempfile().unwrap();
        file.set_len(0x3000).unwrap();
        let area = RunArea::map(&file, 0x3000).unwrap();
        // SAFETY: the mapping is large enough, and nobody else has it yet.
        unsafe {
            let data = std::slice::from_raw_parts_mut(area.start.as_ptr().add(0x1000), 0x2000);
            fill(&mut *area.run().as_ptr(), data);
        }
        area
    }

    #[test]
    fn string_output_keeps_the_size_of_one_access() {
        let area = area(|run, data| {
            run.exit_reason = kvm::KVM_EXIT_IO;
            run.__bindgen_anon_1.io = kvm::kvm_run__bindgen_ty_1__bindgen_ty_4 {
                direction: 1,
                size: 2,
                port: 0x1f0,
                count: 3,
                data_offset: 0x1000,
            };
            data[..7].copy_from_slice(b"abcdefg");
        });
        // SAFETY: nobody else has the area.
        let exit = unsafe { area.exit() };
        assert_eq!(exit, Exit::PioWrite { port: 0x1f0, size: 2, data: b"abcdef" });
    }

    #[test]
    fn port_data_beyond_the_mapping_is_no_port_exit() {
        for (offset, count, size) in [(0x2fff, 2, 1), (u64::MAX, 1, 1), (0x1000, u32::MAX, 255), (0x1000, 1, 0)] {
            let area = area(|run, _| {
                run.exit_reason = kvm::KVM_EXIT_IO;
                run.__bindgen_anon_1.io = kvm::kvm_run__bindgen_ty_1__bindgen_ty_4 {
                    direction: 0,
                    size,
                    port: 1,
                    count,
                    data_offset: offset,
                };
            });
            // SAFETY: nobody else has the area.
            assert_eq!(unsafe { area.exit() }, Exit::Other(kvm::KVM_EXIT_IO));
        }
    }

    #[test]
    fn mmio_is_cut_to_the_eight_bytes_that_there_are() {
        let area = area(|run, _| {
            run.exit_reason = kvm::KVM_EXIT_MMIO;
            run.__bindgen_anon_1.mmio = kvm::kvm_run__bindgen_ty_1__bindgen_ty_6 {
                phys_addr: 0xc000_0000,
                data: [1, 2, 3, 4, 5, 6, 7, 8],
                len: 200,
                is_write: 1,
            };
        });
        // SAFETY: nobody else has the area.
        let exit = unsafe { area.exit() };
        assert_eq!(exit, Exit::MmioWrite { address: 0xc000_0000, data: &[1, 2, 3, 4, 5, 6, 7, 8] });
    }
}
