//! Workers with handlers that only take notes.
#![allow(clippy::unwrap_used)]

use super::*;
use devices::virtio::QueueHandler;
use devices::worker::WorkerContext;
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Weak;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// Far longer than anything here takes: a test that runs into it has failed.
const DEADLINE: Duration = Duration::from_secs(120);

#[derive(Debug, PartialEq, Eq, Clone)]
enum Note {
    Processed(u16, rustix::thread::Pid),
    Drained(u16),
}

struct Noting {
    index: u16,
    event: Arc<EventFd>,
    notes: Sender<Note>,
    /// Says "more is left" as long as it can be upgraded.
    greedy: Weak<()>,
    /// What `drain` answers before it succeeds.
    stubborn: u32,
    /// Never read by `process`.
    completion: Option<Arc<OwnedFd>>,
    /// Asks for as many turns, by time.
    wakes: u32,
}

impl QueueHandler for Noting {
    fn index(&self) -> u16 {
        self.index
    }

    fn notification(&self) -> &EventFd {
        &self.event
    }

    fn completion(&self) -> Option<BorrowedFd<'_>> {
        self.completion.as_deref().map(AsFd::as_fd)
    }

    fn process(&mut self, worker: &mut WorkerContext) -> bool {
        if self.wakes > 0 {
            self.wakes -= 1;
            worker.wake_at(worker.now() + Duration::from_micros(100));
        }
        let more = self.greedy.upgrade().is_some();
        if !more {
            let _ = self.notes.send(Note::Processed(self.index, rustix::thread::gettid()));
        }
        more
    }

    fn drain(&mut self, _worker: &mut WorkerContext, deadline: Instant) -> bool {
        assert!(deadline > Instant::now());
        if self.stubborn > 0 {
            self.stubborn -= 1;
            return false;
        }
        let _ = self.notes.send(Note::Drained(self.index));
        true
    }

    fn state(&self) -> QueueState {
        unreachable!("workers do not ask for it")
    }
}

fn handler(index: u16) -> (Noting, Arc<EventFd>, Receiver<Note>) {
    let (notes, read) = channel();
    let event = Arc::new(EventFd::new(EFD_NONBLOCK).unwrap());
    (
        Noting {
            index,
            event: Arc::clone(&event),
            notes,
            greedy: Weak::new(),
            stubborn: 0,
            completion: None,
            wakes: 0,
        },
        event,
        read,
    )
}

fn workers(placements: &[(&str, Placement)]) -> Workers {
    workers_by(&IoThreadsConfig::default(), placements)
}

fn workers_by(config: &IoThreadsConfig, placements: &[(&str, Placement)]) -> Workers {
    let placements: Vec<_> = placements.iter().map(|(id, placement)| (DeviceId::from(*id), *placement)).collect();
    let workers = Workers::new(&Threads::unconfined(), &placements, config, &Arc::default(), &Arc::default()).unwrap();
    workers.run().unwrap();
    workers
}

fn processed(notes: &Receiver<Note>) -> rustix::thread::Pid {
    match notes.recv_timeout(DEADLINE).unwrap() {
        Note::Processed(_, thread) => thread,
        other => panic!("{other:?}"),
    }
}

fn stop(workers: &Workers, device: &str) -> Vec<Box<dyn QueueHandler>> {
    let (sender, receiver) = channel();
    workers.stop(&device.into(), Box::new(move |handlers| sender.send(handlers).unwrap()));
    receiver.recv_timeout(DEADLINE).unwrap()
}

#[test]
fn a_started_handler_is_processed_once_and_then_at_each_notification() {
    let workers = workers(&[("disk0", Placement::Dedicated)]);
    let (noting, event, notes) = handler(0);
    workers.start(&"disk0".into(), vec![Box::new(noting)]);
    let thread = processed(&notes);
    assert_ne!(thread, rustix::thread::gettid());
    for _ in 0..100 {
        event.write(1).unwrap();
        assert_eq!(processed(&notes), thread);
    }
    assert_eq!(stop(&workers, "disk0").len(), 1);
    assert_eq!(notes.try_recv(), Ok(Note::Drained(0)));
    assert!(notes.try_recv().is_err(), "nothing is processed without a reason");
}

