//! `balloon=STEP[,STEP]...`: drives the balloon with the memory from 32 MiB on. README.md lists the steps.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::transport::Transport as _;

use super::{Outcome, required};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::{halt, read_physical, write_physical};
use crate::serial::say;
use crate::virtio::{self, Queues};
use crate::{pattern, timer};

/// VIRTIO_BALLOON_F_STATS_VQ, _DEFLATE_ON_OOM, _FREE_PAGE_HINT, _PAGE_REPORTING (VIRTIO 1.2 5.5.3).
const FEATURES: u64 = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5;
const INFLATE: usize = 0;
const DEFLATE: usize = 1;
const STATISTICS: usize = 2;
const REPORTING: usize = 4;
/// Where the memory begins, in MiB: behind everything of our own.
const START: u64 = 32;
const PAGE: u64 = 4096;
/// Pages in a list.
const LIST: usize = 256;

struct Balloon {
    queues: Queues,
}

fn pages(mib: u64) -> impl Iterator<Item = u64> {
    (START * 256..(START + mib) * 256).map(|page| page * PAGE)
}

impl Balloon {
    fn config(&self, offset: usize) -> Result<u32, String> {
        self.queues.transport.read_config_space(offset).map_err(|error| format!("configuration: {error}"))
    }

    fn lists(&mut self, queue: usize, mib: u64) -> Result<(), String> {
        let numbers: Vec<u32> = pages(mib).map(|address| (address / PAGE) as u32).collect();
        for list in numbers.chunks(LIST) {
            let bytes: Vec<u8> = list.iter().flat_map(|number| number.to_le_bytes()).collect();
            self.queues.give(queue, &bytes)?;
        }
        let actual = if queue == INFLATE { numbers.len() as u32 } else { 0 };
        self.queues.transport.write_config_space(4, actual).map_err(|error| format!("configuration: {error}"))
    }

    fn touch(mib: u64) {
        for address in pages(mib) {
            // SAFETY: RAM that nobody else uses.
            unsafe { write_physical(address, pattern::word(address, 0)) };
        }
    }

    /// Each page is empty, and can be used.
    fn verify(mib: u64) -> Result<(), String> {
        for address in pages(mib) {
            // SAFETY: RAM that nobody else uses.
            let found: u64 = unsafe { read_physical(address) };
            if found != 0 {
                return Err(format!("{found:#x} stands at {address:#x}"));
            }
        }
        Self::touch(mib);
        for address in pages(mib) {
            // SAFETY: as above.
            let found: u64 = unsafe { read_physical(address) };
            if found != pattern::word(address, 0) {
                return Err(format!("{found:#x} stands at {address:#x} after it was written"));
            }
        }
        Ok(())
    }

    /// Waits, by interrupts, until `done`.
    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> Result<bool, String>) -> Result<(), String> {
        let timeout = Timeout::after(PATIENCE_MS);
        while !done(self)? {
            if timeout.passed() {
                return Err(format!("{what} took too long"));
            }
            self.queues.interrupt.rearm();
            halt();
            self.queues.transport.ack_interrupt();
        }
        Ok(())
    }

    /// Answers `count` requests for statistics: free memory is the number of the answer, all memory 64 MiB.
    fn statistics(&mut self, count: u64) -> Result<(), String> {
        let mut buffer: &'static mut [u8] = alloc::vec![0; 20].leak();
        for number in 0..=count {
            let entries = [(4u16, number), (5u16, 64 << 20)];
            let bytes = entries.iter().flat_map(|(tag, value)| {
                let mut entry = Vec::from(tag.to_le_bytes());
                entry.extend(value.to_le_bytes());
                entry
            });
            buffer.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
            let mut posted = Some(self.queues.show(STATISTICS, buffer)?);
            if number == count {
                // It stays in the queue, for the next request.
                return Ok(());
            }
            let mut back = None;
            self.until("a request for statistics", |balloon| {
                if let Some(mine) = posted.take() {
                    match balloon.queues.take(STATISTICS, mine)? {
                        Ok((buffer, _)) => back = Some(buffer),
                        Err(mine) => posted = Some(mine),
                    }
                }
                Ok(back.is_some())
            })?;
            buffer = back.ok_or("no buffer")?;
        }
        Ok(())
    }

    fn report(&mut self, mib: u64) -> Result<(), String> {
        for part in START..START + mib {
            let start = core::ptr::with_exposed_provenance_mut::<u8>((part << 20) as usize);
            // SAFETY: RAM that nobody else uses; the device only takes it away.
            let range = unsafe { core::slice::from_raw_parts_mut(start, 1 << 20) };
            self.queues.lend(REPORTING, range)?;
        }
        Self::verify(mib)
    }

    fn step(&mut self, text: &str) -> Result<(), String> {
        let (name, argument) = text.split_once(':').unwrap_or((text, "0"));
        let number = required(argument)?;
        match name {
            "touch" => {
                Self::touch(number);
                Ok(())
            }
            "target" => self.until("the wish", |balloon| Ok(u64::from(balloon.config(0)?) == number * 256)),
            "inflate" => self.lists(INFLATE, number),
            "deflate" => {
                self.lists(DEFLATE, number)?;
                Self::verify(number)
            }
            "report" => self.report(number),
            "stats" => self.statistics(number),
            "hold" => super::console::wait().map(|_| ()),
            other => Err(format!("unknown step {other:?}")),
        }
    }
}

pub fn run(arguments: &str) -> Outcome {
    let device = virtio::devices(virtio::BALLOON).next().ok_or("no balloon")?;
    let (features, arguments) = match arguments.strip_prefix("features:").and_then(|text| text.split_once(',')) {
        Some((features, steps)) => (required(features)?, steps),
        None => (FEATURES, arguments),
    };
    let queues = if features & FEATURES == FEATURES { 5 } else { 2 };
    let mut balloon = Balloon { queues: Queues::open(&device, features, queues)? };
    timer::start_tick();
    say!("balloon ready");
    for text in arguments.split(',') {
        balloon.step(text).map_err(|error| format!("step={text} {error}"))?;
        say!("balloon step {text}");
    }
    Ok(format!(
        "target={} actual={} interrupts={}",
        balloon.config(0)?,
        balloon.config(4)?,
        balloon.queues.interrupt.count()
    ))
}
