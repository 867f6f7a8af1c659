//! Guest memory as virtio devices see it.

use vm_memory::GuestAddressSpace;

/// What a device may be given as guest memory: any address space (an IOMMU's too) whose snapshots may travel
/// with a request between threads.
pub trait DeviceMemory: GuestAddressSpace<T: Send> + Send + Sync + 'static {}

impl<M> DeviceMemory for M where M: GuestAddressSpace<T: Send> + Send + Sync + 'static {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtio::testing::{TestMemory, TestRam};
    use vm_memory::GuestMemoryAtomic;

    #[test]
    fn fixed_and_changing_memory_maps_will_do() {
        fn is_device_memory<M: DeviceMemory>() {}
        is_device_memory::<TestMemory>();
        is_device_memory::<GuestMemoryAtomic<TestRam>>();
    }
}
