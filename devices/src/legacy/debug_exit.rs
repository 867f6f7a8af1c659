//! A port that ends the machine: the guest writes one byte, its status. No state.

use crate::bus::{BusDevice, Width};
use crate::power::PowerControl;
use std::sync::Arc;

/// The debug-exit port.
pub struct DebugExit {
    power: Arc<dyn PowerControl>,
}

impl DebugExit {
    /// A port that ends the machine through `power`.
    pub fn new(power: Arc<dyn PowerControl>) -> Self {
        Self { power }
    }
}

impl BusDevice for DebugExit {
    fn read(&self, _offset: u64, width: Width) -> u64 {
        width.ones()
    }

    fn write(&self, _offset: u64, _width: Width, value: u64) {
        // The port is one byte wide.
        let [status, ..] = value.to_le_bytes();
        self.power.exit(status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::tests::{Asked, FakePower};

    #[test]
    fn a_write_ends_the_machine_with_the_byte_written() {
        let power = Arc::new(FakePower::default());
        let port = DebugExit::new(power.clone());
        port.write(0, Width::Byte, 0x2a);
        assert_eq!(power.asked(), [Asked::Exit(0x2a)]);
    }

    #[test]
    fn a_read_changes_nothing_and_finds_all_ones() {
        let power = Arc::new(FakePower::default());
        assert_eq!(DebugExit::new(power.clone()).read(0, Width::Byte), 0xff);
        assert_eq!(power.asked(), []);
    }
}
