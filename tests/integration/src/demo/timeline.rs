//! The times of a machine's start as a table.

use std::fmt::Write;

use vmm::BootTimeline;

/// The marks of the guest's init, by what it writes.
const MARKS: [(u8, &str); 2] = [(1, "init runs"), (2, "devices are there")];

/// The launcher's report, if `line` is one.
pub(super) fn parse(line: &str) -> Option<BootTimeline> {
    line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten()
}

/// The table: each step, when it was done, and how long after the step before.
pub(super) fn table(timeline: &BootTimeline) -> String {
    let mark = |value: u8| timeline.guest_markers.iter().find(|marker| marker.value == value).map(|mark| mark.at_ns);
    let mut steps = vec![
        ("KVM ready", timeline.kvm_ready_ns),
        ("memory ready", timeline.memory_ready_ns),
        ("kernel loaded", timeline.payload_loaded_ns),
        ("first instruction", timeline.first_kvm_run_ns),
        ("first output", timeline.first_console_output_ns),
    ];
    steps.extend(MARKS.map(|(value, name)| (name, mark(value))));
    let mut done: Vec<(&str, u64)> = steps
        .into_iter()
        .filter_map(|(name, at)| Some((name, at?.saturating_sub(timeline.process_start_ns))))
        .collect();
    done.sort_by_key(|(_, at)| *at);
    let mut text = format!("{:20} {:>10} {:>10}\n", "Boot timeline", "ms", "step");
    let mut before = 0;
    for (name, at) in done {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {name:18} {:>10} {:>10}", milliseconds(at), milliseconds(at - before));
        before = at;
    }
    text
}

fn milliseconds(ns: u64) -> String {
    format!("{}.{}", ns / 1_000_000, ns / 100_000 % 10)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const REPORT: &str = r#"{"version":1,"start_source":"main","process_start_ns":1000000,"kvm_ready_ns":1300000,"memory_ready_ns":null,"payload_loaded_ns":4000000,"first_kvm_run_ns":3000000,"first_console_output_ns":null,"guest_markers":[{"value":1,"at_ns":101000000},{"value":9,"at_ns":1}]}"#;

    #[test]
    fn steps_stand_in_the_order_in_which_they_were_done_with_the_time_of_each() {
        let expected = "\
Boot timeline                ms       step
  KVM ready                 0.3        0.3
  first instruction         2.0        1.7
  kernel loaded             3.0        1.0
  init runs               100.0       97.0
";
        assert_eq!(table(&parse(REPORT).unwrap()), expected);
    }

    #[test]
    fn other_lines_are_no_report() {
        assert!(parse("{ is a brace").is_none());
        assert!(parse("Linux version").is_none());
    }
}
