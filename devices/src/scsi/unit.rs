//! One logical unit: decides what each command gets.

use super::command::Command;
use super::drive::Drive;
use super::inquiry::UnitKind;
use super::mode::{Modes, Query};
use super::{Sense, UnitState, capacity, disc, discard, inquiry};
use crate::backend::block::{DiskPort, RemovableDisk, Step};
use crate::id::DeviceId;
use crate::state::StateError;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest list of mode parameters: all pages that can be set, with their header.
const MAX_MODE_LIST: u32 = 256;
/// More attentions than there are kinds of them are never kept.
const MAX_ATTENTIONS: usize = 4;

/// What a unit is made from.
pub struct UnitConfig {
    /// The machine's name for it.
    pub id: DeviceId,
    /// The serial number that it tells, printable ASCII; `None`: it tells its id.
    pub serial: Option<String>,
    /// The host's end of the disk, or of the drive's slot.
    pub port: Arc<DiskPort>,
    /// The slot of a drive whose discs come and go; `None`: it is a disk.
    pub media: Option<Arc<RemovableDisk>>,
    /// Completed writes may need a flush: there is a write cache, which the initiator may switch off.
    pub cached: bool,
    /// The initiator may give blocks back.
    pub discard: bool,
}

/// What a command gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// GOOD, with these bytes.
    Data(Vec<u8>),
    /// GOOD once these steps are done, in their order. Each reads or writes the whole or a part of the data.
    Work(Vec<Step>),
    /// CHECK CONDITION.
    Check(Sense),
}

/// A disk or a drive.
pub(crate) struct LogicalUnit {
    config: UnitConfig,
    /// There may be something to tell before a command is carried out: the lock is needed.
    disturbed: AtomicBool,
    write_cache: AtomicBool,
    memory: Mutex<Memory>,
}

/// What changes.
struct Memory {
    /// In the order in which they are told.
    attentions: Vec<Sense>,
    held: Option<Sense>,
    drive: Option<Drive>,
}

impl LogicalUnit {
    /// A unit; with `state`, as it was.
    ///
    /// # Errors
    /// The state is that of a unit of another size, or with another disc.
    pub(crate) fn new(config: UnitConfig, state: Option<UnitState>) -> Result<Self, StateError> {
        let first = UnitState { write_cache: config.cached, attentions: vec![Sense::POWER_ON], ..UnitState::default() };
        let restored = state.is_some();
        let state = state.unwrap_or(first);
        if state.write_cache && !config.cached {
            let reason = "its write cache was on, now it has none".into();
            return Err(StateError::Invalid { device: config.id, reason });
        }
        let drive = config.media.as_ref().map(|media| Drive::new(Arc::clone(media), state.door));
        let unit = Self {
            config,
            disturbed: AtomicBool::new(true),
            write_cache: AtomicBool::new(state.write_cache),
            memory: Mutex::new(Memory { attentions: state.attentions, held: state.held, drive }),
        };
        let (blocks, readonly) = (unit.blocks(), unit.readonly());
        if restored && (state.blocks, state.readonly) != (blocks, readonly) {
            let reason = format!(
                "it had {} blocks{}, now it has {blocks}{}",
                state.blocks,
                if state.readonly { ", read-only" } else { "" },
                if readonly { ", read-only" } else { "" },
            );
            return Err(StateError::Invalid { device: unit.config.id, reason });
        }
        Ok(unit)
    }

    /// The machine's name for it.
    pub(crate) fn id(&self) -> &DeviceId {
        &self.config.id
    }

    /// What it is.
    pub(crate) fn kind(&self) -> UnitKind {
        if self.config.media.is_some() { UnitKind::Cdrom } else { UnitKind::Disk }
    }

    /// The host's end.
    pub(crate) fn port(&self) -> &Arc<DiskPort> {
        &self.config.port
    }

    /// Changes whenever the port's channels are those of another medium.
    pub(crate) fn generation(&self) -> u64 {
        self.config.media.as_ref().map_or(0, |media| media.generation())
    }

    /// Blocks, of the medium that is there.
    pub(crate) fn blocks(&self) -> u64 {
        self.config.port.backend().capacity() / u64::from(self.kind().block_size())
    }

    /// What is changed must be stable before it is answered.
    pub(crate) fn is_write_through(&self) -> bool {
        !self.write_cache.load(Ordering::Acquire)
    }

