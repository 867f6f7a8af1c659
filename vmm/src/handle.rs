//! The public handle of a machine.

use crate::config::{ConfigError, VmConfig};
use crate::event::{StopReason, VmEvent};
use crate::lifecycle::VmState;
use crate::resources::{ResourceError, Resources};
use crate::timeline::{BootTimeline, StartSource};
use std::sync::mpsc::Receiver;
use std::time::Duration;
use thiserror::Error;

/// Builds machines.
#[derive(Debug)]
pub struct Vm;

/// Why a machine cannot be built, or a request to it fails.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VmError {
    /// The configuration is not one.
    #[error("The machine's configuration is not valid")]
    Config(#[from] ConfigError),
    /// Resources and configuration do not fit.
    #[error("The machine's resources do not fit its configuration")]
    Resources(#[from] ResourceError),
}

impl Vm {
    /// Builds a machine up to its first instruction, which [`VmHandle::start`] runs.
    ///
    /// # Errors
    /// The configuration is refused, a resource is missing, left over or unusable, or the host cannot do it.
    pub fn build(_config: VmConfig, _resources: Resources) -> Result<VmHandle, VmError> {
        unreachable!("filled in by the next commits")
    }

    /// As [`Vm::build`], with the time at which the caller itself was started, for the boot timeline.
    ///
    /// # Errors
    /// As [`Vm::build`].
    pub fn build_since(
        _config: VmConfig,
        _resources: Resources,
        _source: StartSource,
        _process_start_ns: u64,
    ) -> Result<VmHandle, VmError> {
        unreachable!("filled in by the next commits")
    }
}

/// Controls one machine. Clones control the same one; when the last is dropped the machine is stopped.
#[derive(Clone, Debug)]
pub struct VmHandle;

impl VmHandle {
    /// Runs the first instruction.
    ///
    /// # Errors
    /// The machine was started already, or has stopped.
    pub fn start(&self) -> Result<(), VmError> {
        unreachable!()
    }

    /// Stops all vCPUs, drains all queues; returns when both is done.
    ///
    /// # Errors
    /// The machine is not running, or a host request does not end in time.
    pub fn pause(&self) -> Result<(), VmError> {
        unreachable!()
    }

    /// Lets a paused machine go on; its clocks have advanced by the time that passed.
    ///
    /// # Errors
    /// The machine is not paused.
    pub fn resume(&self) -> Result<(), VmError> {
        unreachable!()
    }

    /// Resets the machine as its reset button would, whatever `on_reboot` says.
    ///
    /// # Errors
    /// The machine was not started, or has stopped.
    pub fn reset(&self) -> Result<(), VmError> {
        unreachable!()
    }

    /// Ends the machine at once, as pulling its plug would; returns when all its threads have ended.
    ///
    /// # Errors
    /// A thread of the machine did not end well.
    pub fn stop(&self) -> Result<(), VmError> {
        unreachable!()
    }

    /// Waits until the machine has stopped, and says why; `None` when `timeout` passes first.
    pub fn wait(&self, _timeout: Option<Duration>) -> Option<StopReason> {
        unreachable!()
    }

    /// Where the machine is in its life.
    pub fn state(&self) -> VmState {
        unreachable!()
    }

    /// Everything that happens from now on. The queue is bounded; a reader that falls behind loses the newest
    /// events but `Stopped`, which always arrives.
    pub fn events(&self) -> Receiver<VmEvent> {
        unreachable!()
    }

    /// The times of the first start.
    pub fn boot_timeline(&self) -> BootTimeline {
        unreachable!()
    }
}
