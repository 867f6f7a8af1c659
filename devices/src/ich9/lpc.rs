//! The LPC function (8086:2918 at 0:1f.0; ICH9 data sheet, 13.1): it places the power management block.
//!
//! | offset | bytes | register |
//! |---|---|---|
//! | 0x40 | 4 | PMBASE: port of the power management block in bits 7-15; bit 0 says "I/O" |
//! | 0x44 | 1 | ACPI_CNTL: bit 7 switches the block on. The SCI stays on line 9: its selection reads zero |
//! | 0x60, 0x68 | 4 each | PIRQ routes: kept for firmware that writes them; no interrupt goes this way |
//! | 0xf0 | 4 | RCBA: kept; nothing answers there |
//!
//! There is no GPIO block: its base reads zero.

use super::power_management::PM_BLOCK_LENGTH;
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use crate::pci::header::{self, Command};
use crate::pci::{DecodedBar, Identity, PciConfiguration, PciConfigurationState, PciFunction, Space};
use crate::state::{DeviceState, Section, StateError};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const IDENTITY: Identity = Identity {
    vendor: 0x8086,
    device: 0x2918,
    revision: 2,
    class: [0x06, 0x01, 0x00], // ISA bridge
    subsystem_vendor: 0x1af4,
    subsystem: 0x1100,
};

const PMBASE: u16 = 0x40;
const PMBASE_ADDRESS: u32 = 0xff80;
/// Read-only: the base is a port.
const PMBASE_IO: u32 = 1 << 0;
const ACPI_CONTROL: u16 = 0x44;
const ACPI_ENABLE: u32 = 1 << 7;
const PIRQ_ROUTES: [u16; 2] = [0x60, 0x68];
/// Bit 7 of each route: not routed to an 8259; the line is in bits 0 to 3.
const PIRQ_MASK: u32 = 0x8f8f_8f8f;
const PIRQ_AT_POWER_ON: u32 = 0x8080_8080;
const RCBA: u16 = 0xf0;
const RCBA_MASK: u32 = 0xffff_c001;

/// The number of the power management block among the ranges of the function.
const PM_BLOCK: u8 = 7;

/// Configuration space of the LPC function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LpcState {
    configuration: PciConfigurationState,
}

impl DeviceState for LpcState {
    const KIND: &'static str = "ich9-lpc";
    const VERSION: u16 = 1;
}

/// The LPC function.
pub struct Lpc {
    id: DeviceId,
    pm_block: Arc<dyn BusDevice>,
    configuration: Mutex<PciConfiguration>,
}

impl Lpc {
    /// A function in `state`, or as after power-on, that places `pm_block` (of 128 ports). `pm_base` is the block's
    /// first port at power-on; with 0 it is nowhere until firmware has placed it.
    ///
    /// # Errors
    /// The state is none of this function.
    pub fn new(
        id: DeviceId,
        pm_block: Arc<dyn BusDevice>,
        pm_base: u16,
        state: Option<LpcState>,
    ) -> Result<Self, StateError> {
        let mut configuration = PciConfiguration::new(IDENTITY);
        let command = Command::IO | Command::MEMORY | Command::BUS_MASTER;
        configuration.set(header::COMMAND, Width::Word, command.bits().into());
        configuration.set(PMBASE, Width::Dword, u32::from(pm_base) & PMBASE_ADDRESS | PMBASE_IO);
        configuration.make_writable(PMBASE, Width::Dword, PMBASE_ADDRESS);
        configuration.set(ACPI_CONTROL, Width::Byte, if pm_base == 0 { 0 } else { ACPI_ENABLE });
        configuration.make_writable(ACPI_CONTROL, Width::Byte, ACPI_ENABLE);
        for routes in PIRQ_ROUTES {
            configuration.set(routes, Width::Dword, PIRQ_AT_POWER_ON);
            configuration.make_writable(routes, Width::Dword, PIRQ_MASK);
        }
        configuration.make_writable(RCBA, Width::Dword, RCBA_MASK);
        if let Some(LpcState { configuration: state }) = state {
            configuration.restore(&id, &state)?;
        }
        Ok(Self { id, pm_block, configuration: Mutex::new(configuration) })
    }