    /// Blocks can be given back.
    fn gives_back(&self) -> bool {
        self.config.discard && !self.readonly()
    }

    fn readonly(&self) -> bool {
        self.config.port.backend().readonly()
    }

    fn serial(&self) -> &str {
        self.config.serial.as_deref().unwrap_or_else(|| self.config.id.as_str())
    }

    /// Carries out `cdb`. `parameters` reads so many bytes of what the initiator sends with it, or fails when there are
    /// fewer.
    pub(crate) fn execute(&self, cdb: &[u8], parameters: &mut dyn FnMut(u32) -> Option<Vec<u8>>) -> Answer {
        let command = match Command::parse(cdb) {
            Ok(command) => command,
            Err(sense) => return Answer::Check(sense),
        };
        let unhurried = match &command {
            // Told whatever the unit has to say (SPC-4 5.14).
            Command::Inquiry { .. }
            | Command::ReportLuns { .. }
            | Command::RequestSense { .. }
            | Command::GetEventStatus { .. }
            | Command::GetConfiguration { .. } => Ok(()),
            _ => self.undisturbed(),
        };
        match unhurried.and_then(|()| self.answer(command, parameters)) {
            Ok(answer) => answer,
            Err(sense) => Answer::Check(sense),
        }
    }

    /// Tells one thing that the initiator must know first.
    fn undisturbed(&self) -> Result<(), Sense> {
        if self.kind() == UnitKind::Disk && !self.disturbed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut memory = self.memory();
        self.look(&mut memory);
        if memory.attentions.is_empty() {
            self.disturbed.store(false, Ordering::Release);
            return Ok(());
        }
        Err(memory.attentions.remove(0))
    }

    /// Notices another medium.
    fn look(&self, memory: &mut Memory) {
        if memory.drive.as_mut().is_some_and(Drive::look) {
            self.add(memory, Sense::MEDIUM_CHANGED);
        }
    }

    fn add(&self, memory: &mut Memory, attention: Sense) {
        if !memory.attentions.contains(&attention) && memory.attentions.len() < MAX_ATTENTIONS {
            memory.attentions.push(attention);
        }
        self.disturbed.store(true, Ordering::Release);
    }

    fn answer(&self, command: Command, parameters: &mut dyn FnMut(u32) -> Option<Vec<u8>>) -> Result<Answer, Sense> {
        let kind = self.kind();
        match command {
            Command::Inquiry { page: None, room } => Ok(data(inquiry::standard(kind), room)),
            Command::Inquiry { page: Some(code), room } => {
                Ok(data(inquiry::page(kind, code, self.serial(), self.config.discard)?, room))
            }
            Command::RequestSense { descriptor, room } => Ok(data(self.request_sense(descriptor), room)),
            Command::ReportLuns { room } => report_luns(room),
            Command::TestUnitReady => self.ready().map(|()| Answer::Data(Vec::new())),
            Command::ReadCapacity10 => {
                self.ready()?;
                Ok(Answer::Data(capacity::short(kind, self.blocks())))
            }
            Command::ModeSense { page, subpage, values, descriptor, long, room } => {
                let query = Query { page, subpage, values, descriptor: descriptor && kind == UnitKind::Disk, long };
                Ok(data(self.modes().sense(query)?, room))
            }
            Command::ModeSelect { long, length } => {
                let list = take(parameters, length, MAX_MODE_LIST)?;
                if let Some(cache) = self.modes().select(&list, long)? {
                    self.write_cache.store(cache, Ordering::Release);
                }
                Ok(Answer::Data(Vec::new()))
            }
            Command::StartStop { start, load_eject } => self.start_stop(start, load_eject),
            Command::PreventRemoval(locked) => {
                if let Some(drive) = &mut self.memory().drive {
                    drive.lock(locked);
                }
                Ok(Answer::Data(Vec::new()))
            }
            Command::Read { block, count } => self.read(block, count),
            Command::Verify { block, count } => {
                self.ready()?;
                capacity::check(block, count, self.blocks())?;
                Ok(Answer::Data(Vec::new()))
            }
            Command::Nothing => self.ready().map(|()| Answer::Data(Vec::new())),
            disks if kind == UnitKind::Disk => self.answer_of_disk(disks, parameters),
            drives => self.answer_of_drive(drives),
        }
    }

