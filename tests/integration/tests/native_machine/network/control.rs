//! The control queue, the link and announcements at run time.

use integration::machine::pattern;
use integration::namespace::{in_namespace, ip};

use super::far::Far;
use super::*;

#[test]
fn the_driver_changes_its_address_and_its_offloads_at_run_time() {
    const FEATURES: u64 = CTRL_VQ | CTRL_MAC_ADDR | CTRL_GUEST_OFFLOADS | GUEST_CSUM | GUEST_TSO4 | MRG_RXBUF;
    const STEPS: &str = "take:20000,command:5:0:0000000000000000,take:20000,command:5:0:8200000000000000,take:20000,\
                         command:5:0:0001000000000000,command:1:1:020000000009,address,command:1:1:010000000009,command:9:9:";
    in_namespace(|| {
        for scene in SCENES {
            let Some(machine) = script(scene, FEATURES, 1, STEPS) else { return };
            near("");
            let far = Far::new();
            let mut guest = machine.net("net0", MAC, "tap0").start();
            guest.line("netq ready");
            let mut frames = || {
                far.send(Some(1000), &pattern(0, 40, 6)[..20_000]);
                let taken = step(&mut guest, "take:20000");
                let told = (taken.number("frames"), taken.number("partial"));
                (told, guest.line("netq step command:5:0:").number("answer"))
            };
            assert_eq!(frames(), ((1, 1), 0));
            assert_eq!(frames(), ((20, 0), 0), "nothing is left to the driver");
            assert_eq!(frames(), ((1, 1), 1), "as before; TSO6 was not negotiated");
            assert_eq!(step(&mut guest, "command:1:1:020000000009").number("answer"), 0);
            assert_eq!(step(&mut guest, "address").value("mac"), "[02:00:00:00:00:09]");
            assert_eq!(step(&mut guest, "command:1:1:010000000009").number("answer"), 1, "a group's");
            assert_eq!(step(&mut guest, "command:9:9:").number("answer"), 1);
            guest.answer("netq");
            guest.handle.stop().unwrap();
            ip("link delete tap0");
            ip("link delete tap1");
        }
    });
}

#[test]
fn the_driver_hears_of_its_link_and_announces_itself_when_asked() {
    const FEATURES: u64 = STATUS | CTRL_VQ | GUEST_ANNOUNCE;
    in_namespace(|| {
        for scene in SCENES {
            let net = "net0".into();
            let Some(machine) = script(scene, FEATURES, 1, "status:1,status:3,command:3:0:,status:1,status:0") else {
                return;
            };
            near("");
            let mut guest = machine.net("net0", MAC, "tap0").start();
            step(&mut guest, "status:1");
            assert!(guest.handle.announce(&net).unwrap());
            step(&mut guest, "status:3");
            assert_eq!(step(&mut guest, "command:3:0:").number("answer"), 0);
            step(&mut guest, "status:1");
            guest.handle.set_link_up(&net, false).unwrap();
            // By now that of the announcement, which its status may come before.
            assert!(step(&mut guest, "status:0").number("interrupts") > 0);
            guest.answer("netq");
            assert!(guest.handle.announce(&"net1".into()).is_err(), "there is no such network");
            guest.handle.stop().unwrap();

            let mut without = script(scene, STATUS, 1, "status:1,hold").unwrap().net("net0", MAC, "tap0").start();
            step(&mut without, "status:1");
            assert!(!without.handle.announce(&net).unwrap(), "this driver cannot be asked");
            without.handle.stop().unwrap();
            ip("link delete tap0");
        }
    });
}
