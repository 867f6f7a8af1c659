//! BARs and bridge windows follow what the guest writes, with drivers at work.

use integration::machine::TestDisk;

use super::machine;

/// By messages and by pins: BARs with MSI-X tables move too.
const INTERRUPTS: [&str; 2] = ["", "intx "];

#[test]
fn every_bar_can_be_moved_switched_off_and_found_working_at_its_new_place() {
    for word in INTERRUPTS {
        let Some(machine) = machine(&format!("{word}bars blk=0,r:0:8:1,w:8:8:2,r:8:8:2 bars")) else { return };
        let (first, second) = (TestDisk::patterned(32, 1), TestDisk::patterned(32, 1));
        let mut guest = machine.disk("disk0", &first).disk("disk1", &second).start();
        let (bars, answer) = guest.lines_until("bar at", "ok bars");
        assert_eq!((answer.number("functions"), answer.number("swapped")), (3, 1));
        assert!(bars.len() >= 6, "{bars:?}");
        assert_eq!(guest.answer("blk").number("late"), 0);
        guest.answer("bars");
    }
}

#[test]
fn a_device_behind_a_root_port_is_reached_as_far_as_the_port_s_windows_and_buses_let_it() {
    for word in INTERRUPTS {
        let script = format!("{word}bridge blk=0,r:0:8:1,w:8:8:3,r:8:8:3 blk=1,r:0:8:2 bridge");
        let Some(machine) = machine(&script) else { return };
        let (first, second) = (TestDisk::patterned(32, 1), TestDisk::patterned(32, 2));
        let mut guest =
            machine.disk_behind_a_root_port("disk0", &first).disk_behind_a_root_port("disk1", &second).start();
        let answer = guest.answer("bridge");
        assert_eq!((answer.number("ports"), answer.number("devices")), (2, 2));
        for _ in 0..2 {
            assert_eq!(guest.answer("blk").number("late"), 0);
        }
        guest.answer("bridge");
    }
}

#[test]
fn eight_root_ports_share_a_slot_and_a_ninth_has_another() {
    let script: Vec<String> = (0..9).map(|index| format!("blk={index},r:0:8:{index}")).collect();
    let Some(mut machine) = machine(&format!("lspci {}", script.join(" "))) else { return };
    let disks: Vec<TestDisk> = (0..9).map(|index| TestDisk::patterned(8, index)).collect();
    for (index, disk) in disks.iter().enumerate() {
        machine = machine.disk_behind_a_root_port(&format!("disk{index}"), disk);
    }
    let mut guest = machine.start();
    let (bridges, _) = guest.lines_until("bridge ", "ok lspci");
    let places: Vec<&str> = bridges.iter().map(|bridge| bridge.value("at")).collect();
    let expected: Vec<String> = (0..8).map(|function| format!("00:02.{function}")).chain(["00:03.0".into()]).collect();
    assert_eq!(places, expected);
    for index in 0..9 {
        let answer = guest.answer("blk");
        assert_eq!((answer.number("disk"), answer.number("late")), (index, 0));
    }
}