    /// The configuration space.
    ///
    /// # Errors
    /// It cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.id, &LpcState { configuration: self.configuration().save() })
    }

    fn configuration(&self) -> MutexGuard<'_, PciConfiguration> {
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PciFunction for Lpc {
    fn id(&self) -> &DeviceId {
        &self.id
    }

    fn read_config(&self, offset: u16, width: Width) -> u32 {
        self.configuration().read(offset, width)
    }

    fn write_config(&self, offset: u16, width: Width, value: u32) {
        self.configuration().write(offset, width, value);
    }

    fn decoded(&self) -> Vec<DecodedBar> {
        let configuration = self.configuration();
        let start = u64::from(configuration.read(PMBASE, Width::Dword) & PMBASE_ADDRESS);
        if start == 0 || configuration.read(ACPI_CONTROL, Width::Byte) & ACPI_ENABLE == 0 {
            return Vec::new();
        }
        vec![DecodedBar { bar: PM_BLOCK, space: Space::Io, range: start..start + PM_BLOCK_LENGTH }]
    }

    fn bar_device(&self, bar: u8) -> Option<Arc<dyn BusDevice>> {
        (bar == PM_BLOCK).then(|| Arc::clone(&self.pm_block))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ops::Range;

    /// A power management block that reads as one value.
    struct Block;

    impl BusDevice for Block {
        fn read(&self, _offset: u64, _width: Width) -> u64 {
            0x5a
        }

        fn write(&self, _offset: u64, _width: Width, _value: u64) {}
    }

    fn lpc(pm_base: u16, state: Option<LpcState>) -> Result<Lpc, StateError> {
        Lpc::new("lpc".into(), Arc::new(Block), pm_base, state)
    }

    fn ports(lpc: &Lpc) -> Option<Range<u64>> {
        let decoded = lpc.decoded();
        assert!(decoded.len() <= 1);
        decoded.into_iter().next().map(|bar| {
            assert_eq!((bar.bar, bar.space), (PM_BLOCK, Space::Io));
            bar.range
        })
    }

    #[test]
    fn it_is_an_ich9_and_its_block_is_where_the_board_wants_it() {
        let lpc = lpc(0x600, None).unwrap();
        assert_eq!(lpc.read_config(0x00, Width::Dword), 0x2918_8086);
        assert_eq!(lpc.read_config(0x08, Width::Dword), 0x0601_0002);
        assert_eq!((lpc.read_config(PMBASE, Width::Dword), lpc.read_config(ACPI_CONTROL, Width::Byte)), (0x601, 0x80));
        assert_eq!(ports(&lpc), Some(0x600..0x680));
        assert_eq!(lpc.bar_device(PM_BLOCK).unwrap().read(0, Width::Byte), 0x5a);
        assert!(lpc.bar_device(0).is_none());
    }

    #[test]
    fn firmware_places_the_block_and_switches_it_on() {
        let lpc = lpc(0, None).unwrap();
        assert_eq!((lpc.read_config(PMBASE, Width::Dword), ports(&lpc)), (1, None));
        lpc.write_config(PMBASE, Width::Dword, 0x600);
        assert_eq!(ports(&lpc), None, "not switched on yet");
        lpc.write_config(ACPI_CONTROL, Width::Byte, 0x80);
        assert_eq!(ports(&lpc), Some(0x600..0x680));
    }

    #[test]
    fn the_guest_moves_the_block_and_switches_it_off() {
        let lpc = lpc(0x600, None).unwrap();
        lpc.write_config(PMBASE, Width::Dword, u32::MAX);
        assert_eq!((lpc.read_config(PMBASE, Width::Dword), ports(&lpc)), (0xff81, Some(0xff80..0x1_0000)));
        lpc.write_config(ACPI_CONTROL, Width::Byte, 0x7f);
        assert_eq!((lpc.read_config(ACPI_CONTROL, Width::Byte), ports(&lpc)), (0, None), "and the SCI stays on line 9");
    }

    #[test]
    fn routes_and_rcba_are_kept_and_there_is_no_gpio() {
        let lpc = lpc(0x600, None).unwrap();
        assert_eq!(lpc.read_config(0x60, Width::Dword), 0x8080_8080);
        for (offset, kept) in [(0x60, 0x8f8f_8f8f), (0x68, 0x8f8f_8f8f), (0xf0, 0xffff_c001), (0x48, 0)] {
            lpc.write_config(offset, Width::Dword, u32::MAX);
            assert_eq!(lpc.read_config(offset, Width::Dword), kept, "offset {offset:#x}");
        }
    }

    proptest! {
        #[test]
        fn any_writes_leave_a_place_within_the_ports_that_can_be_restored(
            writes in prop::collection::vec((0u16..0x100, 0usize..3, any::<u32>()), 0..16)
        ) {
            let first = lpc(0x600, None).unwrap();
            for (offset, width, value) in writes {
                let width = [Width::Byte, Width::Word, Width::Dword][width];
                let offset = offset & !u16::try_from(width.bytes() - 1).unwrap();
                first.write_config(offset, width, value);
                prop_assert!(ports(&first).is_none_or(|ports| ports.end <= 0x1_0000 && ports.end - ports.start == 128));
            }
            prop_assert_eq!(first.read_config(0, Width::Dword), 0x2918_8086);
            let saved = first.save().unwrap();
            let restored = lpc(0, Some(saved.decode().unwrap())).unwrap();
            prop_assert_eq!(ports(&restored), ports(&first));
            prop_assert_eq!(restored.save().unwrap(), saved);
        }
    }
}
