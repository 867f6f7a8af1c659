//! What is asked of a machine, in order: a pure queue that accepts, ignores or refuses.
//!
//! The verdict follows from the state in which the machine will be once everything queued before is done:
//!
//! ```text
//!            Built     Running   Paused    Stopped
//!  start     accept    refuse    refuse    refuse
//!  pause     refuse    accept    ignore    refuse
//!  resume    refuse    ignore    accept    refuse
//!  reset     refuse    accept    accept    refuse
//!  button    refuse    accept    accept    refuse
//!  stop      accept    accept    accept    ignore
//! ```
//!
//! An ignored request changes nothing, but is still answered in its turn, when what it asks for is true. What was
//! accepted is judged again when its turn comes: by then a request before it may have failed, or the guest may have
//! ended. Events of the guest come before all requests, and only the first of each boot counts.

use super::state::VmState;
use crate::event::ResetSource;
use std::collections::VecDeque;
use thiserror::Error;

/// Something an owner asks of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Run the first instruction.
    Start,
    /// Stand still.
    Pause,
    /// Go on.
    Resume,
    /// Begin again.
    Reset,
    /// Press the power button.
    PowerButton,
    /// End.
    Stop,
}

/// Something the guest did that its driver thread must act on. All vCPUs stand still when it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GuestEvent {
    /// It asked for a reset.
    Reset(ResetSource),
    /// It switched the machine off.
    PowerOff,
    /// It wrote a status to the debug-exit port.
    DebugExit(u8),
    /// It, or the host below it, cannot go on.
    Crashed(String),
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It was not started.
    #[error("The machine has not been started: start it first")]
    NotStarted,
    /// It was started already.
    #[error("The machine was started already")]
    AlreadyStarted,
    /// It has stopped.
    #[error("The machine has stopped: build a new one")]
    Stopped,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accept { then: VmState },
    Ignore,
    Refuse(Refusal),
}

/// What the driver does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work<R> {
    /// The guest did something.
    Guest(GuestEvent),
    /// Do it, then answer.
    Do(Request, R),
    /// It is so already: answer.
    Confirm(R),
    /// It is no longer possible: answer.
    Deny(Refusal, R),
}

/// The queue; `R` is how a request is answered.
#[derive(Debug)]
pub(crate) struct RequestQueue<R> {
    requests: VecDeque<(Request, R)>,
    guest: Option<GuestEvent>,
    /// Counts boots: events of an earlier boot are stale.
    boot: u64,
    /// An event of this boot was taken already.
    guest_spoke: bool,
    /// Where the machine will be when all of `requests` are done.
    planned: VmState,
}

impl<R> RequestQueue<R> {
    /// The queue of a machine that was just built.
    pub(crate) fn new() -> Self {
        Self { requests: VecDeque::new(), guest: None, boot: 0, guest_spoke: false, planned: VmState::Built }
    }

    /// Queues a request, or refuses it at once and gives the answer's way back.
    pub(crate) fn submit(&mut self, request: Request, reply: R) -> Result<(), (Refusal, R)> {
        match judge(request, self.planned) {
            Verdict::Refuse(refusal) => return Err((refusal, reply)),
            Verdict::Accept { then } => self.planned = then,
            Verdict::Ignore => {}
        }
        self.requests.push_back((request, reply));
        Ok(())
    }

    /// Queues what the guest of boot `boot` did; `false` when it no longer matters.
    pub(crate) fn report(&mut self, boot: u64, event: GuestEvent) -> bool {
        let counts = boot == self.boot && !self.guest_spoke && self.planned != VmState::Stopped;
        if counts {
            self.guest_spoke = true;
            self.guest = Some(event);
        }
        counts
    }

    /// The number of the current boot, which its events carry.
    pub(crate) fn boot(&self) -> u64 {
        self.boot
    }

    /// A new boot begins: what the old one reported, or still reports, no longer matters.
    pub(crate) fn new_boot(&mut self) -> u64 {
        self.boot += 1;
        self.guest_spoke = false;
        self.guest = None;
        self.boot
    }

