//! Serves a port: fetches commands, carries them out, tells of their end (AHCI 1.3.1, 5.3).
//!
//! Queued commands run together; any other runs alone.

mod ending;
mod planning;

use super::ata::{self, Plan, Way};
use super::attached::Device;
use super::command::{Command, CommandError, View, view};
use super::fis::{Sent, TaskFile};
use super::hba::Hba;
use super::port::{Connected, next_slot};
use super::registers::{DHRS, OFS};
use crate::backend::block::{Job, Jobs, Operation, Step};
use crate::buffers::{AccessError, Readable, Writable};
use crate::log_limit::LogLimit;
use crate::virtio::{DeviceMemory, QueueHandler};
use crate::worker::WorkerContext;
use ending::{End, packet_end};
use planning::{PACKET, signature};
use std::sync::Arc;
use std::time::Instant;
use vmm_sys_util::eventfd::EventFd;

/// Commands taken in one call, so that a worker with several ports is fair to them.
const BUDGET: usize = 64;

/// A port with a device.
pub(super) struct PortHandler<M: DeviceMemory> {
    hba: Arc<Hba<M>>,
    port: usize,
    event: Arc<EventFd>,
    device: Arc<Device>,
    /// The channel to its medium, and which medium that is.
    disk: Option<(u64, Jobs<PortJob<M>>)>,
    /// The commands fetched in this epoch and not over, that are still issued.
    taken: u32,
    epoch: u64,
    last: u32,
    log: LogLimit,
}

/// A command under way.
struct PortJob<M: DeviceMemory> {
    slot: u32,
    way: Way,
    packet: bool,
    task: TaskFile,
    command: Command,
    readable: Readable<View<M>>,
    writable: Writable<View<M>>,
    length: u32,
    epoch: u64,
}

impl<M: DeviceMemory> Job for PortJob<M> {
    fn operation(&mut self, step: Step) -> Result<Operation, AccessError> {
        step.operation((&self.readable, 0), (&mut self.writable, 0))
    }

    /// Writes say it themselves, and nothing else is to be.
    fn is_write_through(&self) -> bool {
        false
    }
}

impl<M: DeviceMemory> PortHandler<M> {
    pub(super) fn new(hba: Arc<Hba<M>>, port: usize, event: Arc<EventFd>, device: Arc<Device>) -> Self {
        let epoch = 0;
        Self { hba, port, event, device, disk: None, taken: 0, epoch, last: 31, log: LogLimit::default() }
    }

    fn in_flight(&self) -> usize {
        self.disk.as_ref().map_or(0, |(_, jobs)| jobs.len())
    }

    /// The next command that may begin now: fetched, and marked as such.
    fn fetch(&mut self) -> Option<(u32, Result<Command, CommandError>)> {
        let (list, slot, epoch) = {
            let mut registers = self.hba.lock();
            let port = registers.ports.get_mut(self.port)?;
            if port.epoch != self.epoch {
                (self.epoch, self.taken, self.last) = (port.epoch, 0, 31);
            }
            if !port.fetches() {
                return None;
            }
            (port.list(), next_slot(port.ci & !self.taken, self.last)?, port.epoch)
        };
        let command = Command::read(&*self.hba.memory.memory(), list, slot);
        let queued = matches!(&command, Ok(Command { fis: Sent::Command(task), .. }) if ata::is_queued(task.command));
        // Queued ones run together, others alone.
        if self.in_flight() > 0 && (!queued || self.taken != 0) {
            return None;
        }
        let mut registers = self.hba.lock();
        let port = registers.ports.get_mut(self.port).filter(|port| port.epoch == epoch)?;
        if queued {
            // The device takes it over: only PxSACT still has it.
            port.ci &= !(1 << slot);
        } else {
            self.taken |= 1 << slot;
        }
        port.busy = true;
        port.set_current(slot);
        self.last = slot;
        Some((slot, command))
    }

