//! The thread of one vCPU: the state machine drawn in the module's documentation.

use super::VcpuEvents;
use super::dump;
use super::exit::{self, Buses, Outcome, dispatch};
use super::gate::{Gate, Passage, Purpose};
use super::run::RunVcpu;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Paused,
    Running,
    Finished,
}

/// What the thread of one vCPU works with.
pub(super) struct VcpuThread<V> {
    index: u32,
    vcpu: Arc<Mutex<V>>,
    gate: Arc<Gate>,
    buses: Buses,
    events: Arc<dyn VcpuEvents>,
    /// The thread came to its end by itself, not by a panic or a refusal of the sandbox.
    ended: bool,
    /// The vCPU has been in the guest.
    has_run: bool,
}

impl<V: RunVcpu> VcpuThread<V> {
    pub(super) fn new(
        index: u32,
        vcpu: &Arc<Mutex<V>>,
        gate: &Arc<Gate>,
        buses: &Buses,
        events: &Arc<dyn VcpuEvents>,
    ) -> Self {
        let (vcpu, gate, events) = (Arc::clone(vcpu), Arc::clone(gate), Arc::clone(events));
        Self { index, vcpu, gate, buses: buses.clone(), events, ended: false, has_run: false }
    }

    /// Runs the vCPU to its end.
    pub(super) fn main(mut self) {
        let mut state = State::Paused;
        while state != State::Finished {
            state = match state {
                State::Paused => self.paused(),
                State::Running => self.running(),
                State::Finished => State::Finished,
            };
        }
        self.ended = true;
    }

    fn paused(&self) -> State {
        if self.gate.park() { State::Running } else { State::Finished }
    }

    fn running(&mut self) -> State {
        let vcpu = Arc::clone(&self.vcpu);
        // Held while the vCPU runs, and free while it is paused: then others read and write its state.
        let mut vcpu = vcpu.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = vcpu.kicker().attach() {
            return self.crash(dump::failure(&error));
        }
        loop {
            match self.gate.enter(self.place(), Purpose::Run) {
                Passage::Open => {}
                Passage::Pause => return self.complete(&mut vcpu),
                Passage::Halt => return State::Finished,
            }
            if !self.has_run {
                self.has_run = true;
                if self.index == 0 {
                    self.events.first_run();
                }
            }
            match self.step(&mut vcpu) {
                Outcome::Done | Outcome::Interrupted => {}
                outcome => return self.end(&vcpu, outcome),
            }
        }
    }

    /// Completes what the last exit left half done, so that the vCPU's state is whole. An instruction that needs
    /// more (a string instruction, an access across pages) leaves again: until KVM has nothing left to complete.
    fn complete(&mut self, vcpu: &mut V) -> State {
        loop {
            match self.gate.enter(self.place(), Purpose::Complete) {
                Passage::Open => {}
                Passage::Pause | Passage::Halt => return State::Finished,
            }
            match self.step(vcpu) {
                Outcome::Done => {}
                Outcome::Interrupted => return State::Paused,
                outcome => return self.end(vcpu, outcome),
            }
        }
    }

    /// One stay in KVM_RUN, and the work that it asks for.
    fn step(&self, vcpu: &mut V) -> Outcome {
        let exit = vcpu.run();
        self.gate.leave(self.place());
        match exit {
            Ok(exit) => {
                self.events.exit(self.index, exit::kind(&exit));
                dispatch(exit, &self.buses)
            }
            Err(error) => Outcome::Crash(dump::failure(&error)),
        }
    }

    fn end(&self, vcpu: &V, outcome: Outcome) -> State {
        match outcome {
            Outcome::TripleFault => {
                self.gate.halt();
                self.events.triple_fault(self.index);
                State::Finished
            }
            Outcome::Crash(reason) => self.crash(format!("{reason}; registers: {}", vcpu.registers())),
            Outcome::Done | Outcome::Interrupted => State::Finished,
        }
    }

    fn crash(&self, reason: String) -> State {
        self.gate.halt();
        self.events.crashed(self.index, format!("vCPU {}: {reason}", self.index));
        State::Finished
    }

    fn place(&self) -> usize {
        self.index as usize
    }
}

impl<V> Drop for VcpuThread<V> {
    /// Whatever ends the thread, nobody waits for its vCPU in vain.
    fn drop(&mut self) {
        let index = self.index;
        if !self.ended {
            // A panic may have left the vCPU "in the guest"; it is not.
            self.gate.leave(index as usize);
            self.gate.halt();
            self.events.crashed(
                index,
                format!(
                    "vCPU {index}: its thread was ended by the sandbox or by a fault of this program: see its output"
                ),
            );
        }
        self.gate.finish();
    }
}
