//! How far a machine can grow while it runs.

use super::vmi::architecture;
use crate::api::kubernetes::Quantity;
use crate::api::vmi::VirtualMachineInstanceSpec;
use crate::config::ClusterConfig;

/// More processors than this no board has.
const MAX_PROCESSORS: u32 = 512;

/// Memory is plugged in blocks of this size, or of huge pages of 1 GiB.
const BLOCK: i64 = 2 << 20;

/// The size of the largest pages, and the least memory of a guest that can get more.
const GIB: i64 = 1 << 30;

/// As many sockets as configured, else four times as many as there are.
pub(super) fn set_max_sockets(spec: &mut VirtualMachineInstanceSpec, config: &ClusterConfig) {
    let Some(cpu) = &mut spec.domain.cpu else { return };
    if cpu.max_sockets.unwrap_or(0) != 0 {
        return;
    }
    let sockets = cpu.sockets.unwrap_or(0);
    let configured = config.max_cpu_sockets();
    if configured != 0 {
        cpu.max_sockets = Some(configured.max(sockets));
        return;
    }
    let per_socket = cpu.cores.unwrap_or(0).wrapping_mul(cpu.threads.unwrap_or(0));
    let wanted = sockets.wrapping_mul(config.max_hotplug_ratio());
    let fits = if wanted.wrapping_mul(per_socket) > MAX_PROCESSORS {
        (MAX_PROCESSORS / per_socket).max(sockets)
    } else {
        wanted
    };
    cpu.max_sockets = Some(fits);
}

/// As much memory as configured, else four times as much as there is, where memory can be plugged in at all.
pub(super) fn set_max_guest(spec: &mut VirtualMachineInstanceSpec, config: &ClusterConfig) {
    let guest = spec.domain.memory.as_ref().and_then(|memory| memory.guest.as_ref());
    let four_times =
        guest.map(|guest| Quantity::from_bytes(guest.value().wrapping_mul(i64::from(config.max_hotplug_ratio()))));
    let Some(max_guest) = config.max_guest().cloned().or(four_times) else { return };
    let can_grow = memory_obstacle(spec, &max_guest).is_none();
    if let Some(memory) = &mut spec.domain.memory
        && memory.max_guest.is_none()
        && can_grow
    {
        memory.max_guest = Some(max_guest);
    }
}

/// Why a guest's memory cannot grow to `max_guest` while it runs; `None` when it can.
pub fn memory_obstacle(spec: &VirtualMachineInstanceSpec, max_guest: &Quantity) -> Option<&'static str> {
    let domain = &spec.domain;
    if domain.cpu.as_ref().is_some_and(|cpu| cpu.realtime.is_some()) {
        return Some("Memory hotplug is not compatible with realtime VMs");
    }
    let numa = domain.cpu.as_ref().and_then(|cpu| cpu.numa.as_ref());
    if numa.is_some_and(|numa| numa.guest_mapping_passthrough.is_some()) {
        return Some("Memory hotplug is not compatible with guest mapping passthrough");
    }
    if domain.launch_security.is_some() {
        return Some("Memory hotplug is not compatible with encrypted VMs");
    }
    let memory = domain.memory.as_ref();
    let Some(guest) = memory.and_then(|memory| memory.guest.as_ref()) else {
        return Some("Guest memory must be configured when memory hotplug is enabled");
    };
    if guest.compare(max_guest).is_gt() {
        return Some("Guest memory is greater than the configured maxGuest memory");
    }
    let hugepages = memory.and_then(|memory| memory.hugepages.as_ref());
    let has_largest_pages = hugepages.is_some_and(|hugepages| hugepages.page_size.as_deref() == Some("1Gi"));
    let (block, guest_fault, max_fault) = if has_largest_pages {
        (GIB, "Guest memory must be 1Gi aligned", "MaxGuest must be 1Gi aligned")
    } else {
        (BLOCK, "Guest memory must be 2Mi aligned", "MaxGuest must be 2Mi aligned")
    };
    if guest.value() % block != 0 {
        return Some(guest_fault);
    }
    if max_guest.value() % block != 0 {
        return Some(max_fault);
    }
    if architecture(spec) != "amd64" {
        return Some("Memory hotplug is only available for x86_64 VMs");
    }
    (guest.value() < GIB).then_some("Memory hotplug is only available for VMs with at least 1Gi of guest memory")
}
