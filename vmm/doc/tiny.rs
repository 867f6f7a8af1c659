// Included by the examples in the documentation: machines whose guest is a few bytes of code, so that they run without a
// file of their reader's.

use std::fs::File;
use std::io::Write;
use vmm::{BoardConfig, KERNEL, KernelEntry, PayloadConfig, Resources, VmConfig};

/// Writes "Hi" and a newline to the serial port, and 42 to the debug-exit port.
#[allow(dead_code, reason = "each example has one guest")]
pub const SAYS_HI: &[u8] = &[
    0x66, 0xba, 0xf8, 0x03, // mov dx, 0x3f8
    0xb0, b'H', 0xee, // mov al, 'H'; out dx, al
    0xb0, b'i', 0xee, // mov al, 'i'; out dx, al
    0xb0, b'\n', 0xee, // mov al, '\n'; out dx, al
    0x66, 0xba, 0x01, 0x05, // mov dx, 0x501
    0xb0, 42, 0xee, // mov al, 42; out dx, al
    0xf4, 0xeb, 0xfd, // hlt, again and again
];

/// Waits for interrupts, of which none comes.
#[allow(dead_code, reason = "each example has one guest")]
pub const SLEEPS: &[u8] = &[0xf4, 0xeb, 0xfd];

/// What a machine that runs `code` is built from; `None` where this host has no `/dev/kvm`.
pub fn machine(code: &[u8]) -> Option<(VmConfig, Resources)> {
    let kvm = File::options().read(true).write(true).open("/dev/kvm").ok()?;
    let mut config = VmConfig { board: BoardConfig::Microvm { acpi: true }, ..VmConfig::default() };
    config.memory.boot = 16 << 20;
    let entry = KernelEntry::Raw { load: 2 << 20, entry: 2 << 20 };
    config.payload = PayloadConfig::Kernel { cmdline: String::new(), initrd: false, entry };
    let mut kernel = tempfile::tempfile().ok()?;
    kernel.write_all(code).ok()?;
    let mut resources = Resources::new();
    resources.kvm = Some(kvm.into());
    resources.insert(KERNEL, kernel).ok()?;
    Some((config, resources))
}