#[test]
fn what_a_worker_is_given_before_its_thread_runs_is_served_when_it_does() {
    let placements = [("disk0".into(), Placement::Dedicated)];
    let config = IoThreadsConfig::default();
    let workers = Workers::new(&Threads::unconfined(), &placements, &config, &Arc::default(), &Arc::default()).unwrap();
    let (noting, event, notes) = handler(0);
    workers.start(&"disk0".into(), vec![Box::new(noting)]);
    event.write(1).unwrap();
    assert!(notes.try_recv().is_err());
    workers.run().unwrap();
    processed(&notes);
    workers.run().unwrap();
    assert_eq!(workers.hands().running.len(), 1, "a worker has one thread");
    assert_eq!(stop(&workers, "disk0").len(), 1);
}

#[test]
fn nobody_waits_for_a_worker_whose_thread_never_ran() {
    let placements = [("disk0".into(), Placement::Dedicated)];
    let config = IoThreadsConfig::default();
    let workers = Workers::new(&Threads::unconfined(), &placements, &config, &Arc::default(), &Arc::default()).unwrap();
    let (sender, receiver) = channel();
    workers.stop(&"disk0".into(), Box::new(move |handlers| sender.send(handlers.len()).unwrap()));
    assert!(receiver.try_recv().is_err());
    drop(workers);
    assert_eq!(receiver.recv_timeout(DEADLINE), Ok(0));
}

#[test]
fn a_stopped_handler_comes_back_drained_and_is_not_served_any_more() {
    let workers = workers(&[("disk0", Placement::Dedicated)]);
    let (mut noting, event, notes) = handler(3);
    noting.stubborn = 2;
    workers.start(&"disk0".into(), vec![Box::new(noting)]);
    processed(&notes);
    let handlers = stop(&workers, "disk0");
    assert_eq!(handlers.iter().map(|handler| handler.index()).collect::<Vec<_>>(), [3]);
    assert_eq!(notes.try_recv(), Ok(Note::Drained(3)));
    event.write(1).unwrap();
    assert!(stop(&workers, "disk0").is_empty(), "a device without handlers gets an empty list");
    assert!(notes.try_recv().is_err());
    // The notification that came meanwhile is not lost.
    workers.start(&"disk0".into(), handlers);
    processed(&notes);
}

#[test]
fn a_handler_that_always_has_more_to_do_leaves_others_their_turn() {
    let workers = workers(&[("rng0", Placement::Shared), ("rng1", Placement::Shared)]);
    let hunger = Arc::new(());
    let (mut greedy, _, greedy_notes) = handler(0);
    greedy.greedy = Arc::downgrade(&hunger);
    workers.start(&"rng0".into(), vec![Box::new(greedy)]);
    let (modest, event, notes) = handler(0);
    workers.start(&"rng1".into(), vec![Box::new(modest)]);
    let thread = processed(&notes);
    for _ in 0..10 {
        event.write(1).unwrap();
        processed(&notes);
    }
    drop(hunger);
    assert_eq!(processed(&greedy_notes), thread, "both are served by the shared worker");
}

#[test]
fn a_dedicated_worker_serves_one_device_and_sleeps_while_others_work() {
    let workers = workers(&[("disk0", Placement::Dedicated), ("disk1", Placement::Dedicated)]);
    let (idle, _, idle_notes) = handler(0);
    workers.start(&"disk0".into(), vec![Box::new(idle)]);
    let idle_thread = processed(&idle_notes);
    let (busy, event, notes) = handler(0);
    workers.start(&"disk1".into(), vec![Box::new(busy)]);
    assert_ne!(processed(&notes), idle_thread);

    let status = format!("/proc/self/task/{}/status", idle_thread.as_raw_nonzero());
    let field = |name| {
        let status = std::fs::read_to_string(&status).unwrap();
        status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
    };
    let start = Instant::now();
    while !field("State:").starts_with('S') {
        assert!(start.elapsed() < DEADLINE);
        std::thread::yield_now();
    }
    let wakeups = field("voluntary_ctxt_switches:");
    for _ in 0..1000 {
        event.write(1).unwrap();
        processed(&notes);
    }
    assert_eq!(field("voluntary_ctxt_switches:"), wakeups);
}

