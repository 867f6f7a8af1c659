//! Small devices and addresses: string I/O, absent devices, entropy.

use vmm::{GuestMarker, Rate};

use super::{SCENES, machine};

fn values(markers: &[GuestMarker]) -> String {
    markers.iter().map(|marker| char::from(marker.value)).collect()
}

#[test]
fn string_output_arrives_byte_by_byte_and_in_order() {
    let Some(machine) = machine("pio-string=0x80") else { return };
    let mut guest = machine.start();
    guest.answer("pio-string");
    assert_eq!(values(&guest.handle.boot_timeline().guest_markers), "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

#[test]
fn string_input_reads_one_port_again_and_again() {
    // The scratch register of the serial port keeps the last byte written.
    let Some(machine) = machine("pio-string=0x3ff,9") else { return };
    let mut guest = machine.start();
    assert_eq!(guest.answer("pio-string").value("insb"), "49".repeat(9));
}

#[test]
fn string_input_of_words_at_an_absent_port_reads_ones() {
    let Some(machine) = machine("pio-string=0x5000,8") else { return };
    let mut guest = machine.start();
    let answer = guest.answer("pio-string");
    assert_eq!(answer.value("insb"), "ff".repeat(8));
    assert_eq!(answer.value("insw"), "ffff".repeat(8));
}

#[test]
fn absent_addresses_read_all_ones_at_every_width() {
    let Some(machine) = machine("absent absent=0xfe000000,0x3e0") else { return };
    let mut guest = machine.start();
    for _ in 0..2 {
        let answer = guest.answer("absent");
        assert_eq!(answer.value("mmio"), "0xff,0xffff,0xffffffff,0xffffffffffffffff");
        assert_eq!(answer.value("pio"), "0xff,0xffff,0xffffffff");
    }
}

#[test]
fn the_entropy_device_never_gives_the_same_bytes() {
    let mut seen = Vec::new();
    for scene in SCENES {
        let Some(machine) = scene.script("rng") else { return };
        let mut guest = machine.start();
        let answer = guest.answer("rng");
        seen.extend(["first", "second"].map(|key| answer.value(key).to_owned()));
    }
    assert!(seen.iter().all(|bytes| bytes.len() == 64), "{seen:?}");
    assert!(seen.iter().all(|bytes| bytes.bytes().any(|digit| digit != b'0')), "{seen:?}");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 2 * SCENES.len(), "{seen:?}");
}

#[test]
fn entropy_with_a_limit_comes_no_faster_than_that_after_the_first_burst() {
    let limit = Rate { per_second: 64 * 1024, burst: 1024 };
    for scene in SCENES {
        let Some(machine) = scene.script("rng=17408") else { return };
        let mut guest = machine.configured(|config| config.rng.bytes = Some(limit)).start();
        let answer = guest.answer("rng");
        assert!(answer.number("bytes") >= 17408);
        // A quarter of a second by the host's clock; the guest's may be a little off.
        assert!(answer.number("ns") >= 248_000_000, "it took {} ns", answer.number("ns"));
    }
}
