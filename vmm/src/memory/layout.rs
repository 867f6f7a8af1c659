//! The one table of guest-physical addresses.
//!
//! ```text
//! 0x0000_0000  RAM, with the boot structures, the EBDA and the BIOS area in it (see below)
//! 0x0010_0000  RAM: the kernel from here on
//! 0x8000_0000  end of low RAM when there are 2.75 GiB or more in all, else low RAM goes on to its size
//! 0xB000_0000  ECAM (q35); low RAM ends here at the latest
//! 0xC000_0000  devices: virtio-mmio slots (microvm), 32-bit BARs (q35)
//! 0xFEC0_0000  IOAPIC            0xFEE0_0000  LAPIC
//! 0xFEFF_C000  KVM's identity-map page    0xFEFF_D000  KVM's TSS pages (3)
//! 0xFF00_0000  flash (firmware)
//! 0x1_0000_0000  RAM again; above its end the window of 64-bit BARs (q35)
//! ```
//!
//! The first MiB of a kernel boot:
//!
//! ```text
//! 0x00_0000  real-mode vectors and BIOS data (kept free)
//! 0x00_1000  boot GDT             0x00_6000  PVH start info, modules, memory map
//! 0x00_7000  boot_params          0x00_8000  boot stack (grows down from 0x9000)
//! 0x00_9000  boot page tables: PML4, PDPT, four PDs (4 GiB in 2 MiB pages)
//! 0x02_0000  command line
//! 0x09_FC00  EBDA                 0x0A_0000  VGA and option ROMs (nothing there)
//! 0x0E_0000  ACPI tables          0x0F_0000  MP table             0x0F_2000  SMBIOS tables
//! ```

use std::ops::Range;

/// The guest's page, and the unit of every range that is mapped.
pub const PAGE_SIZE: u64 = 4096;

/// Where low RAM ends when there is more than fits below the hole.
pub const LOW_RAM_SPLIT: u64 = 0x8000_0000;
/// From this much RAM on, low RAM is only [`LOW_RAM_SPLIT`] large (as the distributions' firmware has it).
pub const SPLIT_FROM: u64 = 0xb000_0000;
/// RAM continues here.
pub const HIGH_RAM_START: u64 = 0x1_0000_0000;

/// The page with the real-mode vectors and the BIOS data area: nothing is put there.
pub const REAL_MODE_PAGE: Range<u64> = 0x0..0x1000;
/// The GDT that the boot vCPU starts with.
pub const BOOT_GDT: Range<u64> = 0x1000..0x2000;
/// PVH's `hvm_start_info`; its module list and memory map follow in the same page.
pub const START_INFO: Range<u64> = 0x6000..0x7000;
/// Linux's `boot_params` (the "zero page").
pub const BOOT_PARAMS: Range<u64> = 0x7000..0x8000;
/// The boot vCPU's stack; it starts at the end.
pub const BOOT_STACK: Range<u64> = 0x8000..0x9000;
/// The identity map of the 64-bit entry: one PML4, one PDPT, four page directories.
pub const BOOT_PAGE_TABLES: Range<u64> = 0x9000..0xf000;
/// The PML4 of [`BOOT_PAGE_TABLES`]: what CR3 holds.
pub const BOOT_PML4: u64 = BOOT_PAGE_TABLES.start;
/// The PDPT of [`BOOT_PAGE_TABLES`].
pub const BOOT_PDPT: u64 = BOOT_PML4 + 0x1000;
/// The first of the four page directories of [`BOOT_PAGE_TABLES`].
pub const BOOT_PD: u64 = BOOT_PDPT + 0x1000;
/// The kernel's command line with its NUL.
pub const CMDLINE: Range<u64> = 0x2_0000..0x3_0000;
/// The extended BIOS data area: reserved, though nothing is there.
pub const EBDA: Range<u64> = 0x9_fc00..0xa_0000;
/// Where a PC has its VGA memory and option ROMs: reserved.
pub const VGA_AND_ROMS: Range<u64> = 0xa_0000..0xe_0000;
/// The ACPI tables. The RSDP is on a 16-byte boundary here, where a guest without a boot protocol for it searches
/// (ACPI 6.5 5.2.5.1).
pub const ACPI_TABLES: Range<u64> = 0xe_0000..0xf_0000;
/// The MP floating pointer structure and table, where a guest searches it (MP specification 1.4, chapter 4).
pub const MP_TABLE: Range<u64> = 0xf_0000..0xf_2000;
/// The SMBIOS entry point and tables, where a guest searches that UEFI has not told them (DSP0134 3.6, 5.2.1).
pub const SMBIOS: Range<u64> = 0xf_2000..0x10_0000;
/// Kernels and initial RAM disks are loaded from here on.
pub const KERNEL_START: u64 = 0x10_0000;

