//! `Ctrl-]`: the one key that the guest does not get.

/// `Ctrl-]`, as telnet and virsh have it.
const LEAVE: u8 = 0x1d;

/// What was typed, looked at for the key that leaves.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Typed {
    /// What is for the guest.
    pub(super) keys: Vec<u8>,
    /// How often the user asks to leave.
    pub(super) leaves: usize,
}

/// Looks for `Ctrl-]` in what was read from the terminal.
///
/// It is one byte, so that no state is kept from one read to the next, and it acts at once: a user whose guest does
/// not answer is not asked for a second key.
pub(super) fn look(typed: &[u8]) -> Typed {
    let keys: Vec<u8> = typed.iter().copied().filter(|&byte| byte != LEAVE).collect();
    Typed { leaves: typed.len() - keys.len(), keys }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_escape_is_the_guests() {
        let all: Vec<u8> = (0..=255).filter(|&byte| byte != LEAVE).collect();
        assert_eq!(look(&all), Typed { keys: all, leaves: 0 });
        assert_eq!(look(b""), Typed { keys: Vec::new(), leaves: 0 });
    }

    #[test]
    fn each_escape_counts_and_what_stands_around_it_is_the_guests() {
        assert_eq!(look(b"\x1d"), Typed { keys: Vec::new(), leaves: 1 });
        assert_eq!(look(b"ha\x1dlt\x1d"), Typed { keys: b"halt".to_vec(), leaves: 2 });
    }
}
