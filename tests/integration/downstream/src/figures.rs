//! Every figure that a machine gives of itself.

use vmm::{
    BalloonStatus, BootTimeline, DiskQueueStatistics, DriveStatus, GuestMarker, GuestStatistics, KvmCapability,
    Latencies, NetStatistics, PairStatistics, QueueStatistics, RingStatistics, StartSource, Traffic, VcpuExits,
    VmStatistics,
};

/// All operations of all disks, exits of all vCPUs, and chains of all queues.
pub fn sums(statistics: &VmStatistics) -> (u64, u64, u64) {
    let VmStatistics { exits, slot_updates: _, flash_switches: _, queues, disks, rings, .. } = statistics;
    let RingStatistics { made, refused, .. } = rings;
    assert!(made + refused <= 64, "workers");
    let operations = |queue: &DiskQueueStatistics| {
        let DiskQueueStatistics { reads, writes, flushes, discards, errors, throttled, .. } = queue;
        let (_read_bytes, _written_bytes, Latencies(_buckets)) =
            (queue.read_bytes, queue.written_bytes, &queue.latencies);
        reads + writes + flushes + discards + errors + throttled
    };
    let exits_of = |exits: &VcpuExits| {
        let VcpuExits { port_reads, port_writes, mmio_reads, mmio_writes, interruptions, others, .. } = exits;
        assert_eq!(exits.total(), port_reads + port_writes + mmio_reads + mmio_writes + interruptions + others);
        exits.total()
    };
    let chains_of = |queue: &QueueStatistics| {
        let QueueStatistics { notifications: _, chains, read_bytes: _, written_bytes: _, interrupts: _, .. } = queue;
        *chains
    };
    (
        disks.values().flatten().map(operations).sum(),
        exits.iter().map(exits_of).sum(),
        queues.values().flat_map(|device| device.values()).map(chains_of).sum(),
    )
}

/// The steps of a start in their order, in nanoseconds.
pub fn steps(timeline: &BootTimeline) -> Vec<u64> {
    assert_eq!(timeline.start_source, StartSource::Build);
    let BootTimeline { process_start_ns, kvm_ready_ns, memory_ready_ns, payload_loaded_ns, first_kvm_run_ns, .. } =
        timeline;
    let markers: &[GuestMarker] = &timeline.guest_markers;
    assert!(markers.iter().all(|GuestMarker { value: _, at_ns, .. }| at_ns > process_start_ns));
    let steps = [Some(*process_start_ns), *kvm_ready_ns, *memory_ready_ns, *payload_loaded_ns, *first_kvm_run_ns];
    steps.into_iter().chain([timeline.first_console_output_ns]).flatten().collect()
}

/// Frames both ways, and those lost.
pub fn frames(statistics: &NetStatistics) -> (u64, u64) {
    let NetStatistics { pairs, vhost: _, failures: _, .. } = statistics;
    let traffic = pairs.iter().flat_map(|PairStatistics { received, sent, .. }| [received, sent]);
    let all = traffic.fold(Traffic::default(), |sum, Traffic { frames, bytes, dropped, .. }| Traffic {
        frames: sum.frames + frames,
        bytes: sum.bytes + bytes,
        dropped: sum.dropped + dropped,
    });
    assert_eq!(all.bytes, statistics.received().bytes + statistics.sent().bytes);
    (all.frames, all.dropped)
}

/// What the guest does without, in bytes.
pub fn given(balloon: &BalloonStatus) -> u64 {
    let BalloonStatus { target: _, actual, inflated: _, reported: _, updates: _, guest, .. } = balloon;
    let GuestStatistics { swap_in, swap_out, major_faults, minor_faults, free, total, available, .. } = guest;
    let GuestStatistics { disk_caches, huge_allocated, huge_failed, .. } = guest;
    let told = [swap_in, swap_out, major_faults, minor_faults, free, total, available];
    assert!(told.into_iter().chain([disk_caches, huge_allocated, huge_failed]).all(Option::is_none));
    *actual
}

/// Whether a disc is there to be taken.
pub fn has_disc(drive: DriveStatus) -> bool {
    let DriveStatus { full, open: _, kept, .. } = drive;
    full && !kept
}

/// What a host cannot do.
pub fn lacks(capabilities: &[KvmCapability]) -> Vec<&'static str> {
    let lack = |capability: &KvmCapability| {
        let KvmCapability { name, required, value, lack, .. } = capability;
        assert!(!lack.is_empty() && !(*required && *value == 0));
        (*value == 0).then_some(*name)
    };
    capabilities.iter().filter_map(lack).collect()
}
