//! Who starts, pauses, resets and stops a machine; its thread is [`super::driver_thread`]'s.

use super::backoff::ResetBackoff;
use super::request_queue::{GuestEvent, Request, Work};
use super::shared::{Reply, Shared};
use super::state::VmState;
use crate::config::OnReboot;
use crate::event::{ResetSource, StopReason, VmEvent};
use crate::handle::VmError;
use crate::machine::{Blueprint, Machine};
use std::sync::Arc;
use std::time::Instant;

/// Owns the machine. Everything that changes its state is done here, one after the other.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    blueprint: Blueprint,
    machine: Option<Machine>,
    state: VmState,
    backoff: ResetBackoff,
}

impl Driver {
    /// A driver for `machine`, which was built from `blueprint`.
    pub(crate) fn new(shared: Arc<Shared>, blueprint: Blueprint, machine: Machine) -> Self {
        Self { shared, blueprint, machine: Some(machine), state: VmState::Built, backoff: ResetBackoff::default() }
    }

    /// Works until the machine has stopped.
    pub(super) fn run(mut self) {
        while self.state != VmState::Stopped {
            let work = self.shared.next();
            self.do_one(work);
        }
    }

    /// Does what was asked first, and no more: what the guest does may take any time. Whether the machine has stopped.
    pub(super) fn do_first(&mut self) -> bool {
        if let Some(work) = self.shared.queued() {
            self.do_one(work);
        }
        self.state == VmState::Stopped
    }

    /// Ends the machine for want of a thread that drives it.
    pub(super) fn give_up(mut self, error: &VmError) {
        self.end(StopReason::Crashed { message: chain(error) });
    }

    fn do_one(&mut self, work: Work<Reply>) {
        match work {
            Work::Guest(event) => self.guest(event),
            Work::Do(request, reply) => self.execute(request, &reply),
            Work::Confirm(reply) => answer(&reply, Ok(())),
            Work::Deny(refusal, reply) => answer(&reply, Err(refusal.into())),
        }
    }

    fn execute(&mut self, request: Request, reply: &Reply) {
        let result = match request {
            Request::Start => self.start(),
            Request::Pause => self.pause(),
            Request::Resume => self.resume(),
            Request::Reset => {
                self.reset(ResetSource::Request);
                Ok(())
            }
            Request::PowerButton => self.power_button(),
            Request::Stop => {
                self.end(StopReason::Requested);
                Ok(())
            }
        };
        if self.state != VmState::Stopped {
            self.shared.settled(self.state);
        }
        answer(reply, result);
    }

    fn guest(&mut self, event: GuestEvent) {
        match event {
            GuestEvent::PowerOff => self.end(StopReason::PoweredOff),
            GuestEvent::DebugExit(status) => self.end(StopReason::DebugExit { status }),
            GuestEvent::Crashed(message) => self.end(StopReason::Crashed { message }),
            GuestEvent::Reset(source) if self.blueprint.config.on_reboot == OnReboot::Exit => {
                self.end(StopReason::Rebooted { source });
            }
            GuestEvent::Reset(source) => {
                let delay = self.backoff.note(Instant::now());
                if !delay.is_zero() {
                    tracing::warn!(%source, ?delay, "The guest resets in a loop: waiting before the next start");
                }
                if self.shared.pause_unless_stopped(delay) {
                    self.reset(source);
                }
                // Else the stop that is waiting comes next.
            }
        }
    }

    fn start(&mut self) -> Result<(), VmError> {
        let Some(machine) = &mut self.machine else { return Err(VmError::DriverGone) };
        machine.start()?;
        if let Some(possible) = machine.cpus_left_out() {
            let wanted = self.blueprint.config.max_cpus();
            tracing::warn!(wanted, possible, "Not all vCPUs that may come later have an APIC id");
            self.shared.publish(&VmEvent::CpusLeftOut { wanted, possible });
        }
        self.enter(VmState::Running, &VmEvent::Started);
        Ok(())
    }

    fn pause(&mut self) -> Result<(), VmError> {
        let Some(machine) = &mut self.machine else { return Err(VmError::DriverGone) };
        machine.pause()?;
        self.enter(VmState::Paused, &VmEvent::Paused);
        Ok(())
    }

    fn resume(&mut self) -> Result<(), VmError> {
        let Some(machine) = &mut self.machine else { return Err(VmError::DriverGone) };
        machine.resume()?;
        self.enter(VmState::Running, &VmEvent::Resumed);
        Ok(())
    }

    fn power_button(&self) -> Result<(), VmError> {
        let Some(machine) = &self.machine else { return Err(VmError::DriverGone) };
        Ok(machine.power_button()?)
    }

    /// Begins again with fresh KVM objects; running machines run on, paused ones stand at the first instruction.
    fn reset(&mut self, source: ResetSource) {
        let running = self.state == VmState::Running;
        let boot = self.shared.new_boot();
        self.take_apart(); // the console, locks and descriptors are the blueprint's
        let built = Machine::build(&self.blueprint, Arc::clone(&self.shared), boot).and_then(|mut machine| {
            if running {
                machine.start()?;
            }
            Ok(machine)
        });
        match built {
            Ok(machine) => {
                self.machine = Some(machine);
                self.shared.publish(&VmEvent::Reset { source });
            }
            Err(error) => {
                let message = format!("The machine cannot start again after a reset: {}", chain(&error));
                self.end(StopReason::Crashed { message });
            }
        }
    }

    fn take_apart(&mut self) {
        if let Some(Err(error)) = self.machine.take().map(Machine::end) {
            tracing::error!("The machine did not end in order: {}", chain(&error));
        }
    }

    fn enter(&mut self, state: VmState, event: &VmEvent) {
        self.state = state;
        self.shared.publish(event);
    }

    fn end(&mut self, reason: StopReason) {
        self.take_apart();
        self.blueprint.close();
        self.state = VmState::Stopped;
        self.shared.finish(reason);
    }
}

fn answer(reply: &Reply, result: Result<(), VmError>) {
    // Who no longer waits for the answer does not miss it.
    drop(reply.send(result));
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
