//! The machine's balloon, from outside.

use super::{VmError, VmHandle};
use crate::machine::{BALLOON_PAGE, Blueprint};
use devices::virtio::balloon::{BalloonPort, BalloonStatus};
use std::sync::Arc;

/// What the handle needs of a balloon.
#[derive(Debug)]
pub(super) struct BalloonControl {
    port: Arc<BalloonPort>,
    /// Bytes of RAM.
    memory: u64,
}

impl BalloonControl {
    /// That of `blueprint`, if there is one.
    pub(super) fn of(blueprint: &Blueprint) -> Option<Self> {
        let port = Arc::clone(&blueprint.balloon.as_ref()?.port);
        Some(Self { port, memory: blueprint.config.memory.boot })
    }
}

impl VmHandle {
    /// The guest is to do without `size` bytes of its memory, rounded down to whole pages of 4096 bytes, which then go
    /// back to the host. At any time; it stays so through resets. The guest takes its time: [`VmHandle::balloon`] says
    /// how far it is.
    ///
    /// # Errors
    /// The machine has no balloon, or less memory than that.
    pub fn set_balloon(&self, size: u64) -> Result<(), VmError> {
        let BalloonControl { port, memory } = self.balloon_control()?;
        if size > *memory {
            return Err(VmError::BalloonTooLarge { size, memory: *memory });
        }
        port.set_target(u32::try_from(size / BALLOON_PAGE).unwrap_or(u32::MAX));
        Ok(())
    }

    /// How large the balloon is, what has gone back to the host, and what the guest said last of its memory.
    ///
    /// # Errors
    /// The machine has no balloon.
    pub fn balloon(&self) -> Result<BalloonStatus, VmError> {
        Ok(self.balloon_control()?.port.status())
    }

    /// Asks the guest for its statistics; they have come when [`BalloonStatus::updates`] has grown.
    ///
    /// # Errors
    /// The machine has no balloon.
    pub fn request_balloon_statistics(&self) -> Result<(), VmError> {
        self.balloon_control()?.port.request_statistics();
        Ok(())
    }

    fn balloon_control(&self) -> Result<&BalloonControl, VmError> {
        self.control.balloon.as_ref().ok_or(VmError::NoBalloon)
    }
}
