//! Saved state: equal when nothing ran, refused when it is impossible.

use super::*;

fn parked(bench: &Bench) -> CoreState {
    assert_eq!(called(&bench.park()), 1);
    bench.core.save().unwrap().0
}

#[test]
fn a_device_that_runs_or_comes_home_is_not_saved() {
    let bench = Bench::new();
    assert!(matches!(bench.core.save(), Err(StateError::Running(_))), "not parked");
    bench.start();
    assert!(matches!(bench.core.save(), Err(StateError::Running(_))));
    bench.slow();
    bench.park();
    assert!(matches!(bench.core.save(), Err(StateError::Running(_))));
    bench.workers.deliver();
    assert_eq!(bench.core.save().unwrap().1.kind, "probe");
}

#[test]
fn a_running_device_goes_on_after_a_restore_where_it_stood() {
    let bench = Bench::new();
    let mut driver = bench.start();
    for _ in 0..3 {
        driver.offer(0, &[(0x4000, 1, true)]);
        bench.workers.process();
    }
    crate::virtio::VirtioInterrupt::config_changed(&*bench.shared().interrupts);
    let state = parked(&bench);
    assert_eq!((state.status, state.isr, state.generation, state.driver_features), (15, 3, 1, VERSION_1));
    let [first, second] = state.queues[..] else { unreachable!() };
    assert_eq!((first.next_avail, first.next_used, first.ready), (3, 3, true));
    assert_eq!(second, QueueConfig::new(4));

    let copy = Bench::with(Arc::clone(&bench.memory), Some(state.clone()), false).unwrap();
    assert_eq!(copy.core.save().unwrap().0, state, "before anything ran");
    assert_eq!((copy.notes(), copy.workers.running()), (vec!["activate [0] 100000000".into()], 0));
    copy.core.unpark();
    driver.offer(1, &[(0x4000, 1, true)]);
    copy.workers.process();
    assert_eq!((driver.used_index(), driver.used(3)), (4, (1, 0)));
    assert_eq!((copy.core.isr(), copy.core.config_generation()), (3, 1));
}

#[test]
fn a_device_in_the_middle_of_its_initialisation_is_restored_there() {
    let bench = Bench::new();
    bench.negotiate();
    bench.enable(1);
    bench.core.configure_queue(0, |queue| *queue = QueueConfig { size: 7, used: 3, ..*queue });
    let state = parked(&bench);
    let copy = Bench::with(Arc::clone(&bench.memory), Some(state.clone()), false).unwrap();
    assert_eq!((copy.core.save().unwrap().0, copy.notes().len()), (state, 0));
    copy.core.set_status(15);
    assert_eq!(copy.notes(), ["activate [1] 100000000"]);
}

#[test]
fn a_device_that_needs_a_reset_still_does_after_a_restore_and_is_not_activated() {
    let bench = Bench::new();
    let mut driver = bench.start();
    driver.offer(0, &[(0x8000, 1, true)]);
    bench.workers.process();
    let state = parked(&bench);
    assert_eq!(state.status, 0x4f);
    let copy = Bench::with(Arc::clone(&bench.memory), Some(state.clone()), false).unwrap();
    assert_eq!((copy.status(), copy.notes().len()), (0x4f, 0));
    assert_eq!(copy.core.save().unwrap().0, state);
    copy.core.unpark();
    copy.core.set_status(0);
    assert_eq!(copy.status(), 0);
}

#[test]
fn a_restore_fails_when_the_device_cannot_start_again() {
    let bench = Bench::new();
    bench.start();
    let state = parked(&bench);
    let failed = Bench::with(Arc::clone(&bench.memory), Some(state), true).map(|_| ());
    assert!(matches!(failed, Err(StateError::Host { .. })));
}

#[test]
fn a_state_that_breaks_a_rule_is_refused() {
    let bench = Bench::new();
    bench.start();
    let good = parked(&bench);
    let refused = |change: fn(&mut CoreState)| {
        let mut state = good.clone();
        change(&mut state);
        match Bench::with(ram(), Some(state), false) {
            Err(StateError::Invalid { reason, .. }) => reason,
            Err(error) => panic!("{error}"),
            Ok(_) => String::new(),
        }
    };
    assert_eq!(refused(|_| {}), "");
    assert_eq!(refused(|state| state.isr = 3), "");
    assert_eq!(refused(|state| state.queues[0].next_avail = 4), "");
    assert_eq!(refused(|state| state.queues[1].size = 3), "", "not enabled: the driver may still be writing it");
    assert_eq!(refused(|state| (state.status, state.queues[0].ready) = (0, false)), "");
    for change in [
        (|state| state.status = 0x10) as fn(&mut CoreState),
        |state| state.status = 7,
        |state| state.driver_features = 1,
        |state| state.driver_features |= 2,
        |state| state.isr = 4,
        |state| state.queues.truncate(1),
        |state| state.queues.push(QueueConfig::new(8)),
        |state| state.queues[0].size = 3,
        |state| state.queues[0].size = 16,
        |state| state.queues[0].used = 2,
        |state| state.queues[0].next_avail = 5,
        |state| state.queues[0].next_used = 1,
        |state| state.status = 3,
    ] {
        let reason = refused(change);
        assert!(!reason.is_empty());
    }
    assert_eq!(refused(|state| state.queues[0].next_avail = 5), "queue 0: 5 chains under way in a queue of 4");
}
