//! Serves a port: fetches commands, carries them out, tells of their end (AHCI 1.3.1, 5.3).
//!
//! Queued commands run together; any other runs alone.

use super::ata::{self, AtaDisk, Plan, Way};
use super::command::{Command, CommandError, View, view};
use super::fis::{self, Sent, TaskFile};
use super::hba::Hba;
use super::port::{Connected, next_slot};
use super::registers::{DHRS, DRDY, DRQ, ERR, HBFS, OFS, PSS, SDBS, SEEK, TFES};
use crate::backend::block::{BlockBackend, Done, Job, Jobs, Operation, Step};
use crate::buffers::{AccessError, Readable, Writable};
use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use crate::scsi::{Answer, LogicalUnit, Sense};
use crate::virtio::{DeviceMemory, QueueHandler};
use crate::worker::WorkerContext;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vm_memory::Bytes;
use vmm_sys_util::eventfd::EventFd;

/// Commands taken in one call, so that a worker with several ports is fair to them.
const BUDGET: usize = 64;
/// How long a change of medium waits at a time for reads of the old one.
const PATIENCE: Duration = Duration::from_secs(1);
/// A device that is ready, and has found its place.
const READY: u8 = DRDY | SEEK;
/// PACKET and its IDENTIFY; DEVICE RESET.
const PACKET: u8 = 0xa0;
const IDENTIFY_PACKET: u8 = 0xa1;
const DEVICE_RESET: u8 = 0x08;
/// The command for drives that asks why the last one failed.
const REQUEST_SENSE: u8 = 0x03;
/// What PACKET leaves in the count: the command is over.
const PACKET_END: u16 = 3;

/// What a port is connected to.
pub(super) enum Device {
    Disk(AtaDisk),
    Drive(Box<LogicalUnit>, String),
}

impl Device {
    pub(super) fn id(&self) -> &DeviceId {
        match self {
            Self::Disk(disk) => &disk.id,
            Self::Drive(unit, _) => unit.id(),
        }
    }

    pub(super) fn connected(&self) -> Connected {
        match self {
            Self::Disk(_) => Connected::Disk,
            Self::Drive(..) => Connected::Drive,
        }
    }

    fn backend(&self) -> (u64, Arc<dyn BlockBackend>) {
        match self {
            Self::Disk(disk) => (0, Arc::clone(&disk.backend)),
            Self::Drive(unit, _) => (unit.generation(), unit.backend()),
        }
    }
}

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

/// How a command ends.
enum End {
    /// Well, with these registers.
    Good(TaskFile),
    /// Not, with this error and these bits of PxIS besides.
    Failed(u8, u32),
}

