//! Probes.

use crate::api::vmi::Probe;

/// Times and thresholds of a probe that sets none.
pub(super) fn set(probe: &mut Probe) {
    for (field, default) in [
        (&mut probe.timeout_seconds, 1),
        (&mut probe.period_seconds, 10),
        (&mut probe.success_threshold, 1),
        (&mut probe.failure_threshold, 3),
    ] {
        if field.is_none_or(|value| value < 1) {
            *field = Some(default);
        }
    }
}
