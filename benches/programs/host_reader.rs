//! The host's own reader of a file, by io_uring: what a disk of the guest is compared with.
//!
//! It reads what the test guest's `depth` reads: the same number, size and order of requests, as many at a time, each
//! submitted as soon as there is room. At the end one line of JSON tells how long that took.

// Buffers are lent to the kernel: see ARCHITECTURE.md.
#![deny(unsafe_op_in_unsafe_fn)]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use benches::io::{Figures, SPREAD, process_cpu_ns};
use clap::Parser;
use io_uring::{IoUring, opcode, types};

/// Bytes that direct reads begin at multiples of, in memory and in the file.
const BLOCK: usize = 4096;

/// Reads a file by io_uring, and tells how long that took.
#[derive(Parser)]
struct Options {
    /// The file.
    path: PathBuf,
    /// Requests at a time.
    #[arg(long)]
    depth: u32,
    /// Requests.
    #[arg(long)]
    count: u64,
    /// Bytes of a request, a multiple of 4096.
    #[arg(long)]
    bytes: u32,
    /// Past the page cache.
    #[arg(long)]
    direct: bool,
}

/// Memory that the kernel may write directly.
#[derive(Clone)]
#[repr(align(4096))]
struct Block {
    _bytes: [u8; BLOCK],
}

fn main() -> Result<()> {
    let Options { path, depth, count, bytes, direct } = Options::parse();
    let flags = if direct { rustix::fs::OFlags::DIRECT.bits() } else { 0 };
    let file = File::options().read(true).custom_flags(i32::try_from(flags)?).open(&path);
    let file = file.with_context(|| format!("Cannot open {}", path.display()))?;
    let size = u64::from(bytes);
    let places = file.metadata()?.len() / size;
    ensure!(places > 0, "The file is smaller than a request");
    let blocks = usize::try_from(bytes)? / BLOCK;
    ensure!(blocks * BLOCK == usize::try_from(bytes)?, "{bytes} is not a multiple of {BLOCK}");

    let mut ring = IoUring::new(depth.next_power_of_two()).context("The host allows no io_uring")?;
    ring.submitter().register_files(&[file.as_raw_fd()])?;
    let mut buffers = vec![vec![Block { _bytes: [0; BLOCK] }; blocks]; usize::try_from(depth)?];
    let mut free: Vec<usize> = (0..buffers.len()).collect();

    let (cpu, start) = (process_cpu_ns(), Instant::now());
    let (mut begun, mut done) = (0, 0);
    while done < count {
        while begun < count
            && let Some(number) = free.pop()
        {
            let buffer = buffers[number].as_mut_ptr().cast();
            let offset = begun * SPREAD % places * size;
            let read = opcode::Read::new(types::Fixed(0), buffer, bytes).offset(offset).build();
            // SAFETY: the buffer is as long as is said and is not touched before its number is free again; the buffers
            // outlive the ring's work, since nothing is under way when the loop ends, and an error ends the process.
            unsafe { ring.submission().push(&read.user_data(number as u64)) }.context("The ring is full")?;
            begun += 1;
        }
        ring.submit_and_wait(1)?;
        for entry in ring.completion() {
            ensure!(entry.result() == i32::try_from(bytes)?, "A read gave {}", entry.result());
            free.push(usize::try_from(entry.user_data())?);
            done += 1;
        }
    }
    let ns = start.elapsed();
    let cpu = process_cpu_ns() - cpu;
    Figures::from([("ns", ns.as_nanos() as f64), ("host CPU", cpu)]).print();
    // What the kernel has been lent stays until it has let go of all.
    drop(ring);
    drop(buffers);
    Ok(())
}
