//! How a driver reaches a device.

mod halves;
pub mod mmio;
pub mod pci;

#[cfg(test)]
mod tests;