    fn answer_of_disk(
        &self,
        command: Command,
        parameters: &mut dyn FnMut(u32) -> Option<Vec<u8>>,
    ) -> Result<Answer, Sense> {
        let blocks = self.blocks();
        match command {
            Command::ReadCapacity16 { room } => {
                Ok(data(capacity::long(UnitKind::Disk, blocks, self.gives_back()), room))
            }
            Command::Write { block, count, through } => {
                let (offset, length) = self.writable(block, count)?;
                let stable = through || self.is_write_through();
                let length = u32::try_from(length).map_err(|_| Sense::BAD_FIELD)?;
                Ok(work((count > 0).then_some(Step::Write { offset, at: 0, length, stable })))
            }
            Command::SynchronizeCache => Ok(Answer::Work(vec![Step::Flush])),
            Command::Unmap { length } if self.config.discard => {
                self.writable(0, 0)?;
                if length == 0 {
                    return Ok(Answer::Data(Vec::new()));
                }
                let list = take(parameters, length, discard::MAX_LIST)?;
                let ranges = discard::ranges(&list, blocks)?;
                Ok(work(ranges.into_iter().map(|(block, count)| {
                    let (offset, length) = bytes(block, count);
                    Step::Discard { offset, length }
                })))
            }
            Command::WriteSame { block, count, zeros, unmap } => {
                self.write_same(block, count, zeros, unmap, parameters)
            }
            _ => Err(Sense::UNKNOWN_COMMAND),
        }
    }

    fn answer_of_drive(&self, command: Command) -> Result<Answer, Sense> {
        match command {
            Command::GetEventStatus { classes, room } => {
                let mut memory = self.memory();
                self.look(&mut memory);
                let status = memory.drive.as_mut().map(|drive| drive.event_status(classes));
                Ok(data(status.unwrap_or_default(), room))
            }
            Command::GetConfiguration { which, first, room } => {
                let sectors = self.ready().is_ok().then(|| self.blocks());
                Ok(data(disc::configuration(sectors, which, first)?, room))
            }
            Command::MechanismStatus { room } => {
                Ok(data(self.memory().drive.as_ref().map(Drive::mechanism).unwrap_or_default(), room))
            }
            Command::ReadToc { minutes, format, track, room } => {
                self.ready()?;
                Ok(data(disc::table_of_contents(self.blocks(), minutes, format, track)?, room))
            }
            Command::ReadDiscInformation { room } => self.ready().map(|()| data(disc::information(), room)),
            _ => Err(Sense::UNKNOWN_COMMAND),
        }
    }

    fn read(&self, block: u64, count: u32) -> Result<Answer, Sense> {
        self.ready()?;
        capacity::check(block, count, self.blocks())?;
        let size = u64::from(self.kind().block_size());
        let length = u32::try_from(u64::from(count) * size).map_err(|_| Sense::BAD_FIELD)?;
        Ok(work((count > 0).then_some(Step::Read { offset: block * size, at: 0, length })))
    }

    fn write_same(
        &self,
        block: u64,
        count: u32,
        zeros: bool,
        unmap: bool,
        parameters: &mut dyn FnMut(u32) -> Option<Vec<u8>>,
    ) -> Result<Answer, Sense> {
        let (offset, length) = self.writable(block, count)?;
        if count == 0 || count > discard::MAX_SAME_BLOCKS {
            return Err(Sense::BAD_FIELD);
        }
        let size = UnitKind::Disk.block_size();
        if zeros || take(parameters, size, size)?.iter().all(|byte| *byte == 0) {
            return Ok(Answer::Work(vec![Step::Zero { offset, length, unmap: unmap && self.config.discard }]));
        }
        Ok(Answer::Work(vec![Step::Repeat { offset, block: size, count }]))
    }

    fn start_stop(&self, start: bool, load_eject: bool) -> Result<Answer, Sense> {
        let mut memory = self.memory();
        if let Some(drive) = &mut memory.drive {
            if load_eject && drive.move_tray(start)? {
                self.add(&mut memory, Sense::MEDIUM_CHANGED);
            }
            return Ok(Answer::Data(Vec::new()));
        }
        // A disk that stops keeps nothing in its cache (SBC-3 5.26).
        Ok(if start { Answer::Data(Vec::new()) } else { Answer::Work(vec![Step::Flush]) })
    }

