//! Interrupts of timers and devices arrive, as many as there should be.

use integration::machine::TestDisk;

use super::SCENES;

#[test]
fn every_timer_interrupts() {
    for scene in SCENES {
        let Some(machine) = scene.script("timer") else { return };
        let mut guest = machine.start();
        let answer = guest.answer("timer");
        assert_eq!(answer.number("oneshot"), 5);
        assert!(answer.number("periodic") >= 5, "{answer:?}");
        assert_eq!(answer.value("deadline"), "5");
        assert!(answer.number("pit") >= 5, "{answer:?}");
    }
}

#[test]
fn every_request_of_a_disk_is_answered_by_an_interrupt() {
    for scene in SCENES {
        let Some(machine) = scene.script("blk=0,r:0:8,r:8:8,r:16:8,r:24:8") else { return };
        let disk = TestDisk::patterned(32, 0);
        let mut guest = machine.disk("disk0", &disk).start();
        let answer = guest.answer("blk");
        assert!(answer.number("interrupts") >= 4, "{answer:?}");
        assert_eq!(answer.number("late"), 0);
    }
}

#[test]
fn a_byte_for_the_serial_port_wakes_a_guest_that_waits_in_hlt() {
    for scene in SCENES {
        let Some(machine) = scene.script("wait") else { return };
        let mut guest = machine.start();
        guest.line("waiting");
        guest.send(b"w");
        assert_eq!(guest.answer("wait").number("byte"), u64::from(b'w'));
    }
}
