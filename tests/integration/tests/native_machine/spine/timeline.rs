//! The boot timeline.

use vmm::StartSource;

use super::machine;

#[test]
fn every_phase_of_a_start_is_noted_and_none_comes_before_the_one_before() {
    let Some(machine) = machine("mark=9") else { return };
    let mut guest = machine.build();
    let built = guest.handle.boot_timeline();
    assert_eq!(built.start_source, StartSource::Build);
    assert_eq!(built.first_kvm_run_ns, None);
    guest.handle.start().unwrap();
    guest.line("done");
    let timeline = guest.handle.boot_timeline();
    let phases = [
        Some(timeline.process_start_ns),
        timeline.kvm_ready_ns,
        timeline.memory_ready_ns,
        timeline.payload_loaded_ns,
        timeline.first_kvm_run_ns,
        timeline.first_console_output_ns,
        timeline.guest_markers.first().map(|marker| marker.at_ns),
    ];
    assert!(phases.iter().all(Option::is_some), "{timeline:?}");
    assert!(phases.is_sorted(), "{timeline:?}");
}

#[test]
fn a_marker_counts_once_and_the_first_start_only() {
    let Some(machine) = machine("mark=7 mark=3 mark=7 wait mark=5") else { return };
    let mut guest = machine.start();
    guest.line("waiting");
    let first = guest.handle.boot_timeline();
    let values: Vec<u8> = first.guest_markers.iter().map(|marker| marker.value).collect();
    assert_eq!(values, [7, 3]);
    assert!(first.guest_markers.is_sorted_by_key(|marker| marker.at_ns));
    guest.handle.reset().unwrap();
    guest.line("waiting");
    assert_eq!(guest.handle.boot_timeline(), first);
}

#[test]
fn no_guest_can_make_the_timeline_grow_without_bound() {
    let script: Vec<String> = (0..80).map(|value| format!("mark={value}")).collect();
    let Some(machine) = machine(&script.join(" ")) else { return };
    let mut guest = machine.start();
    guest.line("done");
    let values: Vec<u8> = guest.handle.boot_timeline().guest_markers.iter().map(|marker| marker.value).collect();
    assert_eq!(values, (0..64).collect::<Vec<u8>>());
}

#[test]
fn the_marker_port_can_be_another() {
    let Some(machine) = machine("mark=9 pio-string=0x90,2") else { return };
    let mut guest = machine.configured(|config| config.marker_port = 0x90).start();
    guest.line("done");
    let values: Vec<u8> = guest.handle.boot_timeline().guest_markers.iter().map(|marker| marker.value).collect();
    assert_eq!(values, *b"AB");
}
