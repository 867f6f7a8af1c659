//! Limits on what a guest may ask of the host: so many operations and bytes a second, and bursts of them.
//!
//! Pure arithmetic over times that the caller gives, and without a lock, so that the queues of a device, which run on
//! several workers, share one limiter. Each limit is a bucket of tokens that fills at its rate up to its burst. It is
//! kept as the time at which it will be full again (the virtual scheduling of ITU-T I.371, Annex A), so that taking
//! tokens is one addition.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const NANOSECONDS: u128 = 1_000_000_000;

/// A rate, and how much may come at once after a time of rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// So many operations, or bytes, a second in the long run. Zero is taken for one.
    pub per_second: u64,
    /// At most so many at once. Zero is taken for one. What is larger by itself waits for a full bucket, and takes what
    /// it lacks from what comes later.
    pub burst: u64,
}

/// What a device's guest may ask for. What is `None` has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Operations (requests, frames).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<Rate>,
    /// Bytes of data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Rate>,
}

/// Says of each operation whether it may begin, by a [`RateLimit`].
#[derive(Debug)]
pub struct RateLimiter {
    start: Instant,
    operations: Option<Bucket>,
    bytes: Option<Bucket>,
}

impl RateLimiter {
    /// A limiter whose buckets are full at `now`; `None`: there is no limit.
    pub fn new(limit: &RateLimit, now: Instant) -> Option<Self> {
        let operations = limit.operations.map(Bucket::new);
        let bytes = limit.bytes.map(Bucket::new);
        (operations.is_some() || bytes.is_some()).then_some(Self { start: now, operations, bytes })
    }

    /// Takes the tokens of one operation that moves `bytes`.
    ///
    /// # Errors
    /// It may not begin yet; nothing was taken. The time at which to ask again, which is later than `now`.
    pub fn take(&self, bytes: u64, now: Instant) -> Result<(), Instant> {
        let elapsed = u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX);
        let wanted = [(&self.operations, 1), (&self.bytes, bytes)];
        let wanted = wanted.iter().filter_map(|(bucket, amount)| Some((bucket.as_ref()?, *amount)));
        // Both buckets must do before either is touched. Queues that ask at the same time may both be let through on
        // the last tokens: the bucket is then in debt, and the next one waits for longer.
        let ready = wanted.clone().map(|(bucket, amount)| bucket.ready_at(amount)).max().unwrap_or(0);
        if ready > elapsed {
            return Err(now + Duration::from_nanos(ready - elapsed));
        }
        wanted.for_each(|(bucket, amount)| bucket.take(amount, elapsed));
        Ok(())
    }
}

/// One limit. Times are in nanoseconds since the limiter was made.
#[derive(Debug)]
struct Bucket {
    rate: Rate,
    /// When it is full again.
    full_at: AtomicU64,
}

impl Bucket {
    fn new(rate: Rate) -> Self {
        let rate = Rate { per_second: rate.per_second.max(1), burst: rate.burst.max(1) };
        Self { rate, full_at: AtomicU64::new(0) }
    }

    /// How long it takes for `amount` tokens to come, rounded up.
    fn time(&self, amount: u64) -> u64 {
        let time = (u128::from(amount) * NANOSECONDS).div_ceil(self.rate.per_second.into());
        u64::try_from(time).unwrap_or(u64::MAX)
    }

    /// When it holds `amount` tokens; as many as it can hold, if that is fewer.
    fn ready_at(&self, amount: u64) -> u64 {
        let missing = self.rate.burst.saturating_sub(amount);
        self.full_at.load(Ordering::Relaxed).saturating_sub(self.time(missing))
    }

