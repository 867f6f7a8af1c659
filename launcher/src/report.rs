//! `--boot-report`: the times of the machine's start, and what the machine did.

use clap::ValueEnum;
use serde::Serialize;
use std::fmt::Write;
use vmm::{BootTimeline, DiskQueueStatistics, StartSource, VcpuExits, VmStatistics};

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// A table: milliseconds since the start.
    Text,
    /// One line of JSON: nanoseconds of CLOCK_MONOTONIC.
    Json,
}

/// The JSON form; the names of its fields stay.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    #[serde(flatten)]
    timeline: &'a BootTimeline,
    #[serde(flatten)]
    statistics: &'a VmStatistics,
}

/// The report, with its last line's end.
pub(crate) fn render(timeline: &BootTimeline, statistics: &VmStatistics, format: ReportFormat) -> String {
    match format {
        ReportFormat::Json => {
            // Plain numbers and names under text keys: serde_json has nothing to refuse.
            let json = serde_json::to_string(&Report { version: 1, timeline, statistics }).unwrap_or_default();
            format!("{json}\n")
        }
        ReportFormat::Text => text(timeline) + &counters(statistics),
    }
}

fn text(timeline: &BootTimeline) -> String {
    let source = match timeline.start_source {
        StartSource::Parent => "the parent's clock before it started this process",
        StartSource::Main => "entry to main",
        StartSource::Build => "the machine's build",
    };
    let mut table = format!("Boot timeline, in milliseconds since {source}:\n");
    let steps = [
        ("KVM ready", timeline.kvm_ready_ns),
        ("memory ready", timeline.memory_ready_ns),
        ("payload loaded", timeline.payload_loaded_ns),
        ("first KVM_RUN", timeline.first_kvm_run_ns),
        ("first console output", timeline.first_console_output_ns),
    ];
    for (step, at) in steps {
        line(&mut table, step, at.map(|at| at.saturating_sub(timeline.process_start_ns)));
    }
    for marker in &timeline.guest_markers {
        let step = format!("guest marker {:#04x}", marker.value);
        line(&mut table, &step, Some(marker.at_ns.saturating_sub(timeline.process_start_ns)));
    }
    table
}

/// Exits of all vCPUs together, changes of the memory map, and what went through the disks.
fn counters(statistics: &VmStatistics) -> String {
    let exits = |count: fn(&VcpuExits) -> u64| statistics.exits.iter().map(count).sum();
    let mut rows: Vec<(String, u64)> = [
        ("exits of all vCPUs", exits(VcpuExits::total)),
        ("  port reads", exits(|exits| exits.port_reads)),
        ("  port writes", exits(|exits| exits.port_writes)),
        ("  MMIO reads", exits(|exits| exits.mmio_reads)),
        ("  MMIO writes", exits(|exits| exits.mmio_writes)),
        ("  interruptions", exits(|exits| exits.interruptions)),
        ("  others", exits(|exits| exits.others)),
        ("memory slot updates", statistics.slot_updates),
        ("flash switches", statistics.flash_switches),
    ]
    .map(|(name, count)| (name.to_owned(), count))
    .into();
    for (id, queues) in &statistics.disks {
        let sum = |count: fn(&DiskQueueStatistics) -> u64| -> u64 { queues.iter().map(count).sum() };
        rows.extend([
            (format!("reads of {id}"), sum(|queue| queue.reads)),
            (format!("writes of {id}"), sum(|queue| queue.writes)),
            (format!("errors of {id}"), sum(|queue| queue.errors)),
        ]);
    }
    let mut table = String::from("Until its end:\n");
    for (name, count) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(table, "  {name:<22}{count:>12}");
    }
    table
}

fn line(table: &mut String, step: &str, after_ns: Option<u64>) {
    let time = after_ns.map_or_else(|| "-".to_owned(), |ns| format!("{}.{:03}", ns / 1_000_000, ns / 1_000 % 1_000));
    // Writing to a String cannot fail.
    let _ = writeln!(table, "  {step:<22}{time:>12}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmm::{GuestMarker, RingStatistics};

    fn timeline() -> BootTimeline {
        BootTimeline {
            start_source: StartSource::Parent,
            process_start_ns: 5_000_000_000,
            kvm_ready_ns: Some(5_001_234_567),
            memory_ready_ns: None,
            payload_loaded_ns: None,
            first_kvm_run_ns: Some(5_012_000_000),
            first_console_output_ns: None,
            guest_markers: vec![GuestMarker { value: 7, at_ns: 5_100_999_999 }],
        }
    }

    fn statistics() -> VmStatistics {
        let first = VcpuExits { port_reads: 3, port_writes: 4, interruptions: 2, ..VcpuExits::default() };
        let second = VcpuExits { mmio_reads: 5, mmio_writes: 1, others: 8, ..VcpuExits::default() };
        let queue = DiskQueueStatistics { reads: 7, writes: 2, errors: 1, ..DiskQueueStatistics::default() };
        let disks = [("disk0".into(), vec![queue])].into_iter().collect();
        let rings = RingStatistics { made: 1, refused: 0 };
        let exits = vec![first, second];
        VmStatistics { exits, slot_updates: 9, flash_switches: 6, disks, rings, queues: [].into() }
    }

    #[test]
    fn the_table_counts_from_the_start_and_tells_what_never_came() {
        let expected = "\
Boot timeline, in milliseconds since the parent's clock before it started this process:
  KVM ready                    1.234
  memory ready                     -
  payload loaded                   -
  first KVM_RUN               12.000
  first console output             -
  guest marker 0x07          100.999
Until its end:
  exits of all vCPUs              23
    port reads                     3
    port writes                    4
    MMIO reads                     5
    MMIO writes                    1
    interruptions                  2
    others                         8
  memory slot updates              9
  flash switches                   6
  reads of disk0                   7
  writes of disk0                  2
  errors of disk0                  1
";
        assert_eq!(render(&timeline(), &statistics(), ReportFormat::Text), expected);
    }

    #[test]
    fn the_json_is_one_line_with_stable_names() {
        let expected = concat!(
            r#"{"version":1,"start_source":"parent","process_start_ns":5000000000,"kvm_ready_ns":5001234567,"#,
            r#""memory_ready_ns":null,"payload_loaded_ns":null,"first_kvm_run_ns":5012000000,"#,
            r#""first_console_output_ns":null,"guest_markers":[{"value":7,"at_ns":5100999999}],"#,
            r#""exits":[{"port_reads":3,"port_writes":4,"mmio_reads":0,"mmio_writes":0,"interruptions":2,"others":0},"#,
            r#"{"port_reads":0,"port_writes":0,"mmio_reads":5,"mmio_writes":1,"interruptions":0,"others":8}],"#,
            r#""slot_updates":9,"flash_switches":6,"disks":{"disk0":[{"reads":7,"read_bytes":0,"writes":2,"#,
            r#""written_bytes":0,"flushes":0,"discards":0,"errors":1,"throttled":0,"latencies":[]}]},"#,
            r#""rings":{"made":1,"refused":0}}"#,
            "\n"
        );
        assert_eq!(render(&timeline(), &statistics(), ReportFormat::Json), expected);
    }
}
