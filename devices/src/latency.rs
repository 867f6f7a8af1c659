//! How long things take, counted cheaply: buckets of powers of two.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets: the last one begins at 4 s.
const BUCKETS: usize = 24;

/// A histogram that any thread may count into. Bucket `n` counts what took less than 2^n µs, and not less than half of
/// that; the last one, everything above.
#[derive(Debug, Default)]
pub struct LatencyHistogram([AtomicU64; BUCKETS]);

/// What was counted: bucket `n` is what took less than 2^n µs. Empty buckets at the end are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies(pub Vec<u64>);

impl LatencyHistogram {
    /// Counts something that took so long.
    pub fn count(&self, time: Duration) {
        let bits = u128::BITS - time.as_micros().leading_zeros();
        let bucket = usize::try_from(bits).unwrap_or(BUCKETS).min(BUCKETS - 1);
        if let Some(bucket) = self.0.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counts now.
    pub fn snapshot(&self) -> Latencies {
        let mut counts: Vec<u64> = self.0.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        counts.truncate(counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1));
        Latencies(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_less_than_a_power_of_two_is_in_its_bucket() {
        let histogram = LatencyHistogram::default();
        assert_eq!(histogram.snapshot(), Latencies(vec![]));
        for nanoseconds in [0, 999, 1_000, 1_999, 2_000, 3_999, 4_000] {
            histogram.count(Duration::from_nanos(nanoseconds));
        }
        assert_eq!(histogram.snapshot(), Latencies(vec![2, 2, 2, 1]));
        histogram.count(Duration::MAX);
        assert_eq!(histogram.snapshot().0.len(), BUCKETS);
    }
}
