//! The registers that the boot vCPU starts with, for each kind of kernel entry.
//!
//! - PVH (Xen's `docs/misc/pvh.pandoc`): 32-bit protected mode without paging, flat segments, EBX = start info.
//!   The ABI leaves ESP open; it points to a stack all the same, for guests that push before they have their own.
//! - Linux's 64-bit entry (`Documentation/arch/x86/boot.rst`, "64-bit boot protocol"): long mode with an identity
//!   map, `__BOOT_CS`/`__BOOT_DS`, interrupts off, RSI = boot_params.
//!
//! All other vCPUs stay as KVM makes them: waiting for INIT and SIPI.

use super::{gdt, paging};
use crate::boot::Entry;
use crate::memory::layout::{BOOT_GDT, BOOT_PML4, BOOT_STACK};
use kvm_bindings::{kvm_dtable, kvm_regs, kvm_sregs};
use vm_memory::{Bytes, GuestAddress, GuestMemoryError};

const CR0_PE: u64 = 1;
const CR0_ET: u64 = 1 << 4;
const CR0_PG: u64 = 1 << 31;
const CR4_PAE: u64 = 1 << 5;
const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;
/// The bit of RFLAGS that is always set.
const RFLAGS_RESERVED: u64 = 1 << 1;
/// The GDT's last byte, counted from its first.
const GDT_LIMIT: u16 = 8 * 6 - 1;
const _: () = assert!(gdt::ENTRIES == 6);

/// Writes the tables that the registers of [`boot_registers`] point to.
///
/// # Errors
/// There is no RAM at their place.
pub(crate) fn write_boot_tables(
    ram: &impl Bytes<GuestAddress, E = GuestMemoryError>,
    entry: &Entry,
) -> Result<(), GuestMemoryError> {
    if *entry == Entry::Reset {
        return Ok(());
    }
    let long = matches!(entry, Entry::Linux64 { .. });
    let gdt: Vec<u8> = gdt::table(long).iter().flat_map(|descriptor| descriptor.to_le_bytes()).collect();
    ram.write_slice(&gdt, GuestAddress(BOOT_GDT.start))?;
    if long { paging::write(ram) } else { Ok(()) }
}

/// The boot vCPU's registers; `reset` is what it has after its creation (APIC base and the like are kept). `None`: it
/// starts as it is.
pub(crate) fn boot_registers(entry: &Entry, reset: &kvm_sregs) -> Option<(kvm_regs, kvm_sregs)> {
    let common = kvm_regs { rflags: RFLAGS_RESERVED, rsp: BOOT_STACK.end, rbp: BOOT_STACK.end, ..Default::default() };
    match *entry {
        Entry::Pvh { rip, start_info } => {
            let sregs = kvm_sregs { cr0: CR0_PE | CR0_ET, cr3: 0, cr4: 0, efer: 0, ..segments(reset, false) };
            Some((kvm_regs { rip, rbx: start_info, ..common }, sregs))
        }
        Entry::Linux64 { rip, boot_params } => {
            let sregs = kvm_sregs {
                cr0: CR0_PE | CR0_ET | CR0_PG,
                cr3: BOOT_PML4,
                cr4: CR4_PAE,
                efer: EFER_LME | EFER_LMA,
                ..segments(reset, true)
            };
            Some((kvm_regs { rip, rsi: boot_params, ..common }, sregs))
        }
        Entry::Reset => None,
    }
}