/// The I/O APIC.
pub const IOAPIC: Range<u64> = 0xfec0_0000..0xfec0_1000;
/// The local APICs.
pub const LAPIC: Range<u64> = 0xfee0_0000..0xfee0_1000;
/// One page that KVM uses on hosts without unrestricted guest mode.
pub const KVM_IDENTITY_MAP: Range<u64> = 0xfeff_c000..0xfeff_d000;
/// Three pages that KVM uses on hosts without unrestricted guest mode.
pub const KVM_TSS: Range<u64> = 0xfeff_d000..0xff00_0000;

/// What the guest must not take for free memory, in order of address: the E820 map says so.
pub const RESERVED: [Range<u64>; 7] = [EBDA, VGA_AND_ROMS, ACPI_TABLES, MP_TABLE, SMBIOS, KVM_IDENTITY_MAP, KVM_TSS];

/// How many virtio-mmio devices the microvm board has room for.
pub const VIRTIO_MMIO_SLOTS: usize = 16;
/// Address of the first virtio-mmio device.
pub const VIRTIO_MMIO_START: u64 = 0xc000_0000;
/// Bytes from one virtio-mmio device to the next.
pub const VIRTIO_MMIO_SIZE: u64 = 0x1000;
/// The generic event device's registers (microvm, ACPI).
pub const GED: Range<u64> = 0xc010_0000..0xc010_1000;

/// The address range of virtio-mmio slot `slot`.
pub const fn virtio_mmio_range(slot: usize) -> Range<u64> {
    let start = VIRTIO_MMIO_START + slot as u64 * VIRTIO_MMIO_SIZE;
    start..start + VIRTIO_MMIO_SIZE
}

/// The IOAPIC pin of virtio-mmio slot `slot`: 16 to 23 first, then the ISA pins nobody else has on this board.
pub const fn virtio_mmio_irq(slot: usize) -> u32 {
    const PINS: [u32; VIRTIO_MMIO_SLOTS] = [16, 17, 18, 19, 20, 21, 22, 23, 5, 6, 7, 10, 11, 12, 14, 15];
    PINS[slot % VIRTIO_MMIO_SLOTS]
}

/// Slots of the root bus for devices and root ports: the host bridge has slot 0, the LPC bridge slot 31 (q35).
pub const PCI_DEVICE_SLOTS: usize = 30;
/// Functions of one PCI device (PCI 3.0 3.2.2.3.4).
pub const PCI_FUNCTIONS: usize = 8;
/// The window to PCI's configuration space at power-on (q35): 1 MiB for each of 256 buses. Firmware may move it
/// (PCIEXBAR of the host bridge). Reserved in the memory map of a kernel boot, or Linux does not use it.
pub const ECAM: Range<u64> = 0xb000_0000..0xc000_0000;
/// Where BARs of 32 bits may be (q35).
pub const PCI_WINDOW32: Range<u64> = 0xc000_0000..IOAPIC.start;
/// The size of the window for BARs of 64 bits: with less than 30 GiB of RAM it ends at 64 GiB, which processors with
/// 36 address bits still reach.
pub const PCI_WINDOW64_SIZE: u64 = 32 << 30;

/// Where BARs of 64 bits may be on a machine with `ram_size` bytes (q35): above all RAM, on a multiple of its size.
pub fn pci_window64(ram_size: u64) -> Range<u64> {
    // Nothing lies above the last window that 64 bits can name; so much RAM cannot be mapped anyway.
    const LAST: u64 = u64::MAX - (2 * PCI_WINDOW64_SIZE - 1);
    let start =
        high_ram_end(ram_size).checked_next_multiple_of(PCI_WINDOW64_SIZE).map_or(LAST, |start| start.min(LAST));
    start..start + PCI_WINDOW64_SIZE
}

