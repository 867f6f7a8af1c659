//! A worker's io_uring: operations on disks' files that complete while the worker does other things.
//!
//! ```text
//!  submit ─► job (owns the buffers) ─► submission queue ── flush: one call for a batch ──► host
//!    ▲                                                                                      │
//!    │ goes on after a short or interrupted call                                            ▼
//!    └──────────────────────────── collect ◄── completion queue (the ring's descriptor is readable)
//!                                     │ done
//!                                     ▼
//!                        the seat's list ─► next_completion
//! ```
//!
//! The ring has a seat for each queue that its worker serves, which is a place in its table of files. It owns the
//! buffers of what is under way: whatever becomes of the queues, they stay mapped until the host has let go of them.

mod setup;
#[cfg(test)]
mod tests;

use super::transfer::{Direction, Progress};
use super::work::Work;
use super::zeroes;
use io_uring::squeue::{Entry, Flags};
use io_uring::{IoUring, opcode, types};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

/// Which queue of the worker: its place in the table of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat(usize);

/// A queue's part of the ring.
struct Place {
    file: Arc<File>,
    /// Which handler is to have a turn when something is done.
    handler: u64,
    done: VecDeque<(u64, io::Result<()>)>,
}

/// One operation under way.
struct Job {
    seat: Seat,
    token: u64,
    work: Work,
}

/// The ring, for one thread.
pub(crate) struct Ring {
    ring: IoUring,
    places: Vec<Option<Place>>,
    /// By the number that the host knows them by.
    jobs: Vec<Option<Job>>,
    free: Vec<usize>,
    /// Handlers with something done that they were not told of.
    touched: BTreeSet<u64>,
}

impl Ring {
    /// A restricted ring.
    ///
    /// # Errors
    /// The host does not let us have one.
    pub(crate) fn new() -> io::Result<Self> {
        let places = (0..setup::SEATS).map(|_| None).collect();
        Ok(Self { ring: setup::make()?, places, jobs: Vec::new(), free: Vec::new(), touched: BTreeSet::new() })
    }

