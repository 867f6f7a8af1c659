//! How far a read or a write of a file has got: what to ask the host next, whoever asks (a system call, or io_uring).

use super::bounce::{Bounce, CHUNK};
use super::segments::Segments;
use super::{DirectIo, Sink, Source};
use std::io;

/// Most segments the kernel takes in one call (UIO_MAXIOV).
const MAX_SEGMENTS: usize = 1024;
/// How often a host may say "not now" before that is an error.
const MAX_RETRIES: u32 = 64;

/// Where the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the file to guest memory.
    Read,
    /// From guest memory to the file; with `stable` to what survives a power failure.
    Write {
        /// See there.
        stable: bool,
    },
}

/// A read or a write, to the last byte: calls may be short, interrupted, and take [`MAX_SEGMENTS`] at most.
pub(crate) struct Transfer {
    direction: Direction,
    segments: Segments,
    offset: u64,
    bounce: Option<Bounce>,
    retries: u32,
}

/// What to ask the host.
pub(super) struct Call<'a> {
    pub(super) direction: Direction,
    pub(super) vectors: &'a [libc::iovec],
    pub(super) offset: u64,
}

/// What comes after an answer.
#[derive(Debug)]
pub(super) enum Progress {
    /// The next call.
    Again,
    /// The end.
    Done(io::Result<()>),
}

impl Transfer {
    /// Fills `sink` with the bytes of a file from `offset` on.
    pub(crate) fn read(sink: Sink, offset: u64, direct: Option<DirectIo>) -> Self {
        Self::new(Direction::Read, sink.into_segments(), offset, direct)
    }

    /// Writes all of `source` to a file from `offset` on. With `stable` it survives a power failure from then on.
    pub(crate) fn write(source: Source, offset: u64, stable: bool, direct: Option<DirectIo>) -> Self {
        Self::new(Direction::Write { stable }, source.into_segments(), offset, direct)
    }

    fn new(direction: Direction, segments: Segments, offset: u64, direct: Option<DirectIo>) -> Self {
        let fits = direct.is_none_or(|direct| segments.left().iter().all(|vector| direct.takes(vector)));
        let bounce = (!fits).then(|| Bounce::new(segments.remaining()));
        Self { direction, segments, offset, bounce, retries: 0 }
    }

    /// There is nothing to move.
    pub(super) fn is_empty(&self) -> bool {
        self.segments.left().is_empty()
    }

    /// What to ask the host now. What it points to stays where it is until the answer is told.
    ///
    /// # Errors
    /// The offset is beyond any file.
    pub(super) fn call(&mut self) -> io::Result<Call<'_>> {
        if libc::off_t::try_from(self.offset).is_err() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let vectors = match &mut self.bounce {
            None => self.segments.left().get(..MAX_SEGMENTS).unwrap_or(self.segments.left()),
            Some(bounce) => {
                let bytes = bounce.prepare(self.segments.remaining().min(CHUNK));
                if self.direction != Direction::Read {
                    self.segments.copy_to(bytes);
                }
                bounce.vectors()
            }
        };
        Ok(Call { direction: self.direction, vectors, offset: self.offset })
    }

    /// The host has moved so many bytes, or failed with an error number.
    pub(super) fn answered(&mut self, answer: Result<usize, i32>) -> Progress {
        match answer {
            Ok(0) => Progress::Done(Err(match self.direction {
                Direction::Read => io::ErrorKind::UnexpectedEof.into(),
                Direction::Write { .. } => io::ErrorKind::WriteZero.into(),
            })),
            Ok(moved) => match self.moved(moved) {
                Ok(()) if self.is_empty() => Progress::Done(Ok(())),
                Ok(()) => Progress::Again,
                Err(error) => Progress::Done(Err(error)),
            },
            Err(libc::EINTR) => Progress::Again,
            Err(libc::EAGAIN) if self.retries < MAX_RETRIES => {
                self.retries += 1;
                Progress::Again
            }
            Err(number) => Progress::Done(Err(io::Error::from_raw_os_error(number))),
        }
    }

    fn moved(&mut self, count: usize) -> io::Result<()> {
        if let Some(bounce) = &mut self.bounce
            && self.direction == Direction::Read
        {
            self.segments.copy_from(bounce.filled(count)?);
        }
        self.segments.advance(count)?;
        self.offset = self.offset.saturating_add(count as u64);
        self.retries = 0;
        Ok(())
    }
}
