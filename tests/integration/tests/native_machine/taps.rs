//! TAP interfaces and descriptors that no machine can have: each is refused by name, with what to do.

use std::fs::File;
use std::os::fd::OwnedFd;

use integration::machine::TestMachine;
use integration::namespace::{in_namespace, ip};
use vmm::{Resource, open_tap};

fn refusal(name: &str) -> String {
    open_tap(name, 1).unwrap_err().to_string()
}

#[test]
fn an_interface_that_is_missing_is_not_made() {
    in_namespace(|| {
        let text = refusal("tap7");
        assert_eq!(text, "There is no interface tap7 here: make it with `ip tuntap add dev tap7 mode tap`");
        assert_eq!(refusal("tap7"), text, "it was not made");
    });
}

#[test]
fn an_interface_of_another_kind_is_refused_by_its_kind() {
    in_namespace(|| {
        ip("tuntap add dev tun0 mode tun");
        ip("tuntap add dev many0 mode tap multi_queue");
        assert!(
            refusal("tun0").starts_with("Interface tun0 is a TUN (which carries no Ethernet), not a TAP: make one")
        );
        assert!(refusal("many0").starts_with("Interface many0 is a TAP with several queues: make one without"));
        ip("tuntap add dev one0 mode tap");
        let text = open_tap("one0", 2).unwrap_err().to_string();
        assert_eq!(
            text,
            "Interface one0 is a TAP with one queue: make one with `ip tuntap add dev one0 mode tap multi_queue`"
        );
        assert_eq!(open_tap("many0", 3).unwrap().len(), 3);
        assert!(refusal("lo").starts_with("Interface lo is an interface without a driver's name, not a TAP"));
    });
}

#[test]
fn an_interface_is_used_once_and_is_there_afterwards() {
    in_namespace(|| {
        ip("tuntap add dev tap0 mode tap");
        let first = open_tap("tap0", 1).unwrap();
        assert!(refusal("tap0").starts_with("Interface tap0 is in use by another process, or twice by this one"));
        drop(first);
        drop(open_tap("tap0", 1).unwrap());
        ip("link delete tap0");
        assert!(refusal("tap0").starts_with("There is no interface tap0 here"));
    });
}

#[test]
fn names_that_no_interface_can_have_are_refused() {
    for name in ["", "a-very-long-name", "nul\0"] {
        assert!(refusal(name).ends_with("cannot be the name of an interface: give 1 to 15 characters"), "{name:?}");
    }
}

/// Why a machine with `network` cannot be built: the error and its causes.
fn build_error(network: Option<Resource>) -> String {
    let machine = TestMachine::new("");
    let machine = match network {
        Some(network) => machine.net_over("net0", "52:54:00:99:00:02", network),
        None => machine.configured(|config| {
            config.nets = serde_json::from_str(r#"[{"id": "net0", "mac": "52:54:00:99:00:02"}]"#).unwrap();
        }),
    };
    format!("{:#}", anyhow::Error::from(machine.try_build().unwrap_err()))
}

#[test]
fn a_descriptor_that_is_no_tap_is_refused() {
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    let text = build_error(Some(Resource::Tap(vec![null()])));
    assert!(text.contains("The descriptor of net0 is no TAP: open /dev/net/tun and attach it"), "{text}");
    let text = build_error(Some(Resource::File(null().into())));
    assert!(text.ends_with("The resource of net0 is of the wrong sort: it needs a TAP interface"), "{text}");
    let text = build_error(None);
    assert!(text.ends_with("net0 has no resource: it needs a TAP interface"), "{text}");
}

#[test]
fn a_device_has_a_descriptor_for_each_pair_of_queues_and_all_are_of_one_interface() {
    in_namespace(|| {
        ip("tuntap add dev many0 mode tap multi_queue");
        ip("tuntap add dev many1 mode tap multi_queue");
        let error = |fds, queues| {
            let machine = TestMachine::new("").net_over("net0", "52:54:00:99:00:02", Resource::Tap(fds));
            let machine = machine.configured(|config| config.nets[0].queues = queues);
            format!("{:#}", anyhow::Error::from(machine.try_build().unwrap_err()))
        };
        let text = error(open_tap("many0", 2).unwrap(), 3);
        assert!(text.contains("net0 has 3 queue pairs, but 2 descriptors: give one for each pair"), "{text}");
        let mut mixed = open_tap("many0", 2).unwrap();
        mixed.truncate(1);
        mixed.extend(open_tap("many1", 2).unwrap().pop());
        let text = error(mixed, 2);
        assert!(text.contains("is attached to another interface than its other descriptors"), "{text}");
    });
}

#[test]
fn a_descriptor_that_is_attached_to_nothing_is_refused() {
    in_namespace(|| {
        let tun = File::options().read(true).write(true).open("/dev/net/tun").unwrap();
        let text = build_error(Some(Resource::Tap(vec![tun.into()])));
        assert!(text.contains("The descriptor of net0 is no TAP"), "{text}");
    });
}
