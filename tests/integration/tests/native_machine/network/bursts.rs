//! What a frame costs beside its bytes: notifications, interrupts and exits.

use integration::machine::long;
use integration::namespace::{in_namespace, ip};

use super::queues::socket;
use super::*;

/// Frames that are sent one at a time, and so many at a time.
const FRAMES: u64 = 1600;
const DEPTH: u64 = 32;

#[test]
fn of_many_frames_that_are_sent_together_the_device_hears_once_and_the_driver_too() {
    // With VIRTIO_F_EVENT_IDX some 0.03 of a notification and of an interrupt for each frame.
    if long(false, true) {
        return integration::skip::skip("how many interrupts come depends on when an emulated host runs whom");
    }
    let steps = format!("take:10,hold,burst:1:{FRAMES},hold,burst:{DEPTH}:{FRAMES},hold");
    in_namespace(|| {
        for scene in SCENES {
            let Some(machine) = script(scene, EVENT_IDX | MRG_RXBUF, 1, &steps) else { return };
            near("");
            let mut guest = machine.net("net0", MAC, "tap0").start();
            guest.line("netq ready");
            assert_eq!(socket().send(&[7; 10]).unwrap(), 10);
            guest.line("waiting");
            for depth in [1, DEPTH] {
                let exits = |guest: &Guest| guest.handle.statistics().exits.iter().map(|cpu| cpu.total()).sum::<u64>();
                let before = exits(&guest);
                guest.send(b"x");
                let told = step(&mut guest, &format!("burst:{depth}:{FRAMES}"));
                guest.line("waiting");
                let costs = [told.number("notifications"), told.number("interrupts"), exits(&guest) - before];
                let [notifications, interrupts, exits] = costs;
                println!("{scene:?}, {depth} at a time: {costs:?}");
                assert!(notifications <= FRAMES, "{scene:?} {costs:?}");
                // The console's bytes are exits too.
                let few = [notifications, interrupts, exits.saturating_sub(300)].map(|cost| cost * 10 <= FRAMES);
                assert!(few == [true; 3] || depth == 1, "{scene:?} {costs:?}");
            }
            let statistics = guest.handle.net_statistics(&"net0".into()).unwrap();
            assert!(statistics.sent().frames >= 2 * FRAMES, "{statistics:?}");
            guest.handle.stop().unwrap();
            ip("link delete tap0");
        }
    });
}
