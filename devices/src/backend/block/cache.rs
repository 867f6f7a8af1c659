//! What stands between a guest's disk and the host's.

use serde::{Deserialize, Serialize};

/// How a disk uses the host's page cache, and so what a completed write promises.
///
/// | | goes through | a completed write survives | a completed flush |
/// |---|---|---|---|
/// | `none` | nothing: O_DIRECT | a crash of this process | makes all completed writes survive a power failure |
/// | `writethrough` | the page cache | a power failure | has nothing left to do |
/// | `writeback` | the page cache | a crash of this process | makes all completed writes survive a power failure |
///
/// With `none` and `writeback` a driver that cannot flush, or that switches the write cache off, gets the promise of
/// `writethrough` for its writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheMode {
    /// Past the host's page cache. A host may still cache in its devices, which a flush empties.
    None,
    /// Each write is stable before it completes.
    WriteThrough,
    /// Writes complete when the host's page cache has them.
    #[default]
    WriteBack,
}
