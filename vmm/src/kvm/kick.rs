//! Makes a vCPU leave KVM_RUN: a directed signal ends one that is under way, and the byte `immediate_exit` keeps the
//! next one from entering the guest, so a kick that comes just before KVM_RUN is not lost.
//!
//! The handler of that signal is this library's only process-wide state. It does nothing; its existence makes the
//! system call return. It restarts other system calls, so a late kick disturbs no device.

use super::error::KvmError;
use super::exit::RunArea;
use libc::c_int;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The real-time signal that kicks vCPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KickSignal(c_int);

static INSTALLED: Mutex<Option<KickSignal>> = Mutex::new(None);

extern "C" fn handle(_signal: c_int) {}

impl KickSignal {
    /// Chooses the `offset`-th real-time signal (SIGRTMIN + offset) and installs its handler, once per process.
    ///
    /// # Errors
    /// There is no such signal, the program uses it for something else, or another one was chosen before.
    pub(crate) fn install(offset: u8) -> Result<Self, KvmError> {
        const CALL: &str = "Choosing the vCPUs' signal";
        let invalid =
            |advice: String| Err(KvmError::with_advice(CALL, io::Error::from_raw_os_error(libc::EINVAL), advice));
        let signal = Self(libc::SIGRTMIN() + c_int::from(offset));
        if signal.0 > libc::SIGRTMAX() {
            let count = libc::SIGRTMAX() - libc::SIGRTMIN();
            return invalid(format!("SIGRTMIN+{offset} does not exist: choose 0 to {count}"));
        }
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        match *installed {
            Some(before) if before == signal => return Ok(before),
            Some(before) => {
                let before = before.0 - libc::SIGRTMIN();
                return invalid(format!(
                    "vCPUs of this process use SIGRTMIN+{before}: choose the signal before the first machine"
                ));
            }
            None => {}
        }
        if !signal.is_free()? {
            return invalid(format!("the program handles SIGRTMIN+{offset} itself: choose another signal"));
        }
        signal.handle()?;
        *installed = Some(signal);
        Ok(signal)
    }

    /// The signal chosen before, or the first real-time signal.
    pub(crate) fn get() -> Result<Self, KvmError> {
        let installed = *INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        installed.map_or_else(|| Self::install(0), Ok)
    }

    fn is_free(self) -> Result<bool, KvmError> {
        // SAFETY: sigaction is plain data for which zeros are valid; with no new action the call only fills it in.
        let (code, action) = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            (libc::sigaction(self.0, std::ptr::null(), &raw mut action), action)
        };
        check("rt_sigaction", code)?;
        Ok(action.sa_sigaction == libc::SIG_DFL)
    }

    fn handle(self) -> Result<(), KvmError> {
        // SAFETY: sigaction is plain data for which zeros (no flags, empty mask) are valid; the handler touches
        // nothing, so it may run at any point of any thread.
        let code = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as extern "C" fn(c_int) as usize;
            action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
            libc::sigaction(self.0, &raw const action, std::ptr::null_mut())
        };
        check("rt_sigaction", code)
    }

    /// Lets this thread be kicked, whatever mask it inherited.
    fn unblock(self) -> Result<(), KvmError> {
        // SAFETY: the set is initialised by sigemptyset before it is used; all pointers are to locals.
        let code = unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, self.0);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut())
        };
        if code == 0 { Ok(()) } else { Err(KvmError::new("rt_sigprocmask", io::Error::from_raw_os_error(code))) }
    }

    fn send(self, thread: c_int) {
        // SAFETY: tgkill takes three numbers. A thread that has ended since is refused by the kernel, and a new
        // thread of this process with its number only runs the empty handler.
        let _ = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, self.0) };
    }
}

fn check(call: &'static str, code: c_int) -> Result<(), KvmError> {
    if code == 0 { Ok(()) } else { Err(KvmError::new(call, io::Error::last_os_error())) }
}

/// Kicks one vCPU out of KVM_RUN, from any thread.
#[derive(Debug)]
pub(crate) struct KvmKick {
    area: Arc<RunArea>,
    signal: KickSignal,
    /// The thread that runs the vCPU; 0 before it has one.
    thread: AtomicI32,
}

impl KvmKick {
    pub(super) fn new(area: Arc<RunArea>, signal: KickSignal) -> Self {
        Self { area, signal, thread: AtomicI32::new(0) }
    }

    /// Makes the calling thread the one that is kicked.
    ///
    /// # Errors
    /// The host refuses to unblock the signal.
    pub(crate) fn attach(&self) -> Result<(), KvmError> {
        self.signal.unblock()?;
        self.thread.store(rustix::thread::gettid().as_raw_nonzero().get(), Ordering::SeqCst);
        Ok(())
    }

    /// `true`: KVM_RUN will return at once, completing only what was half done. `false`: it may enter the guest.
    pub(crate) fn set_immediate_exit(&self, on: bool) {
        self.area.set_immediate_exit(on);
    }

    /// Ends the KVM_RUN that is under way, or else the next one.
    pub(crate) fn kick(&self) {
        self.area.set_immediate_exit(true);
        match self.thread.load(Ordering::SeqCst) {
            0 => {}
            thread => self.signal.send(thread),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_signal_that_does_not_exist_is_refused_by_name() {
        let error = KickSignal::install(200).unwrap_err().to_string();
        assert!(error.contains("SIGRTMIN+200 does not exist"), "{error}");
    }

    #[test]
    fn the_signal_is_chosen_once_per_process() {
        let chosen = KickSignal::get().unwrap();
        assert_eq!(KickSignal::install(0).unwrap(), chosen);
        let error = KickSignal::install(1).unwrap_err().to_string();
        assert!(error.contains("before the first machine"), "{error}");
    }
}