impl<M: DeviceMemory> Job for PortJob<M> {
    fn operation(&mut self, step: Step) -> Result<Operation, AccessError> {
        step.operation((&self.readable, 0), (&mut self.writable, 0))
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

    fn plan_of_disk(&self, disk: &AtaDisk, command: &Command, task: &TaskFile) -> Result<Plan, CommandError> {
        Ok(match disk.plan(task) {
            Plan::Trim(length) => {
                let list = command.readable(&self.hba.memory.memory(), length)?;
                let mut ranges = vec![0; usize::try_from(length).unwrap_or_default()];
                match list.read(0, &mut ranges) {
                    Ok(()) => disk.discards(&ranges),
                    Err(_) => Plan::Failed(ata::ABORTED),
                }
            }
            Plan::QueuedErrors => Plan::Data(self.queued_errors()),
            plan => plan,
        })
    }

    /// The log of the queued command that failed (ACS-3 A.17), which forgets it.
    fn queued_errors(&self) -> Vec<u8> {
        let mut registers = self.hba.lock();
        let failed = registers.ports.get_mut(self.port).and_then(|port| port.queued_error.take());
        let mut log = vec![0; 511];
        let start = match failed {
            Some((slot, status, error)) => [slot, 0, status, error],
            None => [0x80, 0, 0, 0], // not a queued one
        };
        log.splice(0..4, start);
        let sum = log.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
        log.push(sum);
        log
    }

    /// `None`: it is a command of disks, to which a drive answers with its signature.
    fn plan_of_drive(&self, unit: &LogicalUnit, serial: &str, command: &Command, task: &TaskFile) -> Option<Plan> {
        match task.command {
            IDENTIFY_PACKET => Some(Plan::Data(super::identify::drive(serial))),
            PACKET => {
                let [cdb @ .., _, _, _, _] = command.packet;
                let mut parameters = |length: u32| {
                    let list = command.readable(&self.hba.memory.memory(), length).ok()?;
                    let mut bytes = vec![0; usize::try_from(length).ok()?];
                    list.read(0, &mut bytes).ok()?;
                    Some(bytes)
                };
                // What the command before it failed with is asked for now, or never.
                if cdb.first() != Some(&REQUEST_SENSE) {
                    unit.hold(None);
                }
                match unit.execute(&cdb, &mut parameters) {
                    Answer::Check(sense) => {
                        unit.hold(Some(sense));
                        Some(Plan::Failed(sense.key << 4 | ata::ABORTED))
                    }
                    Answer::Data(bytes) if bytes.is_empty() => Some(Plan::Done(packet_end())),
                    Answer::Data(bytes) => Some(Plan::Data(bytes)),
                    Answer::Work(steps) => Some(Plan::Work(steps, Way::Dma)),
                }
            }
            // SET FEATURES (transfer mode), the power modes.
            0xef if task.features & 0xff == 3 => Some(Plan::Done(TaskFile::default())),
            0xe0 | 0xe1 | 0xe2 | 0xe3 | 0xe6 => Some(Plan::Done(TaskFile::default())),
            0xe5 => Some(Plan::Done(TaskFile { count: 0xff, ..TaskFile::default() })),
            DEVICE_RESET => Some(Plan::Done(signature(Connected::Drive))),
            0xec => None,
            _ => Some(Plan::Failed(ata::ABORTED)),
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
        if let Some((_, jobs)) = &mut self.disk
            && let Some(done) = jobs.begin(worker, job, steps)
        {
            self.finish(done);
        }
    }

    /// Makes sure that there is a channel to the medium that is there now.
    fn attach(&mut self, worker: &mut WorkerContext) -> std::io::Result<()> {
        let (generation, backend) = self.device.backend();
        if self.disk.as_ref().is_some_and(|(attached, _)| *attached == generation) {
            return Ok(());
        }
        while self.in_flight() > 0 {
            if let Some((_, jobs)) = &mut self.disk {
                jobs.wait(worker, Instant::now() + PATIENCE);
            }
            self.reap(worker);
        }
        if let Some((_, mut jobs)) = self.disk.take() {
            jobs.leave(worker);
        }
        self.disk = Some((generation, Jobs::new(backend.channel()?)));
        Ok(())
    }

    /// Ends everything that the host has completed.
    fn reap(&mut self, worker: &mut WorkerContext) {
        while let Some(done) = self.disk.as_mut().and_then(|(_, jobs)| jobs.next_done(worker)) {
            self.finish(done);
        }
    }

    fn finish(&mut self, Done { job, result }: Done<PortJob<M>>) {
        let PortJob { slot, way, packet, task, command, readable, writable, length, epoch } = job;
        // What was written is marked before the driver hears of it.
        drop((readable, writable));
        if epoch != self.epoch {
            return;
        }
        let end = match result {
            Ok(()) if packet => End::Good(packet_end()),
            Ok(()) => End::Good(TaskFile { lba: task.lba, device: task.device, ..TaskFile::default() }),
            Err((step, error)) => {
                self.log(&error);
                End::Failed(self.failure(&step, &error), 0)
            }
        };
        self.end(slot, way, &task, Some((&command, length)), end);
    }

    fn failure(&self, step: &Step, error: &std::io::Error) -> u8 {
        match &*self.device {
            Device::Disk(_) if matches!(step, Step::Read { .. }) => ata::UNREADABLE,
            Device::Disk(_) => ata::ABORTED,
            Device::Drive(unit, _) => {
                let sense: Sense = unit.failure(step, error);
                unit.hold(Some(sense));
                sense.key << 4 | ata::ABORTED
            }
        }
    }

    fn log(&self, error: &std::io::Error) {
        if let Some(suppressed) = self.log.allow() {
            let disk = self.device.id();
            tracing::warn!(%disk, suppressed, error = error as &dyn std::error::Error, "A disk request failed");
        }
    }

    /// The driver's tables are not in memory: the port stops with a host bus error.
    fn broken(&mut self, slot: u32, error: &CommandError) {
        if let Some(suppressed) = self.log.allow() {
            let (hba, port) = (&self.hba.id, self.port);
            let error = error as &dyn std::error::Error;
            tracing::warn!(device = %hba, port, slot, suppressed, error, "A SATA command cannot be fetched");
        }
        let hba = Arc::clone(&self.hba);
        let mut registers = hba.lock();
        if let Some(port) = registers.ports.get_mut(self.port).filter(|port| port.epoch == self.epoch) {
            port.halt();
            port.is |= HBFS;
        }
        hba.update(&mut registers);
    }

    /// Tells of the end of a command; `moved` is its entry in the list, and how much data was transferred.
    fn end(&mut self, slot: u32, way: Way, task: &TaskFile, moved: Option<(&Command, u32)>, end: End) {
        let hba = Arc::clone(&self.hba);
        let mut registers = hba.lock();
        let Some(port) = registers.ports.get_mut(self.port).filter(|port| port.epoch == self.epoch) else { return };
        if !port.fetches() {
            // Another queued command has failed before: this one was given up with it.
            return;
        }
        if let (Some((command, length)), false) = (moved, way == Way::Queued) {
            let _lost = hba.memory.memory().write_obj(length.to_le(), command.transferred_at());
        }
        let bit = 1u32 << slot;
        let (status, error) = match &end {
            End::Good(_) => (READY, 0),
            End::Failed(error, _) => (READY | ERR, *error),
        };
        port.tfd = u32::from(error) << 8 | u32::from(status);
        match (&end, way) {
            (End::Good(_), Way::Queued) => {
                port.sact &= !bit;
                hba.receive(port, fis::AT_SET_DEVICE_BITS, &fis::set_device_bits(status, error, bit));
                port.is |= SDBS;
            }
            (End::Good(registers), Way::Pio) if is_data_in(task.command) => {
                let length = moved.map_or(0, |(_, length)| length.min(8192));
                let length = u16::try_from(length).unwrap_or_default();
                let setup = fis::pio_setup(READY | DRQ, status, registers, length, true);
                hba.receive(port, fis::AT_PIO_SETUP, &setup);
                port.is |= PSS;
                port.ci &= !bit;
            }
            (End::Good(registers), _) => {
                hba.receive(port, fis::AT_REGISTER, &fis::register(status, error, registers, true));
                port.is |= DHRS;
                port.ci &= !bit;
            }
            (End::Failed(_, more), Way::Queued) => {
                port.queued_error = Some((u8::try_from(slot).unwrap_or_default(), status, error));
                hba.receive(port, fis::AT_SET_DEVICE_BITS, &fis::set_device_bits(status, error, 0));
                port.is |= SDBS | TFES | more;
                port.halt();
            }
            (End::Failed(_, more), _) => {
                hba.receive(port, fis::AT_REGISTER, &fis::register(status, error, task, true));
                port.is |= DHRS | TFES | more;
                port.halt();
            }
        }
        self.taken &= !bit;
        hba.update(&mut registers);
    }

    /// Says whether commands are under way.
    fn tell_busy(&self) {
        let busy = self.in_flight() > 0;
        if let Some(port) = self.hba.lock().ports.get_mut(self.port) {
            port.busy = busy;
        }
    }
}

/// PIO commands that read.
const fn is_data_in(command: u8) -> bool {
    !matches!(command, 0x30 | 0x31 | 0x34 | 0x39 | 0xc5 | 0xce)
}

fn packet_end() -> TaskFile {
    TaskFile { count: PACKET_END, ..TaskFile::default() }
}

fn signature(connected: Connected) -> TaskFile {
    let signature = connected.signature();
    TaskFile { lba: u64::from(signature >> 8), count: 1, ..TaskFile::default() }
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
        self.reap(worker);
        let mut budget = BUDGET;
        while budget > 0 {
            let Some((slot, command)) = self.fetch() else { break };
            self.execute(worker, slot, command);
            budget -= 1;
        }
        self.tell_busy();
        budget == 0
    }

    fn drain(&mut self, worker: &mut WorkerContext, deadline: Instant) -> bool {
        loop {
            self.reap(worker);
            let Some((_, jobs)) = &mut self.disk else { break };
            if jobs.len() == 0 {
                jobs.leave(worker);
                break;
            }
            if Instant::now() >= deadline {
                return false;
            }
            jobs.wait(worker, deadline);
        }
        self.tell_busy();
        true
    }
}