/// `reset` with flat segments.
fn segments(reset: &kvm_sregs, long: bool) -> kvm_sregs {
    let data = gdt::data();
    kvm_sregs {
        cs: gdt::code(long),
        ds: data,
        es: data,
        fs: data,
        gs: data,
        ss: data,
        tr: gdt::task(),
        gdt: kvm_dtable { base: BOOT_GDT.start, limit: GDT_LIMIT, ..Default::default() },
        // An exception before the guest has its own table ends in a triple fault, as it should.
        idt: kvm_dtable::default(),
        ..*reset
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use vm_memory::GuestMemoryMmap;

    const PVH: Entry = Entry::Pvh { rip: 0x10_0040, start_info: 0x6000 };
    const LINUX: Entry = Entry::Linux64 { rip: 0x10_0200, boot_params: 0x7000 };

    fn reset() -> kvm_sregs {
        kvm_sregs { apic_base: 0xfee0_0900, cr0: 0x6000_0010, ..Default::default() }
    }

    #[test]
    fn a_pvh_kernel_starts_in_flat_protected_mode_without_paging() {
        let (regs, sregs) = boot_registers(&PVH, &reset()).unwrap();
        assert_eq!((regs.rip, regs.rbx, regs.rflags), (0x10_0040, 0x6000, 2));
        assert_eq!((sregs.cr0, sregs.cr4, sregs.efer), (0x11, 0, 0), "PE and ET, nothing else: caches are on");
        assert_eq!((sregs.cs.base, sregs.cs.limit, sregs.cs.db, sregs.cs.l, sregs.cs.type_), (0, u32::MAX, 1, 0, 0xb));
        for segment in [sregs.ds, sregs.es, sregs.ss] {
            assert_eq!((segment.base, segment.limit, segment.db, segment.type_), (0, u32::MAX, 1, 3));
        }
        assert_eq!((sregs.tr.base, sregs.tr.limit, sregs.tr.type_), (0, 0x67, 0xb));
        assert_eq!(sregs.apic_base, 0xfee0_0900, "what does not belong to the entry is as after reset");
    }

    #[test]
    fn linux_starts_in_long_mode_with_its_boot_selectors() {
        let (regs, sregs) = boot_registers(&LINUX, &reset()).unwrap();
        assert_eq!((regs.rip, regs.rsi, regs.rflags), (0x10_0200, 0x7000, 2));
        assert_eq!((sregs.cr0, sregs.cr3, sregs.cr4, sregs.efer), (0x8000_0011, BOOT_PML4, 0x20, 0x500));
        assert_eq!((sregs.cs.selector, sregs.cs.l, sregs.cs.db), (0x10, 1, 0));
        assert_eq!((sregs.ds.selector, sregs.es.selector, sregs.ss.selector), (0x18, 0x18, 0x18));
    }

    #[test]
    fn the_stack_is_usable() {
        for entry in [PVH, LINUX] {
            let (regs, _) = boot_registers(&entry, &reset()).unwrap();
            assert_eq!(regs.rsp, BOOT_STACK.end);
            assert_eq!(regs.rsp % 16, 0);
        }
    }

    #[test]
    fn the_selectors_stand_in_the_table_that_was_written() {
        for entry in [PVH, LINUX] {
            let ram = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 1 << 20)]).unwrap();
            write_boot_tables(&ram, &entry).unwrap();
            let (_, sregs) = boot_registers(&entry, &reset()).unwrap();
            assert!(BOOT_GDT.contains(&(sregs.gdt.base + u64::from(sregs.gdt.limit))));
            for segment in [sregs.cs, sregs.ds, sregs.tr] {
                let address = sregs.gdt.base + u64::from(segment.selector);
                let descriptor: u64 = ram.read_obj(GuestAddress(address)).unwrap();
                assert_eq!(descriptor >> 40 & 0xf, u64::from(segment.type_));
                assert_eq!(descriptor >> 53 & 1, u64::from(segment.l));
                assert_eq!(descriptor >> 54 & 1, u64::from(segment.db));
                assert!(segment.selector + 7 <= sregs.gdt.limit);
            }
        }
    }

    #[test]
    fn firmware_starts_as_the_processor_is_after_a_reset() {
        let ram = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0x1000)]).unwrap();
        write_boot_tables(&ram, &Entry::Reset).unwrap();
        assert!(boot_registers(&Entry::Reset, &reset()).is_none());
    }

    #[test]
    fn missing_ram_is_an_error() {
        let ram = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0xa000)]).unwrap();
        write_boot_tables(&ram, &PVH).unwrap();
        write_boot_tables(&ram, &LINUX).unwrap_err();
    }
}
