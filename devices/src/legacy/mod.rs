//! The fixed devices of a PC: serial port, keyboard controller, clock, and two ports of our own.

mod debug_exit;
mod i8042;
mod marker;
mod rtc;
mod serial;

pub use debug_exit::DebugExit;
pub use i8042::{I8042, I8042State};
pub use marker::MarkerPort;
pub use rtc::{BootSource, FirmwareSetup, HostClock, Rtc, RtcState, WallClock};
pub use serial::{Serial, SerialHost, SerialState};
