//! Which functions the guest finds, where, and by what.

use integration::machine::{Answer, TestDisk};

use super::machine;

/// What `lspci` printed, by the first word of each line.
struct Listing(Vec<Answer>);

impl Listing {
    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Answer> {
        self.0.iter().filter(move |line| line.line().split(' ').next() == Some(kind))
    }

    /// The functions' places and ids.
    fn functions(&self) -> Vec<(&str, u64, u64)> {
        let function = |line| (Answer::value(line, "at"), line.number("vendor"), line.number("device"));
        self.of("function").map(function).collect()
    }

    /// First and last address of each BAR that is memory.
    fn bars(&self) -> Vec<(u64, u64)> {
        let memory = self.of("bar").filter(|bar| bar.value("kind") != "io");
        memory.map(|bar| (bar.number("address"), bar.number("address") + bar.number("size") - 1)).collect()
    }
}

const INTEL: u64 = 0x8086;
const VIRTIO: u64 = 0x1af4;
const HOST_BRIDGE: u64 = 0x29c0;
const LPC: u64 = 0x2918;
const ENTROPY: u64 = 0x1044;
const BLOCK: u64 = 0x1042;

#[test]
fn the_fixed_hardware_and_configuration_space_are_where_acpi_says_and_nothing_else_describes_the_board() {
    let Some(machine) = machine("entry") else { return };
    let mut guest = machine.start();
    let board = guest.answer("entry");
    assert_eq!(board.value("board"), "acpi");
    assert_eq!(board.value("fixed"), "0x600,0x604,0x608,0x620");
    assert_eq!((board.number("sci"), board.number("blocks_agree")), (9, 1));
    assert_eq!(board.value("ecam"), "0xb0000000,0x0,0x0");
    assert_eq!(board.value("reset"), "io:0xcf9");
    for table in ["XSDT", "FACP", "DSDT", "APIC", "MCFG"] {
        assert!(board.value("tables").contains(table), "no {table}: {board:?}");
    }
}

#[test]
fn every_function_is_at_its_place_by_ecam_and_by_ports() {
    let Some(machine) = machine("lspci") else { return };
    let disks = [1, 2, 3].map(|_| TestDisk::empty(64));
    let mut guest = machine.disk("a", &disks[0]).disk_behind_a_root_port("b", &disks[1]).disk("c", &disks[2]).start();
    let (lines, answer) = guest.lines_until("", "ok lspci");
    let listing = Listing(lines);
    let [port] = listing.of("bridge").collect::<Vec<_>>()[..] else { panic!("{:?}", listing.0) };
    assert_eq!(
        (port.value("at"), port.number("primary"), port.number("secondary"), port.number("subordinate")),
        ("00:04.0", 0, 1, 1)
    );
    let mut functions = listing.functions();
    functions.retain(|(at, ..)| *at != "00:04.0");
    assert_eq!(
        functions,
        [
            ("00:00.0", INTEL, HOST_BRIDGE),
            ("00:01.0", VIRTIO, ENTROPY),
            ("00:02.0", VIRTIO, BLOCK),
            ("00:03.0", VIRTIO, BLOCK),
            ("01:00.0", VIRTIO, BLOCK),
            ("00:1f.0", INTEL, LPC),
        ]
    );
    assert_eq!(answer.number("functions"), 7);
    // Interrupt pins: 16 and the slot on bus 0, modulo 8.
    for line in listing.of("function").filter(|line| line.number("vendor") == VIRTIO) {
        let slot = match line.value("at") {
            "01:00.0" => 4,
            at => u64::from_str_radix(&at[3..5], 16).unwrap(),
        };
        assert_eq!((line.number("pin"), line.number("gsi")), (1, 16 + slot % 8), "{line:?}");
    }
    assert!(listing.of("msix").all(|line| line.number("fits") == 1), "{:?}", listing.0);
}

#[test]
fn every_bar_has_a_place_of_its_own_in_a_window_of_the_host_bridge() {
    for mib in [64, 3 << 10, 3584, 4 << 10, 6 << 10] {
        let Some(machine) = machine("lspci rng blk=0,r:0:8:1") else { return };
        let (near, far) = (TestDisk::patterned(8, 1), TestDisk::patterned(8, 2));
        let mut guest = machine.memory_mib(mib).disk("near", &near).disk_behind_a_root_port("far", &far).start();
        let (lines, _) = guest.lines_until("", "ok lspci");
        let listing = Listing(lines);
        let mut bars = listing.bars();
        bars.sort_unstable();
        assert!(bars.len() >= 3 && bars.is_sorted_by(|one, next| one.1 < next.0), "{bars:x?}");
        let windows = listing.of("window").filter(|window| window.value("kind") == "memory");
        let windows: Vec<(u64, u64)> = windows.map(|window| (window.number("first"), window.number("last"))).collect();
        for (first, last) in bars {
            assert!(windows.iter().any(|window| window.0 <= first && last <= window.1), "{first:x} in {windows:x?}");
            assert!(first.is_multiple_of(last - first + 1), "{first:x} is not aligned to its size");
        }
        guest.answer("rng");
        guest.answer("blk");
    }
}

#[test]
fn the_window_in_configuration_space_shows_what_the_bar_shows() {
    let Some(machine) = machine("window") else { return };
    let disk = TestDisk::empty(64);
    let mut guest = machine.disk("disk0", &disk).start();
    assert_eq!(guest.answer("window").number("functions"), 2);
}

#[test]
fn configuration_space_can_be_moved_and_switched_off() {
    let Some(machine) = machine("ecam lspci") else { return };
    let disk = TestDisk::empty(64);
    let mut guest = machine.disk_behind_a_root_port("disk0", &disk).start();
    assert_eq!(guest.answer("ecam").number("functions"), 5);
    assert_eq!(guest.answer("lspci").number("ecam"), 0xb000_0000);
}

#[test]
fn a_reset_puts_everything_back_to_its_place() {
    let Some(machine) = machine("lspci bars ecam wait reset=cf9") else { return };
    let disk = TestDisk::empty(64);
    let mut guest = machine.disk("disk0", &disk).start();
    let (first, _) = guest.lines_until("", "ok lspci");
    guest.line("waiting");
    guest.send(b"r");
    guest.line("hello");
    let (second, _) = guest.lines_until("", "ok lspci");
    let places = |lines: Vec<Answer>| Listing(lines).of("bar").map(|bar| bar.line().to_owned()).collect::<Vec<_>>();
    let (first, second) = (places(first), places(second));
    assert!(!first.is_empty());
    assert_eq!(first, second);
}
