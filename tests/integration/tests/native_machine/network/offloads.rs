//! Checksums and segments that one end leaves to the other.

use integration::machine::{Guest, pattern};
use integration::namespace::{in_namespace, ip};

use super::far::Far;
use super::frames::{contents, hash};
use super::*;

/// Frames of the guest that are to be cut are, into so many bytes each.
const PART: u16 = 1000;

fn stop(guest: &Guest) {
    guest.handle.stop().unwrap();
    ip("link delete tap0");
    ip("link delete tap1");
}

#[test]
fn what_comes_is_as_unfinished_as_the_driver_takes_it() {
    // Features; of a segment of 60000 bytes: frames, those to be cut, those without their checksum, buffers of the longest.
    let cases = [
        (GUEST_CSUM | GUEST_TSO4 | MRG_RXBUF, [1, 1, 1, 40]),
        (GUEST_CSUM | GUEST_TSO4 | MRG_RXBUF | EVENT_IDX, [1, 1, 1, 40]),
        (GUEST_CSUM | GUEST_TSO4, [1, 1, 1, 1]),
        (GUEST_CSUM | MRG_RXBUF, [60, 0, 60, 1]),
        // Without checksums there is no segmentation either.
        (GUEST_TSO4 | MRG_RXBUF, [60, 0, 0, 1]),
        (EVENT_IDX, [60, 0, 0, 1]),
    ];
    in_namespace(|| {
        for scene in SCENES {
            for (features, expected) in cases {
                let Some(machine) = script(scene, features, 1, "take:500,take:60000") else { return };
                near("");
                let far = Far::new();
                let mut guest = machine.net("net0", MAC, "tap0").start();
                guest.line("netq ready");
                far.send(None, &pattern(0, 1, 3)[..500]);
                let datagram = step(&mut guest, "take:500");
                assert_eq!(datagram.number("partial"), u64::from(features & GUEST_CSUM != 0), "{features:#x}");
                assert_eq!(datagram.number("hash"), hash(&pattern(0, 1, 3)[..500]));
                let long = &pattern(0, 118, 4)[..60_000];
                far.send(Some(PART), long);
                let taken = step(&mut guest, "take:60000");
                let told = ["frames", "segmented", "partial", "buffers"].map(|key| taken.number(key));
                assert_eq!(told, expected, "{scene:?} {features:#x}: {taken:?}");
                assert_eq!(taken.number("hash"), hash(long), "{scene:?} {features:#x}");
                if features & GUEST_CSUM == 0 {
                    assert_eq!(taken.number("promised"), 0, "nothing is said of checksums that the driver checks");
                }
                guest.answer("netq");
                let received = guest.handle.net_statistics(&"net0".into()).unwrap().received();
                assert!(received.bytes >= 60_500 && received.dropped == 0, "{received:?}");
                stop(&guest);
            }
        }
    });
}

#[test]
fn what_the_guest_leaves_unfinished_the_host_finishes() {
    const FEATURES: u64 = CSUM | HOST_TSO4 | HOST_USO | MRG_RXBUF;
    in_namespace(|| {
        for scene in SCENES {
            for unfinished in [true, false] {
                near("");
                let far = Far::new();
                far.takes_unfinished(unfinished);
                let udp = if far.has_uso() { ",send:3:20000" } else { "" };
                let steps = format!("take:10,send:0:400,send:1:500,send:2:60000{udp}");
                let Some(machine) = script(scene, FEATURES, 1, &steps) else { return };
                let mut guest = machine.net("net0", MAC, "tap0").start();
                guest.line("netq ready");
                far.send(None, &[7; 10]);
                let mut expected = vec![(400, 1), (500, 1), (60_000, if unfinished { 1 } else { 60 })];
                if far.has_uso() {
                    expected.push((20_000, if unfinished { 1 } else { 20 }));
                }
                for (bytes, count) in expected {
                    let frames = far.receive(bytes);
                    assert_eq!(frames.len(), count, "{scene:?} {unfinished} {bytes}");
                    let parts: Vec<_> = frames.iter().filter_map(contents).collect();
                    let whole: Vec<u8> = parts.iter().flat_map(|(part, _)| part.to_vec()).collect();
                    assert!(whole == pattern(0, 118, 5)[..bytes], "{scene:?} {unfinished} {bytes}: other contents");
                    let finished = parts.iter().all(|(_, complete)| *complete);
                    assert!(finished || unfinished, "{scene:?} {bytes}: a checksum is not complete");
                }
                guest.answer("netq");
                let sent = guest.handle.net_statistics(&"net0".into()).unwrap().sent();
                assert_eq!((sent.frames, sent.dropped), (if far.has_uso() { 4 } else { 3 }, 0));
                stop(&guest);
            }
        }
    });
}
