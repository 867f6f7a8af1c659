//! The fixed ACPI description table (ACPI 6.5, 5.2.9).

use super::{OEM_ID, OEM_REVISION, OEM_TABLE_ID, Pointer};
use crate::memory::layout;
use acpi_tables::fadt::{FADT, FADTBuilder, Flags, PmProfile};
use acpi_tables::gas::{AccessSize, AddressSpace, GAS};
use devices::{acpi, ich9};

/// IA-PC boot architecture flags (ACPI 6.5, table 5.11).
mod boot_arch {
    /// Devices on an ISA bus that a user can see: the serial port.
    pub(super) const LEGACY_DEVICES: u16 = 1 << 0;
    /// A keyboard controller at ports 0x60 and 0x64.
    pub(super) const I8042: u16 = 1 << 1;
    /// No VGA to probe for.
    pub(super) const NO_VGA: u16 = 1 << 2;
    // Bit 5, "no CMOS RTC", stays clear: there is one at ports 0x70 and 0x71.
}

/// FIRMWARE_CTRL: where the table names the FACS.
pub(super) const FACS: Pointer = Pointer { offset: 36, width: 4 };
/// X_DSDT: where it names the DSDT.
pub(super) const DSDT: Pointer = Pointer { offset: 140, width: 8 };
/// Where the clock keeps the century (its CMOS address).
const CENTURY: u8 = 0x32;
/// Latencies of C2 and C3 in microseconds that say: there is no such state.
const NO_C2: u16 = 101;
const NO_C3: u16 = 1001;
/// "Hypervisor vendor identity" (ACPI 6.5, table 5.9).
const HYPERVISOR: u64 = u64::from_le_bytes(*b"Podvisor");

/// The table of a board with hardware-reduced ACPI and the generic event device, with the DSDT at `dsdt`.
pub(super) fn reduced(dsdt: u64) -> FADT {
    let mut fadt = common(dsdt)
        .flag(Flags::HwReducedAcpi)
        // Set where there is no fixed button: the power button is a device in the DSDT.
        .flag(Flags::PwrButton);
    fadt.reset_reg = ged_register(acpi::RESET);
    fadt.reset_value = acpi::RESET_VALUE;
    fadt.sleep_control_reg = ged_register(acpi::SLEEP_CONTROL);
    fadt.sleep_status_reg = ged_register(acpi::SLEEP_STATUS);
    fadt.finalize()
}

/// The table of a board with an ICH9, with the DSDT at `dsdt` and the FACS at `facs`.
///
/// Without an SMI command port the machine is in ACPI mode from its start. The timer has 24 bits; the power button is
/// a fixed one.
pub(super) fn full(dsdt: u64, facs: u64) -> FADT {
    let mut fadt = common(dsdt).firmware_ctrl_32(below_4g(facs)).flag(Flags::ProcC1);
    fadt.sci_int = word(layout::SCI_IRQ).into();
    fadt.p_lvl2_lat = NO_C2.into();
    fadt.p_lvl3_lat = NO_C3.into();

    // Each block twice: as older guests and as newer ones read it.
    fadt.pm1a_evt_blk = port(ich9::PM1_EVENT).into();
    fadt.pm1_evt_len = ich9::PM1_EVENT_LENGTH;
    fadt.x_pm1a_evt_blk = block(ich9::PM1_EVENT, ich9::PM1_EVENT_LENGTH, AccessSize::WordAccess);
    fadt.pm1a_cnt_blk = port(ich9::PM1_CONTROL).into();
    fadt.pm1_cnt_len = ich9::PM1_CONTROL_LENGTH;
    fadt.x_pm1a_cnt_blk = block(ich9::PM1_CONTROL, ich9::PM1_CONTROL_LENGTH, AccessSize::WordAccess);
    fadt.pm_tmr_blk = port(ich9::PM_TIMER).into();
    fadt.pm_tmr_len = ich9::PM_TIMER_LENGTH;
    fadt.x_pm_tmr_blk = block(ich9::PM_TIMER, ich9::PM_TIMER_LENGTH, AccessSize::DwordAccess);
    fadt.gpe0_blk = port(ich9::GPE0).into();
    fadt.gpe0_blk_len = ich9::GPE0_LENGTH;
    fadt.x_gpe0_blk = block(ich9::GPE0, ich9::GPE0_LENGTH, AccessSize::ByteAccess);

    fadt.reset_reg = GAS::new(AddressSpace::SystemIo, 8, 0, AccessSize::ByteAccess, layout::RESET_CONTROL_PORT);
    fadt.reset_value = ich9::RESET_VALUE;
    fadt.finalize()
}

/// What the boards have in common.
fn common(dsdt: u64) -> FADTBuilder {
    let mut fadt = FADTBuilder::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION)
        .preferred_pm_profile(PmProfile::EnterpriseServer)
        .dsdt_64(dsdt)
        .flag(Flags::ResetRegSup)
        .flag(Flags::Wbinvd)
        // Set where there is no fixed button: a sleep button is nowhere.
        .flag(Flags::SlpButton)
        // The clock wakes nobody.
        .flag(Flags::FixRtc)
        .flag(Flags::Headless);
    fadt.iapc_boot_arch = (boot_arch::LEGACY_DEVICES | boot_arch::I8042 | boot_arch::NO_VGA).into();
    fadt.century = CENTURY;
    fadt.hypervisor_vendor_identity = HYPERVISOR.into();
    fadt
}

/// A one-byte register of the generic event device.
fn ged_register(offset: u64) -> GAS {
    GAS::new(AddressSpace::SystemMemory, 8, 0, AccessSize::ByteAccess, layout::GED.start + offset)
}

/// Registers of the power management block: `length` bytes at `offset`.
fn block(offset: u64, length: u8, access: AccessSize) -> GAS {
    GAS::new(AddressSpace::SystemIo, length.saturating_mul(8), 0, access, port(offset).into())
}

/// The port at `offset` of the power management block.
fn port(offset: u64) -> u32 {
    below_4g(layout::PM_PORTS.start + offset)
}

/// Ports and tables are below 4 GiB.
fn below_4g(address: u64) -> u32 {
    u32::try_from(address).unwrap_or(u32::MAX)
}

fn word(line: u32) -> u16 {
    u16::try_from(line).unwrap_or(u16::MAX)
}
