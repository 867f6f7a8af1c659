//! The one place where threads are made: named, joined, and sandboxed by their role.

use crate::placement::Placement;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// What a thread is for. The sandbox has one rule set per role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ThreadRole {
    /// Owns the lifecycle: builds, starts, pauses, resets and stops the machine.
    Driver,
    /// Runs a vCPU.
    Vcpu(u32),
    /// Serial input and other slow, shared work.
    EventLoop,
    /// Serves virtio queues.
    Worker(String),
    /// Reads the payload into guest memory while devices are set up.
    Loader,
    /// Writes the firmware's variables.
    Variables,
}

impl fmt::Display for ThreadRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Driver => f.write_str("driver"),
            Self::Vcpu(index) => write!(f, "vcpu{index}"),
            Self::EventLoop => f.write_str("event-loop"),
            Self::Worker(name) => write!(f, "io-{name}"),
            Self::Loader => f.write_str("loader"),
            Self::Variables => f.write_str("variables"),
        }
    }
}

/// Called first in every new thread; an error keeps the thread from running.
pub(crate) type SandboxHook = dyn Fn(&ThreadRole) -> io::Result<()> + Send + Sync;

/// Makes the threads of one machine.
#[derive(Clone)]
pub(crate) struct Threads {
    placement: Arc<Placement>,
    sandbox: Arc<SandboxHook>,
}

impl Threads {
    /// Threads that go where `placement` says, and run `sandbox` first.
    pub(crate) fn new(placement: Placement, sandbox: Arc<SandboxHook>) -> Self {
        Self { placement: Arc::new(placement), sandbox }
    }

    /// Threads without a sandbox, anywhere.
    #[cfg(test)]
    pub(crate) fn unconfined() -> Self {
        Self::new(Placement::default(), Arc::new(|_| Ok(())))
    }

    /// Starts a thread that runs the sandbox hook of its role and then `body`. The caller joins it; a panic or a
    /// refusal of the sandbox is the join's result.
    ///
    /// # Errors
    /// The host has no room for a thread.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        role: ThreadRole,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<io::Result<T>>> {
        let (placement, sandbox) = (Arc::clone(&self.placement), Arc::clone(&self.sandbox));
        // Linux shows 15 bytes of a thread's name.
        let name: String = role.to_string().chars().take(15).collect();
        Builder::new().name(name).spawn(move || {
            placement.apply(&role)?;
            sandbox(&role)?;
            Ok(body())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_hook_runs_in_the_new_thread_before_its_body() {
        let threads = Threads::new(
            Placement::default(),
            Arc::new(|role| {
                assert_eq!(std::thread::current().name(), Some(role.to_string().as_str()));
                Ok(())
            }),
        );
        let thread = threads.spawn(ThreadRole::Vcpu(3), || std::thread::current().name().map(str::to_owned)).unwrap();
        assert_eq!(thread.join().unwrap().unwrap().as_deref(), Some("vcpu3"));
    }

    #[test]
    fn a_refusing_sandbox_keeps_the_body_from_running() {
        let threads =
            Threads::new(Placement::default(), Arc::new(|_| Err(io::Error::from(io::ErrorKind::PermissionDenied))));
        let thread = threads.spawn(ThreadRole::Driver, || panic!("must not run")).unwrap();
        assert_eq!(thread.join().unwrap().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
