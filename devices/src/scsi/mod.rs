//! SCSI logical units: disks (SPC-4, SBC-3) and CD-ROM drives (MMC-6), whatever carries their commands: virtio-scsi, or
//! ATAPI over AHCI.
//!
//! ```text
//!  transport ── CDB, parameters ──▶ LogicalUnit ──▶ Answer::Data(bytes)            at once
//!                                                ├─▶ Answer::Check(sense)
//!                                                └─▶ Answer::Work(steps)  ──▶ the transport gives them to the disk
//! ```
//!
//! A unit decodes and decides, and remembers what its initiator must be told; it moves no data. What a disc contains is
//! not looked at.

mod capacity;
mod command;
mod disc;
mod discard;
mod drive;
mod inquiry;
mod mode;
mod sense;
mod state;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod unit;

pub use inquiry::UnitKind;
pub(crate) use inquiry::absent;
pub(crate) use sense::Sense;
pub use state::UnitState;
pub use unit::UnitConfig;
pub(crate) use unit::{Answer, LogicalUnit, report_luns};
