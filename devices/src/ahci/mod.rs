//! A SATA controller: an ICH9's AHCI function (Serial ATA AHCI 1.3.1), with disks and ATAPI drives (ACS-3) on its ports.
//!
//! ```text
//!  vCPU ── ABAR ── Hba: registers of controller and ports ── PxCI written: event
//!                       ▲                                         │
//!        FIS, PxIS, PxCI│                                         ▼
//!                    PortHandler (worker) ── command table ── ata, LogicalUnit ── steps ── the disk
//! ```
//!
//! Registers are touched by vCPUs and workers, under one lock that nobody holds during I/O. A command whose port was
//! stopped or reset meanwhile ends without a trace: the port says that it runs (PxCMD.CR) until then.

mod ata;
mod attached;
mod command;
mod device;
mod fis;
mod handler;
mod hba;
mod identify;
mod port;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::{Ahci, AhciAttachment, AhciError};
pub use registers::PORTS;
pub use state::AhciState;
