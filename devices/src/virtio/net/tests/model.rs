//! Any chains and any frames against a naive model of what must come out.

use super::*;
use crate::virtio::testing::{NEXT, Snapshot, WRITE, descriptor, is_memory, ram};
use proptest::prelude::*;

/// Address, length, flags, next: a descriptor.
type Part = (u64, u32, u16, u16);
/// Ranges of memory.
type Ranges = Vec<(u64, u32)>;

fn part(writable: bool) -> impl Strategy<Value = Part> {
    let address = prop_oneof![8 => 0x4000u64..0x8000, 2 => 0xa000u64..0x10000, 1 => any::<u64>()];
    let length = prop_oneof![8 => 1u32..0x200, 4 => 1u32..20, 1 => 0u32..2, 1 => any::<u32>()];
    let usual = if writable { WRITE } else { 0 };
    let flags = prop_oneof![8 => Just(usual), 4 => Just(NEXT | usual), 1 => 0u16..8];
    (address, length, flags, 0u16..9)
}

fn heads() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(0u16..9, 1..6)
}

/// The readable and the writable ranges of the chain at `head`; `None` when it breaks a rule.
fn chain(parts: &[Part], head: u16) -> Option<(Ranges, Ranges)> {
    let (mut readable, mut writable) = (Ranges::new(), Ranges::new());
    let mut index = head;
    for _ in 0..64 {
        // The table has 64 entries, of which the last 56 are empty, which is against the rules.
        let (address, length, flags, next) = *parts.get(usize::from(index))?;
        if flags & 4 != 0 || length == 0 || !is_memory(address, length.into()) {
            return None;
        }
        match (flags & WRITE != 0, writable.is_empty()) {
            (true, _) => writable.push((address, length)),
            (false, true) => readable.push((address, length)),
            (false, false) => return None,
        }
        if flags & NEXT == 0 {
            return Some((readable, writable));
        }
        index = next;
    }
    None
}

fn total(ranges: &Ranges) -> usize {
    ranges.iter().map(|(_, length)| *length as usize).sum()
}

fn set_up(driver: &mut Driver, parts: &[Part], heads: &[u16]) {
    for (index, (address, length, flags, next)) in (0..).zip(parts) {
        driver.set(index, descriptor(*address, *length, *flags, *next));
    }
    heads.iter().for_each(|head| driver.make_available(*head));
}

