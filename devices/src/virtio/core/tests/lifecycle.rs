//! Activation, reset, disabling a queue, pause.

use super::*;
use crate::virtio::VirtioInterrupt;

#[test]
fn driver_ok_hands_out_a_handler_for_each_enabled_queue() {
    let bench = Bench::new();
    bench.negotiate();
    bench.enable(1);
    assert_eq!(bench.workers.running(), 0);
    bench.core.set_status(15);
    assert_eq!(bench.notes(), ["activate [1] 100000000"]);
    assert_eq!((bench.workers.running(), bench.status()), (1, 15));
    bench.core.set_status(15);
    assert_eq!(bench.notes(), [""; 0], "only once");
}

#[test]
fn a_running_queue_uses_chains_and_interrupts() {
    let bench = Bench::new();
    let mut driver = bench.start();
    driver.offer(0, &[(0x4000, 1, true)]);
    bench.workers.process();
    assert_eq!((driver.used_index(), bench.core.isr(), bench.interrupts()), (1, ISR_USED_BUFFERS, (1, 0)));
}

#[test]
fn a_broken_queue_sets_needs_reset_tells_the_driver_and_a_reset_repairs_it() {
    let bench = Bench::new();
    let mut driver = bench.start();
    driver.offer(0, &[(0x8000, 1, true)]);
    bench.workers.process();
    assert_eq!((bench.status(), bench.core.isr(), bench.interrupts()), (0x4f, ISR_CONFIG, (0, 1)));
    bench.core.set_status(0x4f);
    assert_eq!(bench.status(), 0x4f, "the driver cannot take it back");
    bench.core.set_status(0);
    assert_eq!((bench.status(), bench.core.isr()), (0, 0));
    Driver::clear(&bench.memory);
    let mut driver = bench.start();
    driver.offer(0, &[(0x4000, 1, true)]);
    bench.workers.process();
    assert_eq!((driver.used_index(), bench.status()), (1, 15));
}

#[test]
fn a_reset_reads_non_zero_until_the_handlers_are_home_and_never_waits() {
    let bench = Bench::new();
    bench.start();
    bench.notes();
    bench.slow();
    bench.core.set_status(0);
    assert_eq!((bench.status(), bench.notes().len()), (0x40, 0));
    assert_eq!(bench.core.queue(0), Some(QueueConfig::new(8)));
    assert_eq!(bench.core.driver_features(), 0);
    bench.core.set_status(0);
    assert!(bench.workers.deliver());
    assert_eq!((bench.status(), bench.workers.running()), (0, 0));
    assert_eq!(bench.notes(), ["reset"]);
    assert!(!bench.workers.deliver(), "asked back once");
}

#[test]
fn what_old_handlers_raise_on_their_way_home_is_gone_after_the_reset() {
    let bench = Bench::new();
    bench.start();
    bench.slow();
    bench.core.set_status(0);
    bench.shared().interrupts.used_buffers(0);
    bench.shared().interrupts.needs_reset(&std::fmt::Error);
    bench.lines.cleared.lock().unwrap().clear();
    bench.workers.deliver();
    assert_eq!((bench.status(), bench.core.isr()), (0, 0));
    assert_eq!(*bench.lines.cleared.lock().unwrap(), [0], "a line that they raised falls again");
}

#[test]
fn a_driver_that_does_not_wait_for_a_reset_is_served_when_it_is_done() {
    let bench = Bench::new();
    bench.start();
    bench.notes();
    bench.slow();
    bench.core.set_status(0);
    // Linux over MMIO: reads the status, adds its bit, writes it back.
    bench.core.set_status(bench.status() | 1);
    bench.core.set_status(bench.status() | 2);
    bench.core.set_driver_features(1, 1);
    bench.core.set_status(bench.status() | 8);
    bench.enable(1);
    bench.core.set_status(bench.status() | 4);
    assert_eq!((bench.status(), bench.notes().len()), (0x4f, 0));
    bench.workers.deliver();
    assert_eq!(bench.notes(), ["reset", "activate [1] 100000000"]);
    assert_eq!((bench.status(), bench.workers.running()), (15, 1));
}

