//! Arbitrary chains, one after the other, against a model of the request and of the disk.

use super::*;
use crate::virtio::testing::{NEXT, Snapshot, WRITE, descriptor, is_memory};

/// Address, length, flags, next.
type Fields = (u64, u32, u16, u16);

fn any_fields() -> impl Strategy<Value = Fields> {
    let address = prop_oneof![
        6 => (0u64..16).prop_map(|slot| DATA + slot * 512),
        2 => 0x4000u64..0x8000,
        2 => 0xa000u64..0x10000,
        1 => any::<u64>(),
    ];
    let length = prop_oneof![4 => Just(512u32), 3 => Just(1), 3 => Just(16), 2 => 1u32..1100, 1 => any::<u32>()];
    let flags =
        prop_oneof![4 => Just(NEXT), 4 => Just(NEXT | WRITE), 1 => Just(0), 4 => Just(WRITE), 1 => any::<u16>()];
    (address, length, flags, 0u16..9)
}

/// A request that is mostly right: header, some data, status; then a few fields are replaced.
fn any_table() -> impl Strategy<Value = Vec<Fields>> {
    let orderly = (prop::collection::vec(any_fields(), 0..6), any::<bool>()).prop_map(|(data, write)| {
        let flags = if write { NEXT | WRITE } else { NEXT };
        let mut table = vec![(HEADER, 16, NEXT, 1)];
        for (index, (address, length, ..)) in (2..).zip(data) {
            table.push((address, length, flags, index));
        }
        table.push((STATUS, 1, WRITE, 0));
        table.resize(8, (STATUS, 1, WRITE, 0));
        table
    });
    prop_oneof![3 => orderly, 1 => prop::collection::vec(any_fields(), 8)]
}

fn any_header() -> impl Strategy<Value = (u32, u64)> {
    let kind = prop_oneof![
        4 => Just(0u32), 4 => Just(1), 1 => Just(4), 1 => Just(8), 3 => Just(11), 3 => Just(13), 1 => any::<u32>(),
    ];
    (kind, prop_oneof![8 => 0..SECTORS + 2, 1 => any::<u64>()])
}

/// A range as a discard has it, mostly on the disk and with flags that there are.
fn any_range() -> impl Strategy<Value = Vec<u8>> {
    let sector = prop_oneof![6 => 0..SECTORS + 2, 1 => any::<u64>()];
    let sectors = prop_oneof![6 => 0u32..8, 1 => any::<u32>()];
    let flags = prop_oneof![4 => 0u32..2, 1 => any::<u32>()];
    (sector, sectors, flags).prop_map(|(sector, sectors, flags)| {
        [&sector.to_le_bytes()[..], &sectors.to_le_bytes(), &flags.to_le_bytes()].concat()
    })
}

/// What a walk of the chain gives: readable and writable ranges. `None`: it breaks a rule.
fn model(table: &[Fields]) -> Option<[Vec<(u64, u64)>; 2]> {
    let (mut readable, mut writable) = (Vec::new(), Vec::new());
    let mut index = 0;
    for _ in 0..16 {
        // Entries behind the table are all zeros, which is against the rules.
        let (address, length, flags, next) = *table.get(usize::from(index))?;
        if flags & 4 != 0 || length == 0 || !is_memory(address, length.into()) {
            return None;
        }
        match (flags & WRITE != 0, writable.is_empty()) {
            (true, _) => writable.push((address, length.into())),
            (false, true) => readable.push((address, length.into())),
            (false, false) => return None,
        }
        if flags & NEXT == 0 {
            return Some([readable, writable]);
        }
        index = next;
    }
    None
}

fn gather(driver: &Driver, ranges: &[(u64, u64)]) -> Vec<u8> {
    ranges.iter().flat_map(|(start, length)| driver.bytes(*start, *length as usize)).collect()
}

