//! `depth=DISK:DEPTH:COUNT:BYTES:EVENT_IDX:RESETS[:POLL]`: reads COUNT times BYTES from all over a disk, DEPTH requests at a
//! time, completed by interrupts or, with POLL, found without, and counts what that took. RESETS times its queue is reset
//! with requests in flight, and they are made again; what is read must then have the pattern of seed 1. The line
//! `depth ready` says that the reads begin.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use virtio_drivers::transport::{DeviceStatus, Transport as _};

use super::{Outcome, required};
use crate::clock::{PATIENCE_MS, Timeout, cycles_to_ns};
use crate::cpu::tsc;
use crate::serial::say;
use crate::virtio::{self, Ring};
use crate::{pattern, timer};

const VERSION_1: u64 = 1 << 32;
const EVENT_IDX: u64 = 1 << 29;
const RING_RESET: u64 = 1 << 40;
const SECTOR: u64 = 512;
/// The N-th request is for the place N times this: on a disk of 2^K places it reads each once, and none beside the last.
const SPREAD: u64 = 0x9e37_79b1;
const WANTED: &str = "six or seven numbers are wanted";

/// What the device reads and writes of a request, besides the data (VIRTIO 1.2 5.2.6).
#[repr(C)]
struct Request {
    kind: u32,
    reserved: u32,
    sector: u64,
    status: u8,
}

pub fn run(arguments: &str) -> Outcome {
    let numbers: Vec<u64> = arguments.split(':').map(required).collect::<Result<_, _>>()?;
    let (&[index, depth, count, bytes, event_idx, resets], [] | [_]) = numbers.split_first_chunk().ok_or(WANTED)?
    else {
        return Err(String::from(WANTED));
    };
    let poll = numbers.get(6).is_some_and(|poll| *poll != 0);
    let device = virtio::devices(virtio::BLOCK).nth(index as usize).ok_or_else(|| format!("no disk {index}"))?;
    let (mut transport, interrupt) = device.open()?;
    let wanted = VERSION_1 | if event_idx != 0 { EVENT_IDX } else { 0 } | if resets != 0 { RING_RESET } else { 0 };
    virtio::negotiate(&mut transport, wanted)?;
    let sectors = transport.read_config_space::<u32>(0).map_err(|error| format!("{error}"))?;
    let places = u64::from(sectors) * SECTOR / bytes;

    let mut data = vec![0u64; (depth * bytes / 8) as usize];
    let mut requests: Vec<Request> =
        (0..depth).map(|_| Request { kind: 0, reserved: 0, sector: 0, status: 0xff }).collect();
    let (data, requests) = (data.as_mut_ptr(), requests.as_mut_ptr());
    let shapes: Vec<_> = (0..depth as usize)
        .map(|number| {
            let (data, request) = (data.wrapping_add(number * bytes as usize / 8), requests.wrapping_add(number));
            let header = request.expose_provenance() as u64;
            let place = core::mem::offset_of!(Request, status) as u64;
            vec![(header, 16, false), (data.expose_provenance() as u64, bytes as u32, true), (header + place, 1, true)]
        })
        .collect();
    let mut ring = Ring::new(&mut transport, 0, event_idx != 0, &shapes)?;
    transport.finish_init();
    timer::start_tick();
    say!("depth ready");

    let (before, start) = (interrupt.count(), tsc());
    let (mut begun, mut done, mut free) = (0, 0, (0..depth as u16).collect::<Vec<_>>());
    let mut reset = 0;
    let timeout = Timeout::after(PATIENCE_MS);
    while done < count {
        while begun < count
            && let Some(number) = free.pop()
        {
            // SAFETY: inside the vector, and the device does not have this one.
            unsafe {
                let request = requests.add(usize::from(number));
                (*request).sector = begun * SPREAD % places * (bytes / SECTOR);
                (*request).status = 0xff;
            }
            ring.add(number);
            begun += 1;
        }
        ring.announce(&mut transport);
        if reset < resets && done >= (reset + 1) * count / (resets + 1) {
            ring.reset(&mut transport)?;
            begun -= depth - free.len() as u64;
            free = (0..depth as u16).collect();
            reset += 1;
            continue;
        }
        while let Some(number) = ring.take() {
            // SAFETY: as above.
            let Request { sector, status, .. } =
                unsafe { requests.add(usize::from(number)).cast_const().read_volatile() };
            if status != 0 {
                return Err(format!("status={status}"));
            }
            if resets != 0 {
                let words = bytes as usize / 8;
                // SAFETY: as above.
                let read = unsafe { core::slice::from_raw_parts(data.add(usize::from(number) * words), words) };
                if pattern::first_difference(read, sector * SECTOR, 1).is_some() {
                    return Err(format!("sector={sector} is another"));
                }
            }
            free.push(number);
            done += 1;
        }
        if free.is_empty() || begun == count {
            let interrupt = (!poll).then_some(&interrupt);
            if done < count && !ring.wait(&mut transport, interrupt, &timeout) {
                return Err(format!("only {done} of {count} were done in time"));
            }
        }
    }
    let ns = cycles_to_ns(tsc() - start);
    let interrupts = interrupt.count() - before;
    transport.set_status(DeviceStatus::empty());
    Ok(format!("requests={done} resets={reset} notifications={} interrupts={interrupts} ns={ns}", ring.notifications))
}
