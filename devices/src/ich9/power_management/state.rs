//! The block's state in its saved form.

use super::clock::{PmTimer, carries};
use super::{Control, ENABLED, Events, KEPT, PowerManagement, WAITING};
use crate::id::DeviceId;
use crate::interrupt::LevelLine;
use crate::legacy::WallClock;
use crate::power::PowerControl;
use crate::state::{DeviceState, StateError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Registers of the power management block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerManagementState {
    /// PM1 status, without the timer's carry.
    pub(super) status: u16,
    /// PM1 enable.
    pub(super) enable: u16,
    /// PM1 control, as far as it is kept.
    pub(super) control: u16,
    /// GPE0 enable.
    pub(super) gpe0_enable: u64,
    /// How often the timer had carried since 1970 when the guest last cleared its carry.
    pub(super) timer_carries_seen: i64,
}

impl DeviceState for PowerManagementState {
    const KIND: &'static str = "ich9-power-management";
    const VERSION: u16 = 1;
}

impl PowerManagementState {
    pub(super) fn at_power_on(clock: &dyn WallClock) -> Self {
        Self { status: 0, enable: 0, control: 0, gpe0_enable: 0, timer_carries_seen: carries(clock) }
    }

    pub(super) fn of(block: &PowerManagement) -> Self {
        Self {
            status: block.status.bits(),
            enable: block.enable.bits(),
            control: block.control.bits(),
            gpe0_enable: block.gpe0_enable,
            timer_carries_seen: block.timer.carries_seen,
        }
    }

    pub(super) fn into_block(
        self,
        id: DeviceId,
        sci: Arc<dyn LevelLine>,
        power: Arc<dyn PowerControl>,
        clock: Arc<dyn WallClock>,
    ) -> Result<PowerManagement, StateError> {
        let Self { status, enable, control, gpe0_enable, timer_carries_seen } = self;
        let events = |bits, possible: Events| Events::from_bits(bits).filter(|events| possible.contains(*events));
        let registers = (
            events(status, WAITING),
            events(enable, ENABLED),
            Control::from_bits(control).filter(|control| KEPT.contains(*control)),
        );
        let (Some(status), Some(enable), Some(control)) = registers else {
            return Err(StateError::Invalid {
                device: id,
                reason: format!(
                    "its PM1 registers {status:#06x}, {enable:#06x} and {control:#06x} have bits that are never kept"
                ),
            });
        };
        let timer = PmTimer::new(clock, timer_carries_seen);
        Ok(PowerManagement { id, sci, power, timer, status, enable, control, gpe0_enable })
    }
}
