//! Features, queue configuration, configuration space, notifications.

use super::*;

#[test]
fn features_ok_needs_a_subset_of_the_offer_with_version_1() {
    for (low, high, accepted) in [
        (0, 1, true),
        (0b101, 1, true),
        (0, 0, false),
        (0b10, 1, false),
        (0, 3, false),
        (1 << 28 | 1 << 29, 1 | 1 << 8, true),
    ] {
        let bench = Bench::new();
        bench.core.set_status(3);
        bench.core.set_driver_features(0, low);
        bench.core.set_driver_features(1, high);
        bench.core.set_status(11);
        assert_eq!(bench.status(), if accepted { 11 } else { 3 }, "{low:#x} {high:#x}");
        assert_eq!(bench.core.driver_features(), u64::from(high) << 32 | u64::from(low));
    }
}

#[test]
fn features_are_written_by_halves_until_they_are_negotiated() {
    let bench = Bench::new();
    bench.core.set_driver_features(1, 7);
    bench.core.set_driver_features(0, 9);
    bench.core.set_driver_features(1, 1);
    bench.core.set_driver_features(0, 5);
    bench.core.set_driver_features(2, 0xffff);
    assert_eq!(bench.core.driver_features(), VERSION_1 | OFFERED);
    bench.core.set_status(11);
    bench.core.set_driver_features(0, 0);
    bench.core.set_driver_features(1, 0);
    assert_eq!(bench.core.driver_features(), VERSION_1 | OFFERED);
    let queues = 1 << 28 | 1 << 29 | RING_RESET;
    assert_eq!((bench.core.device_features(), bench.core.device_type()), (VERSION_1 | queues | OFFERED, 42));
}

#[test]
fn a_queue_is_configured_only_between_features_ok_and_driver_ok_and_not_once_enabled() {
    let bench = Bench::new();
    let change = |size| bench.core.configure_queue(0, |queue| queue.size = size);
    let size = || bench.core.queue(0).unwrap().size;
    assert_eq!(size(), 8);
    change(2);
    bench.core.enable_queue(0);
    assert_eq!(bench.core.queue(0), Some(QueueConfig::new(8)));
    bench.negotiate();
    change(2);
    assert_eq!(size(), 2);
    bench.enable(0);
    change(2);
    assert_eq!(size(), 4, "frozen");
    bench.core.disable_queue(0);
    assert!(!bench.core.queue(0).unwrap().ready);
    change(2);
    assert_eq!(size(), 2, "and free again");
    bench.core.set_status(15);
    change(4);
    assert_eq!(size(), 2, "the device runs");
}

#[test]
fn an_impossible_queue_stays_disabled() {
    let bench = Bench::new();
    bench.negotiate();
    let good = QueueConfig { ready: false, ..Driver::new(ram(), 4).config() };
    for (index, config, possible) in [
        (0, good, true),
        (0, QueueConfig { size: 8, ..good }, true),
        (1, QueueConfig { size: 8, ..good }, false),
        (0, QueueConfig { size: 16, ..good }, false),
        (0, QueueConfig { used: 0x3001, ..good }, false),
        (0, QueueConfig { descriptors: 0x8000, ..good }, false),
        (0, QueueConfig { available: 0x7ffe, ..good }, false),
    ] {
        bench.core.configure_queue(index, |queue| *queue = config);
        bench.core.enable_queue(index);
        assert_eq!(bench.core.queue(index), Some(QueueConfig { ready: possible, ..config }));
        bench.core.disable_queue(index);
    }
    bench.core.enable_queue(2);
    bench.core.disable_queue(2);
    assert_eq!((bench.core.queue(2), bench.core.queue_max_size(2)), (None, None));
    assert_eq!((bench.core.queue_max_size(0), bench.core.queue_max_size(1)), (Some(8), Some(4)));
}

#[test]
fn a_notification_raises_the_event_of_its_queue_only() {
    let bench = Bench::new();
    let [first, second] = bench.core.notifications() else { unreachable!() };
    bench.core.notify(1);
    bench.core.notify(2);
    bench.core.notify(u32::MAX);
    assert!(first.read().is_err());
    assert_eq!(second.read().unwrap(), 1);
}

#[test]
fn the_configuration_space_is_the_devices() {
    let bench = Bench::new();
    let mut data = [0; 2];
    bench.core.read_config(5, &mut data);
    assert_eq!(data, [5, 5]);
    bench.core.write_config(3, &[1, 2]);
    assert_eq!(bench.notes(), ["config 3 [1, 2]"]);
}

#[test]
fn a_configuration_change_counts_up_and_interrupts() {
    let bench = Bench::new();
    bench.start();
    let interrupts = &bench.shared().interrupts;
    crate::virtio::VirtioInterrupt::config_changed(&**interrupts);
    assert_eq!((bench.core.config_generation(), bench.core.isr(), bench.interrupts()), (1, ISR_CONFIG, (0, 1)));
    crate::virtio::VirtioInterrupt::used_buffers(&**interrupts, 0);
    assert_eq!((bench.core.config_generation(), bench.core.isr(), bench.interrupts()), (1, 3, (1, 0)));
    assert_eq!(bench.core.acknowledge(ISR_USED_BUFFERS), ISR_USED_BUFFERS);
    assert_eq!(bench.core.isr(), ISR_CONFIG);
    assert_eq!(bench.core.acknowledge(!0), ISR_CONFIG);
    assert_eq!((bench.core.isr(), bench.core.acknowledge(!0)), (0, 0));
    assert_eq!(*bench.lines.cleared.lock().unwrap(), [ISR_CONFIG, 0, 0], "the transport hears of it each time");
    bench.core.set_status(0);
    assert_eq!(bench.core.config_generation(), 1, "a reset does not let it repeat");
}

#[test]
fn a_configuration_change_interrupts_no_driver_that_is_not_ready() {
    let bench = Bench::new();
    let change = || crate::virtio::VirtioInterrupt::config_changed(&*bench.shared().interrupts);
    bench.negotiate();
    change();
    assert_eq!((bench.core.config_generation(), bench.core.isr(), bench.interrupts()), (1, 0, (0, 0)));
    bench.enable(0);
    bench.core.set_status(15);
    change();
    assert_eq!((bench.core.config_generation(), bench.core.isr(), bench.interrupts()), (2, ISR_CONFIG, (0, 1)));
    bench.core.set_status(0);
    change();
    assert_eq!((bench.core.config_generation(), bench.core.isr(), bench.interrupts()), (3, 0, (0, 0)));
}
