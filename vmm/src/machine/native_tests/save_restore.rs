//! State goes to bytes and into a new machine, which goes on where the old one stood.

use super::rig::{self, Rig};
use crate::config::{BoardConfig, NetConfig};
use crate::snapshot::{SavedMachine, format};
use crate::testing::{host_differences, long};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vm_memory::{Bytes, GuestMemoryRegion, MemoryRegionAddress};

const SECTORS: u64 = 8192;

/// Saves a paused machine, twice, and makes a new one of the bytes and of a copy of its memory.
pub(super) fn reincarnate(old: Rig, guest: &Path, disks: &[&Path]) -> Rig {
    let save = || format::encode(&old.machine.save(&old.blueprint).unwrap()).unwrap();
    let bytes = save();
    assert!(bytes == save(), "saving twice during one pause gave different bytes");
    let memory: Vec<Vec<u8>> = old
        .machine
        .ram
        .iter()
        .map(|region| {
            let mut copy = vec![0; usize::try_from(region.len()).unwrap()];
            region.read_slice(&mut copy, MemoryRegionAddress(0)).unwrap();
            copy
        })
        .collect();
    let config = old.blueprint.config.clone();
    let console = old.close();

    let saved = SavedMachine::of(format::decode(&bytes).unwrap());
    let new = Rig::new(guest, &config, disks, saved);
    for (region, copy) in new.machine.ram.iter().zip(&memory) {
        region.write_slice(copy, MemoryRegionAddress(0)).unwrap();
    }
    new.with_unread(console)
}

const MICROVM: BoardConfig = BoardConfig::Microvm { acpi: true };
const Q35: BoardConfig = BoardConfig::Q35 {};

fn disk_script_is_finished_in_a_new_machine(board: BoardConfig, words: &str) {
    let Some(guest) = rig::guest() else { return };
    let files = [tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap()];
    for file in &files {
        file.as_file().set_len(SECTORS * 512).unwrap();
    }
    let disks: Vec<&Path> = files.iter().map(tempfile::NamedTempFile::path).collect();
    let script = format!("{words} blkloop={}", long(2_000, 200));
    let mut rig = Rig::new(&guest, &rig::config(board, &script, 2), &disks, SavedMachine::default());
    rig.machine.start().unwrap();
    rig.expect("progress blkloop cpu=1");
    rig.machine.pause().unwrap();
    let mut rig = reincarnate(rig, &guest, &disks);
    rig.machine.start().unwrap();
    let line = rig.expect("ok blkloop");
    assert!(line.contains("cpus=2 disks=2") && line.contains("errors=0"), "{line}");
    rig.expect("done");
}

#[test]
fn a_guest_of_microvm_finishes_its_disk_script_in_a_new_machine() {
    disk_script_is_finished_in_a_new_machine(MICROVM, "");
}

#[test]
fn a_guest_of_q35_finishes_its_disk_script_in_a_new_machine() {
    disk_script_is_finished_in_a_new_machine(Q35, "");
}

#[test]
fn a_guest_of_q35_that_uses_pins_finishes_its_disk_script_in_a_new_machine() {
    disk_script_is_finished_in_a_new_machine(Q35, "intx");
}

fn network_and_its_cable_are_as_they_were_in_a_new_machine(board: BoardConfig, words: &str) {
    let Some(guest) = rig::guest() else { return };
    let mut config = rig::config(board.clone(), &format!("{words} net=0,echo:1,down,up,echo:2"), 0);
    let mac = "52:54:00:99:00:02".parse().unwrap();
    let root_port = board == Q35;
    config.nets.push(NetConfig { root_port, ..NetConfig::new("net0", mac) });
    let mut rig = Rig::new(&guest, &config, &[], SavedMachine::default());
    rig.machine.start().unwrap();
    rig.expect("net ready");
    rig.peers[0].echo(mac, b"before");
    rig.blueprint.nets[0].port.set_link_up(false);
    rig.expect("net step down");
    rig.machine.pause().unwrap();
    let mut rig = reincarnate(rig, &guest, &[]);
    let port = &rig.blueprint.nets[0].port;
    assert!(!port.is_link_up(), "the configuration's cable, not the one that was saved");
    rig.machine.start().unwrap();
    port.set_link_up(true);
    rig.expect("net step up");
    rig.peers[0].echo(mac, b"after it");
    rig.peers[0].echo(mac, b"and again.");
    let line = rig.expect("ok net");
    assert!(line.contains("echoed=3") && line.contains("changes=2"), "{line}");
}

#[test]
fn a_guest_of_microvm_goes_on_with_its_network_in_a_new_machine() {
    network_and_its_cable_are_as_they_were_in_a_new_machine(MICROVM, "");
}

#[test]
fn a_guest_of_q35_goes_on_with_its_network_behind_a_root_port_in_a_new_machine() {
    network_and_its_cable_are_as_they_were_in_a_new_machine(Q35, "");
}

#[test]
fn a_guest_of_q35_that_uses_pins_goes_on_with_its_network_in_a_new_machine() {
    network_and_its_cable_are_as_they_were_in_a_new_machine(Q35, "intx");
}

fn clocks_show_the_time_that_passed(board: BoardConfig) {
    let Some(guest) = rig::guest() else { return };
    let mut rig = Rig::new(&guest, &rig::config(board, "clocks=watch,2", 0), &[], SavedMachine::default());
    rig.machine.start().unwrap();
    rig.expect("clock watching");
    ask_the_time(&mut rig);
    rig.machine.pause().unwrap();
    let flags = rig.machine.clock.as_ref().unwrap().machine.flags;
    let expected = if host_differences::host_time_is_tsc() { host_differences::host().clock_flags } else { 0 };
    assert_eq!(flags, expected, "the clock of a machine that has run");
    let mut rig = reincarnate(rig, &guest, &[]);
    // The time that passes between saving and going on is what the clocks are judged by.
    std::thread::sleep(Duration::from_millis(1500));
    rig.machine.start().unwrap();
    ask_the_time(&mut rig);
    assert!(rig.expect("ok clocks").contains("backwards=0"));
}

#[test]
fn the_clocks_of_a_restored_guest_of_microvm_show_the_time_that_passed() {
    clocks_show_the_time_that_passed(MICROVM);
}

#[test]
fn the_clocks_of_a_restored_guest_of_q35_show_the_time_that_passed() {
    clocks_show_the_time_that_passed(Q35);
}

/// Asks the guest for its wall clocks: each must lie between the host's clock before and after, within 100 ms; the
/// RTC, which counts seconds, within 1 s more.
fn ask_the_time(rig: &mut Rig) {
    const TOLERANCE: u64 = 100_000_000;
    const SECOND: u64 = 1_000_000_000;
    let now = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    let before = now();
    rig.type_in("x");
    let answer = rig.expect("clock answer");
    let after = now();
    let value = |key: &str| -> u64 {
        let word = answer.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        word.unwrap_or_else(|| panic!("no {key} in {answer}")).parse().unwrap()
    };
    for key in ["wall_kvmclock_ns", "wall_tsc_ns"] {
        let time = value(key);
        assert!(
            (before - TOLERANCE..=after + TOLERANCE).contains(&time),
            "{key} is {time}, but the host's clock went from {before} to {after}"
        );
    }
    let rtc = value("wall_rtc_s") * SECOND;
    assert!((before - 2 * SECOND..=after + SECOND).contains(&rtc), "the RTC says {rtc}, the host {before} to {after}");
}
