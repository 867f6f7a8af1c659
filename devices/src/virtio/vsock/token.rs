//! Keys of the epoll set: what has stirred.

/// A connection: the host's port and the guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) host: u32,
    pub(super) guest: u32,
}

/// No port (VMADDR_PORT_ANY of linux/vm_sockets.h): neither side has a connection from or to it.
pub(super) const NO_PORT: u32 = u32::MAX;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A connection's stream.
    Connection(Key),
    /// The stream of somebody who was given this port of the host and has not said where to yet.
    Greeting(u32),
    /// Somebody wants to be connected.
    Listener,
    /// There are packets for the guest.
    Bell,
}

impl Token {
    pub(super) fn from_u64(value: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
        let (host, guest) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        match (host, guest) {
            (NO_PORT, NO_PORT) => Self::Listener,
            (NO_PORT, _) => Self::Bell,
            (host, NO_PORT) => Self::Greeting(host),
            (host, guest) => Self::Connection(Key { host, guest }),
        }
    }

    pub(super) fn to_u64(self) -> u64 {
        let (host, guest) = match self {
            Self::Listener => (NO_PORT, NO_PORT),
            Self::Bell => (NO_PORT, 0),
            Self::Greeting(host) => (host, NO_PORT),
            Self::Connection(Key { host, guest }) => (host, guest),
        };
        u64::from(host) << 32 | u64::from(guest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_not_mixed_up() {
        let connection = |host, guest| Token::Connection(Key { host, guest });
        for token in
            [Token::Listener, Token::Bell, Token::Greeting(0), Token::Greeting(7), connection(7, 0), connection(0, 7)]
        {
            assert_eq!(Token::from_u64(token.to_u64()), token);
        }
    }
}