#[test]
fn a_device_that_cannot_start_needs_a_reset_and_is_not_tried_again() {
    let bench = Bench::new();
    bench.fails.store(true, Ordering::Relaxed);
    bench.start();
    assert_eq!((bench.status(), bench.core.isr(), bench.interrupts()), (0x4f, ISR_CONFIG, (0, 1)));
    bench.core.set_status(15);
    bench.core.disable_queue(0);
    assert!(!bench.core.queue(0).unwrap().ready);
    assert_eq!(bench.notes().len(), 1);
    bench.fails.store(false, Ordering::Relaxed);
    bench.core.set_status(0);
    bench.start();
    assert_eq!((bench.status(), bench.workers.running()), (15, 1));
}

#[test]
fn a_running_queue_that_is_disabled_reads_enabled_until_its_handler_is_home() {
    let bench = Bench::new();
    bench.negotiate();
    bench.enable(0);
    bench.enable(1);
    bench.core.set_status(15);
    bench.slow();
    bench.core.disable_queue(0);
    bench.core.disable_queue(0);
    assert!(bench.core.queue(0).unwrap().ready);
    bench.workers.deliver();
    assert_eq!(bench.core.queue(0), Some(QueueConfig::new(8)));
    assert!(bench.core.queue(1).unwrap().ready);
    assert_eq!((bench.workers.running(), bench.status()), (1, 15), "the other queue runs on");
    assert!(!bench.workers.deliver());
}

#[test]
fn a_queue_is_reset_and_serves_again_while_the_others_run() {
    let bench = Bench::new();
    bench.core.set_status(3);
    bench.core.set_driver_features(1, 1 | 1 << 8);
    bench.core.set_status(11);
    bench.enable(1);
    bench.core.set_status(15);
    assert_eq!(bench.notes(), ["activate [1] 10100000000"]);
    bench.enable(0);
    assert_eq!((bench.notes(), bench.workers.running()), (vec!["activate [0] 10100000000".to_owned()], 2));

    bench.slow();
    bench.core.reset_queue(0);
    assert!(bench.core.is_queue_leaving(0) && !bench.core.is_queue_leaving(1));
    bench.core.enable_queue(0);
    bench.workers.deliver();
    assert_eq!((bench.core.queue(0), bench.core.is_queue_leaving(0)), (Some(QueueConfig::new(8)), false));
    assert_eq!((bench.workers.running(), bench.status()), (1, 15));

    // Enabled while the handlers are on their way: served when they are back.
    let done = bench.park();
    Driver::clear(&bench.memory);
    bench.enable(0);
    assert!(bench.notes().is_empty());
    bench.workers.deliver();
    assert_eq!((called(&done), bench.notes().len(), bench.workers.running()), (1, 1, 0));
    bench.core.unpark();
    let mut driver = Driver::new(Arc::clone(&bench.memory), 4);
    driver.offer(0, &[(0x4000, 1, true)]);
    bench.workers.process();
    assert_eq!((driver.used_index(), bench.workers.running()), (1, 2));
}

#[test]
fn a_queue_is_neither_reset_nor_enabled_late_by_a_driver_that_did_not_negotiate_it() {
    let bench = Bench::new();
    bench.start();
    bench.core.reset_queue(0);
    assert!(bench.core.queue(0).unwrap().ready);
    bench.core.enable_queue(1);
    assert_eq!((bench.core.queue(1).unwrap().ready, bench.workers.running()), (false, 1));
}

#[test]
fn a_late_queue_that_cannot_start_needs_a_reset() {
    let bench = Bench::new();
    bench.core.set_status(3);
    bench.core.set_driver_features(1, 1 | 1 << 8);
    bench.core.set_status(11);
    bench.core.set_status(15);
    bench.fails.store(true, Ordering::Relaxed);
    bench.enable(0);
    assert_eq!((bench.status(), bench.workers.running()), (0x4f, 0));
}

