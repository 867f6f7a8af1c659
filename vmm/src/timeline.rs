//! The boot timeline: when each step of a start was done, CLOCK_MONOTONIC in nanoseconds.

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

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

impl BootTimeline {
    /// A timeline that begins at `process_start_ns`.
    pub fn starting(start_source: StartSource, process_start_ns: u64) -> Self {
        Self {
            start_source,
            process_start_ns,
            kvm_ready_ns: None,
            memory_ready_ns: None,
            payload_loaded_ns: None,
            first_kvm_run_ns: None,
            first_console_output_ns: None,
            guest_markers: Vec::new(),
        }
    }

    /// Notes the first occurrence of `value`; later ones, and values beyond the table's bound, are dropped.
    pub(crate) fn mark(&mut self, value: u8, at_ns: u64) {
        if self.guest_markers.len() < MAX_MARKERS && !self.guest_markers.iter().any(|m| m.value == value) {
            self.guest_markers.push(GuestMarker { value, at_ns });
        }
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
        let mut timeline = BootTimeline::starting(StartSource::Build, 1);
        timeline.mark(7, 10);
        timeline.mark(7, 20);
        timeline.mark(8, 30);
        let expected = [GuestMarker { value: 7, at_ns: 10 }, GuestMarker { value: 8, at_ns: 30 }];
        assert_eq!(timeline.guest_markers, expected);
    }

    #[test]
    fn the_marker_table_is_bounded() {
        let mut timeline = BootTimeline::starting(StartSource::Build, 1);
        for value in 0..=255 {
            timeline.mark(value, value.into());
        }
        assert_eq!(timeline.guest_markers.len(), MAX_MARKERS);
    }
}