    fn execute(&mut self, worker: &mut WorkerContext, slot: u32, command: Result<Command, CommandError>) {
        let command = match command {
            Ok(command) => command,
            Err(error) => return self.broken(slot, &error),
        };
        match command.fis {
            Sent::Command(task) => self.begin(worker, slot, command, task),
            Sent::Control { reset } => self.control(slot, reset),
            Sent::Unknown => self.end(slot, Way::Dma, &TaskFile::default(), None, End::Failed(ata::ABORTED, 0)),
        }
    }

    /// Software reset: the device begins anew when the bit falls.
    fn control(&mut self, slot: u32, reset: bool) {
        let hba = Arc::clone(&self.hba);
        let mut registers = hba.lock();
        let connected = hba.connected(self.port);
        let Some(port) = registers.ports.get_mut(self.port).filter(|port| port.epoch == self.epoch) else { return };
        port.ci &= !(1 << slot);
        self.taken &= !(1 << slot);
        if std::mem::replace(&mut port.soft_reset, reset) && !reset {
            port.begin_anew(connected);
            hba.sign(port, connected);
            port.is |= DHRS;
        }
        hba.update(&mut registers);
        drop(registers);
        self.reset_device();
    }

    /// What the device forgets.
    fn reset_device(&self) {
        if let Device::Drive(unit, _) = &*self.device {
            unit.hold(None);
        }
    }

    fn begin(&mut self, worker: &mut WorkerContext, slot: u32, command: Command, task: TaskFile) {
        let device = Arc::clone(&self.device);
        let plan = match &*device {
            Device::Disk(disk) => self.plan_of_disk(disk, &command, &task),
            Device::Drive(unit, serial) => match self.plan_of_drive(unit, serial, &command, &task) {
                Some(plan) => Ok(plan),
                None => return self.signature_and_abort(slot, &task),
            },
        };
        let packet = task.command == PACKET;
        match plan {
            Ok(Plan::Done(end)) => self.end(slot, Way::Dma, &task, Some((&command, 0)), End::Good(end)),
            Ok(Plan::Data(bytes)) => self.give(slot, &command, &task, &bytes, packet),
            Ok(Plan::Work(steps, way)) => self.work(worker, slot, command, task, steps, way),
            Ok(Plan::Failed(error)) => {
                let way = if ata::is_queued(task.command) { Way::Queued } else { Way::Dma };
                self.end(slot, way, &task, None, End::Failed(error, 0));
            }
            // Resolved when the plan was made.
            Ok(Plan::Trim(_) | Plan::QueuedErrors) => {
                self.end(slot, Way::Dma, &task, None, End::Failed(ata::ABORTED, 0));
            }
            Err(error) => self.broken(slot, &error),
        }
    }

    fn signature_and_abort(&mut self, slot: u32, task: &TaskFile) {
        let end = TaskFile { command: task.command, ..signature(Connected::Drive) };
        self.end(slot, Way::Dma, &end, None, End::Failed(ata::ABORTED, 0));
    }