    /// Where `count` blocks from `block` on are, in bytes, if they may be written.
    fn writable(&self, block: u64, count: u32) -> Result<(u64, u64), Sense> {
        if self.readonly() {
            return Err(Sense::WRITE_PROTECTED);
        }
        capacity::check(block, count, self.blocks())?;
        Ok(bytes(block, count))
    }

    /// There is a medium.
    fn ready(&self) -> Result<(), Sense> {
        if self.kind() == UnitKind::Disk {
            return Ok(());
        }
        self.memory().drive.as_ref().map_or(Ok(()), Drive::ready)
    }

    fn request_sense(&self, descriptor: bool) -> Vec<u8> {
        let mut memory = self.memory();
        self.look(&mut memory);
        let sense = memory
            .held
            .take()
            .unwrap_or_else(|| if memory.attentions.is_empty() { Sense::NONE } else { memory.attentions.remove(0) });
        if descriptor { sense.descriptor().to_vec() } else { sense.fixed().to_vec() }
    }

    fn modes(&self) -> Modes {
        Modes {
            kind: self.kind(),
            blocks: self.blocks(),
            readonly: self.readonly(),
            write_cache: !self.is_write_through(),
            cached: self.config.cached,
            locked: self.memory().drive.as_ref().is_some_and(Drive::is_locked),
        }
    }

    /// What a step that the host failed is to the initiator.
    pub(crate) fn failure(&self, step: &Step, error: &io::Error) -> Sense {
        match (step, error.kind()) {
            (Step::Read { .. }, _) if self.ready().is_err() => Sense::NO_MEDIUM,
            (Step::Read { .. }, _) => Sense::READ_ERROR,
            (_, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Sense::NO_SPACE,
            (Step::Flush | Step::Discard { .. }, _) => Sense::TARGET_FAILURE,
            _ => Sense::WRITE_ERROR,
        }
    }

    /// Keeps what a command failed with for REQUEST SENSE; `None`: the last command was carried out.
    pub(crate) fn hold(&self, sense: Option<Sense>) {
        self.memory().held = sense;
    }

    /// The initiator reset the unit.
    pub(crate) fn reset(&self) {
        let mut memory = self.memory();
        memory.attentions.clear();
        memory.held = None;
        if let Some(drive) = &mut memory.drive {
            drive.reset();
        }
        self.add(&mut memory, Sense::POWER_ON);
    }

    /// The disk has another size.
    pub(crate) fn capacity_changed(&self) {
        let mut memory = self.memory();
        self.add(&mut memory, Sense::CAPACITY_CHANGED);
    }

    /// What it remembers.
    pub(crate) fn state(&self) -> UnitState {
        let memory = self.memory();
        UnitState {
            blocks: self.blocks(),
            readonly: self.readonly(),
            write_cache: self.write_cache.load(Ordering::Acquire),
            attentions: memory.attentions.clone(),
            held: memory.held,
            door: memory.drive.as_ref().map(|drive| drive.door).unwrap_or_default(),
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic in another thread leaves plain data behind.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The only unit of a target: number 0 (SPC-4 6.33).
pub(crate) fn report_luns(room: u32) -> Result<Answer, Sense> {
    if room < 16 {
        return Err(Sense::BAD_FIELD);
    }
    let mut list = vec![0, 0, 0, 8];
    list.resize(16, 0);
    Ok(data(list, room))
}

/// Bytes, of which the initiator takes `room`.
fn data(mut bytes: Vec<u8>, room: u32) -> Answer {
    bytes.truncate(usize::try_from(room).unwrap_or(usize::MAX));
    Answer::Data(bytes)
}

/// Steps, or nothing to do.
fn work(steps: impl IntoIterator<Item = Step>) -> Answer {
    let steps: Vec<Step> = steps.into_iter().collect();
    if steps.is_empty() { Answer::Data(Vec::new()) } else { Answer::Work(steps) }
}

/// The bytes of blocks that are inside the disk.
fn bytes(block: u64, count: u32) -> (u64, u64) {
    let size = u64::from(UnitKind::Disk.block_size());
    (block * size, u64::from(count) * size)
}

/// A list of `length` bytes, of which there may be `most`.
fn take(parameters: &mut dyn FnMut(u32) -> Option<Vec<u8>>, length: u32, most: u32) -> Result<Vec<u8>, Sense> {
    if length > most {
        return Err(Sense::PARAMETER_LIST_LENGTH);
    }
    parameters(length).ok_or(Sense::PARAMETER_LIST_LENGTH)
}
