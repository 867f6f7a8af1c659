//! The firmware's debug console: bytes written to port 0x402 become lines of the log. No state.
//!
//! Firmware looks for it first: a read finds 0xe9 where it is. Without it, OVMF and SeaBIOS stay silent and boot faster.

use crate::bus::{BusDeviceMut, Width, write_bytes};
use crate::id::DeviceId;

/// The port.
pub const DEBUG_CONSOLE_PORT: u64 = 0x402;
/// What a read finds.
const PRESENT: u64 = 0xe9;
/// Bytes of a line; a longer one goes on in the next.
const LINE: usize = 256;
/// Lines of one start of the machine: some ten times of what OVMF's most talkative builds write.
const LINES: u32 = 50_000;

/// The port. Its owner puts it on the bus only when somebody wants to see the log.
pub struct DebugConsole {
    id: DeviceId,
    line: Vec<u8>,
    lines: u32,
}

impl DebugConsole {
    /// A port whose lines name `id`.
    pub fn new(id: DeviceId) -> Self {
        Self { id, line: Vec::with_capacity(LINE), lines: 0 }
    }

    fn take(&mut self, byte: u8) {
        match byte {
            b'\n' => self.end_line(),
            b'\r' => {}
            _ => {
                self.line.push(byte);
                if self.line.len() == LINE {
                    self.end_line();
                }
            }
        }
    }

    fn end_line(&mut self) {
        if self.lines < LINES {
            tracing::info!(device = %self.id, "{}", String::from_utf8_lossy(&self.line).escape_debug());
        } else if self.lines == LINES {
            tracing::warn!(device = %self.id, "The firmware wrote {LINES} lines; what follows is not logged");
        }
        self.lines = self.lines.saturating_add(1);
        self.line.clear();
    }
}

impl BusDeviceMut for DebugConsole {
    fn read(&mut self, _offset: u64, _width: Width) -> u64 {
        PRESENT
    }

    fn write(&mut self, _offset: u64, width: Width, value: u64) {
        write_bytes(width, value, |_, byte| self.take(byte));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    /// Where the log of a test goes.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged when the guest writes `bytes`.
    fn logged(bytes: &[u8]) -> Vec<String> {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .without_time()
            .with_ansi(false)
            .with_target(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut console = DebugConsole::new("debug-console".into());
            bytes.iter().for_each(|byte| console.write(0, Width::Byte, (*byte).into()));
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn firmware_finds_the_port() {
        assert_eq!(DebugConsole::new("debug-console".into()).read(0, Width::Byte), 0xe9);
    }

    #[test]
    fn each_line_is_one_line_of_the_log_and_cannot_pretend_to_be_more() {
        let lines = logged(b"SEC\r\nPEI \x1b[2J\nunfinished");
        let [first, second] = &lines[..] else { panic!("{lines:?}") };
        assert!(first.contains("SEC") && !first.contains("\\r") && first.contains("debug-console"), "{first}");
        assert!(second.contains(r"PEI \u{1b}[2J"), "{second}");
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_log_without_end_ends() {
        assert_eq!(logged(&[b'x'; 3 * LINE + 1]).len(), 3);
        let lines = logged(&vec![b'\n'; LINES as usize + 1_000]);
        assert_eq!(lines.len(), LINES as usize + 1);
        assert!(lines.last().unwrap().contains("not logged"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_lines_of_a_bounded_length_without_control_characters(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let lines = logged(&bytes);
            let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
            prop_assert!((ends..=ends + bytes.len() / LINE).contains(&lines.len()));
            // An escaped byte has at most ten characters.
            prop_assert!(lines.iter().all(|line| line.len() < 11 * LINE && !line.contains(char::is_control)));
        }
    }
}
