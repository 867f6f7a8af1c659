//! What the firmware of a PC talks to, and nobody after it: the configuration interface, flash, and the port for its log.

mod debug_console;
pub mod flash;
pub mod fw_cfg;

pub use debug_console::{DEBUG_CONSOLE_PORT, DebugConsole};
