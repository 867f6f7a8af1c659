//! `Ctrl-]`: the one key that the guest does not get.

/// `Ctrl-]`, as telnet and virsh have it.
const LEAVE: u8 = 0x1d;

/// What was typed, looked at for the key that leaves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed<'a> {
    /// All of it is for the guest.
    Keys(&'a [u8]),
    /// The user leaves; these keys came before. What came after is nobody's.
    Leave(&'a [u8]),
}

/// Looks for `Ctrl-]` in what was read from the terminal.
///
/// It is one byte, so that no state is kept from one read to the next, and it acts at once: a user whose guest does
/// not answer is not asked for a second key.
pub(super) fn look(typed: &[u8]) -> Typed<'_> {
    match typed.iter().position(|&byte| byte == LEAVE).and_then(|at| typed.get(..at)) {
        Some(before) => Typed::Leave(before),
        None => Typed::Keys(typed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_escape_is_the_guests() {
        let all: Vec<u8> = (0..=255).filter(|&byte| byte != LEAVE).collect();
        assert_eq!(look(&all), Typed::Keys(&all));
        assert_eq!(look(b"\x03\x04\x1a\x1b[A"), Typed::Keys(b"\x03\x04\x1a\x1b[A"));
        assert_eq!(look(b""), Typed::Keys(b""));
    }

    #[test]
    fn the_escape_ends_the_input_where_it_stands() {
        assert_eq!(look(b"\x1d"), Typed::Leave(b""));
        assert_eq!(look(b"halt\x1drest\x1d"), Typed::Leave(b"halt"));
        assert_eq!(look(b"halt\x1d"), Typed::Leave(b"halt"));
    }
}
