//! A pseudo-terminal as the console. A client connects by opening it.

use super::ready::wait;
use super::relay::{Answer, Port};
use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl, inotify};
use rustix::io::{Errno, read};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How often the end looks whether the client has read everything: nothing tells.
const LOOK: Duration = Duration::from_millis(10);

/// A new pseudo-terminal, in raw mode, open nowhere.
#[derive(Debug)]
pub(super) struct Pty {
    master: OwnedFd,
    /// Says when somebody opens the terminal: the master does not.
    opens: OwnedFd,
    name: String,
}

impl Pty {
    /// Makes one.
    ///
    /// # Errors
    /// The host has none left, or no `/dev/ptmx`.
    pub(super) fn open() -> Result<Self, Errno> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        fcntl_setfl(&master, fcntl_getfl(&master)? | OFlags::NONBLOCK)?;
        let name = ptsname(&master, Vec::new())?;
        let terminal = peer(&master)?;
        // An echo would send the guest its own output as input. The mode outlives this descriptor.
        let mut mode = tcgetattr(&terminal)?;
        mode.make_raw();
        tcsetattr(&terminal, OptionalActions::Now, &mode)?;
        drop(terminal);
        let opens = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        inotify::add_watch(&opens, &name, inotify::WatchFlags::OPEN)?;
        Ok(Self { master, opens, name: name.to_string_lossy().into_owned() })
    }

    /// Takes what the doorbell has to say, so that it is quiet until the next client.
    fn hear(&self) {
        let mut events = [0; 1024];
        while read(&self.opens, &mut events).is_ok_and(|length| length > 0) {}
    }

    /// The terminal's path.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

fn peer(master: &OwnedFd) -> Result<OwnedFd, Errno> {
    ioctl_tiocgptpeer(master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
}

impl Port for Pty {
    fn doorbell(&self) -> BorrowedFd<'_> {
        self.opens.as_fd()
    }

    /// All who have the terminal open are one client: that is how terminals are.
    fn answer(&mut self, busy: bool) -> Answer {
        if busy {
            self.hear();
            return Answer::Nobody;
        }
        match self.master.try_clone() {
            Ok(client) => {
                self.hear();
                Answer::Client(client)
            }
            // It is not heard: it goes on ringing.
            Err(_) => Answer::Unable,
        }
    }

    /// Closing the master throws away what the client has not read.
    fn settle(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let Ok(terminal) = peer(&self.master) else { return };
        // Polling also brings over what the kernel has not handed to the terminal yet; FIONREAD would not.
        let unread = || wait([Some((terminal.as_fd(), PollFlags::IN))], Some(Duration::ZERO));
        while unread().is_ok_and(|[unread]| !unread.is_empty()) && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
    }
}