#[test]
fn a_parked_device_has_its_handlers_home_until_it_is_unparked() {
    let bench = Bench::new();
    let mut driver = bench.start();
    driver.offer(0, &[(0x4000, 1, true)]);
    bench.slow();
    let (first, second) = (bench.park(), bench.park());
    assert_eq!((called(&first), called(&second)), (0, 0));
    bench.workers.deliver();
    assert_eq!((called(&first), called(&second), bench.workers.running()), (1, 1, 0));
    assert_eq!(called(&bench.park()), 1, "already home");
    bench.core.unpark();
    assert_eq!(bench.workers.running(), 1);
    bench.workers.process();
    assert_eq!(driver.used_index(), 1);
    assert_eq!(bench.notes().len(), 1, "the device was activated once and never reset");
}

#[test]
fn a_device_that_is_parked_from_the_start_is_activated_but_not_run() {
    let bench = Bench::with(ram(), None, false).unwrap();
    bench.start();
    assert_eq!((bench.notes().len(), bench.workers.running()), (1, 0));
    bench.core.unpark();
    assert_eq!(bench.workers.running(), 1);
}

#[test]
fn a_device_that_does_not_run_is_parked_without_its_workers() {
    let bench = Bench::new();
    bench.slow();
    bench.negotiate();
    assert_eq!(called(&bench.park()), 1);
    bench.core.unpark();
    bench.core.set_status(0);
    assert_eq!((called(&bench.park()), bench.status()), (1, 0));
    assert!(!bench.workers.deliver());
}

#[test]
fn a_reset_while_parked_is_done_at_once() {
    let bench = Bench::new();
    bench.start();
    bench.park();
    bench.core.set_status(0);
    assert_eq!((bench.status(), bench.workers.running()), (0, 0));
    bench.core.unpark();
    assert_eq!(bench.workers.running(), 0);
    assert_eq!(bench.notes()[1..], ["reset"]);
}

#[test]
fn a_pause_during_a_reset_waits_for_it() {
    let bench = Bench::new();
    bench.start();
    bench.slow();
    bench.core.set_status(0);
    let done = bench.park();
    assert_eq!(called(&done), 0);
    bench.workers.deliver();
    assert_eq!((called(&done), bench.status()), (1, 0));
}

#[test]
fn a_reset_during_a_pause_still_leaves_the_device_parked() {
    let bench = Bench::new();
    bench.start();
    bench.slow();
    let done = bench.park();
    bench.core.set_status(0);
    bench.start();
    bench.workers.deliver();
    assert_eq!((called(&done), bench.workers.running(), bench.status()), (1, 0, 15));
    bench.core.unpark();
    assert_eq!(bench.workers.running(), 1);
}

#[test]
fn a_parked_device_stays_with_its_handlers_when_features_or_queues_are_read() {
    let bench = Bench::new();
    bench.start();
    bench.park();
    bench.core.set_status(15);
    assert_eq!((bench.workers.running(), bench.core.id().as_str()), (0, "probe0"));
}

#[test]
fn a_guest_that_breaks_its_queue_again_and_again_does_not_flood_the_log() {
    let bench = Bench::new();
    let lines = Arc::new(AtomicU32::new(0));
    tracing::subscriber::with_default(LineCounter(Arc::clone(&lines)), || {
        for _ in 0..100 {
            Driver::clear(&bench.memory);
            let mut driver = bench.start();
            driver.offer(0, &[(0x8000, 1, true)]);
            bench.workers.process();
            assert_eq!(bench.status(), 0x4f);
            bench.core.set_status(0);
        }
    });
    assert_eq!(called(&lines), 5);
}

/// Counts log lines.
struct LineCounter(Arc<AtomicU32>);

impl tracing::Subscriber for LineCounter {
    fn enabled(&self, _metadata: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _span: &tracing::span::Id, _values: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _span: &tracing::span::Id, _follows: &tracing::span::Id) {}

    fn event(&self, _event: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _span: &tracing::span::Id) {}

    fn exit(&self, _span: &tracing::span::Id) {}
}
