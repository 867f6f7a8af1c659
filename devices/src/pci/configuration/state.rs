//! The saved form of a configuration space: the registers that can change, only.

use super::PciConfiguration;
use crate::id::DeviceId;
use crate::state::StateError;
use serde::{Deserialize, Serialize};

/// What the guest made of a configuration space. Part of the state of the function that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PciConfigurationState {
    /// The bytes that have bits which the guest can change, in order of offset; other bits of them are zero.
    pub(super) registers: Vec<u8>,
}

impl PciConfiguration {
    /// What the guest wrote.
    pub fn save(&self) -> PciConfigurationState {
        let writable = self.registers.iter().filter(|register| register.writable != 0);
        PciConfigurationState { registers: writable.map(|register| register.value & register.writable).collect() }
    }

    /// Sets all that the guest can change to what `state` has, for the function of `device`. The space is laid out as
    /// that was when the state was saved.
    ///
    /// # Errors
    /// The state is that of another layout; nothing changed.
    pub fn restore(&mut self, device: &DeviceId, state: &PciConfigurationState) -> Result<(), StateError> {
        let invalid = |reason| StateError::Invalid { device: device.clone(), reason };
        let writable = || self.registers.iter().filter(|register| register.writable != 0);
        let (count, saved) = (writable().count(), state.registers.len());
        if count != saved {
            return Err(invalid(format!("it has {saved} bytes of configuration instead of {count}")));
        }
        if writable().zip(&state.registers).any(|(register, saved)| saved & !register.writable != 0) {
            return Err(invalid("its configuration has bits that are never set".into()));
        }
        let writable = self.registers.iter_mut().filter(|register| register.writable != 0);
        for (register, saved) in writable.zip(&state.registers) {
            register.value = register.value & !register.writable | saved;
        }
        Ok(())
    }
}
