//! PCI (PCI Local Bus 3.0, PCI Express Base): configuration space both ways, functions, BARs, bridges, MSI
//! and MSI-X.

pub mod bar;
pub mod bridge;
pub mod bus;
pub mod config;
pub mod function;
pub mod msi;
pub mod msix;
pub mod places;

pub use function::{Address, Function};
