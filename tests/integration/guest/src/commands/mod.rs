//! The commands, one file each. A command returns its values (`key=value ...`) or the reason why it failed.

mod absent;
mod balloon;
mod bars;
mod blk;
mod blkloop;
mod bridge;
mod button;
mod clocks;
mod console;
mod cpuid;
mod crc32;
mod depth;
mod e820;
mod ecam;
mod entry;
mod flash;
mod flip;
mod frames;
mod fwcfg;
mod idle;
mod knock;
mod ledger;
mod line;
mod lspci;
mod mem;
mod msix;
mod net;
mod netq;
mod pam;
mod pio;
mod pm_timer;
mod ports;
mod power;
mod rawblk;
mod rng;
mod rom;
mod sata;
mod scsi;
mod shared;
mod smp;
mod timer;
mod topology;
mod vsock;
mod window;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::boot_info::BootInfo;
use crate::clock::Timeout;
use crate::cpu::out8;
use crate::script::number;

/// Values, or why not.
type Outcome = Result<String, String>;

static BOOT_INFO: AtomicPtr<BootInfo> = AtomicPtr::new(core::ptr::null_mut());

/// Keeps what the loader said for the commands that ask.
pub fn set_boot_info(info: BootInfo) {
    BOOT_INFO.store(alloc::boxed::Box::leak(alloc::boxed::Box::new(info)), Ordering::SeqCst);
}

fn boot_info() -> &'static BootInfo {
    // SAFETY: `set_boot_info` stored a leaked box before the script started.
    unsafe { &*BOOT_INFO.load(Ordering::SeqCst) }
}

/// Runs one command.
pub fn run(name: &str, arguments: &str) -> Outcome {
    match name {
        "echo" => Ok(arguments.to_string()),
        "mark" => mark(arguments),
        "spin" => spin(arguments),
        "e820" => e820::run(),
        "depth" => depth::run(arguments),
        "entry" => entry::run(),
        "mem" => mem::run(arguments),
        "smp" => smp::run(),
        "cpuid" => cpuid::run(arguments),
        "xgetbv" => cpuid::xgetbv(),
        "topology" => topology::run(),
        "crc32" => crc32::run(arguments),
        "timer" => timer::run(),
        "clocks" => clocks::run(arguments),
        "blk" => blk::run(arguments),
        "button" => button::run(),
        "blkloop" => blkloop::run(arguments),
        "rawblk" => rawblk::run(arguments),
        "net" => net::run(arguments),
        "netq" => netq::run(arguments),
        "ledger" => ledger::write(arguments),
        "audit" => ledger::audit(arguments),
        "idle" => idle::run(),
        "knock" => knock::run(arguments),
        "line" => line::run(arguments),
        "rng" => rng::run(arguments),
        "rom" => rom::run(arguments),
        "sata" => sata::run(arguments),
        "scsi" => scsi::run(arguments),
        "balloon" => balloon::run(arguments),
        "ports" => ports::run(arguments),
        "vsock" => vsock::run(arguments),
        "say" => say_text(arguments),
        "lspci" => lspci::run(),
        "bars" => bars::run(),
        "bridge" => bridge::run(),
        "ecam" => ecam::run(),
        "msix" => msix::run(),
        "shared" => shared::run(),
        "window" => window::run(),
        "pm-timer" => pm_timer::run(),
        "pio-string" => pio::run(arguments),
        "absent" => absent::run(arguments),
        "flash" => flash::run(),
        "frames" => frames::run(arguments),
        "flip" => flip::run(arguments),
        "fwcfg" => fwcfg::run(arguments),
        "pam" => pam::run(),
        "wait" => console::wait(),
        "serial-echo" => console::echo(),
        "flood" => console::flood(arguments),
        "reset" => power::reset(arguments),
        "poweroff" => power::power_off(),
        "exit" => power::exit(arguments),
        "crash" => power::crash(arguments),
        "fault" => power::fault(),
        "stop" => crate::cpu::stop(),
        _ => Err(String::from("unknown command")),
    }
}

fn required(text: &str) -> Result<u64, String> {
    number(text).ok_or_else(|| format!("not a number: {text:?}"))
}

/// `a,b,c`, or a given text for what is absent.
fn list<T: ToString>(items: impl IntoIterator<Item = Option<T>>) -> String {
    let items: Vec<String> =
        items.into_iter().map(|item| item.map_or(String::from("absent"), |item| item.to_string())).collect();
    items.join(",")
}

/// `mark=N`: the byte N to the marker port.
fn mark(arguments: &str) -> Outcome {
    let value = required(arguments)?;
    out8(0x80, value as u8);
    Ok(format!("value={value}"))
}

/// `say=TEXT`: a line as it is, with spaces where TEXT has underscores.
fn say_text(text: &str) -> Outcome {
    crate::serial::say!("{}", text.replace('_', " "));
    Ok(String::new())
}

/// `spin=MS`: runs for MS milliseconds at CPL 3, without an exit.
fn spin(arguments: &str) -> Outcome {
    let timeout = Timeout::after(required(arguments)?);
    let mut rounds = 0u64;
    while !timeout.passed() {
        rounds += 1;
    }
    Ok(format!("rounds={rounds}"))
}
