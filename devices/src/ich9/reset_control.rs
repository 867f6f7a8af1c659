//! The reset control register, the byte at port 0xCF9 (ICH9 data sheet, 13.7.5).

use crate::bus::{BusDeviceMut, Width, read_bytes, write_bytes};
use crate::id::DeviceId;
use crate::power::{PowerControl, ResetRequest};
use crate::state::{DeviceState, Section, StateError};
use bitflags::bitflags;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the FADT tells the guest to write: reset the processors, all of the system with them.
pub const RESET_VALUE: u8 = Register::SYSTEM.union(Register::RESET).bits();

bitflags! {
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Register: u8 {
        /// The reset is one of the whole system.
        const SYSTEM = 1 << 1;
        /// Going from zero to one resets. Never kept: the machine it would be kept in is gone.
        const RESET = 1 << 2;
        /// The reset takes the power away for a while.
        const FULL = 1 << 3;
    }
}

/// What the register keeps.
const KEPT: Register = Register::SYSTEM.union(Register::FULL);

/// The register.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetControlState {
    /// Its value.
    value: u8,
}

impl DeviceState for ResetControlState {
    const KIND: &'static str = "ich9-reset-control";
    const VERSION: u16 = 1;
}

/// The reset control register. Every kind of reset is the same here: the machine starts again.
pub struct ResetControl {
    id: DeviceId,
    power: Arc<dyn PowerControl>,
    value: Register,
}

impl ResetControl {
    /// The register in `state`, or as after power-on.
    ///
    /// # Errors
    /// The state has bits that are never kept.
    pub fn new(
        id: DeviceId,
        power: Arc<dyn PowerControl>,
        state: Option<ResetControlState>,
    ) -> Result<Self, StateError> {
        let ResetControlState { value } = state.unwrap_or_default();
        let kept = Register::from_bits(value).filter(|value| KEPT.contains(*value));
        let value = kept.ok_or_else(|| StateError::Invalid {
            device: id.clone(),
            reason: format!("its value {value:#04x} has bits that are never kept"),
        })?;
        Ok(Self { id, power, value })
    }

    /// The register.
    ///
    /// # Errors
    /// It cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.id, &ResetControlState { value: self.value.bits() })
    }
}

impl BusDeviceMut for ResetControl {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        read_bytes(width, |position| if offset + position == 0 { self.value.bits() } else { 0xff })
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        write_bytes(width, value, |position, byte| {
            if offset + position == 0 {
                let written = Register::from_bits_truncate(byte);
                self.value = written & KEPT;
                if written.contains(Register::RESET) {
                    self.power.reset(ResetRequest::ResetControl);
                }
            }
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::power::tests::{Asked, FakePower};
    use proptest::prelude::*;

    fn register() -> (ResetControl, Arc<FakePower>) {
        let power = Arc::new(FakePower::default());
        (ResetControl::new("reset".into(), power.clone(), None).unwrap(), power)
    }

    #[test]
    fn the_kind_of_reset_alone_does_nothing_and_the_reset_bit_resets() {
        let (mut register, power) = register();
        register.write(0, Width::Byte, 0x02);
        assert_eq!((power.asked(), register.read(0, Width::Byte)), (vec![], 0x02));
        register.write(0, Width::Byte, RESET_VALUE.into());
        assert_eq!(power.asked(), [Asked::Reset(ResetRequest::ResetControl)]);
        assert_eq!(register.read(0, Width::Byte), 0x02, "the reset bit reads zero");
    }

    #[test]
    fn the_value_of_the_fadt_is_a_hard_reset() {
        assert_eq!(RESET_VALUE, 0x06);
    }

    #[test]
    fn state_with_the_reset_bit_or_unknown_bits_is_refused() {
        for value in [0x04, 0x06, 0x01, 0x80] {
            let (_, power) = register();
            let refused = ResetControl::new("reset".into(), power, Some(ResetControlState { value }));
            assert!(matches!(refused.map(|_| ()), Err(StateError::Invalid { .. })));
        }
    }

    proptest! {
        #[test]
        fn any_value_resets_exactly_when_it_has_the_reset_bit_and_leaves_what_can_be_restored(value: u8) {
            let (mut register, power) = register();
            register.write(0, Width::Byte, value.into());
            prop_assert_eq!(power.asked().len(), usize::from(value & 4 != 0));
            prop_assert_eq!(register.read(0, Width::Byte), u64::from(value & 0x0a));
            let saved = register.save().unwrap();
            let restored = ResetControl::new("reset".into(), power, Some(saved.decode().unwrap())).unwrap();
            prop_assert_eq!(restored.save().unwrap(), saved);
        }
    }
}
