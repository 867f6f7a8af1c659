//! The fixed ACPI description table (ACPI 6.5, 5.2.9).

use super::{OEM_ID, OEM_REVISION, OEM_TABLE_ID};
use crate::memory::layout;
use acpi_tables::fadt::{FADT, FADTBuilder, Flags, PmProfile};
use acpi_tables::gas::{AccessSize, AddressSpace, GAS};
use devices::acpi;

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

/// Where the clock keeps the century (its CMOS address).
const CENTURY: u8 = 0x32;
/// "Hypervisor vendor identity" (ACPI 6.5, table 5.9).
const HYPERVISOR: u64 = u64::from_le_bytes(*b"Podvisor");

/// The table, with the DSDT at `dsdt`.
pub(super) fn build(dsdt: u64) -> FADT {
    let mut fadt = FADTBuilder::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION)
        .preferred_pm_profile(PmProfile::EnterpriseServer)
        .dsdt_64(dsdt)
        .flag(Flags::HwReducedAcpi)
        .flag(Flags::ResetRegSup)
        .flag(Flags::Wbinvd)
        // Set where there is no fixed button: the power button is a device in the DSDT, a sleep button is nowhere.
        .flag(Flags::PwrButton)
        .flag(Flags::SlpButton)
        // The clock wakes nobody.
        .flag(Flags::FixRtc)
        .flag(Flags::Headless);
    fadt.iapc_boot_arch = (boot_arch::LEGACY_DEVICES | boot_arch::I8042 | boot_arch::NO_VGA).into();
    fadt.century = CENTURY;
    fadt.reset_reg = byte_register(acpi::RESET);
    fadt.reset_value = acpi::RESET_VALUE;
    fadt.sleep_control_reg = byte_register(acpi::SLEEP_CONTROL);
    fadt.sleep_status_reg = byte_register(acpi::SLEEP_STATUS);
    fadt.hypervisor_vendor_identity = HYPERVISOR.into();
    fadt.finalize()
}

/// A one-byte register of the generic event device.
fn byte_register(offset: u64) -> GAS {
    GAS::new(AddressSpace::SystemMemory, 8, 0, AccessSize::ByteAccess, layout::GED.start + offset)
}
