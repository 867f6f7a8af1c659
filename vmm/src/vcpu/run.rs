//! What the threads need of a vCPU: a seam, so that their protocol is tested without KVM.

use crate::kvm::{Exit, KvmError, KvmKick, KvmVcpu};
use std::sync::Arc;

/// A vCPU that can be run.
pub(crate) trait RunVcpu: Send + 'static {
    /// What makes it leave [`RunVcpu::run`].
    fn kicker(&self) -> Arc<dyn Kick>;
    /// Runs the guest until it needs something, or completes what the last exit asked for.
    ///
    /// # Errors
    /// The host cannot run it.
    fn run(&mut self) -> Result<Exit<'_>, KvmError>;
    /// Its registers as one line of text, for the report of a crash.
    fn registers(&self) -> String;
}

/// Makes one vCPU leave [`RunVcpu::run`].
pub(crate) trait Kick: Send + Sync {
    /// Makes the calling thread the one that runs the vCPU.
    ///
    /// # Errors
    /// The host refuses.
    fn attach(&self) -> Result<(), KvmError>;
    /// `true`: a run returns before it enters the guest, completing only what was half done.
    fn set_immediate_exit(&self, on: bool);
    /// Ends the run that is under way, or else the next one.
    fn kick(&self);
}

impl RunVcpu for KvmVcpu {
    fn kicker(&self) -> Arc<dyn Kick> {
        KvmVcpu::kicker(self)
    }

    fn run(&mut self) -> Result<Exit<'_>, KvmError> {
        KvmVcpu::run(self)
    }

    fn registers(&self) -> String {
        super::dump::registers(self)
    }
}

impl Kick for KvmKick {
    fn attach(&self) -> Result<(), KvmError> {
        KvmKick::attach(self)
    }

    fn set_immediate_exit(&self, on: bool) {
        KvmKick::set_immediate_exit(self, on);
    }

    fn kick(&self) {
        KvmKick::kick(self);
    }
}
