//! What an end is woken by: one epoll set for all that it watches, by edges.

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Bell = 0,
    Input = 1,
    Output = 2,
    Listener = 3,
    Client = 4,
}

/// What has changed since it was asked last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stirred {
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// Both directions of the client are closed.
    pub(super) closed: bool,
    /// Somebody wants to be the client.
    pub(super) callers: bool,
}

/// The epoll set.
#[derive(Debug)]
pub(super) struct Events {
    epoll: OwnedFd,
    bell: OwnedFd,
}

impl Events {
    pub(super) fn new() -> io::Result<Self> {
        let events = Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        };
        events.watch(&events.bell, Source::Bell)?;
        Ok(events)
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    pub(super) fn wake(&self) {
        // It is never read, and fails only after 2^64 times.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    /// Watches `descriptor`; `false`: it is always ready, as files are.
    pub(super) fn watch(&self, descriptor: impl AsFd, source: Source) -> io::Result<bool> {
        let direction = match source {
            Source::Bell | Source::Input | Source::Listener => EventFlags::IN,
            Source::Output => EventFlags::OUT,
            Source::Client => EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP,
        };
        let data = EventData::new_u64(source as u64);
        match epoll::add(&self.epoll, descriptor, data, direction | EventFlags::ET) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::PERM) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// What has changed.
    pub(super) fn take(&self) -> Stirred {
        let mut all = Stirred::default();
        // There are three sources at most.
        let mut events = [MaybeUninit::<Event>::uninit(); 8];
        let Ok((stirred, _)) = epoll::wait(&self.epoll, &mut events, Some(&Timespec::default())) else { return all };
        for event in stirred {
            let (flags, source) = (event.flags, event.data.u64());
            let ended = flags.intersects(EventFlags::HUP | EventFlags::ERR);
            match source {
                1 => all.readable = true,
                2 => all.writable = true,
                3 => all.callers = true,
                4 => {
                    all.readable |= ended || flags.intersects(EventFlags::IN | EventFlags::RDHUP);
                    all.writable |= ended || flags.contains(EventFlags::OUT);
                    all.closed |= ended;
                }
                _ => {}
            }
        }
        all
    }
}