/// What a request must do to the disk and which data and status it must give, from the bytes the device may read.
fn answer(readable: &[u8], room: usize, disk: &mut [u8]) -> (Option<Vec<u8>>, u8) {
    let Some((header, data)) = readable.split_at_checked(16) else { return (None, 1) };
    let kind = u32::from_le_bytes(header[..4].try_into().unwrap());
    let sector = u64::from_le_bytes(header[8..].try_into().unwrap());
    let range = |length: usize| {
        let start = usize::try_from(sector).ok()?.checked_mul(512)?;
        let end = start.checked_add(length)?;
        (length.is_multiple_of(512) && end <= (SECTORS * 512) as usize).then_some(start..end)
    };
    match kind {
        0 if data.is_empty() => range(room).map_or((None, 1), |range| (Some(disk[range].to_vec()), 0)),
        1 if room == 0 => match range(data.len()) {
            Some(range) => {
                disk[range].copy_from_slice(data);
                (None, 0)
            }
            None => (None, 1),
        },
        4 => (None, 0),
        // What is freed reads zero from this file.
        11 | 13 if room == 0 && data.len() == 16 => {
            let start = u64::from_le_bytes(data[..8].try_into().unwrap());
            let sectors = u64::from(u32::from_le_bytes(data[8..12].try_into().unwrap()));
            let flags = u32::from_le_bytes(data[12..].try_into().unwrap());
            match start.checked_add(sectors) {
                Some(end) if end <= SECTORS && flags <= u32::from(kind == 13) => {
                    disk[(start * 512) as usize..(end * 512) as usize].fill(0);
                    (None, 0)
                }
                Some(end) if end <= SECTORS => (None, 2),
                _ => (None, 1),
            }
        }
        11 | 13 => (None, 1),
        8 if room == 20 => (Some(b"S-1234\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()), 0),
        0 | 1 | 8 => (None, 1),
        _ => (None, 2),
    }
}

proptest! {
    #[test]
    fn any_chain_does_what_the_model_does(requests in prop::collection::vec((any_table(), any_header(), any_range()), 1..3)) {
        let (machine, mut driver, file) = running(false);
        let mut disk = contents(SECTORS);
        let mut completed = 0;
        let mut broken = false;
        for (table, (kind, sector), range) in requests {
            header(&driver, kind, sector);
            for (index, byte) in (0..).zip(range) {
                driver.fill(DATA + index, &[byte]);
            }
            for (index, (address, length, flags, next)) in (0..).zip(&table) {
                driver.set(index, descriptor(*address, *length, *flags, *next));
            }
            driver.make_available(0);
            let ranges = model(&table).filter(|[_, writable]| !writable.is_empty() && !broken);
            let readable = ranges.as_ref().map(|[readable, _]| gather(&driver, readable));
            let before = Snapshot::take(&machine.memory);
            machine.workers.process();

            let mut allowed = vec![driver.used_ring()];
            if let (Some([_, writable]), Some(readable)) = (&ranges, readable) {
                allowed.extend(writable);
                let room = writable.iter().map(|(_, length)| *length as usize).sum::<usize>() - 1;
                let (data, status) = answer(&readable, room, &mut disk);
                let written = gather(&driver, writable);
                // Ranges may overlap, and then the later one wins: compare only where they do not.
                let mut sorted = writable.clone();
                sorted.sort_unstable();
                if sorted.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0) {
                    prop_assert_eq!(written[room], status);
                    if let Some(data) = &data {
                        prop_assert_eq!(&written[..room], &data[..]);
                    }
                }
                let length = match data {
                    Some(_) => room + 1,
                    None if room == 0 || status == 0 => room + 1,
                    None => 0,
                };
                prop_assert_eq!(driver.used(completed), (0, length as u32));
                completed += 1;
            } else {
                broken = true;
            }
            before.check(&machine.memory, &allowed);
            prop_assert_eq!(driver.used_index(), completed);
            prop_assert_eq!(machine.read(0x70), if broken { 0x4f } else { 15 });
            prop_assert!(on_disk(&file) == disk);
        }
    }
}
