//! Serves a request queue: each command is decided by its unit, and its steps are run on the unit's disk.
//!
//! What a disk keeps because of its rate limit, or until the end of a pause, does not hold up the other units.

use super::address::Address;
use super::config::Sizes;
use super::events::ScsiBus;
use super::request::{Parsed, Request, Response};
use super::tasks::{Membership, Scope};
use crate::backend::block::{Done, Jobs};
use crate::log_limit::LogLimit;
use crate::scsi::{Answer, LogicalUnit, Sense, absent, report_luns};
use crate::virtio::chain::Chain;
use crate::virtio::parked::ParkedHeads;
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// Commands taken in one call, so that a worker with several queues is fair to them.
const BUDGET: usize = 64;
/// Commands that may be under way at a time.
const MAX_IN_FLIGHT: usize = 128;

/// The driver left no room for an answer, so there can be none: the queue is broken.
#[derive(Debug, Error)]
#[error("A SCSI request has no room for its response")]
struct NoResponse;

/// One request queue.
pub(super) struct RequestQueue<M: DeviceMemory> {
    queue: VirtQueue<M>,
    commands: Commands<M>,
    membership: Membership,
    /// Commands that were parked when the device was saved.
    heads: Vec<u16>,
    parked: Arc<ParkedHeads>,
}

/// What is under way.
struct Commands<M: DeviceMemory> {
    /// The queue's number among the request queues.
    index: u16,
    bus: Arc<ScsiBus>,
    sizes: Sizes,
    /// By target.
    disks: Vec<Option<Attached<M>>>,
    log: Arc<LogLimit>,
}

/// A channel to the disk of a unit.
struct Attached<M: DeviceMemory> {
    /// Of which medium.
    generation: u64,
    jobs: Jobs<Request<M>>,
}

impl<M: DeviceMemory> RequestQueue<M> {
    /// Serves `queue`, request queue `index`, beginning with what it had parked when the device was saved.
    pub(super) fn new(
        queue: VirtQueue<M>,
        index: u16,
        bus: Arc<ScsiBus>,
        sizes: Sizes,
        membership: Membership,
        (parked, log): (Arc<ParkedHeads>, Arc<LogLimit>),
    ) -> Self {
        let disks = bus.units().iter().map(|_| None).collect();
        let heads = parked.of(queue.index());
        Self { queue, commands: Commands { index, bus, sizes, disks, log }, membership, heads, parked }
    }
}

impl<M: DeviceMemory> QueueHandler for RequestQueue<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, worker: &mut WorkerContext) -> bool {
        let Self { queue, commands, membership, heads, .. } = self;
        for head in std::mem::take(heads) {
            if let Some(chain) = queue.chain_at(head) {
                // Those of one queue are never too many.
                let _ = commands.take(worker, queue, chain);
            }
        }
        commands.resume(worker);
        commands.reap(worker, queue);
        // Without room, the next completion comes back here.
        let more = commands.has_room() && queue.serve(BUDGET, |queue, chain| commands.take(worker, queue, chain));
        // What the host does at once is done by now.
        commands.reap(worker, queue);
        if !more && commands.has_room() {
            membership.answer(|scope, ended_as| commands.mark(scope, ended_as));
            commands.withdraw(queue);
            membership.answer(|scope, ended_as| commands.mark(scope, ended_as));
        }
        queue.signal();
        more
    }

    fn drain(&mut self, worker: &mut WorkerContext, deadline: Instant) -> bool {
        let Self { queue, commands, membership, heads, parked } = self;
        let idle = commands.drain(worker, queue, deadline);
        membership.answer(|scope, ended_as| commands.mark(scope, ended_as));
        commands.withdraw(queue);
        membership.answer(|scope, ended_as| commands.mark(scope, ended_as));
        queue.signal();
        if idle {
            // What another copy has not begun with is parked as it was.
            parked.set(queue.index(), heads.iter().copied().chain(commands.parked()).collect());
        }
        idle
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}

