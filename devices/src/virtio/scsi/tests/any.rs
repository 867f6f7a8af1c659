//! Arbitrary chains in the request queue and in the control queue.

use super::*;
use crate::virtio::testing::Snapshot;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct AnyRequest {
    lun: [u8; 8],
    cdb: Vec<u8>,
    /// Lengths of request, data out, response and data in.
    lengths: [u32; 4],
}

fn lun() -> impl Strategy<Value = [u8; 8]> {
    prop_oneof![8 => Just(UNIT), 1 => any::<[u8; 8]>(), 1 => Just([1, 0, 0, 1, 0, 0, 0, 0])]
}

fn cdb() -> impl Strategy<Value = Vec<u8>> {
    let code = prop::sample::select(vec![
        0x00u8, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x1a, 0x25, 0x28, 0x2a, 0x35, 0x41, 0x42, 0x55, 0x5a, 0x88, 0x8a, 0x93,
        0x9e, 0xa0, 0xff,
    ]);
    let byte = prop_oneof![6 => Just(0u8), 3 => 0u8..70, 1 => any::<u8>()];
    (code, prop::collection::vec(byte, 15)).prop_map(|(code, rest)| [&[code], &rest[..]].concat())
}

fn request() -> impl Strategy<Value = AnyRequest> {
    let length = |usual: u32| prop_oneof![6 => Just(usual), 1 => 0u32..200];
    let data = || prop_oneof![3 => Just(0u32), 3 => (0u32..8).prop_map(|blocks| blocks * 512), 1 => 0u32..3000];
    (lun(), cdb(), (length(REQUEST_LENGTH), data(), length(RESPONSE_LENGTH), data())).prop_map(
        |(lun, cdb, (request, out, response, room))| AnyRequest { lun, cdb, lengths: [request, out, response, room] },
    )
}

/// Whole requests, so that the parts of a chain are not empty.
fn parts([request, out, response, room]: [u32; 4]) -> Vec<(u64, u32, bool)> {
    let parts = [(REQUEST, request, false), (DATA, out, false), (RESPONSE, response, true), (0xa000, room, true)];
    parts.into_iter().filter(|(_, length, _)| *length > 0).collect()
}

proptest! {
    #[test]
    fn any_command_is_answered_or_breaks_its_queue_and_writes_into_its_buffers_only(
        requests in prop::collection::vec(request(), 1..4)
    ) {
        let (mut rig, file) = Rig::disk();
        for AnyRequest { lun, cdb, lengths } in requests {
            let driver = &mut rig.drivers[2];
            driver.fill(REQUEST, &[&lun[..], &[0; 11], &cdb].concat());
            let parts = parts(lengths);
            if parts.is_empty() {
                continue;
            }
            let before = driver.used_index();
            driver.offer(0, &parts);
            let broken = rig.interrupts[2].counts().1;
            let snapshot = Snapshot::take(&rig.drivers[2].memory);
            rig.process();
            let driver = &rig.drivers[2];
            let mut allowed: Vec<_> =
                parts.iter().filter(|part| part.2).map(|(address, length, _)| (*address, u64::from(*length))).collect();
            allowed.push(driver.used_ring());
            snapshot.check(&driver.memory, &allowed);
            let answered = driver.used_index().wrapping_sub(before);
            let breaks = rig.interrupts[2].counts().1;
            prop_assert!(breaks <= 1 && answered <= 1);
            prop_assert!(breaks == 1 || answered == 1, "neither answered nor broken");
            prop_assert!(broken == 0 || answered == 0, "a broken queue is silent");
            if answered == 1 {
                let room: u64 = allowed[..allowed.len() - 1].iter().map(|(_, length)| length).sum();
                prop_assert!(u64::from(driver.used(before).1) <= room);
            }
        }
        prop_assert_eq!(file.metadata().unwrap().len(), BLOCKS * 512);
    }

    #[test]
    fn any_control_request_is_answered_or_breaks_its_queue(
        request in prop::collection::vec(prop_oneof![4 => 0u8..9, 1 => any::<u8>()], 1..32), lun in lun(), room in 1u32..8
    ) {
        let (mut rig, _) = Rig::disk();
        let mut request = request;
        for (to, from) in request.iter_mut().skip(8).zip(lun) {
            *to = from;
        }
        let answer = rig.control(&request, room).unwrap();
        prop_assert!(!answer.is_empty() && answer.len() <= room as usize);
    }
}