    /// What to do next for a machine that is in `state`.
    pub(crate) fn next(&mut self, state: VmState) -> Option<Work<R>> {
        if let Some(event) = self.guest.take() {
            return Some(Work::Guest(event));
        }
        let (request, reply) = self.requests.pop_front()?;
        Some(match judge(request, state) {
            Verdict::Accept { .. } => Work::Do(request, reply),
            Verdict::Ignore => Work::Confirm(reply),
            Verdict::Refuse(refusal) => Work::Deny(refusal, reply),
        })
    }

    /// Something was done, and the machine is in `state` now: what is still queued is planned from there.
    pub(crate) fn settled(&mut self, state: VmState) {
        self.planned = self.requests.iter().fold(state, |state, (request, _)| match judge(*request, state) {
            Verdict::Accept { then } => then,
            Verdict::Ignore | Verdict::Refuse(_) => state,
        });
    }

    /// `true` when a stop is waiting: whatever takes long should end now.
    pub(crate) fn stop_waits(&self) -> bool {
        self.requests.iter().any(|(request, _)| *request == Request::Stop)
    }
}

fn judge(request: Request, state: VmState) -> Verdict {
    use Refusal::{AlreadyStarted, NotStarted, Stopped};
    use Verdict::{Accept, Ignore, Refuse};
    match (request, state) {
        (Request::Stop, VmState::Stopped) => Ignore,
        (_, VmState::Stopped) => Refuse(Stopped),
        (Request::Stop, _) => Accept { then: VmState::Stopped },
        (Request::Start, VmState::Built) => Accept { then: VmState::Running },
        (Request::Start, _) => Refuse(AlreadyStarted),
        (_, VmState::Built) => Refuse(NotStarted),
        (Request::Pause, VmState::Running) => Accept { then: VmState::Paused },
        (Request::Pause, VmState::Paused) | (Request::Resume, VmState::Running) => Ignore,
        (Request::Resume, VmState::Paused) => Accept { then: VmState::Running },
        (Request::Reset | Request::PowerButton, state) => Accept { then: state },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Request::{Pause, PowerButton, Reset, Resume, Start, Stop};
    use VmState::{Built, Paused, Running, Stopped};

    const ACCEPT_RUNNING: Verdict = Verdict::Accept { then: Running };
    const ACCEPT_PAUSED: Verdict = Verdict::Accept { then: Paused };
    const ACCEPT_STOPPED: Verdict = Verdict::Accept { then: Stopped };
    const STARTED: Verdict = Verdict::Refuse(Refusal::AlreadyStarted);
    const NOT_STARTED: Verdict = Verdict::Refuse(Refusal::NotStarted);
    const ENDED: Verdict = Verdict::Refuse(Refusal::Stopped);
    const IGNORE: Verdict = Verdict::Ignore;

    #[test]
    fn the_whole_table_of_verdicts_holds() {
        let table = [
            (Start, [ACCEPT_RUNNING, STARTED, STARTED, ENDED]),
            (Pause, [NOT_STARTED, ACCEPT_PAUSED, IGNORE, ENDED]),
            (Resume, [NOT_STARTED, IGNORE, ACCEPT_RUNNING, ENDED]),
            (Reset, [NOT_STARTED, ACCEPT_RUNNING, ACCEPT_PAUSED, ENDED]),
            (PowerButton, [NOT_STARTED, ACCEPT_RUNNING, ACCEPT_PAUSED, ENDED]),
            (Stop, [ACCEPT_STOPPED, ACCEPT_STOPPED, ACCEPT_STOPPED, IGNORE]),
        ];
        for (request, verdicts) in table {
            for (state, verdict) in [Built, Running, Paused, Stopped].into_iter().zip(verdicts) {
                assert_eq!(judge(request, state), verdict, "{request:?} in {state:?}");
            }
        }
    }

    #[test]
    fn requests_are_judged_by_where_the_queued_ones_lead() {
        let mut queue = RequestQueue::new();
        assert_eq!(queue.submit(Pause, 1), Err((Refusal::NotStarted, 1)));
        assert_eq!(queue.submit(Start, 2), Ok(()));
        assert_eq!(queue.submit(Pause, 3), Ok(()));
        assert_eq!(queue.submit(Pause, 4), Ok(()));
        assert_eq!(queue.submit(Stop, 5), Ok(()));
        assert_eq!(queue.submit(Resume, 6), Err((Refusal::Stopped, 6)));
        assert_eq!(queue.next(Built), Some(Work::Do(Start, 2)));
        assert_eq!(queue.next(Running), Some(Work::Do(Pause, 3)));
        assert_eq!(queue.next(Paused), Some(Work::Confirm(4)));
        assert_eq!(queue.next(Paused), Some(Work::Do(Stop, 5)));
        assert_eq!(queue.next(Stopped), None);
    }

    #[test]
    fn a_failed_request_changes_the_fate_of_those_behind_it() {
        let mut queue = RequestQueue::new();
        queue.submit(Start, 1).unwrap();
        queue.submit(Pause, 2).unwrap();
        queue.submit(Resume, 3).unwrap();
        assert_eq!(queue.next(Built), Some(Work::Do(Start, 1)));
        queue.settled(Stopped); // the start failed for good
        assert_eq!(queue.next(Stopped), Some(Work::Deny(Refusal::Stopped, 2)));
        assert_eq!(queue.next(Stopped), Some(Work::Deny(Refusal::Stopped, 3)));
        assert_eq!(queue.submit(Reset, 4), Err((Refusal::Stopped, 4)));
    }

    #[test]
    fn a_failed_pause_lets_the_resume_behind_it_be_confirmed() {
        let mut queue = RequestQueue::new();
        queue.submit(Start, 1).unwrap();
        queue.next(Built);
        queue.settled(Running);
        queue.submit(Pause, 2).unwrap();
        queue.submit(Resume, 3).unwrap();
        assert_eq!(queue.next(Running), Some(Work::Do(Pause, 2)));
        queue.settled(Running);
        assert_eq!(queue.next(Running), Some(Work::Confirm(3)));
    }

    #[test]
    fn guest_events_come_first_and_only_the_first_of_a_boot_counts() {
        let mut queue = RequestQueue::new();
        queue.submit(Start, 1).unwrap();
        queue.next(Built);
        queue.settled(Running);
        queue.submit(Pause, 2).unwrap();
        assert!(queue.report(0, GuestEvent::Reset(ResetSource::I8042)));
        assert!(!queue.report(0, GuestEvent::PowerOff));
        assert_eq!(queue.next(Running), Some(Work::Guest(GuestEvent::Reset(ResetSource::I8042))));
        assert!(!queue.report(0, GuestEvent::PowerOff), "the vCPUs of that boot are gone");
        let boot = queue.new_boot();
        assert!(!queue.report(boot - 1, GuestEvent::PowerOff), "an echo of the earlier boot");
        assert_eq!(queue.next(Running), Some(Work::Do(Pause, 2)));
        assert!(queue.report(boot, GuestEvent::PowerOff));
    }

    #[test]
    fn a_reset_forgets_what_the_old_boot_had_reported() {
        let mut queue: RequestQueue<u8> = RequestQueue::new();
        queue.submit(Start, 1).unwrap();
        queue.next(Built);
        queue.settled(Running);
        assert!(queue.report(0, GuestEvent::PowerOff));
        queue.new_boot();
        assert_eq!(queue.next(Running), None);
    }

    #[test]
    fn nothing_a_guest_does_matters_once_a_stop_is_queued() {
        let mut queue = RequestQueue::new();
        queue.submit(Start, 1).unwrap();
        queue.next(Built);
        queue.settled(Running);
        assert!(!queue.stop_waits());
        queue.submit(Stop, 2).unwrap();
        assert!(queue.stop_waits());
        assert!(!queue.report(0, GuestEvent::DebugExit(3)));
    }
}
