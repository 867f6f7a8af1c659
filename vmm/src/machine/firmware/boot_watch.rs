//! Listens to what firmware says on the serial port, to tell the machine's owner when it finds nothing to start: the
//! machine runs on, and firmware has no other way to say so.

use crate::event_loop::Console;
use crate::machine::signals::Signals;
use devices::legacy::SerialHost;
use std::sync::{Arc, Mutex, PoisonError};

/// What firmware says then: SeaBIOS, OVMF's boot manager, and the shell that OVMF starts when nothing else is left.
const PHRASES: [&str; 3] = ["No bootable device", "No bootable option or device was found", "UEFI Interactive Shell"];
/// Bytes of output after which it is no longer firmware that speaks.
const HEARD: usize = 1 << 20;

/// Between a serial port and its console.
pub(in crate::machine) struct BootWatch {
    console: Arc<Console>,
    signals: Arc<Signals>,
    listener: Mutex<Listener>,
}

impl BootWatch {
    /// Passes on to `console`, and tells `signals` once.
    pub(in crate::machine) fn new(console: Arc<Console>, signals: Arc<Signals>) -> Self {
        Self { console, signals, listener: Mutex::new(Listener::default()) }
    }
}

impl SerialHost for BootWatch {
    fn output(&self, byte: u8) {
        self.console.output(byte);
        let heard = self.listener.lock().unwrap_or_else(PoisonError::into_inner).hear(byte);
        if let Some(phrase) = heard {
            self.signals.nothing_to_boot(phrase);
        }
    }

    fn input_wanted(&self) {
        self.console.input_wanted();
    }
}

/// Knows a phrase when it hears it.
#[derive(Default)]
struct Listener {
    /// How much of each phrase the last bytes were.
    matched: [usize; PHRASES.len()],
    bytes: usize,
    told: bool,
}

impl Listener {
    /// One byte more; the phrase that it ends, the first time.
    fn hear(&mut self, byte: u8) -> Option<&'static str> {
        if self.told || self.bytes == HEARD {
            return None;
        }
        self.bytes += 1;
        for (phrase, matched) in PHRASES.into_iter().zip(&mut self.matched) {
            let starts = phrase.as_bytes().first() == Some(&byte);
            // A phrase's first letter is nowhere else in it: what does not go on can only begin anew.
            *matched = if phrase.as_bytes().get(*matched) == Some(&byte) { *matched + 1 } else { starts.into() };
            if *matched == phrase.len() {
                self.told = true;
                return Some(phrase);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard(bytes: &[u8]) -> Vec<&'static str> {
        let mut listener = Listener::default();
        bytes.iter().filter_map(|byte| listener.hear(*byte)).collect()
    }

    #[test]
    fn the_first_letter_of_a_phrase_is_nowhere_else_in_it() {
        for phrase in PHRASES {
            assert_eq!(phrase.bytes().filter(|byte| Some(byte) == phrase.as_bytes().first()).count(), 1, "{phrase}");
        }
    }

    #[test]
    fn each_firmware_is_understood_once() {
        let seabios = b"Booting from Hard Disk...\r\nBoot failed: not a bootable disk\r\n\r\nNo bootable device.\r\n";
        assert_eq!(heard(&[&seabios[..], seabios].concat()), ["No bootable device"]);
        let ovmf = b"BdsDxe: No bootable option or device was found.\r\nBdsDxe: Press any key";
        assert_eq!(heard(ovmf), ["No bootable option or device was found"]);
        assert_eq!(heard(b"\x1b[2J\x1b[01;01HUEFI Interactive Shell v2.2\r\n"), ["UEFI Interactive Shell"]);
        assert_eq!(heard(b"BdsDxe: starting Boot0001 \"UEFI Misc Device\""), [""; 0]);
    }

    #[test]
    fn what_comes_long_after_the_firmware_is_not_heard() {
        let late = [&vec![b'.'; HEARD - 5][..], b"No bootable device"].concat();
        assert_eq!(heard(&late), [""; 0]);
    }

    proptest! {
        #[test]
        fn a_phrase_is_heard_wherever_it_stands(before in "[NUo b]{0,20}", index in 0..PHRASES.len(), after in ".{0,5}") {
            let text = format!("{before}{}{after}", PHRASES[index]);
            prop_assert_eq!(heard(text.as_bytes()).len(), 1);
        }
    }
}