#[test]
fn a_handler_gets_its_turn_at_the_time_it_asked_for_and_no_other_after_it() {
    let workers = workers(&[("disk0", Placement::Dedicated)]);
    let (mut noting, _, notes) = handler(0);
    noting.wakes = 3;
    workers.start(&"disk0".into(), vec![Box::new(noting)]);
    for _ in 0..4 {
        processed(&notes);
    }
    assert_eq!(stop(&workers, "disk0").len(), 1);
    assert_eq!(notes.try_recv(), Ok(Note::Drained(0)));
}

/// Which thread serves each of `queues` queues of a device, whose handlers are then stopped.
fn threads_of(workers: &Workers, device: &str, queues: u16) -> Vec<rustix::thread::Pid> {
    let (handlers, notes): (Vec<_>, Vec<_>) = (0..queues)
        .map(|index| {
            let (noting, _, notes) = handler(index);
            (Box::new(noting) as Box<dyn QueueHandler>, notes)
        })
        .unzip();
    workers.start(&device.into(), handlers);
    let threads = notes.iter().map(processed).collect();
    let mut back: Vec<_> = stop(workers, device).iter().map(|handler| handler.index()).collect();
    back.sort_unstable();
    assert_eq!(back, (0..queues).collect::<Vec<_>>(), "all come back together");
    threads
}

fn pool_of_two(placements: &[(&str, Placement)]) -> Workers {
    let config = IoThreadsConfig { policy: IoThreadsPolicy::Pool, count: Some(2), ..IoThreadsConfig::default() };
    workers_by(&config, placements)
}

#[test]
fn a_pool_spreads_the_queues_of_busy_devices_and_leaves_the_slow_ones_together() {
    let (spread, dedicated) = (Placement::Spread, Placement::Dedicated);
    let workers =
        pool_of_two(&[("rng0", Placement::Shared), ("disk0", spread), ("disk1", spread), ("scsi0", dedicated)]);
    let first = threads_of(&workers, "disk0", 4);
    assert!(first[0] != first[1] && first[0] == first[2] && first[1] == first[3]);
    // The next device begins with the other one.
    assert_eq!(threads_of(&workers, "disk1", 2), [first[1], first[0]]);
    assert_eq!(threads_of(&workers, "scsi0", 3), [first[0]; 3], "queues that share their things have one worker");
    assert!(!first.contains(&threads_of(&workers, "rng0", 1)[0]));
    assert_eq!(workers.hands().running.len(), 3);
}

#[test]
fn a_queue_of_a_pool_moves_to_the_worker_that_has_the_least_to_serve_when_it_is_started_again() {
    let workers = pool_of_two(&[("disk0", Placement::Spread), ("disk1", Placement::Spread)]);
    let ((first, _, first_notes), (second, event, second_notes)) = (handler(0), handler(1));
    workers.start(&"disk0".into(), vec![Box::new(first), Box::new(second)]);
    let before = [processed(&first_notes), processed(&second_notes)];
    assert_ne!(before[0], before[1]);
    let mut handlers = stop(&workers, "disk0");
    handlers.sort_by_key(|handler| handler.index());
    assert_eq!(second_notes.recv_timeout(DEADLINE).unwrap(), Note::Drained(1));
    assert_eq!(first_notes.recv_timeout(DEADLINE).unwrap(), Note::Drained(0));
    // Somebody else comes first this time.
    let (other, _, other_notes) = handler(0);
    workers.start(&"disk1".into(), vec![Box::new(other)]);
    assert_eq!(processed(&other_notes), before[1]);
    workers.start(&"disk0".into(), handlers);
    assert_eq!([processed(&first_notes), processed(&second_notes)], [before[0]; 2]);
    for _ in 0..100 {
        event.write(1).unwrap();
        assert_eq!(processed(&second_notes), before[0]);
    }
}

