//! Devices that ACPI defines. The tables that describe them are the machine's.

mod ged;

pub use ged::{Ged, GedEvents, GedState, RESET, RESET_VALUE, S5_SLEEP_TYPE, SELECT, SLEEP_CONTROL, SLEEP_STATUS};
