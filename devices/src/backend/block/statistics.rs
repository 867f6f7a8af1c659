//! What went through a disk, by queue.

use super::Operation;
use crate::latency::{Latencies, LatencyHistogram};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What went through one queue of a disk since the machine was built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskQueueStatistics {
    /// Reads that were answered.
    pub reads: u64,
    /// Bytes that they were for.
    pub read_bytes: u64,
    /// Writes that were answered.
    pub writes: u64,
    /// Bytes that they were for.
    pub written_bytes: u64,
    /// Flushes that were answered.
    pub flushes: u64,
    /// Discards and zeroing writes that were answered.
    pub discards: u64,
    /// Operations that the host failed, whatever the guest was told.
    pub errors: u64,
    /// Times that the rate limit made a request wait.
    pub throttled: u64,
    /// Times from a request to its answer.
    pub latencies: Latencies,
}

/// The kind of an operation, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read(u64),
    Write(u64),
    Flush,
    Discard,
}

impl Kind {
    pub(super) fn of(operation: &Operation) -> Self {
        let bytes = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        match operation {
            Operation::Read { into, .. } => Self::Read(bytes(into.len())),
            Operation::Write { from, .. } => Self::Write(bytes(from.len())),
            Operation::Flush => Self::Flush,
            Operation::Discard { .. } | Operation::WriteZeroes { .. } => Self::Discard,
        }
    }

    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::Write(_) => "write",
            Self::Flush => "flush",
            Self::Discard => "discard",
        }
    }

    /// Bytes that go between guest and host.
    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::Read(bytes) | Self::Write(bytes) => bytes,
            Self::Flush | Self::Discard => 0,
        }
    }
}

/// Counts for one queue: relaxed additions.
#[derive(Debug, Default)]
pub(super) struct QueueCounters {
    reads: AtomicU64,
    read_bytes: AtomicU64,
    writes: AtomicU64,
    written_bytes: AtomicU64,
    flushes: AtomicU64,
    discards: AtomicU64,
    errors: AtomicU64,
    throttled: AtomicU64,
    latencies: LatencyHistogram,
}

impl QueueCounters {
    pub(super) fn answered(&self, kind: Kind, time: Duration) {
        let add = |counter: &AtomicU64, amount| {
            counter.fetch_add(amount, Ordering::Relaxed);
        };
        match kind {
            Kind::Read(bytes) => {
                add(&self.reads, 1);
                add(&self.read_bytes, bytes);
            }
            Kind::Write(bytes) => {
                add(&self.writes, 1);
                add(&self.written_bytes, bytes);
            }
            Kind::Flush => add(&self.flushes, 1),
            Kind::Discard => add(&self.discards, 1),
        }
        self.latencies.count(time);
    }

    pub(super) fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> DiskQueueStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DiskQueueStatistics {
            reads: read(&self.reads),
            read_bytes: read(&self.read_bytes),
            writes: read(&self.writes),
            written_bytes: read(&self.written_bytes),
            flushes: read(&self.flushes),
            discards: read(&self.discards),
            errors: read(&self.errors),
            throttled: read(&self.throttled),
            latencies: self.latencies.snapshot(),
        }
    }
}