/// Where firmware may put BARs of 32 bits (q35), besides configuration space: anywhere between RAM and the IOAPIC. SeaBIOS
/// begins at the end, OVMF at RAM's end when it has moved configuration space upwards.
pub fn firmware_window32(ram_size: u64) -> Range<u64> {
    const MIB: u64 = 1 << 20;
    let ram_end = ram_ranges(ram_size).first().map_or(0, |range| range.end);
    ram_end.next_multiple_of(MIB)..PCI_WINDOW32.end
}

/// Where firmware may put BARs of 64 bits (q35): anywhere above RAM that processors with `address_bits` reach. OVMF takes
/// the last eighth of it all, SeaBIOS what follows RAM.
pub fn firmware_window64(ram_size: u64, address_bits: u32) -> Range<u64> {
    const GIB: u64 = 1 << 30;
    let usual = pci_window64(ram_size);
    let start = high_ram_end(ram_size).checked_next_multiple_of(GIB).unwrap_or(usual.start);
    start..1_u64.checked_shl(address_bits).unwrap_or(usual.end).max(usual.end)
}

/// Where RAM above 4 GiB ends, or would begin.
fn high_ram_end(ram_size: u64) -> u64 {
    ram_ranges(ram_size).last().map_or(HIGH_RAM_START, |range| range.end.max(HIGH_RAM_START))
}

/// The IOAPIC pin of interrupt pin `pin` (0: INTA) of the PCI device in slot `slot` of bus 0 (q35): 16 to 23, level
/// and shared.
pub const fn pci_irq(slot: u8, pin: u8) -> u32 {
    16 + ((slot as u32 + pin as u32) & 7)
}

/// Where BARs in I/O space are put (q35).
pub const PCI_WINDOW_IO: Range<u64> = 0xc000..0x1_0000;
/// PCI's configuration address and data ports (q35).
pub const PCI_CONFIG_PORTS: Range<u64> = 0xcf8..0xd00;
/// The reset control register (q35): a byte among [`PCI_CONFIG_PORTS`].
pub const RESET_CONTROL_PORT: u64 = 0xcf9;
/// The power management block at power-on (q35). The guest may move it (PMBASE of the LPC function).
pub const PM_PORTS: Range<u64> = 0x600..0x680;
/// The line of the system control interrupt (q35): level, active high.
pub const SCI_IRQ: u32 = 9;

/// Where flash may be: it ends at 4 GiB, and so does the firmware's code in it (q35).
pub const FLASH: Range<u64> = 0xff00_0000..0x1_0000_0000;
/// The firmware's configuration interface (q35).
pub const FW_CFG_PORTS: Range<u64> = 0x510..0x51c;
/// The firmware's debug console (q35).
pub const DEBUG_CONSOLE_PORTS: Range<u64> = 0x402..0x403;

/// COM1's ports.
pub const SERIAL_PORTS: Range<u64> = 0x3f8..0x400;
/// COM1's line.
pub const SERIAL_IRQ: u32 = 4;
/// The i8042's data and command ports (0x60 and 0x64).
pub const I8042_PORTS: Range<u64> = 0x60..0x65;
/// The RTC's index and data ports.
pub const RTC_PORTS: Range<u64> = 0x70..0x72;
/// The RTC's line.
pub const RTC_IRQ: u32 = 8;
/// The debug-exit port: a byte written there ends the machine with a status.
pub const DEBUG_EXIT_PORT: u64 = 0x501;
/// The generic event device's line.
pub const GED_IRQ: u32 = 9;

/// RAM as guest-physical ranges for `size` bytes: one below the hole, and one from 4 GiB on when it does not fit.
/// More than there are addresses for ends at the last page: the host cannot map that much anyway.
pub fn ram_ranges(size: u64) -> Vec<Range<u64>> {
    if size < SPLIT_FROM {
        return std::iter::once(0..size).collect();
    }
    let end = HIGH_RAM_START.checked_add(size - LOW_RAM_SPLIT).unwrap_or(u64::MAX - (PAGE_SIZE - 1));
    vec![0..LOW_RAM_SPLIT, HIGH_RAM_START..end]
}

#[cfg(test)]
mod tests;
