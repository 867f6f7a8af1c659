//! Messages (MSI-X) and shared lines (INTx): masked, moved, and never lost.

use integration::machine::{TestDisk, long, pattern};

use super::machine;

#[test]
fn messages_stay_pending_while_masked_and_go_where_the_table_says() {
    for (cpus, other) in [(1, "absent"), (2, "1")] {
        let Some(machine) = machine("msix blk=0,r:0:8:1 msix") else { return };
        let disk = TestDisk::patterned(8, 1);
        let mut guest = machine.cpus(cpus).disk("disk0", &disk).start();
        for _ in 0..2 {
            assert_eq!(guest.answer("msix").value("cpu1"), other);
        }
    }
}

#[test]
fn two_devices_on_one_line_complete_while_it_is_masked_and_neither_completion_is_lost() {
    let Some(machine) = machine("intx shared blk=0,r:0:8:1 blk=1,r:0:8:2 shared") else { return };
    let (first, second) = (TestDisk::patterned(8, 1), TestDisk::patterned(8, 2));
    // Two ports are functions of one slot: the pins of the devices behind them arrive at one line.
    let mut guest = machine.disk_behind_a_root_port("a", &first).disk_behind_a_root_port("b", &second).start();
    for _ in 0..2 {
        assert_eq!(guest.answer("shared").number("gsi"), 16 + 2);
    }
}

#[test]
fn devices_eight_slots_apart_share_a_line() {
    let Some(mut machine) = machine("intx shared") else { return };
    let disks: Vec<TestDisk> = (0..9).map(|index| TestDisk::patterned(8, index)).collect();
    for (index, disk) in disks.iter().enumerate() {
        machine = machine.disk(&format!("disk{index}"), disk);
    }
    let mut guest = machine.start();
    let answer = guest.answer("shared");
    assert_eq!((answer.value("disks"), answer.number("gsi")), ("0,8", 16 + 2));
}

#[test]
fn every_request_is_answered_by_an_interrupt_of_a_line_too() {
    let Some(machine) = machine("intx rng blk=0,r:0:8,r:8:8,r:16:8,r:24:8") else { return };
    let disk = TestDisk::patterned(32, 0);
    let mut guest = machine.disk("disk0", &disk).start();
    let answer = guest.answer("blk");
    assert!(answer.number("interrupts") >= 4, "{answer:?}");
    assert_eq!(answer.number("late"), 0);
}

#[test]
fn a_pause_loses_no_interrupt_of_a_line() {
    let rounds = long(400, 60);
    let Some(machine) = machine(&format!("intx blkloop={rounds}")) else { return };
    let (first, second) = (TestDisk::empty(256), TestDisk::empty(256));
    let mut guest = machine.cpus(2).disk("disk0", &first).disk("disk1", &second).start();
    for _ in 0..4 {
        guest.line("progress blkloop");
        guest.handle.pause().unwrap();
        guest.handle.resume().unwrap();
    }
    let answer = guest.answer("blkloop");
    assert_eq!((answer.number("cpus"), answer.number("errors"), answer.number("late")), (2, 0, 0));
    // The last round's 16 sectors, at one of eight places in turn (`blkloop` in the guest's README).
    let (round, sector) = (rounds - 1, (rounds - 1) % 8 * 16);
    for (cpu, disk) in [(0, &first), (1, &second)] {
        assert!(disk.sectors(sector, 16) == pattern(sector, 16, round * 2 + cpu), "cpu {cpu}");
    }
}
