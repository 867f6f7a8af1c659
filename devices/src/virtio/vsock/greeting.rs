//! What the host says first on a stream: `CONNECT <port>\n`.

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use std::os::fd::BorrowedFd;

/// The longest line: the word, a space, ten digits, a newline.
const LONGEST: usize = 19;

/// What is known of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// It names this port of the guest, and has been taken off the stream.
    Port(u32),
    /// It has not come yet.
    Incomplete,
    /// It is none.
    Refused,
}

/// Looks at the start of `stream`. What follows the line belongs to the connection, and stays.
pub(super) fn read(stream: BorrowedFd<'_>) -> Greeting {
    let mut bytes = [0; LONGEST];
    let count = match recv(stream, &mut bytes, RecvFlags::PEEK) {
        Ok((count, _)) => count,
        Err(Errno::AGAIN | Errno::INTR) => return Greeting::Incomplete,
        Err(_) => return Greeting::Refused,
    };
    let come = bytes.get(..count).unwrap_or_default();
    let Some(end) = come.iter().position(|byte| *byte == b'\n') else {
        return if (1..LONGEST).contains(&count) { Greeting::Incomplete } else { Greeting::Refused };
    };
    let Some(port) = come.get(..end).and_then(port) else { return Greeting::Refused };
    let mut line = [0; LONGEST];
    match line.get_mut(..=end).map(|line| rustix::io::read(stream, line)) {
        Some(Ok(taken)) if taken == end + 1 => Greeting::Port(port),
        _ => Greeting::Refused,
    }
}

fn port(line: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(line.strip_prefix(b"CONNECT ")?).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    fn answer(sent: &[u8]) -> (Greeting, Vec<u8>) {
        let (mut host, mut ours) = UnixStream::pair().unwrap();
        host.write_all(sent).unwrap();
        ours.set_nonblocking(true).unwrap();
        let greeting = read(ours.as_fd());
        drop(host);
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).unwrap();
        (greeting, rest)
    }

    #[test]
    fn the_line_is_taken_and_what_follows_it_stays() {
        assert_eq!(answer(b"CONNECT 52\nCONNECT 53\n"), (Greeting::Port(52), b"CONNECT 53\n".to_vec()));
        assert_eq!(answer(b"CONNECT 4294967295\n"), (Greeting::Port(u32::MAX), vec![]));
    }

    #[test]
    fn a_part_of_the_line_is_waited_for_and_stays() {
        for sent in [&b""[..], b"C", b"CONNECT 5", b"CONNECT 4294967295"] {
            assert_eq!(answer(sent), (Greeting::Incomplete, sent.to_vec()), "{sent:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let lines: [&[u8]; 8] = [
            b"\n",
            b"CONNECT\n",
            b"CONNECT \n",
            b"CONNECT +5\n",
            b"CONNECT 4294967296\n",
            b"connect 5\n",
            b"CONNECT 5\r\n",
            b"GET / HTTP/1.1 and more",
        ];
        for line in lines {
            assert_eq!(answer(line).0, Greeting::Refused, "{line:?}");
        }
        let (host, ours) = UnixStream::pair().unwrap();
        drop(host);
        assert_eq!(read(ours.as_fd()), Greeting::Refused, "nobody is there");
    }
}
