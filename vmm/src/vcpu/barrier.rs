//! The vCPUs' side of [`VcpuBarrier`].

use super::VcpuControl;
use crate::memory::{BarrierGuard, VcpuBarrier};

impl VcpuBarrier for VcpuControl {
    /// Holds nest and overlap: vCPUs run again when the last guard has gone. While the machine is paused, or before
    /// it has vCPUs, a hold costs nothing.
    fn hold(&self) -> BarrierGuard<'_> {
        self.gate.hold();
        BarrierGuard::new(|| self.gate.release())
    }
}