proptest! {
    #[test]
    fn any_chains_get_the_frames_that_fit_or_break_the_queue(
        parts in prop::collection::vec(part(true), 8),
        heads in heads(),
        lengths in prop::collection::vec(14usize..600, 0..6),
        mergeable in any::<bool>(),
    ) {
        let frames = (0..).zip(&lengths).map(|(seed, length)| frame(seed, *length));
        let mut scene = receiver(ram(), FakeNetwork::new(frames), mergeable, None);
        set_up(&mut scene.driver, &parts, &heads);
        let before = Snapshot::take(&scene.driver.memory);
        prop_assert!(!scene.queue.process());

        let chains: Vec<_> = heads.iter().map(|head| chain(&parts, *head).map(|(_, writable)| writable)).collect();
        let (mut used, mut dropped, mut broken, mut position) = (Vec::new(), 0, false, 0);
        for length in &lengths {
            if position == chains.len() || broken {
                break;
            }
            let (mut room, mut next) = (0, position);
            while room < length + 12 && !broken {
                match chains.get(next).filter(|_| mergeable || next == position) {
                    Some(Some(ranges)) if total(ranges) >= 12 => room += total(ranges),
                    Some(_) => broken = true,
                    None => break,
                }
                next += 1;
            }
            if broken || room < length + 12 {
                dropped += 1;
                continue;
            }
            let mut left = length + 12;
            for index in position..next {
                let count = left.min(total(chains[index].as_ref().unwrap()));
                used.push((u32::from(heads[index]), count as u32));
                left -= count;
            }
            position = next;
        }
        let mut allowed = vec![scene.driver.used_ring()];
        allowed.extend(chains[..position].iter().flatten().flatten().map(|(start, length)| (*start, u64::from(*length))));
        before.check(&scene.driver.memory, &allowed);
        prop_assert_eq!(usize::from(scene.driver.used_index()), used.len());
        for (index, element) in (0..).zip(&used) {
            prop_assert_eq!(scene.driver.used(index), *element);
        }
        prop_assert_eq!(scene.statistics().receive_dropped, dropped);
        prop_assert_eq!(scene.interrupt.counts(), (u32::from(!broken && !used.is_empty()), u32::from(broken)));
    }

    #[test]
    fn frames_arrive_whole_and_in_order_however_buffers_are_cut(
        buffers in prop::collection::vec(prop::collection::vec(12u32..80, 1..4), 1..16),
        lengths in prop::collection::vec(14usize..200, 1..6),
    ) {
        let frames: Vec<_> = (0..).zip(&lengths).map(|(seed, length)| frame(seed, *length)).collect();
        let mut scene = receiver(ram(), FakeNetwork::new(frames.clone()), true, None);
        let mut address = 0x4000;
        let mut places = Vec::new();
        for (head, sizes) in (0..).step_by(4).zip(&buffers) {
            let parts: Vec<_> = sizes.iter().map(|size| {
                address += u64::from(*size) + 1;
                (address - u64::from(*size), *size, true)
            }).collect();
            scene.driver.offer(head, &parts);
            places.push(parts);
        }
        scene.queue.process();
        let mut bytes = Vec::new();
        for (index, parts) in (0..scene.driver.used_index()).zip(&places) {
            let all: Vec<u8> = parts.iter().flat_map(|(start, size, _)| scene.driver.bytes(*start, *size as usize)).collect();
            bytes.push(all[..scene.driver.used(index).1 as usize].to_vec());
        }
        let mut bytes = bytes.into_iter();
        let mut arrived = Vec::new();
        while let Some(mut whole) = bytes.next() {
            for _ in 1..u16::from_le_bytes([whole[10], whole[11]]) {
                whole.extend(bytes.next().unwrap());
            }
            arrived.push(whole.split_off(12));
        }
        let statistics = scene.statistics();
        prop_assert_eq!(statistics.received, arrived.len() as u64);
        let mut rest = frames.iter();
        prop_assert!(arrived.iter().all(|frame| rest.any(|next| next == frame)), "in order, some missing");
        let room: u32 = buffers.iter().flatten().sum();
        if lengths.iter().map(|length| length + 12 + 3 * 80).sum::<usize>() <= room as usize {
            prop_assert_eq!(arrived.len(), frames.len(), "none is lost while there is room");
        }
    }

    #[test]
    fn any_chain_is_sent_as_it_stands_in_memory_or_dropped_or_breaks_the_queue(
        parts in prop::collection::vec(part(false), 8),
        heads in heads(),
    ) {
        let mut scene = transmitter(ram(), FakeNetwork::new([]));
        scene.driver.fill(0x4000, &frame(1, 0x4000));
        scene.driver.fill(0xa000, &frame(2, 0x6000));
        set_up(&mut scene.driver, &parts, &heads);
        let before = Snapshot::take(&scene.driver.memory);
        prop_assert!(!scene.queue.process());

        let readable = |head: &u16| chain(&parts, *head).map(|(readable, _)| readable).filter(|ranges| total(ranges) >= 12);
        let chains: Vec<_> = heads.iter().map_while(readable).collect();
        let bytes = |ranges: &Ranges| -> Vec<u8> {
            ranges.iter().flat_map(|(start, length)| scene.driver.bytes(*start, *length as usize)).skip(12).collect()
        };
        let expected: Vec<_> = chains.iter().map(bytes).filter(|frame| (14..=65_557).contains(&frame.len())).collect();
        before.check(&scene.driver.memory, &[scene.driver.used_ring()]);
        prop_assert_eq!(usize::from(scene.driver.used_index()), chains.len());
        for (index, head) in (0..).zip(heads.iter().take(chains.len())) {
            prop_assert_eq!(scene.driver.used(index), (u32::from(*head), 0));
        }
        let broken = chains.len() < heads.len();
        prop_assert_eq!(scene.interrupt.counts(), (u32::from(!broken), u32::from(broken)));
        prop_assert_eq!(scene.statistics(), sent(expected.len() as u64, (chains.len() - expected.len()) as u64));
        prop_assert_eq!(scene.network.sent(), expected);
    }
}
