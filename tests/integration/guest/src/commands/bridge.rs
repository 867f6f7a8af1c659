//! `bridge`: for each virtio function behind a root port, with its driver at work: windows closed and decoding of the
//! bridge off (its BARs read all ones), BARs outside the window, the window and the BARs elsewhere, another bus number.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Outcome;
use crate::pci::bar::{Bar, bars};
use crate::pci::bridge::{Bridge, Buses};
use crate::pci::config::{ports_read32, read32};
use crate::pci::function::command;
use crate::pci::places::Places;
use crate::pci::{Address, Function, bus};
use crate::serial::say;
use crate::virtio::Worker;

/// A window whose last address comes before its first.
const CLOSED: (u64, u64) = (0xfff0_0000, 0xf_ffff);
const MIB: u64 = 1 << 20;

fn absent(bars: &[Bar], addresses: &[u64], when: &str) -> Result<(), String> {
    for (bar, address) in bars.iter().zip(addresses) {
        let word = bar.peek(*address, 0);
        if word != !0 {
            return Err(format!("at={} bar={} {address:#x} {when}: {word:#x}", bar.function.at, bar.index));
        }
    }
    Ok(())
}

fn there(bars: &[Bar], addresses: &[u64]) -> Result<(), String> {
    for (bar, address) in bars.iter().zip(addresses) {
        if (0..4).all(|word| bar.peek(*address, word * 4) == !0) {
            return Err(format!("at={} bar={} {address:#x} reads all ones", bar.function.at, bar.index));
        }
    }
    Ok(())
}

/// Windows closed; decoding off; each opened again.
fn close(port: Function, worker: &mut Worker, bars: &[Bar], home: &[u64]) -> Result<(), String> {
    let bridge = Bridge::of(port);
    let (memory, prefetch) = (bridge.memory(), bridge.prefetch());
    bridge.set_memory(CLOSED);
    bridge.set_prefetch(CLOSED);
    absent(bars, home, "behind closed windows")?;
    bridge.set_memory(memory);
    bridge.set_prefetch(prefetch);
    there(bars, home)?;
    worker.work()?;
    port.command(0, command::MEMORY);
    absent(bars, home, "behind a bridge that does not decode")?;
    port.command(command::MEMORY, 0);
    there(bars, home)?;
    worker.work()
}

/// BARs outside the window are not reached; with the window moved over them they are.
fn relocate(
    port: Function,
    worker: &mut Worker,
    bars: &[Bar],
    home: &[u64],
    places: &mut Places,
) -> Result<(), String> {
    let bridge = Bridge::of(port);
    let (memory, prefetch) = (bridge.memory(), bridge.prefetch());
    let size: u64 = bars.iter().map(|bar| bar.size.max(4096)).sum::<u64>().next_power_of_two().max(MIB);
    let window = places.block(size)?;
    let (mut next, mut away) = (window, Vec::new());
    for bar in bars {
        let place = next.next_multiple_of(bar.size);
        bar.set(place);
        away.push(place);
        next = place + bar.size;
    }
    absent(bars, &away, "outside the window")?;
    absent(bars, home, "after the move")?;
    bridge.set_memory((window, window + size - 1));
    there(bars, &away)?;
    worker.work_at_new_place()?;
    // The window goes back first: the BARs are left outside.
    bridge.set_memory(memory);
    bridge.set_prefetch(prefetch);
    absent(bars, &away, "outside the window again")?;
    for (bar, address) in bars.iter().zip(home) {
        bar.set(*address);
    }
    there(bars, home)?;
    worker.work_at_new_place()
}

/// The device answers on the bus number that the bridge has, and on no other.
fn renumber(port: Function, worker: &mut Worker) -> Result<(), String> {
    let bridge = Bridge::of(port);
    let buses = bridge.buses();
    let other = Buses { secondary: 0x55, subordinate: 0x55, ..buses };
    let moved = Address { bus: other.secondary, ..worker.function.at };
    let id = read32(worker.function.at, 0);
    bridge.set_buses(other);
    let seen = [read32(worker.function.at, 0), ports_read32(worker.function.at, 0)];
    let there = [read32(moved, 0), ports_read32(moved, 0)];
    bridge.set_buses(buses);
    if (seen, there) != ([!0; 2], [id; 2]) {
        return Err(format!("at={} as bus {:#x}: {seen:x?} {there:x?}", worker.function.at, other.secondary));
    }
    worker.work()
}

pub fn run() -> Outcome {
    let ports: Vec<Function> = bus::functions().into_iter().filter(|function| function.header() == 1).collect();
    let (mut places, mut devices) = (Places::new(), 0);
    let mut workers = Worker::all()?;
    for worker in &mut workers {
        let behind = |port: &&Function| Bridge::of(**port).buses().secondary == worker.function.at.bus;
        let Some(port) = ports.iter().find(behind).copied() else { continue };
        port.command(command::MEMORY | command::MASTER, 0);
        let bars = bars(worker.function);
        let home: Vec<u64> = bars.iter().map(|bar| bar.address).collect();
        worker.work()?;
        close(port, worker, &bars, &home)?;
        relocate(port, worker, &bars, &home, &mut places)?;
        renumber(port, worker)?;
        say!("behind at={} port={} gsi={}", worker.function.at, port.at, worker.function.gsi().map_or(-1, i64::from));
        devices += 1;
    }
    Ok(format!("ports={} devices={devices}", ports.len()))
}