#[test]
fn with_the_shared_policy_one_thread_serves_everything() {
    let config = IoThreadsConfig { policy: IoThreadsPolicy::Shared, ..IoThreadsConfig::default() };
    let workers = workers_by(&config, &[("rng0", Placement::Shared), ("disk0", Placement::Dedicated)]);
    assert_eq!(threads_of(&workers, "rng0", 1)[0], threads_of(&workers, "disk0", 3)[2]);
    assert_eq!(workers.hands().running.len(), 1);
}

#[test]
fn a_completion_that_stays_readable_wakes_its_worker_once_for_each_event() {
    let workers = workers(&[("net0", Placement::Dedicated)]);
    let (mut noting, event, notes) = handler(0);
    let completion = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
    noting.completion = Some(Arc::clone(&completion));
    workers.start(&"net0".into(), vec![Box::new(noting)]);
    processed(&notes);
    for _ in 0..10 {
        rustix::io::write(&completion, &1u64.to_ne_bytes()).unwrap();
        processed(&notes);
        event.write(1).unwrap();
        processed(&notes);
    }
    assert_eq!(stop(&workers, "net0").len(), 1);
    assert_eq!(notes.try_recv(), Ok(Note::Drained(0)), "what stays readable is nothing new");
    let mut count = [0; 8];
    rustix::io::read(&completion, &mut count).unwrap();
    assert_eq!(u64::from_ne_bytes(count), 10, "nobody has read it");
}

#[test]
fn handlers_can_be_started_again_from_the_callback_that_hands_them_back() {
    let workers = Arc::new(workers(&[("disk0", Placement::Dedicated)]));
    let (noting, event, notes) = handler(0);
    workers.start(&"disk0".into(), vec![Box::new(noting)]);
    processed(&notes);
    let again = Arc::downgrade(&workers);
    workers.stop(&"disk0".into(), Box::new(move |handlers| again.upgrade().unwrap().start(&"disk0".into(), handlers)));
    assert_eq!(notes.recv_timeout(DEADLINE).unwrap(), Note::Drained(0));
    processed(&notes);
    event.write(1).unwrap();
    processed(&notes);
}

#[test]
fn dropping_the_workers_ends_their_threads_and_drops_their_handlers() {
    let workers = workers(&[("disk0", Placement::Dedicated), ("rng0", Placement::Shared)]);
    let (noting, event, notes) = handler(0);
    workers.start(&"disk0".into(), vec![Box::new(noting)]);
    processed(&notes);
    drop(workers);
    assert_eq!(notes.recv_timeout(DEADLINE).unwrap(), Note::Drained(0), "what is in flight is finished");
    assert!(notes.recv().is_err(), "the handler is gone");
    assert_eq!(Arc::strong_count(&event), 1);
}

#[test]
fn nobody_waits_for_a_worker_that_has_ended() {
    let workers = workers(&[("disk0", Placement::Dedicated)]);
    workers.join();
    assert!(stop(&workers, "disk0").is_empty());
    assert!(stop(&workers, "unknown").is_empty());
    let (noting, _, notes) = handler(0);
    workers.start(&"disk0".into(), vec![Box::new(noting)]);
    assert!(notes.recv_timeout(DEADLINE).is_err(), "the handler is dropped, not processed");
}

#[test]
fn the_last_reference_may_be_dropped_in_a_workers_own_thread() {
    let workers = Arc::new(workers(&[("disk0", Placement::Dedicated)]));
    let (released, wait) = channel::<()>();
    let (done, ended) = channel();
    let last = Arc::clone(&workers);
    workers.stop(
        &"disk0".into(),
        Box::new(move |_| {
            let _ = wait.recv_timeout(DEADLINE);
            drop(last);
            done.send(()).unwrap();
        }),
    );
    drop(workers);
    drop(released);
    ended.recv_timeout(DEADLINE).unwrap();
}
