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
    let can_grow = can_plug_memory(spec, &max_guest);
    if let Some(memory) = &mut spec.domain.memory
        && memory.max_guest.is_none()
        && can_grow
    {
        memory.max_guest = Some(max_guest);
    }
}

/// Whether a guest's memory can grow to `max_guest` while it runs.
pub fn can_plug_memory(spec: &VirtualMachineInstanceSpec, max_guest: &Quantity) -> bool {
    let domain = &spec.domain;
    let is_pinned = domain.cpu.as_ref().is_some_and(|cpu| {
        cpu.realtime.is_some() || cpu.numa.as_ref().is_some_and(|numa| numa.guest_mapping_passthrough.is_some())
    });
    let Some(memory) = &domain.memory else { return false };
    let Some(guest) = &memory.guest else { return false };
    let has_largest_pages =
        memory.hugepages.as_ref().is_some_and(|hugepages| hugepages.page_size.as_deref() == Some("1Gi"));
    let block = if has_largest_pages { GIB } else { BLOCK };
    !is_pinned
        && domain.launch_security.is_none()
        && guest.compare(max_guest).is_le()
        && guest.value() % block == 0
        && max_guest.value() % block == 0
        && architecture(spec) == "amd64"
        && guest.value() >= GIB
}
