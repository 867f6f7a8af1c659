//! Holding every vCPU out of the guest while memory slots are replaced.

/// Keeps vCPUs from executing guest code.
pub(crate) trait VcpuBarrier: Send + Sync {
    /// Returns once no vCPU is inside KVM_RUN; none goes in again until the guard is dropped.
    ///
    /// A vCPU that is handling an exit counts as held wherever it stands, the calling thread included: it may itself
    /// be waiting for the address space, so an implementation must not wait for it to come back. No lifecycle event
    /// follows.
    fn hold(&self) -> BarrierGuard<'_>;
}

/// vCPUs are held until it is dropped.
pub(crate) struct BarrierGuard<'a> {
    release: Option<Box<dyn FnOnce() + 'a>>,
}

impl<'a> BarrierGuard<'a> {
    /// A guard that calls `release` when it is dropped.
    pub(crate) fn new(release: impl FnOnce() + 'a) -> Self {
        Self { release: Some(Box::new(release)) }
    }
}

impl Drop for BarrierGuard<'_> {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            release();
        }
    }
}
