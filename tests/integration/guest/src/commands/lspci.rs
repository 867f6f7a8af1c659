//! `lspci`: every function with its BARs, capabilities and windows; reads all of their configuration space both ways.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Outcome;
use crate::pci::bar::bars;
use crate::pci::bridge::Bridge;
use crate::pci::config::{self, *};
use crate::pci::function::register;
use crate::pci::msix::Msix;
use crate::pci::{Address, Function, bus};
use crate::platform::{PciWindow, platform};
use crate::serial::say;
use crate::virtio::{self, structures};

/// Compares what both ways say, by words of four bytes and, in the header, by smaller ones; the first difference.
fn compare(at: Address) -> Result<u32, String> {
    let differs = |register: u16, width: u32, one: u32, other: u32| {
        Err(format!("at={at} register={register:#x} width={width} ecam={one:#x} ports={other:#x}"))
    };
    for register in (0..256).step_by(4) {
        let (one, other) = (read32(at, register), ports_read32(at, register));
        if one != other {
            return differs(register, 4, one, other);
        }
        if register < 64 {
            for part in (register..register + 4).step_by(2) {
                let (one, other) = (read16(at, part), ports_read16(at, part));
                if one != other {
                    return differs(part, 2, one.into(), other.into());
                }
            }
            for part in register..register + 4 {
                let (one, other) = (read8(at, part), ports_read8(at, part));
                if one != other {
                    return differs(part, 1, one.into(), other.into());
                }
            }
        }
    }
    Ok(64)
}

fn list<T: core::fmt::LowerHex>(items: impl IntoIterator<Item = (T, u16)>) -> String {
    let items: Vec<String> = items.into_iter().map(|(id, offset)| format!("{id:x}@{offset:x}")).collect();
    if items.is_empty() { String::from("none") } else { items.join(",") }
}

fn describe(function: Function) {
    let (at, (vendor, device)) = (function.at, function.id());
    say!(
        "function at={at} vendor={vendor:#06x} device={device:#06x} class={:#08x} revision={} header={} command={:#x} \
         pin={} line={} gsi={} caps={} extended={}",
        function.class(),
        read8(at, register::CLASS),
        function.header(),
        read16(at, register::COMMAND),
        read8(at, register::INTERRUPT_PIN),
        read8(at, register::INTERRUPT_LINE),
        function.gsi().map_or(-1, i64::from),
        list(function.capabilities()),
        list(function.extended_capabilities()),
    );
    for bar in bars(function) {
        say!(
            "bar at={at} index={} kind={} address={:#x} size={:#x} prefetchable={}",
            bar.index,
            bar.kind,
            bar.address,
            bar.size,
            u8::from(bar.prefetchable)
        );
    }
    if function.header() == 1 {
        let bridge = Bridge::of(function);
        let (buses, io, memory, prefetch) = (bridge.buses(), bridge.io(), bridge.memory(), bridge.prefetch());
        say!(
            "bridge at={at} primary={} secondary={} subordinate={} io={:#x}:{:#x} memory={:#x}:{:#x} \
             prefetch={:#x}:{:#x}",
            buses.primary,
            buses.secondary,
            buses.subordinate,
            io.0,
            io.1,
            memory.0,
            memory.1,
            prefetch.0,
            prefetch.1
        );
    }
    if let Some(msix) = Msix::of(function) {
        let [table, pending] = msix.places();
        say!(
            "msix at={at} vectors={} table={}:{:#x} pending={}:{:#x} fits={}",
            msix.size(),
            table.0,
            table.1,
            pending.0,
            pending.1,
            u8::from(msix.fits())
        );
    }
    let structures = if vendor == virtio::VENDOR { structures(function) } else { Vec::new() };
    for structure in structures {
        say!(
            "structure at={at} kind={} bar={} offset={:#x} length={:#x}",
            structure.kind,
            structure.bar,
            structure.offset,
            structure.length
        );
    }
}

pub fn run() -> Outcome {
    for PciWindow { io, range: (first, last) } in &platform().pci_windows {
        say!("window kind={} first={first:#x} last={last:#x}", if *io { "io" } else { "memory" });
    }
    let base = config::ecam_base().ok_or("no ECAM")?;
    let functions = bus::functions();
    let mut compared = 0;
    for function in &functions {
        describe(*function);
        compared += compare(function.at)?;
    }
    // Where nothing is, both ways say so.
    let nowhere = Address { bus: 0xfe, device: 0x1e, function: 7 };
    let absent = (read32(nowhere, 0), ports_read32(nowhere, 0), read8(nowhere, 0x3d), ports_read16(nowhere, 0x2e));
    if absent != (!0, !0, !0, !0) {
        return Err(format!("at={nowhere} {absent:x?}"));
    }
    Ok(format!("functions={} ecam={base:#x} compared={compared}", functions.len()))
}
