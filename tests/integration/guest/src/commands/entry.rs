//! `entry`: how the guest came up, and what describes the board.

use alloc::format;
use alloc::string::String;

use super::{Outcome, boot_info};
use crate::boot_info::Entry;
use crate::platform::{Register, Trigger, platform};
use crate::serial::say;

fn register(register: Option<Register>) -> String {
    match register {
        None => String::from("absent"),
        Some(Register::Port(port)) => format!("io:{port:#x}"),
        Some(Register::Memory(address)) => format!("mem:{address:#x}"),
    }
}

pub fn run() -> Outcome {
    let (info, found) = (boot_info(), platform());
    let entry = if info.entry == Entry::Pvh { "pvh" } else { "linux64" };
    let board = match (found.rsdp, found.mp_table) {
        (0, 0) => "none",
        (_, 0) => "acpi",
        (0, _) => "mptable",
        _ => "both",
    };
    for slot in &found.virtio {
        let trigger = if slot.trigger == Trigger::Edge { "edge" } else { "level" };
        say!(
            "virtio base={:#x} size={:#x} gsi={} trigger={trigger} id={}",
            slot.base,
            slot.size,
            slot.gsi,
            crate::virtio::device_id(slot).map_or(-1, i64::from)
        );
    }
    Ok(format!(
        "entry={entry} board={board} given_rsdp={:#x} rsdp={:#x} mp={:#x} tables={} bad_checksums={} fadt_flags={:#x} \
         boot_flags={:#x} reset={} sleep={} s5={} virtio={}",
        info.rsdp,
        found.rsdp,
        found.mp_table,
        if found.tables.is_empty() { "none" } else { &found.tables },
        found.bad_checksums,
        found.fadt_flags.0,
        found.fadt_flags.1,
        register(found.reset.map(|(register, _)| register)),
        register(found.sleep_control),
        found.s5.map_or(-1, i32::from),
        found.virtio.len(),
    ))
}