    /// Gives the driver `bytes`, of which it may have room for a part.
    fn give(&mut self, slot: u32, command: &Command, task: &TaskFile, bytes: &[u8], packet: bool) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut room = match command.writable(&self.hba.memory.memory(), length) {
            Ok(room) => room,
            Err(error) => return self.broken(slot, &error),
        };
        let fits = bytes.get(..usize::try_from(room.len()).unwrap_or_default()).unwrap_or_default();
        if !packet && fits.len() < bytes.len() || room.write(0, fits).is_err() {
            return self.end(slot, Way::Dma, task, None, End::Failed(ata::ABORTED, OFS));
        }
        let written = room.len();
        drop(room);
        let end = if packet { packet_end() } else { TaskFile { device: task.device, ..TaskFile::default() } };
        let way = if packet { Way::Dma } else { Way::Pio };
        self.end(slot, way, task, Some((command, written)), End::Good(end));
    }

    fn work(
        &mut self,
        worker: &mut WorkerContext,
        slot: u32,
        command: Command,
        task: TaskFile,
        steps: Vec<Step>,
        way: Way,
    ) {
        let (data_in, data_out) = steps.iter().fold((0, 0), |most: (u32, u32), step| {
            let (data_in, data_out) = step.data();
            (data_in.max(most.0), data_out.max(most.1))
        });
        let view = view(&self.hba.memory);
        let buffers =
            command.writable(&view, data_in).and_then(|writable| Ok((command.readable(&view, data_out)?, writable)));
        let (readable, writable) = match buffers {
            Ok(buffers) => buffers,
            Err(error) => return self.broken(slot, &error),
        };
        if writable.len() < data_in || readable.len() < data_out {
            return self.end(slot, way, &task, None, End::Failed(ata::ABORTED, OFS));
        }
        if let Err(error) = self.attach(worker) {
            self.log(&error);
            return self.end(slot, way, &task, None, End::Failed(ata::ABORTED, 0));
        }
        let (packet, length) = (task.command == PACKET, data_in.max(data_out));
        let job = PortJob { slot, way, packet, task, command, readable, writable, length, epoch: self.epoch };
        if let Some((_, jobs)) = &mut self.disk {
            jobs.begin(worker, job, steps);
        }
    }

    /// Makes sure that there is a channel to the medium that is there now.
    fn attach(&mut self, worker: &mut WorkerContext) -> std::io::Result<()> {
        let device = Arc::clone(&self.device);
        let (generation, port) = device.port();
        if self.disk.as_ref().is_some_and(|(attached, _)| *attached == generation) {
            return Ok(());
        }
        if let Some((_, jobs)) = self.disk.take() {
            jobs.abandon(worker).into_iter().for_each(|done| self.finish(done));
        }
        self.disk = Some((generation, Jobs::new(Arc::clone(port), 0)?));
        Ok(())
    }

    /// Ends everything that the host has completed.
    fn reap(&mut self, worker: &mut WorkerContext) {
        while let Some(done) = self.disk.as_mut().and_then(|(_, jobs)| jobs.next_done(worker)) {
            self.finish(done);
        }
    }

    fn log(&self, error: &std::io::Error) {
        if let Some(suppressed) = self.log.allow() {
            let disk = self.device.id();
            tracing::warn!(%disk, suppressed, error = error as &dyn std::error::Error, "A disk request failed");
        }
    }

    /// Forgets what a port that was stopped had asked for, and the host does not have.
    fn withdraw(&mut self) {
        let Some(epoch) = self.hba.lock().ports.get(self.port).map(|port| port.epoch) else { return };
        if let Some((_, jobs)) = &mut self.disk {
            drop(jobs.withdraw(|job| job.epoch != epoch));
        }
    }

    /// Says whether commands are under way.
    fn tell_busy(&self) {
        let busy = self.in_flight() > 0;
        if let Some(port) = self.hba.lock().ports.get_mut(self.port) {
            port.busy = busy;
        }
    }
}

impl<M: DeviceMemory> QueueHandler for PortHandler<M> {
    fn index(&self) -> u16 {
        u16::try_from(self.port).unwrap_or(u16::MAX)
    }

    fn notification(&self) -> &EventFd {
        &self.event
    }

    fn process(&mut self, worker: &mut WorkerContext) -> bool {
        let _ = self.event.read();
        self.withdraw();
        if let Some((_, jobs)) = &mut self.disk {
            jobs.resume(worker);
        }
        self.reap(worker);
        let mut budget = BUDGET;
        while budget > 0 {
            let Some((slot, command)) = self.fetch() else { break };
            self.execute(worker, slot, command);
            // What the host does at once is over before the next begins.
            self.reap(worker);
            budget -= 1;
        }
        self.tell_busy();
        budget == 0
    }

    fn drain(&mut self, worker: &mut WorkerContext, deadline: Instant) -> bool {
        self.withdraw();
        let Some((generation, mut jobs)) = self.disk.take() else { return true };
        let idle = jobs.drain(worker, deadline, |done| self.finish(done));
        let parked = jobs.parked().filter(|job| job.epoch == self.epoch && job.way == Way::Queued);
        let parked = parked.fold(0, |slots, job| slots | 1 << job.slot);
        self.disk = Some((generation, jobs));
        if let Some(port) = self.hba.lock().ports.get_mut(self.port) {
            port.parked = parked;
        }
        self.tell_busy();
        idle
    }
}
