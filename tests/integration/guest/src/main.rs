//! Podvisor's test guest: a bare-metal program that its command line scripts (README.md lists the commands).
//!
//! `boot.s` takes it from either entry to CPL 3, where all of this runs: on a PVM host only CPL 3 code runs natively.

#![no_std]
#![no_main]

extern crate alloc;

mod acpi;
mod ahci;
mod apic;
mod boot_info;
mod clock;
mod commands;
mod cpu;
mod descriptors;
mod disk;
mod ethernet;
mod fault;
mod fixed_hardware;
mod heap;
mod interrupt;
mod memory_functions;
mod mptable;
mod paging;
mod pattern;
mod pci;
mod platform;
mod script;
mod scsi;
mod segment;
mod serial;
mod smp;
mod sync;
mod timer;
mod virtio;

use core::sync::atomic::{AtomicBool, Ordering};

use boot_info::{BootInfo, Entry};
use serial::say;

core::arch::global_asm!(include_str!("boot.s"));

unsafe extern "C" {
    static __bss_start: u8;
    static __bss_end: u8;
}

/// Fresh memory is zero. After a reset the image is loaded again but what lies behind it may be as it was: this says so.
static RAN_BEFORE: AtomicBool = AtomicBool::new(false);

fn clear_after_reset() {
    if RAN_BEFORE.load(Ordering::SeqCst) {
        let (start, end) = (&raw const __bss_start, &raw const __bss_end);
        // SAFETY: nothing in this range is in use yet; the stacks lie outside.
        unsafe { start.cast_mut().write_bytes(0, end as usize - start as usize) };
    }
    RAN_BEFORE.store(true, Ordering::SeqCst);
}

#[unsafe(no_mangle)]
extern "C" fn guest_main(kind: u64, information: u64) -> ! {
    serial::init(b'h');
    clear_after_reset();
    descriptors::init();
    // SAFETY: the stub passes what the entry got.
    let info = unsafe { BootInfo::read(kind, information) };
    if info.command_line.split_ascii_whitespace().next() == Some(script::STOP) {
        cpu::stop()
    }
    platform::discover(&info);
    let entry = match info.entry {
        Entry::Pvh => "pvh",
        Entry::Linux64 => "linux64",
    };
    say!("ello podvisor-guest entry={entry} cpus={}", platform::platform().apic_ids.len());
    for word in info.command_line.split_ascii_whitespace() {
        match word {
            "xapic" => apic::force_xapic(),
            "intx" => interrupt::use_lines_only(),
            _ => {}
        }
    }
    let command_line = info.command_line.clone();
    commands::set_boot_info(info);
    script::run(&command_line);
    cpu::stop()
}
