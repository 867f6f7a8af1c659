//! The boot timeline: when each step of a start was done, CLOCK_MONOTONIC in nanoseconds.

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many different guest markers are kept.
pub(crate) const MAX_MARKERS: usize = 64;

/// What `process_start_ns` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartSource {
    /// The parent's clock just before it forked.
    Parent,
    /// Entry to `main`.
    Main,
    /// Entry to `Vm::build`.
    Build,
}

/// The first occurrence of one value on the marker port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestMarker {
    /// The byte the guest wrote.
    pub value: u8,
    /// When it first did.
    pub at_ns: u64,
}

/// When each step of the first start was done. All times are CLOCK_MONOTONIC in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootTimeline {
    /// What the first time means.
    pub start_source: StartSource,
    /// When the process, or the library call, started.
    pub process_start_ns: u64,
    /// `/dev/kvm` is open and the VM object exists.
    pub kvm_ready_ns: Option<u64>,
    /// Guest memory is mapped and registered.
    pub memory_ready_ns: Option<u64>,
    /// Kernel, initrd, command line and tables are in guest memory.
    pub payload_loaded_ns: Option<u64>,
    /// Just before the first KVM_RUN of any vCPU.
    pub first_kvm_run_ns: Option<u64>,
    /// The first byte on the first serial port.
    pub first_console_output_ns: Option<u64>,
    /// First occurrences on the marker port, in order, at most 64 values.
    pub guest_markers: Vec<GuestMarker>,
}

/// Takes the times down while the machine starts; only the first boot counts.
#[derive(Debug)]
pub(crate) struct Timeline(Mutex<BootTimeline>);

/// One step of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Milestone {
    /// The VM object exists.
    KvmReady,
    /// Guest memory is mapped and registered.
    MemoryReady,
    /// The payload is in guest memory.
    PayloadLoaded,
    /// A vCPU is about to run.
    FirstKvmRun,
    /// The first serial port spoke.
    FirstConsoleOutput,
}

impl Timeline {
    /// A timeline that begins at `process_start_ns`.
    pub(crate) fn starting(start_source: StartSource, process_start_ns: u64) -> Self {
        Self(Mutex::new(BootTimeline {
            start_source,
            process_start_ns,
            kvm_ready_ns: None,
            memory_ready_ns: None,
            payload_loaded_ns: None,
            first_kvm_run_ns: None,
            first_console_output_ns: None,
            guest_markers: Vec::new(),
        }))
    }

    /// The milestone is reached now, unless it was before.
    pub(crate) fn reach(&self, milestone: Milestone) {
        let mut timeline = self.lock();
        let time = match milestone {
            Milestone::KvmReady => &mut timeline.kvm_ready_ns,
            Milestone::MemoryReady => &mut timeline.memory_ready_ns,
            Milestone::PayloadLoaded => &mut timeline.payload_loaded_ns,
            Milestone::FirstKvmRun => &mut timeline.first_kvm_run_ns,
            Milestone::FirstConsoleOutput => &mut timeline.first_console_output_ns,
        };
        time.get_or_insert_with(now_ns);
    }

    /// Notes the first occurrence of `value`; later ones, and values beyond the table's bound, are dropped.
    pub(crate) fn mark(&self, value: u8) {
        let markers = &mut self.lock().guest_markers;
        if markers.len() < MAX_MARKERS && !markers.iter().any(|marker| marker.value == value) {
            markers.push(GuestMarker { value, at_ns: now_ns() });
        }
    }

    /// What is known so far.
    pub(crate) fn snapshot(&self) -> BootTimeline {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BootTimeline> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// CLOCK_MONOTONIC now, in nanoseconds.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_keeps_its_first_time_only() {
        let timeline = Timeline::starting(StartSource::Build, 1);
        timeline.mark(7);
        let first = timeline.snapshot().guest_markers;
        timeline.mark(7);
        assert_eq!(timeline.snapshot().guest_markers, first);
        timeline.mark(8);
        let values: Vec<u8> = timeline.snapshot().guest_markers.iter().map(|marker| marker.value).collect();
        assert_eq!(values, [7, 8]);
    }

    #[test]
    fn the_marker_table_is_bounded() {
        let timeline = Timeline::starting(StartSource::Build, 1);
        (0..=255).for_each(|value| timeline.mark(value));
        assert_eq!(timeline.snapshot().guest_markers.len(), MAX_MARKERS);
    }

    #[test]
    fn a_milestone_keeps_the_time_of_the_first_boot() {
        let timeline = Timeline::starting(StartSource::Parent, 1);
        assert_eq!(timeline.snapshot().first_kvm_run_ns, None);
        timeline.reach(Milestone::FirstKvmRun);
        let first = timeline.snapshot();
        assert!(first.first_kvm_run_ns.is_some());
        timeline.reach(Milestone::FirstKvmRun);
        assert_eq!(timeline.snapshot(), first);
    }
}
