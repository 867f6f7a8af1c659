//! `blkloop=N`: two CPUs (or one, if there is only one) write and verify N times each, on a disk of their own or, with
//! one disk, on halves of it under a lock. Long enough to be paused in the middle; says how far it is.

use alloc::format;
use alloc::string::String;
use core::sync::atomic::{AtomicU64, Ordering};

use super::{Outcome, required};
use crate::serial::say;
use crate::sync::SpinLock;
use crate::{disk, smp, timer};

/// Sectors of one write.
const SECTORS: u64 = 16;
/// Places of a CPU, written in turn.
const SLOTS: u64 = 8;

static ROUNDS: AtomicU64 = AtomicU64::new(0);
static PROBLEM: SpinLock<Option<String>> = SpinLock::new(None);

/// The disk of a CPU and its first sector there.
fn place(cpu: usize) -> (usize, u64) {
    if disk::count() > 1 { (cpu, 0) } else { (0, cpu as u64 * SLOTS * SECTORS) }
}

/// What is written in a round: so that no two rounds of any CPU are alike.
fn seed(cpu: usize, round: u64) -> u64 {
    round * 2 + cpu as u64
}

fn rounds(cpu: usize) -> Result<(), String> {
    let (index, base) = place(cpu);
    let total = ROUNDS.load(Ordering::SeqCst);
    let sector = |round: u64| base + round % SLOTS * SECTORS;
    for round in 0..total {
        disk::with(index, |disk| {
            disk.write(sector(round), SECTORS, seed(cpu, round))?;
            let earlier = round.saturating_sub(SLOTS - 1);
            disk.verify(sector(earlier), SECTORS, seed(cpu, earlier))
        })
        .map_err(|error| format!("cpu={cpu} round={round} {error}"))?;
        if (round + 1).is_multiple_of((total / 10).max(1)) {
            say!("progress blkloop cpu={cpu} round={}", round + 1);
        }
    }
    for round in total.saturating_sub(SLOTS)..total {
        disk::with(index, |disk| disk.verify(sector(round), SECTORS, seed(cpu, round)))
            .map_err(|error| format!("at the end: cpu={cpu} round={round} {error}"))?;
    }
    Ok(())
}

fn work(cpu: usize) {
    if cpu != 0 {
        timer::tick_here();
    }
    if let Err(error) = rounds(cpu) {
        *PROBLEM.lock() = Some(error);
    }
    if cpu != 0 {
        timer::stop();
    }
}

pub fn run(arguments: &str) -> Outcome {
    ROUNDS.store(required(arguments)?, Ordering::SeqCst);
    smp::start().map_err(|cpu| format!("CPU {cpu} did not start"))?;
    let (disks, cpus) = (disk::count().min(2), smp::count().min(2));
    let shared = disks < cpus;
    for index in 0..disks {
        disk::with(index, |disk| {
            // A shared disk's interrupt reaches one CPU, and either may wait.
            disk.by_interrupt = !shared;
            disk.interrupt.deliver_to(if shared { 0 } else { index.min(cpus - 1) });
            Ok(())
        })?;
    }
    if cpus > 1 {
        smp::run(1, work);
    }
    work(0);
    if cpus > 1 {
        smp::wait(1);
    }
    let (mut interrupts, mut late) = (0, 0);
    for index in 0..disks {
        disk::with(index, |disk| {
            disk.by_interrupt = true;
            disk.interrupt.deliver_to(0);
            interrupts += disk.interrupts();
            late += disk.late;
            disk.flush()
        })?;
    }
    if let Some(problem) = PROBLEM.lock().take() {
        return Err(problem);
    }
    Ok(format!("cpus={cpus} disks={disks} rounds={arguments} interrupts={interrupts} late={late} errors=0"))
}
