//! The host bridge at 00:00.0: an Intel 82G33 (8086:29c0), as guests of the board q35 know it.
//!
//! PCIEXBAR (0x60, 8 bytes) places the configuration space of all functions in memory: the address in bits 28 to 35,
//! down to bit 26 for shorter windows; the length in bits 1 and 2 (0: 256 MiB, 1: 128 MiB, 2: 64 MiB); enable in bit 0.
//!
//! A machine with firmware has the registers of [`super::shadow`], too.

use super::configuration::halves;
use super::ecam::Ecam;
use super::shadow::{self, ShadowMapper};
use super::{DecodedBar, FunctionError, Identity, PciConfiguration, PciConfigurationState, PciFunction, Space};
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use crate::state::{DeviceState, Section, StateError};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Offset of PCIEXBAR, 8 bytes.
const PCIEXBAR: u16 = 0x60;
/// In [`PCIEXBAR`]: the window is there.
const PCIEXBAR_ENABLE: u32 = 1 << 0;

const IDENTITY: Identity = Identity {
    vendor: 0x8086,
    device: 0x29c0,
    revision: 0,
    class: [0x06, 0x00, 0x00],
    subsystem_vendor: 0x1af4,
    subsystem: 0x1100,
};
/// The number of the configuration window among the function's ranges.
const ECAM_BAR: u8 = 7;
/// Bits 35 to 26, the length and the enable bit.
const PCIEXBAR_MASK: u64 = 0xf_fc00_0007;
const LENGTH_SHIFT: u32 = 1;
const LENGTH_MASK: u64 = 0b11;
/// Bytes of the longest window, for 256 buses.
const LONGEST: u64 = 256 << 20;

/// What the guest wrote to the host bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostBridgeState {
    configuration: PciConfigurationState,
}

impl DeviceState for HostBridgeState {
    const KIND: &'static str = "pci-host-bridge";
    const VERSION: u16 = 1;
}

/// The host bridge.
pub struct HostBridge {
    id: DeviceId,
    configuration: Mutex<PciConfiguration>,
    ecam: OnceLock<Arc<Ecam>>,
    shadow: Option<Arc<dyn ShadowMapper>>,
}

impl HostBridge {
    /// A bridge in `state`, or one whose configuration window is 256 MiB at `ecam`, a multiple of its size below
    /// 64 GiB; `None`: there is no window until firmware places it. `shadow` is told what stands below 1 MiB, at once
    /// and at every change; `None`: there are no registers for that.
    ///
    /// # Errors
    /// The state is that of another function.
    pub fn new(
        id: DeviceId,
        ecam: Option<u64>,
        shadow: Option<Arc<dyn ShadowMapper>>,
        state: Option<HostBridgeState>,
    ) -> Result<Self, FunctionError> {
        let mut configuration = PciConfiguration::new(IDENTITY);
        if shadow.is_some() {
            shadow::declare(&mut configuration);
        }
        let [low, high] = halves(PCIEXBAR_MASK);
        configuration.make_writable(PCIEXBAR, Width::Dword, low);
        configuration.make_writable(PCIEXBAR + 4, Width::Dword, high);
        if let Some(address) = ecam {
            let [low, high] = halves(address);
            configuration.write(PCIEXBAR, Width::Dword, low | PCIEXBAR_ENABLE);
            configuration.write(PCIEXBAR + 4, Width::Dword, high);
        }
        if let Some(state) = state {
            configuration.restore(&id, &state.configuration)?;
        }
        if let Some(mapper) = &shadow {
            mapper.apply(&shadow::regions(&configuration));
        }
        Ok(Self { id, configuration: Mutex::new(configuration), ecam: OnceLock::new(), shadow })
    }

    /// What the guest wrote.
    ///
    /// # Errors
    /// It cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        let configuration = self.configuration().save();
        Section::encode(&self.id, &HostBridgeState { configuration })
    }

    fn configuration(&self) -> MutexGuard<'_, PciConfiguration> {
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the bridge what answers in its window. Once: the bus does it.
    pub(super) fn connect(&self, ecam: Arc<Ecam>) {
        self.ecam.get_or_init(|| ecam);
    }
}

impl PciFunction for HostBridge {
    fn id(&self) -> &DeviceId {
        &self.id
    }

    fn read_config(&self, offset: u16, width: Width) -> u32 {
        self.configuration().read(offset, width)
    }

