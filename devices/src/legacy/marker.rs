//! The marker port: the guest writes a byte when it reaches a milestone of its start. No state.
//!
//! The default port, 0x80, is where PC firmware shows its progress, and where old drivers write to lose a
//! microsecond: a write must stay cheap and can happen any number of times.

use crate::bus::{BusDevice, Width};
use std::sync::Arc;

/// Told of each byte that the guest writes, in the thread of its vCPU.
pub type MarkerWritten = dyn Fn(u8) + Send + Sync;

/// The marker port.
pub struct MarkerPort {
    written: Arc<MarkerWritten>,
}

impl MarkerPort {
    /// A port that tells `written` of each byte.
    pub fn new(written: Arc<MarkerWritten>) -> Self {
        Self { written }
    }
}

impl BusDevice for MarkerPort {
    fn read(&self, _offset: u64, width: Width) -> u64 {
        width.ones()
    }

    fn write(&self, _offset: u64, _width: Width, value: u64) {
        // The port is one byte wide.
        let [marker, ..] = value.to_le_bytes();
        (self.written)(marker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn each_write_is_reported_in_order_and_reads_find_all_ones() {
        let (sender, received) = channel();
        let port = MarkerPort::new(Arc::new(move |marker| sender.send(marker).unwrap_or_default()));
        for marker in [1, 1, 0xfe] {
            port.write(0, Width::Byte, marker);
        }
        assert_eq!(port.read(0, Width::Byte), 0xff);
        drop(port);
        assert_eq!(received.iter().collect::<Vec<_>>(), [1, 1, 0xfe]);
    }
}
