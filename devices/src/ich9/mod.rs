//! What the q35 board has of Intel's I/O controller hub 9 (ICH9 data sheet, chapter 13): the LPC function at 0:1f.0,
//! the power management block that it places, and the reset control register.

mod lpc;
mod power_management;
mod reset_control;

pub use lpc::{Lpc, LpcState};
pub use power_management::{
    GPE0, GPE0_LENGTH, PM_TIMER, PM_TIMER_LENGTH, PM1_CONTROL, PM1_CONTROL_LENGTH, PM1_EVENT, PM1_EVENT_LENGTH,
    PowerManagement, PowerManagementState, S5_SLEEP_TYPE, SteadyClock,
};
pub use reset_control::{RESET_VALUE, ResetControl, ResetControlState};
