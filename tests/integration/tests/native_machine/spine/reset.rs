//! Resets from every source: the machine begins again with the same disks and the same console.

use integration::machine::{Scene, TestDisk, long, pattern};
use vmm::{OnReboot, OnTripleFault, ResetSource, StopReason, VmEvent, VmState};

use super::{SCENES, machine};

/// All ways in which guests reset these machines.
fn sources() -> impl Iterator<Item = (Scene, &'static str, ResetSource)> {
    let of = |scene: Scene| scene.reset_sources().iter().map(move |(name, source)| (scene, *name, *source));
    SCENES.into_iter().flat_map(of)
}

/// FNV-1a with 64 bits, as the guest computes it.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn each_source_resets_the_machine_which_keeps_its_disks_and_console() {
    for (scene, name, source) in sources() {
        let Some(machine) = scene.script(&format!("smp blk=0,sum:0:16,w:0:16:3,f wait reset={name}")) else {
            return;
        };
        let disk = TestDisk::patterned(64, 1);
        let mut guest = machine.cpus(2).on_triple_fault(OnTripleFault::Reset).disk("disk0", &disk).start();
        for seed in [1, 3, 3] {
            guest.line("hello podvisor-guest");
            assert_eq!(guest.answer("smp").numbers("counters"), [10, 10]);
            assert_eq!(guest.answer("blk").number("sum"), fnv(&pattern(0, 16, seed)), "what the boot before left");
            guest.line("waiting");
            guest.send(b"r");
            guest.answer("wait");
        }
        guest.line("hello podvisor-guest");
        guest.handle.stop().unwrap();
        let reset = VmEvent::Reset { source };
        let expected = [VmEvent::Started, reset.clone(), reset.clone(), reset, VmEvent::Stopped(StopReason::Requested)];
        assert_eq!(guest.events_to_the_end(), expected);
        assert!(disk.sectors(16, 48) == pattern(16, 48, 1), "sectors that nobody wrote were changed");
    }
}

#[test]
fn a_reboot_ends_the_machine_where_its_owner_wants_that() {
    for (scene, name, source) in sources() {
        let Some(machine) = scene.script(&format!("reset={name}")) else { return };
        let mut guest = machine.on_reboot(OnReboot::Exit).on_triple_fault(OnTripleFault::Reset).start();
        assert_eq!(guest.stopped(), StopReason::Rebooted { source });
        assert_eq!(guest.console.count("hello "), 1);
    }
}

#[test]
fn the_owner_resets_a_running_machine_whatever_on_reboot_says() {
    let Some(machine) = machine("smp wait") else { return };
    let mut guest = machine.cpus(2).on_reboot(OnReboot::Exit).start();
    guest.line("waiting");
    guest.handle.reset().unwrap();
    assert_eq!(guest.handle.state(), VmState::Running);
    guest.line("hello podvisor-guest");
    guest.line("waiting");
    assert_eq!([guest.event(), guest.event()], [VmEvent::Started, VmEvent::Reset { source: ResetSource::Request }]);
}

#[test]
fn a_machine_that_is_reset_while_paused_stays_paused_at_its_first_instruction() {
    let Some(machine) = machine("wait") else { return };
    let mut guest = machine.start();
    guest.line("waiting");
    guest.handle.pause().unwrap();
    guest.handle.reset().unwrap();
    assert_eq!(guest.handle.state(), VmState::Paused);
    assert!(guest.console.is_silent(std::time::Duration::from_millis(300)), "a paused guest printed");
    guest.handle.resume().unwrap();
    guest.line("hello podvisor-guest");
    guest.line("waiting");
}

#[test]
fn a_guest_that_resets_in_a_loop_can_be_stopped_between_two_boots() {
    let Some(machine) = machine("reset=i8042") else { return };
    let mut guest = machine.memory_mib(16).start();
    // The first five resets cost nothing, then each waits for twice as long: 1.6 s before this boot's successor.
    let boots = long(10, 7);
    for _ in 0..boots {
        guest.line("begin reset");
    }
    guest.handle.stop().unwrap();
    let resets = guest.events_to_the_end().iter().filter(|event| matches!(event, VmEvent::Reset { .. })).count();
    assert_eq!(guest.stopped(), StopReason::Requested);
    // A slow host may get further before it is told to stop, which may come before the last reset.
    let begun = guest.console.count("begin reset");
    assert!(begun >= boots && (begun - 1..=begun).contains(&resets), "{resets} resets in {begun} boots");
}
