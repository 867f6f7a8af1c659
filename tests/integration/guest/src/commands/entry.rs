//! `entry`: how the guest came up, and what describes the board.

use alloc::format;
use alloc::string::String;

use super::{Outcome, boot_info};
use crate::boot_info::Entry;
use crate::platform::{Register, Trigger, VirtioSlot, platform};
use crate::serial::say;
use crate::virtio::{self, Device};

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
    let devices = virtio::all();
    for device in &devices {
        let id = device.id().map_or(-1, i64::from);
        match device {
            Device::Mmio(slot) => {
                let trigger = if slot.trigger == Trigger::Edge { "edge" } else { "level" };
                let VirtioSlot { base, size, gsi, .. } = slot;
                say!("virtio base={base:#x} size={size:#x} gsi={gsi} trigger={trigger} id={id}");
            }
            Device::Pci(function) => {
                let gsi = function.gsi().map_or(-1, i64::from);
                say!("virtio at={} gsi={gsi} trigger=level id={id}", function.at);
            }
        }
    }
    let fixed = found.fixed.map_or(String::from("fixed=absent"), |fixed| {
        format!(
            "fixed={:#x},{:#x},{:#x},{:#x} sci={} blocks_agree={}",
            fixed.event,
            fixed.control,
            fixed.timer,
            fixed.gpe0,
            fixed.sci,
            u8::from(fixed.agrees)
        )
    });
    let ecam = found
        .ecam
        .map_or(String::from("absent"), |ecam| format!("{:#x},{:#x},{:#x}", ecam.base, ecam.buses.0, ecam.buses.1));
    Ok(format!(
        "entry={entry} board={board} given_rsdp={:#x} rsdp={:#x} mp={:#x} tables={} bad_checksums={} fadt_flags={:#x} \
         boot_flags={:#x} reset={} sleep={} s5={} virtio={} {fixed} ecam={ecam}",
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
        devices.len(),
    ))
}