impl<M: DeviceMemory> Commands<M> {
    fn has_room(&self) -> bool {
        self.disks.iter().flatten().map(|disk| disk.jobs.len()).sum::<usize>() < MAX_IN_FLIGHT
    }

    /// The heads of the commands that wait for the end of a pause.
    fn parked(&self) -> impl Iterator<Item = u16> {
        self.disks.iter().flatten().flat_map(|disk| disk.jobs.parked()).map(Request::head)
    }

    /// Begins with what could not begin before.
    fn resume(&mut self, worker: &mut WorkerContext) {
        self.disks.iter_mut().flatten().for_each(|disk| disk.jobs.resume(worker));
    }

    /// Takes one chain. Breaks off when the host has enough to do, or the driver broke the queue.
    fn take(&mut self, worker: &mut WorkerContext, queue: &mut VirtQueue<M>, chain: Chain<M::T>) -> ControlFlow<()> {
        match Request::parse(chain, self.sizes, self.disks.len()) {
            Parsed::Request(request) => self.execute(worker, queue, request),
            Parsed::Malformed(request) => answer(queue, request, Response::Failure),
            Parsed::NoRoom => {
                queue.fail(&NoResponse);
                return ControlFlow::Break(());
            }
        }
        if self.has_room() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn execute(&mut self, worker: &mut WorkerContext, queue: &mut VirtQueue<M>, mut request: Request<M>) {
        let target = match request.address {
            Address::Unit(target) => target,
            Address::NoUnit => {
                let response = without_unit(&mut request);
                return answer(queue, request, response);
            }
            Address::NoTarget => return answer(queue, request, Response::BadTarget),
        };
        let bus = Arc::clone(&self.bus);
        let Some(unit) = bus.units().get(target) else { return answer(queue, request, Response::BadTarget) };
        let cdb = std::mem::take(&mut request.cdb);
        let response = match unit.execute(&cdb, &mut |length| request.parameters(length)) {
            Answer::Data(bytes) => {
                if bytes.is_empty() {
                    Response::Good
                } else {
                    request.give(&bytes)
                }
            }
            Answer::Check(sense) => Response::Check(sense),
            Answer::Work(steps) => {
                let (data_in, data_out) = steps.iter().fold((0, 0), |most, step| {
                    let (data_in, data_out) = step.data();
                    (data_in.max(most.0), data_out.max(most.1))
                });
                if data_in > request.data_in() || data_out > request.data_out() {
                    return answer(queue, request, Response::Overrun);
                }
                request.transferred = request.transferred.max(data_in).max(data_out);
                request.through = unit.is_write_through();
                if self.attach(worker, queue, target, unit) {
                    if let Some(disk) = self.disks.get_mut(target).and_then(Option::as_mut) {
                        disk.jobs.begin(worker, request, steps);
                    }
                    return;
                }
                Response::Check(Sense::TARGET_FAILURE)
            }
        };
        answer(queue, request, response);
    }

    /// Makes sure that there is a channel to the medium that the unit has now.
    fn attach(
        &mut self,
        worker: &mut WorkerContext,
        queue: &mut VirtQueue<M>,
        target: usize,
        unit: &LogicalUnit,
    ) -> bool {
        let generation = unit.generation();
        if self.disks.get(target).and_then(Option::as_ref).is_some_and(|disk| disk.generation == generation) {
            return true;
        }
        // Reads of the medium before, which nobody will write any more, come to their end.
        let Some(place) = self.disks.get_mut(target) else { return false };
        let ended = place.take().map(|old| old.jobs.abandon(worker)).unwrap_or_default();
        let jobs = Jobs::new(Arc::clone(unit.port()), self.index);
        ended.into_iter().for_each(|done| self.finish(queue, done, unit));
        match (jobs, self.disks.get_mut(target)) {
            (Ok(jobs), Some(place)) => {
                *place = Some(Attached { generation, jobs });
                true
            }
            (Ok(_), None) => false,
            (Err(error), _) => {
                self.log(unit, &error);
                false
            }
        }
    }

    /// Answers everything that the host has completed.
    fn reap(&mut self, worker: &mut WorkerContext, queue: &mut VirtQueue<M>) {
        let bus = Arc::clone(&self.bus);
        for (target, unit) in bus.units().iter().enumerate() {
            while let Some(done) =
                self.disks.get_mut(target).and_then(Option::as_mut).and_then(|disk| disk.jobs.next_done(worker))
            {
                self.finish(queue, done, unit);
            }
        }
    }

    fn finish(&self, queue: &mut VirtQueue<M>, Done { job, result }: Done<Request<M>>, unit: &LogicalUnit) {
        let response = match result {
            Ok(()) => Response::Good,
            Err((step, error)) => Response::Check(unit.failure(&step, &error)),
        };
        answer(queue, job, response);
    }

    fn log(&self, unit: &LogicalUnit, error: &std::io::Error) {
        if let Some(suppressed) = self.log.allow() {
            tracing::warn!(disk = %unit.id(), suppressed, error = error as &dyn std::error::Error, "A disk cannot be used");
        }
    }

    /// Marks the commands of `scope` to end as told; how many are under way.
    fn mark(&mut self, scope: Scope, ended_as: Option<Response>) -> usize {
        let running = self.disks.iter_mut().flatten().flat_map(|disk| disk.jobs.all_mut());
        let mut count = 0;
        for request in running.filter(|request| scope.has(request.address, request.tag)) {
            request.ended_as = request.ended_as.or(ended_as);
            count += 1;
        }
        count
    }

    /// Answers the commands that were aborted before the host had them.
    fn withdraw(&mut self, queue: &mut VirtQueue<M>) {
        for disk in self.disks.iter_mut().flatten() {
            for request in disk.jobs.withdraw(|request| request.ended_as.is_some()) {
                answer(queue, request, Response::Aborted);
            }
        }
    }

    /// Brings everything that is under way to its end by `deadline`; `false`: not all of it.
    fn drain(&mut self, worker: &mut WorkerContext, queue: &mut VirtQueue<M>, deadline: Instant) -> bool {
        let bus = Arc::clone(&self.bus);
        let mut idle = true;
        for (target, unit) in bus.units().iter().enumerate() {
            let Some(mut disk) = self.disks.get_mut(target).and_then(Option::take) else { continue };
            idle &= disk.jobs.drain(worker, deadline, |done| self.finish(queue, done, unit));
            if let Some(place) = self.disks.get_mut(target) {
                *place = Some(disk);
            }
        }
        idle
    }
}

/// A command to a unit that its target does not have (SPC-4 5.10): INQUIRY, REPORT LUNS and REQUEST SENSE are answered.
fn without_unit<M: DeviceMemory>(request: &mut Request<M>) -> Response {
    let byte = |at: usize| request.cdb.get(at).copied().unwrap_or_default();
    let (data, room) = match byte(0) {
        0x12 => (absent(), u32::from(u16::from_be_bytes([byte(3), byte(4)]))),
        0x03 => (Sense::NO_SUCH_UNIT.fixed().to_vec(), byte(4).into()),
        0xa0 => match report_luns(u32::from_be_bytes([byte(6), byte(7), byte(8), byte(9)])) {
            Ok(Answer::Data(list)) => return request.give(&list),
            _ => return Response::Check(Sense::NO_SUCH_UNIT),
        },
        _ => return Response::Check(Sense::NO_SUCH_UNIT),
    };
    let fits = data.get(..usize::try_from(room).unwrap_or_default()).unwrap_or(&data);
    request.give(fits)
}

fn answer<M: DeviceMemory>(queue: &mut VirtQueue<M>, request: Request<M>, response: Response) {
    match request.answer(response) {
        Ok((chain, written)) => queue.complete(chain, written),
        Err(fault) => queue.fail(&fault),
    }
}