    fn take(&self, amount: u64, now: u64) {
        let time = self.time(amount);
        let later = |full_at: u64| Some(full_at.max(now).saturating_add(time));
        // It fails only if `later` gives nothing.
        let _ = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limiter(operations: Option<(u64, u64)>, bytes: Option<(u64, u64)>, now: Instant) -> RateLimiter {
        let rate = |(per_second, burst)| Rate { per_second, burst };
        RateLimiter::new(&RateLimit { operations: operations.map(rate), bytes: bytes.map(rate) }, now).unwrap()
    }

    /// Operations of `bytes` that pass within `seconds`, each asked for again when it may begin.
    fn count(limiter: &RateLimiter, bytes: u64, start: Instant, seconds: u64) -> u64 {
        let (mut now, mut passed) = (start, 0);
        while now <= start + Duration::from_secs(seconds) {
            match limiter.take(bytes, now) {
                Ok(()) => passed += 1,
                Err(later) => {
                    assert!(later > now, "who comes when told is not told the same again");
                    now = later;
                }
            }
        }
        passed
    }

    #[test]
    fn without_a_limit_there_is_no_limiter() {
        assert!(RateLimiter::new(&RateLimit::default(), Instant::now()).is_none());
    }

    #[test]
    fn a_burst_passes_at_once_and_then_the_rate_holds() {
        let start = Instant::now();
        let limiter = limiter(Some((100, 20)), None, start);
        for _ in 0..20 {
            assert_eq!(limiter.take(0, start), Ok(()));
        }
        assert_eq!(limiter.take(0, start), Err(start + Duration::from_millis(10)));
        assert_eq!(limiter.take(0, start + Duration::from_millis(10)), Ok(()));
        // After a long rest there is one burst, not more.
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..30).filter(|_| limiter.take(0, later).is_ok()).count(), 20);
    }

    #[test]
    fn a_long_run_has_the_rate_and_one_burst() {
        let start = Instant::now();
        assert_eq!(count(&limiter(Some((1000, 50)), None, start), 4096, start, 10), 10 * 1000 + 50);
        let bytes = limiter(None, Some((1 << 20, 1 << 16)), start);
        assert_eq!(count(&bytes, 4096, start, 10) * 4096, (10 << 20) + (1 << 16));
    }

    #[test]
    fn the_tighter_of_two_limits_counts_and_a_refusal_takes_nothing_of_the_other() {
        let start = Instant::now();
        let limiter = limiter(Some((1000, 2)), Some((4096, 4096)), start);
        assert_eq!(limiter.take(4096, start), Ok(()));
        for _ in 0..10 {
            assert_eq!(limiter.take(4096, start), Err(start + Duration::from_secs(1)));
        }
        // No operation was counted for those.
        assert_eq!(limiter.take(0, start), Ok(()));
    }

    #[test]
    fn what_is_larger_than_the_burst_passes_when_the_bucket_is_full_and_is_paid_for_later() {
        let start = Instant::now();
        let limiter = limiter(None, Some((1000, 1000)), start);
        assert_eq!(limiter.take(5000, start), Ok(()));
        assert_eq!(limiter.take(1, start), Err(start + Duration::from_millis(4001)));
        assert_eq!(limiter.take(5000, start + Duration::from_secs(4)), Err(start + Duration::from_secs(5)));
        assert_eq!(limiter.take(5000, start + Duration::from_secs(5)), Ok(()));
    }

    #[test]
    fn rates_of_zero_and_of_all_bits_do_not_break_it() {
        let start = Instant::now();
        let slow = limiter(Some((0, 0)), None, start);
        assert_eq!(slow.take(0, start), Ok(()));
        assert_eq!(slow.take(0, start), Err(start + Duration::from_secs(1)));
        let fast = limiter(None, Some((u64::MAX, u64::MAX)), start);
        assert_eq!(fast.take(u64::MAX, start), Ok(()));
        let never = limiter(None, Some((1, 1)), start);
        assert_eq!(never.take(u64::MAX, start), Ok(()));
        assert!(never.take(1, start).is_err());
    }

    proptest! {
        #[test]
        fn no_time_has_more_than_its_rate_and_one_burst(
            per_second in 1u64..2000,
            burst in 1u64..100,
            steps in prop::collection::vec((0u64..20_000_000, 1u64..50), 1..40),
        ) {
            let start = Instant::now();
            let limiter = limiter(None, Some((per_second, burst)), start);
            let (mut now, mut passed, mut largest) = (0u64, 0u64, 0u64);
            for (pause, amount) in steps {
                now += pause;
                largest = largest.max(amount.saturating_sub(burst));
                if limiter.take(amount, start + Duration::from_nanos(now)).is_ok() {
                    passed += amount;
                }
                let credit = u128::from(burst + largest);
                let bound = credit + u128::from(now) * u128::from(per_second) / NANOSECONDS;
                prop_assert!(u128::from(passed) <= bound, "{passed} of {bound} after {now} ns");
            }
        }
    }
}
