//! The script: the command line's words, in order, each `name` or `name=arguments`.

use crate::commands;
use crate::serial::say;

/// Words that are for others, or were read before the script.
const NOT_COMMANDS: [&str; 8] = ["virtio_mmio.device", "console", "reboot", "panic", "pci", "xapic", "intx", "quiet"];

/// The first word for a guest that prints its first byte and no more.
pub const STOP: &str = "stop";

/// Runs the whole script.
pub fn run(command_line: &str) {
    for text in command_line.split_ascii_whitespace() {
        let (name, arguments) = text.split_once('=').unwrap_or((text, ""));
        if NOT_COMMANDS.contains(&name) {
            continue;
        }
        match commands::run(name, arguments) {
            Ok(values) if values.is_empty() => say!("ok {name}"),
            Ok(values) => say!("ok {name} {values}"),
            Err(reason) => say!("fail {name} {reason}"),
        }
    }
    say!("done");
}

/// A number, decimal or with 0x.
pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
