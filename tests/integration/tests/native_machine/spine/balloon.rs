//! The balloon: memory goes back to the host, and comes again empty.

use std::fs;

use super::{SCENES, found_in_this_process};

const MIB: u64 = 1 << 20;

/// Bytes that this process has of the mappings of `mib` MiB that are guest memory: each page counts for who uses it
/// (Pss of proc(5)).
fn held(mib: u64) -> u64 {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut inside, mut bytes, mut found) = (false, 0, 0);
    for line in maps.lines() {
        let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
        if let Some((start, end)) = range {
            let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
            inside = end - start == mib * MIB;
            found += u64::from(inside);
        } else if let Some(kib) = line.strip_prefix("Pss:").filter(|_| inside) {
            bytes += kib.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024;
        }
    }
    assert_eq!(found, 1, "mappings of {mib} MiB");
    bytes
}

#[test]
fn what_the_guest_does_without_goes_back_to_the_host_and_comes_again_empty() {
    let _alone = found_in_this_process();
    for scene in SCENES {
        let script = "balloon=touch:32,hold,target:32,inflate:32,hold,deflate:32,hold,report:32,stats:2";
        // A size that no other mapping has.
        let Some(machine) = scene.script(script) else { return };
        let mut guest = machine.memory_mib(75).balloon().start();
        guest.line("waiting");
        let before = held(75);
        assert!(before >= 32 * MIB, "{before} bytes");
        assert!(guest.handle.set_balloon(76 * MIB).is_err(), "more than there is");
        guest.handle.set_balloon(32 * MIB).unwrap();
        guest.send(b"x");
        guest.line("balloon step inflate");
        guest.line("waiting");
        let after = held(75);
        // Some pages of other memory may have come meanwhile.
        assert!(before - after >= 31 * MIB, "{before} bytes, then {after}");
        let status = guest.handle.balloon().unwrap();
        assert_eq!((status.target, status.actual, status.inflated), (32 * MIB, 32 * MIB, 32 * MIB));
        guest.send(b"x");
        guest.line("balloon step deflate");
        guest.line("waiting");
        assert!(held(75) >= after + 31 * MIB, "the guest uses it again");
        assert_eq!(guest.handle.balloon().unwrap().actual, 0);
        guest.send(b"x");
        guest.line("balloon step report");
        for updates in 1..=2 {
            while guest.handle.balloon().unwrap().updates < updates {
                std::thread::yield_now();
            }
            assert_eq!(guest.handle.balloon().unwrap().guest.free, Some(updates - 1));
            guest.handle.request_balloon_statistics().unwrap();
        }
        assert!(guest.answer("balloon").number("interrupts") > 0);
        let status = guest.handle.balloon().unwrap();
        assert_eq!((status.reported, status.guest.total), (32 * MIB, Some(64 * MIB)));
    }
}

#[test]
fn a_driver_may_want_each_feature_of_the_balloon_or_none() {
    for scene in SCENES {
        // None; then statistics, deflation on demand, hints and reports, each alone.
        let all = [0, 1 << 1, 1 << 2, 1 << 3, 1 << 5];
        let script = all.map(|features| format!("balloon=features:{features},touch:4,inflate:4,deflate:4")).join(" ");
        let Some(machine) = scene.script(&script) else { return };
        let mut guest = machine.balloon().start();
        for _ in all {
            guest.line("balloon step inflate");
            guest.answer("balloon");
        }
    }
}

#[test]
fn what_a_balloon_is_not_to_do_is_not_offered() {
    for scene in SCENES {
        let Some(machine) = scene.script("balloon=features:0x24,touch:4 balloon=features:2,touch:4") else { return };
        let machine = machine.balloon().configured(|config| {
            let balloon = config.balloon.as_mut().unwrap();
            (balloon.deflate_on_oom, balloon.free_page_reporting) = (false, false);
        });
        let mut guest = machine.start();
        guest.line("fail balloon features 0x100000024 wanted");
        guest.answer("balloon");
    }
}
