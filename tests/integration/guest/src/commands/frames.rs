//! `frames=DEPTH:COUNT:BYTES:POLL`: sends COUNT frames of BYTES bytes by network 0 and takes them by network 1, DEPTH under way
//! at a time, and counts what that took. Frames of more than 1514 bytes are TCP segments that nobody cuts on the way. What
//! came is told by interrupts or, with POLL, found without. The line `frames ready` says that they begin. The machine needs
//! 64 MiB.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use virtio_drivers::transport::Transport as _;

use super::{Outcome, required};
use crate::clock::{PATIENCE_MS, Timeout, cycles_to_ns};
use crate::cpu::tsc;
use crate::ethernet::Party;
use crate::interrupt::Interrupt;
use crate::segment::Kind;
use crate::serial::say;
use crate::timer;
use crate::virtio::{self, Ring, Transport};

const VERSION_1: u64 = 1 << 32;
const EVENT_IDX: u64 = 1 << 29;
/// Of who sends segments, and of who takes them (VIRTIO 1.2 5.1.3).
const HOST_SEGMENTS: u64 = 1 | 1 << 11;
const GUEST_SEGMENTS: u64 = 1 << 1 | 1 << 7;
/// Bytes before a frame.
const HEADER: u64 = 12;
/// The longest that is sent as it is.
const WHOLE: u64 = 1514;
/// What must fit into a buffer of who takes segments (VIRTIO 1.2 5.1.6.3.1).
const LONGEST: u64 = 65_562;
/// Buffers of who takes.
const BUFFERS: u64 = 64;
/// RAM that nobody else uses: the frame that is sent, and the buffers behind it.
const MEMORY: u64 = 32 << 20;

fn open(index: usize, features: u64) -> Result<(Transport, Interrupt, Party), String> {
    let device = virtio::devices(virtio::NETWORK).nth(index).ok_or_else(|| format!("no network {index}"))?;
    let (mut transport, interrupt) = device.open()?;
    virtio::negotiate(&mut transport, features | VERSION_1 | EVENT_IDX)?;
    let mac = transport.read_config_space(0).map_err(|error| format!("{error}"))?;
    Ok((transport, interrupt, Party { mac, ip: [10, 99, index as u8, 2], port: 7 }))
}

fn bytes(address: u64, count: u64) -> &'static mut [u8] {
    // SAFETY: RAM, mapped, that is used for nothing else; callers are done with the result before they ask again.
    unsafe { core::slice::from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(address as usize), count as usize) }
}

pub fn run(arguments: &str) -> Outcome {
    let numbers: Vec<u64> = arguments.split(':').map(required).collect::<Result<_, _>>()?;
    let [depth, count, length, poll] = numbers[..] else {
        return Err(String::from("four numbers are wanted"));
    };
    let segments = length > WHOLE;
    let (mut sender, _, from) = open(0, if segments { HOST_SEGMENTS } else { 0 })?;
    let (mut taker, interrupt, to) = open(1, if segments { GUEST_SEGMENTS } else { 0 })?;

    let kind = if segments { Kind::Tcp } else { Kind::Whole };
    // Ethernet, IPv4, and TCP or UDP.
    let headers = 34 + if segments { 20 } else { 8 };
    if length < headers || depth == 0 || depth > BUFFERS {
        return Err(String::from("such frames are not sent"));
    }
    let (header, frame) = bytes(MEMORY, HEADER + length).split_at_mut(HEADER as usize);
    let (head, body) = frame.split_at_mut(headers as usize);
    header.copy_from_slice(&kind.header());
    body.fill(0x5a);
    head.copy_from_slice(&kind.head(&from, &to, body));

    let room = HEADER + if segments { LONGEST } else { length };
    let place = |number: u64| MEMORY + (1 << 20) + number * room.next_multiple_of(4096);
    let shapes: Vec<_> = (0..depth).map(|_| vec![(MEMORY, (HEADER + length) as u32, false)]).collect();
    let mut out = Ring::new(&mut sender, 1, true, &shapes)?;
    let shapes: Vec<_> = (0..BUFFERS).map(|number| vec![(place(number), room as u32, true)]).collect();
    let mut into = Ring::new(&mut taker, 0, true, &shapes)?;
    sender.finish_init();
    taker.finish_init();
    (0..BUFFERS as u16).for_each(|number| into.add(number));
    into.announce(&mut taker);
    timer::start_tick();
    say!("frames ready");

    let (before, start) = (interrupt.count(), tsc());
    let waits_for = (poll == 0).then_some(&interrupt);
    let (mut sent, mut came, mut free) = (0, 0, (0..depth as u16).collect::<Vec<_>>());
    let timeout = Timeout::after(PATIENCE_MS);
    while came < count {
        free.extend(core::iter::from_fn(|| out.take()));
        while sent < count
            && sent - came < depth
            && let Some(number) = free.pop()
        {
            out.add(number);
            sent += 1;
        }
        out.announce(&mut sender);
        // A frame may be here before its sender knows that it has gone.
        let all_sent = sent == count || sent - came == depth;
        if all_sent && !into.wait(&mut taker, waits_for, &timeout) || timeout.passed() {
            return Err(format!("{came} of {count} frames came in time, {sent} were sent"));
        }
        while let Some(number) = into.take() {
            // Whoever else is on the way may say something, too.
            came += u64::from(*bytes(place(u64::from(number)) + HEADER + 6, 6) == from.mac);
            into.add(number);
        }
        into.announce(&mut taker);
    }
    let ns = cycles_to_ns(tsc() - start);
    let (interrupts, sent, taken) = (interrupt.count() - before, out.notifications, into.notifications);
    Ok(format!("frames={came} sent_notifications={sent} taken_notifications={taken} interrupts={interrupts} ns={ns}"))
}
