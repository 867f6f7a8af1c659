//! Serves the control queue: task management and asynchronous notification (VIRTIO 1.2 5.6.6.2).

use super::address::{self, Address};
use super::constants::{
    S_BAD_TARGET, S_FAILURE, S_FUNCTION_REJECTED, S_FUNCTION_SUCCEEDED, S_INCORRECT_LUN, S_OK, T_AN_QUERY,
    T_AN_SUBSCRIBE, T_TMF, TMF_ABORT_TASK, TMF_ABORT_TASK_SET, TMF_CLEAR_TASK_SET, TMF_I_T_NEXUS_RESET,
    TMF_LOGICAL_UNIT_RESET, TMF_QUERY_TASK, TMF_QUERY_TASK_SET,
};
use super::events::ScsiBus;
use super::request::Response;
use super::tasks::{Question, Scope, Tasks};
use crate::virtio::chain::{AccessError, Chain};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::{ControlFlow, Deref};
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vm_memory::GuestMemory;
use vmm_sys_util::eventfd::EventFd;

const BUDGET: usize = 16;
/// `type`, `subtype`, `lun`, `id`; those of notification have `type`, `lun` and the events.
const TASK_LENGTH: usize = 24;
const NOTIFICATION_LENGTH: usize = 16;

/// The driver left no room for an answer.
#[derive(Debug, Error)]
#[error("A control request has no room for its response")]
struct NoResponse;

/// The control queue.
pub(super) struct ControlQueue<M: DeviceMemory> {
    queue: VirtQueue<M>,
    bus: Arc<ScsiBus>,
    tasks: Arc<Tasks>,
    waiting: Vec<Waiting<M>>,
}

/// A request that waits for commands.
struct Waiting<M: DeviceMemory> {
    number: u64,
    chain: Chain<M::T>,
    /// It asks whether there were any.
    query: bool,
}

/// What becomes of a request.
enum Outcome {
    /// It is answered at once.
    Response(u8),
    /// It is answered when this question is.
    Asked { number: u64, query: bool },
    /// Notification: no events are ever sent so.
    NoEvents,
}

impl<M: DeviceMemory> ControlQueue<M> {
    pub(super) fn new(queue: VirtQueue<M>, bus: Arc<ScsiBus>, tasks: Arc<Tasks>) -> Self {
        Self { queue, bus, tasks, waiting: Vec::new() }
    }

    /// Answers what all request queues have answered, or everything.
    fn settle(&mut self, give_up: bool) {
        let mut waiting = Vec::new();
        for request in std::mem::take(&mut self.waiting) {
            match self.tasks.take(request.number, give_up) {
                Some(found) => {
                    let found = request.query && found;
                    let code = if found { S_FUNCTION_SUCCEEDED } else { S_OK };
                    answer(&mut self.queue, request.chain, &[code]);
                }
                None => waiting.push(request),
            }
        }
        self.waiting = waiting;
        self.queue.signal();
    }
}

impl<M: DeviceMemory> QueueHandler for ControlQueue<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        let Self { queue, bus, tasks, waiting } = self;
        let more = queue.serve(BUDGET, |queue, chain| {
            match decide(&chain, bus, tasks) {
                Ok(Outcome::Response(code)) => answer(queue, chain, &[code]),
                Ok(Outcome::NoEvents) => answer(queue, chain, &[0; 5]),
                Ok(Outcome::Asked { number, query }) => waiting.push(Waiting { number, chain, query }),
                Err(_) => answer(queue, chain, &[S_FAILURE]),
            }
            ControlFlow::Continue(())
        });
        self.settle(false);
        more
    }

    /// The commands that somebody waits for end before anybody sees the answers: queues drain together.
    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        self.settle(true);
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}

fn decide<T>(chain: &Chain<T>, bus: &ScsiBus, tasks: &Tasks) -> Result<Outcome, AccessError>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    let mut kind = [0; 4];
    chain.readable.read(0, &mut kind)?;
    match u32::from_le_bytes(kind) {
        T_TMF => {
            let mut request = [0; TASK_LENGTH];
            chain.readable.read(0, &mut request)?;
            Ok(manage(&request, bus, tasks))
        }
        T_AN_QUERY | T_AN_SUBSCRIBE => {
            chain.readable.read(0, &mut [0; NOTIFICATION_LENGTH])?;
            Ok(Outcome::NoEvents)
        }
        _ => Ok(Outcome::Response(S_FAILURE)),
    }
}

/// Task management.
fn manage(request: &[u8; TASK_LENGTH], bus: &ScsiBus, tasks: &Tasks) -> Outcome {
    let [_, _, _, _, a, b, c, d, e, f, g, h, i, j, k, l, tag @ ..] = *request;
    let lun: [u8; address::LENGTH] = [e, f, g, h, i, j, k, l];
    let tag = u64::from_le_bytes(tag);
    let (target, unit) = match Address::parse(lun, bus.units().len()) {
        Address::Unit(target) => (target, bus.units().get(target)),
        Address::NoUnit => return Outcome::Response(S_INCORRECT_LUN),
        Address::NoTarget => return Outcome::Response(S_BAD_TARGET),
    };
    let (scope, ended_as) = match u32::from_le_bytes([a, b, c, d]) {
        TMF_ABORT_TASK => (Scope::Task { target, tag }, Some(Response::Aborted)),
        TMF_ABORT_TASK_SET | TMF_CLEAR_TASK_SET => (Scope::Unit { target }, Some(Response::Aborted)),
        TMF_I_T_NEXUS_RESET | TMF_LOGICAL_UNIT_RESET => {
            if let Some(unit) = unit {
                unit.reset();
            }
            (Scope::Unit { target }, Some(Response::Reset))
        }
        TMF_QUERY_TASK => (Scope::Task { target, tag }, None),
        TMF_QUERY_TASK_SET => (Scope::Unit { target }, None),
        _ => return Outcome::Response(S_FUNCTION_REJECTED),
    };
    Outcome::Asked { number: tasks.ask(Question { scope, ended_as }), query: ended_as.is_none() }
}

fn answer<M: DeviceMemory>(queue: &mut VirtQueue<M>, mut chain: Chain<M::T>, bytes: &[u8]) {
    if chain.writable.is_empty() {
        return queue.fail(&NoResponse);
    }
    let room = usize::try_from(chain.writable.len()).unwrap_or(usize::MAX);
    let bytes = bytes.get(..room).unwrap_or(bytes);
    match chain.writable.write(0, bytes) {
        Ok(()) => queue.complete(chain, u32::try_from(bytes.len()).unwrap_or_default()),
        Err(fault) => queue.fail(&fault),
    }
}
