//! `bars`: moves every BAR of every virtio function on bus 0, with its driver at work: above 4 GiB, to another place below,
//! and back (then without switching decoding off). Each time the old place and a place that is not decoded read all
//! ones, and the new place shows what the old one showed. Then two functions change places, and one is put over another.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Outcome;
use crate::pci::bar::{Bar, Kind, bars};
use crate::pci::function::command;
use crate::pci::places::Places;
use crate::serial::say;
use crate::virtio::Worker;

const DECODE: u16 = command::IO | command::MEMORY;
/// What is compared of a BAR: common configuration or MSI-X entries, which reading does not change.
const WORDS: u64 = 8;

fn words(bar: &Bar, address: u64) -> Vec<u32> {
    (0..WORDS.min(bar.size / 4)).map(|word| bar.peek(address, word * 4)).collect()
}

fn check_absent(bar: &Bar, address: u64, when: &str) -> Result<(), String> {
    let found = words(bar, address);
    if found.iter().all(|word| *word == !0) {
        return Ok(());
    }
    Err(format!("at={} bar={} address={address:#x} {when}: {found:x?}", bar.function.at, bar.index))
}

fn check_there(bar: &Bar, address: u64, expected: &[u32]) -> Result<(), String> {
    let (found, current) = (words(bar, address), bar.current());
    if found == expected && current == address {
        return Ok(());
    }
    Err(format!(
        "at={} bar={} address={address:#x} register={current:#x} {found:x?} and not {expected:x?}",
        bar.function.at, bar.index
    ))
}

/// Moves a BAR with decoding off meanwhile.
fn move_quietly(bar: &Bar, target: u64) -> Result<(), String> {
    let old = bar.current();
    let content = words(bar, old);
    if content.iter().all(|word| *word == !0) {
        return Err(format!("at={} bar={} address={old:#x} is absent from the start", bar.function.at, bar.index));
    }
    bar.function.command(0, DECODE);
    check_absent(bar, old, "with decoding off")?;
    bar.set(target);
    check_absent(bar, target, "with decoding off")?;
    bar.function.command(DECODE, 0);
    check_there(bar, target, &content)?;
    check_absent(bar, old, "after the move")
}

/// Moves a BAR below 4 GiB while it is decoded.
fn move_at_once(bar: &Bar, target: u64) -> Result<(), String> {
    let old = bar.current();
    let content = words(bar, old);
    bar.set(target);
    check_there(bar, target, &content)?;
    check_absent(bar, old, "after a move at once")
}

/// All places of one function's BARs; how many moves that were.
fn tour(worker: &mut Worker, places: &mut Places) -> Result<u64, String> {
    let bars = bars(worker.function);
    let mut moves = 0;
    for bar in bars.iter().filter(|bar| bar.kind == Kind::Memory64) {
        move_quietly(bar, places.high(bar)?)?;
        moves += 1;
    }
    worker.work_at_new_place()?;
    let mut low = Vec::new();
    for bar in &bars {
        let place = places.low(bar)?;
        move_quietly(bar, place)?;
        low.push(place);
    }
    worker.work_at_new_place()?;
    for (bar, place) in bars.iter().zip(&low) {
        if bar.address >> 32 == 0 {
            move_at_once(bar, bar.address)?;
        } else {
            move_quietly(bar, bar.address)?;
        }
        say!("bar at={} index={} kind={} from={:#x} by={place:#x}", bar.function.at, bar.index, bar.kind, bar.address);
    }
    worker.work_at_new_place()?;
    Ok(moves + 2 * bars.len() as u64)
}

/// Two functions with BARs of the same sizes change places, and change back.
fn swap(one: &mut Worker, other: &mut Worker) -> Result<(), String> {
    let (mine, theirs) = (bars(one.function), bars(other.function));
    for back in [false, true] {
        one.function.command(0, DECODE);
        other.function.command(0, DECODE);
        for (mine, theirs) in mine.iter().zip(&theirs) {
            mine.set(if back { mine.address } else { theirs.address });
            theirs.set(if back { theirs.address } else { mine.address });
        }
        one.function.command(DECODE, 0);
        other.function.command(DECODE, 0);
        one.work_at_new_place()?;
        other.work_at_new_place()?;
    }
    Ok(())
}

/// `other` is put where `one` is: `one` stays until it goes elsewhere.
fn overlap(one: &mut Worker, other: &mut Worker, places: &mut Places) -> Result<(), String> {
    let (mine, theirs) = (bars(one.function), bars(other.function));
    for (mine, theirs) in mine.iter().zip(&theirs) {
        theirs.set(mine.address);
    }
    one.work_at_new_place()?;
    for bar in &mine {
        let place = places.low(bar)?;
        one.function.command(0, DECODE);
        bar.set(place);
        one.function.command(DECODE, 0);
    }
    one.work_at_new_place()?;
    other.work_at_new_place()?;
    for bar in theirs.iter().chain(&mine) {
        bar.set(bar.address);
    }
    one.work_at_new_place()?;
    other.work_at_new_place()
}

pub fn run() -> Outcome {
    let mut workers = Worker::all()?;
    workers.retain(|worker| worker.function.at.bus == 0);
    let (mut places, mut moves) = (Places::new(), 0);
    for worker in &mut workers {
        worker.work()?;
        moves += tour(worker, &mut places)?;
    }
    let functions = workers.len();
    let sizes = |worker: &Worker| bars(worker.function).iter().map(|bar| (bar.kind, bar.size)).collect::<Vec<_>>();
    let alike = |workers: &[Worker]| workers.len() > 1 && sizes(&workers[0]) == sizes(&workers[1]);
    let pair = alike(&workers);
    if let [one, other, ..] = &mut workers[..]
        && pair
    {
        swap(one, other)?;
        overlap(one, other, &mut places)?;
    }
    Ok(format!("functions={functions} moves={moves} swapped={}", u8::from(pair)))
}