    /// Becomes readable when something is done.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open for as long as the ring, which is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.ring.as_raw_fd()) }
    }

    /// A seat for `file`, whose operations are `handler`'s.
    ///
    /// # Errors
    /// There is none left, or the host has no room.
    pub(crate) fn sit(&mut self, file: &Arc<File>, handler: u64) -> io::Result<Seat> {
        let (seat, place) = self
            .places
            .iter_mut()
            .enumerate()
            .find(|(_, place)| place.is_none())
            .ok_or_else(|| io::Error::other("a ring has no room for more queues"))?;
        setup::set_file(&self.ring, seat, file.as_raw_fd())?;
        *place = Some(Place { file: Arc::clone(file), handler, done: VecDeque::new() });
        Ok(Seat(seat))
    }

    /// Gives a seat back, under which nothing is under way.
    pub(crate) fn leave(&mut self, seat: Seat) {
        if let Some(place) = self.places.get_mut(seat.0).and_then(Option::take) {
            self.touched.remove(&place.handler);
            if let Err(error) = setup::set_file(&self.ring, seat.0, setup::NO_FILE) {
                tracing::warn!("A file stays open in a worker's ring: {error}");
            }
        }
    }

    /// Takes `work`, to be told of under `token`. The host learns of it by [`Ring::flush`].
    pub(crate) fn submit(&mut self, seat: Seat, token: u64, work: Work) {
        let job = Job { seat, token, work };
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.jobs.push(None);
                self.jobs.len() - 1
            }
        };
        if let Some(slot) = self.jobs.get_mut(number) {
            *slot = Some(job);
        }
        self.push(number);
    }

    /// Puts the next step of a job into the submission queue.
    fn push(&mut self, number: usize) {
        let Some(job) = self.jobs.get_mut(number).and_then(Option::as_mut) else { return };
        let entry = match entry(job) {
            Ok(entry) => entry.user_data(number as u64).flags(Flags::FIXED_FILE),
            Err(error) => return self.finish(number, Err(error)),
        };
        for _ in 0..2 {
            // SAFETY: the vectors and what they point to belong to the job, which stays in `jobs`, and so where it is,
            // until the host has completed it; the host has read the vectors themselves when the call that submits them
            // returns (IORING_FEAT_SUBMIT_STABLE). Nobody else has a reference to that memory (see `work::vectored`).
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return;
            }
            self.flush();
        }
        self.finish(number, Err(io::Error::other("the host takes no more operations")));
    }

    /// Tells the host of everything submitted. `false`: it did not take all of it, so ask again soon.
    pub(crate) fn flush(&mut self) -> bool {
        while !self.ring.submission().is_empty() {
            match self.ring.submit() {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It wants its completions taken first, or has no memory just now.
                Err(_) => return false,
            }
        }
        true
    }

    /// Takes what is done off the ring, and goes on with what is not done yet.
    fn reap(&mut self) {
        loop {
            let answers: Vec<_> = self.ring.completion().map(|entry| (entry.user_data(), entry.result())).collect();
            if answers.is_empty() {
                // The host keeps what the completion queue had no room for, until it is asked.
                let kept = self.ring.submission().cq_overflow();
                if !kept || self.ring.submit().is_err() || self.ring.completion().is_empty() {
                    return;
                }
            }
            for (number, result) in answers {
                let Ok(number) = usize::try_from(number) else { continue };
                match self.answered(number, result) {
                    Progress::Again => self.push(number),
                    Progress::Done(result) => self.finish(number, result),
                }
            }
        }
    }

    fn answered(&mut self, number: usize, result: i32) -> Progress {
        let Some(job) = self.jobs.get_mut(number).and_then(Option::as_mut) else { return Progress::Done(Ok(())) };
        let answer = usize::try_from(result).map_err(|_| result.saturating_neg());
        match (&mut job.work, answer) {
            (Work::Transfer(transfer), answer) => transfer.answered(answer),
            (_, Ok(_)) => Progress::Done(Ok(())),
            (_, Err(libc::EINTR)) => Progress::Again,
            // What cannot be freed stays.
            (Work::Discard { .. }, Err(libc::EOPNOTSUPP)) => Progress::Done(Ok(())),
            (Work::WriteZeroes { offset, length, .. }, Err(libc::EOPNOTSUPP)) => {
                let place = self.places.get(job.seat.0).and_then(Option::as_ref);
                Progress::Done(match place {
                    Some(place) => zeroes::store_zeroes(place.file.as_fd(), *offset, *length),
                    None => Ok(()),
                })
            }
            (_, Err(error)) => Progress::Done(Err(io::Error::from_raw_os_error(error))),
        }
    }

    fn finish(&mut self, number: usize, result: io::Result<()>) {
        let Some(job) = self.jobs.get_mut(number).and_then(Option::take) else { return };
        self.free.push(number);
        if let Some(place) = self.places.get_mut(job.seat.0).and_then(Option::as_mut) {
            place.done.push_back((job.token, result));
            self.touched.insert(place.handler);
        }
    }

    /// The host has done something that was not collected.
    pub(crate) fn has_completions(&mut self) -> bool {
        !self.ring.completion().is_empty()
    }

    /// Something was done that its handler was not told of.
    pub(crate) fn has_done(&self) -> bool {
        !self.touched.is_empty()
    }

    /// The handlers that something was done for since the last call.
    pub(crate) fn collect(&mut self) -> BTreeSet<u64> {
        self.reap();
        std::mem::take(&mut self.touched)
    }

    /// What was done for `seat`, in the order of the host.
    pub(crate) fn next_completion(&mut self, seat: Seat) -> Option<(u64, io::Result<()>)> {
        self.places.get_mut(seat.0)?.as_mut()?.done.pop_front()
    }

    /// Blocks until something is done, for whomever, or `deadline`.
    pub(crate) fn wait(&mut self, deadline: Instant) {
        // What is not done yet may have to be submitted once more.
        while self.flush() {
            self.reap();
            if self.ring.submission().is_empty() {
                break;
            }
        }
        if !self.touched.is_empty() {
            return;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let descriptor = self.descriptor();
        let mut ring = [PollFd::new(&descriptor, PollFlags::IN)];
        // An interruption is as good as the end: the caller looks at its deadline.
        let _ = poll(&mut ring, Timespec::try_from(left).ok().as_ref());
        self.reap();
    }

    fn is_idle(&self) -> bool {
        self.jobs.iter().all(Option::is_none)
    }
}

impl Drop for Ring {
    /// Waits until the host has let go of all memory that it was given.
    fn drop(&mut self) {
        while !self.is_idle() {
            self.flush();
            if let Err(error) = self.ring.submit_and_wait(1)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!("A worker's ring failed with operations under way; their buffers stay mapped: {error}");
                std::mem::forget(std::mem::take(&mut self.jobs));
                return;
            }
            self.reap();
        }
    }
}

/// What the host is to do next for `job`.
fn entry(job: &mut Job) -> io::Result<Entry> {
    let file = types::Fixed(u32::try_from(job.seat.0).map_err(|_| io::ErrorKind::InvalidInput)?);
    Ok(match &mut job.work {
        Work::Transfer(transfer) => {
            let call = transfer.call()?;
            let count = u32::try_from(call.vectors.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
            let vectors = call.vectors.as_ptr();
            match call.direction {
                Direction::Read => opcode::Readv::new(file, vectors, count).offset(call.offset).build(),
                Direction::Write { stable } => opcode::Writev::new(file, vectors, count)
                    .offset(call.offset)
                    .rw_flags(if stable { libc::RWF_DSYNC } else { 0 })
                    .build(),
            }
        }
        Work::Flush => opcode::Fsync::new(file).flags(types::FsyncFlags::DATASYNC).build(),
        Work::Discard { offset, length } => allocate(file, zeroes::FREE, *offset, *length),
        Work::WriteZeroes { offset, length, unmap } => allocate(file, zeroes::how(*unmap), *offset, *length),
    })
}

fn allocate(file: types::Fixed, how: rustix::fs::FallocateFlags, offset: u64, length: u64) -> Entry {
    let mode = (how | rustix::fs::FallocateFlags::KEEP_SIZE).bits();
    opcode::Fallocate::new(file, length).offset(offset).mode(mode.cast_signed()).build()
}
