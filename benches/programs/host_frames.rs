//! A plain program that moves frames from one TAP interface to another: what the guest's networks are compared with.
//!
//! It does what the test guest's `frames` does: sends into one interface, takes from the other, so many frames under way at
//! a time. At the end one line of JSON tells how long that took. It runs where `two_taps.sh` has made the interfaces.

#![forbid(unsafe_code)]

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};
use benches::io::taps::{self, frame};
use benches::io::{Figures, process_cpu_ns};
use clap::Parser;
use devices::backend::net::{NetBackend, Tap};

/// Moves frames from one TAP interface to the other, and tells how long that took.
#[derive(Parser)]
struct Options {
    /// Frames under way at a time.
    #[arg(long)]
    depth: usize,
    /// Frames.
    #[arg(long)]
    count: usize,
    /// Bytes of a frame.
    #[arg(long)]
    bytes: usize,
    /// A thread sends and another takes; else one does both.
    #[arg(long)]
    two_threads: bool,
}

fn main() -> Result<()> {
    let Options { depth, count, bytes, two_threads } = Options::parse();
    ensure!(depth > 0, "Nothing is ever under way");
    let (from, to) = taps::open_pair(bytes)?;
    taps::block(&to)?;
    let frame = frame(bytes);
    let (cpu, start) = (process_cpu_ns(), Instant::now());
    if two_threads { by_two(&from, &to, &frame, depth, count) } else { by_one(&from, &to, &frame, depth, count) }?;
    let ns = start.elapsed();
    Figures::from([("ns", ns.as_nanos() as f64), ("host CPU", process_cpu_ns() - cpu)]).print();
    Ok(())
}

/// Bytes for any frame.
const ROOM: usize = 1 << 17;

fn by_one(from: &Tap, to: &Tap, frame: &[u8], depth: usize, count: usize) -> Result<()> {
    let (mut sent, mut buffer) = (0, Vec::with_capacity(ROOM));
    for came in 0..count {
        while sent < count && sent - came < depth {
            from.send(0, frame)?;
            sent += 1;
        }
        take(to, &mut buffer, frame.len())?;
    }
    Ok(())
}

fn by_two(from: &Tap, to: &Tap, frame: &[u8], depth: usize, count: usize) -> Result<()> {
    thread::scope(|scope| {
        let (arrived, told) = sync_channel(depth);
        let taker = scope.spawn(move || -> Result<()> {
            let mut buffer = Vec::with_capacity(ROOM);
            for _ in 0..count {
                take(to, &mut buffer, frame.len())?;
                // Whoever sends has its last frames under way, or has failed.
                let _ = arrived.send(());
            }
            Ok(())
        });
        for sent in 0..count {
            if sent >= depth && told.recv().is_err() {
                break;
            }
            from.send(0, frame)?;
        }
        taker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Waits for a frame of `length` bytes with its header; the kernel says something of its own now and then.
fn take(tap: &Tap, buffer: &mut Vec<u8>, length: usize) -> Result<()> {
    loop {
        buffer.clear();
        tap.receive(0, buffer)?;
        if buffer.len() == length {
            return Ok(());
        }
    }
}