    fn write_config(&self, offset: u16, width: Width, value: u32) {
        let mut configuration = self.configuration();
        let Some(mapper) = &self.shadow else { return configuration.write(offset, width, value) };
        let (smram, before) = (shadow::smram(&configuration), shadow::regions(&configuration));
        configuration.write(offset, width, value);
        shadow::keep_lock(&mut configuration, smram);
        let after = shadow::regions(&configuration);
        drop(configuration);
        if after != before {
            mapper.apply(&after);
        }
    }

    /// The command register does not count: a host bridge always decodes.
    fn decoded(&self) -> Vec<DecodedBar> {
        let (low, high) = {
            let configuration = self.configuration();
            (configuration.read(PCIEXBAR, Width::Dword), configuration.read(PCIEXBAR + 4, Width::Dword))
        };
        let window = window(u64::from(high) << 32 | u64::from(low));
        window.map(|range| DecodedBar { bar: ECAM_BAR, space: Space::Memory, range }).into_iter().collect()
    }

    fn bar_device(&self, bar: u8) -> Option<Arc<dyn BusDevice>> {
        let ecam = self.ecam.get().filter(|_| bar == ECAM_BAR)?;
        Some(Arc::clone(ecam) as _)
    }
}

/// The configuration window that PCIEXBAR says; none while it is off, at address 0, or of the reserved length.
fn window(register: u64) -> Option<Range<u64>> {
    let length = match register >> LENGTH_SHIFT & LENGTH_MASK {
        0 => LONGEST,
        1 => LONGEST / 2,
        2 => LONGEST / 4,
        _ => return None,
    };
    let start = register & PCIEXBAR_MASK & !(length - 1);
    let enabled = register & u64::from(PCIEXBAR_ENABLE) != 0 && start != 0;
    enabled.then(|| start..start + length)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_the_bridge_that_guests_of_q35_know() {
        let bridge = HostBridge::new("host-bridge".into(), None, None, None).unwrap();
        let read = |offset| bridge.read_config(offset, Width::Dword);
        assert_eq!([read(0), read(8), read(0x2c)], [0x29c0_8086, 0x0600_0000, 0x1100_1af4]);
        assert_eq!((bridge.decoded(), read(PCIEXBAR)), (vec![], 0), "firmware places the window");
    }

    #[test]
    fn the_window_survives_a_save() {
        let bridge = HostBridge::new("host-bridge".into(), Some(0xb000_0000), None, None).unwrap();
        let window = DecodedBar { bar: ECAM_BAR, space: Space::Memory, range: 0xb000_0000..0xc000_0000 };
        assert_eq!(bridge.decoded(), [window]);
        bridge.write_config(PCIEXBAR, Width::Dword, 0xe800_0003);
        bridge.write_config(PCIEXBAR + 4, Width::Dword, 1);
        let saved = bridge.save().unwrap();
        let copy =
            HostBridge::new("host-bridge".into(), Some(0xb000_0000), None, Some(saved.decode().unwrap())).unwrap();
        assert_eq!((copy.decoded(), copy.save().unwrap()), (bridge.decoded(), saved));
        assert_eq!(copy.decoded()[0].range, 0x1_e800_0000..0x1_f000_0000);
    }

    proptest! {
        #[test]
        fn any_writes_leave_a_window_of_a_legal_length_and_place_that_can_be_restored(
            writes in prop::collection::vec(
                (prop_oneof![2 => 0x60u16..0x68, 1 => 0u16..0x100], 0usize..3, any::<u32>()),
                0..16,
            )
        ) {
            let bridge = HostBridge::new("host-bridge".into(), Some(0xb000_0000), None, None).unwrap();
            for (offset, width, value) in writes {
                let width = [Width::Byte, Width::Word, Width::Dword][width];
                bridge.write_config(offset & !u16::try_from(width.bytes() - 1).unwrap(), width, value);
                let windows = bridge.decoded();
                prop_assert!(windows.len() <= 1);
                for DecodedBar { range, .. } in windows {
                    let length = range.end - range.start;
                    prop_assert!([64 << 20, 128 << 20, 256 << 20].contains(&length));
                    prop_assert!(range.start != 0 && range.start.is_multiple_of(length) && range.end <= 1 << 36);
                }
            }
            prop_assert_eq!(bridge.read_config(0, Width::Dword), 0x29c0_8086);
            let saved = bridge.save().unwrap();
            let copy = HostBridge::new("host-bridge".into(), None, None, Some(saved.decode().unwrap())).unwrap();
            prop_assert_eq!((copy.decoded(), copy.save().unwrap()), (bridge.decoded(), saved));
        }
    }
}
