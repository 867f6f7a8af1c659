//! `--net tap=NAME[,queues=N]|fd=N[:N...][,vhost=on|auto|off|N[:N...]][,mac=M][,mtu=N][,bootindex=N][,rom=FILE|off]`.

use rustix::rand::{GetRandomFlags, getrandom};
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;
use vmm::{MacAddress, MacAddressError};

/// The MTUs that a network device can have.
const MTU: RangeInclusive<u16> = 68..=u16::MAX;

/// The numbers of queue pairs that a network device can have.
const QUEUES: RangeInclusive<u16> = 1..=256;

/// Where a network device's packets go to and come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NetSource {
    /// The TAP interface of this name, by so many queues.
    Tap(String, u16),
    /// Descriptors of a TAP interface's queues that this process has inherited under these numbers.
    Fds(Vec<i32>),
}

impl NetSource {
    /// Pairs of queues.
    pub(crate) fn queues(&self) -> u16 {
        match self {
            Self::Tap(_, queues) => *queues,
            // What is too much for the device is too much for its configuration, which says so.
            Self::Fds(fds) => u16::try_from(fds.len()).unwrap_or(u16::MAX),
        }
    }
}

/// One network device as the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetArg {
    pub(crate) source: NetSource,
    pub(crate) vhost: VhostArg,
    pub(crate) mac: Option<MacAddress>,
    pub(crate) mtu: Option<u16>,
    pub(crate) boot_index: Option<u32>,
    pub(crate) rom: RomArg,
}

/// Whether the host's kernel carries the frames of a network device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum VhostArg {
    /// It does not.
    #[default]
    Off,
    /// It does.
    On,
    /// It does where it can.
    Auto,
    /// It does, by descriptors that this process has inherited under these numbers.
    Fds(Vec<i32>),
}

/// The expansion ROM of a network device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum RomArg {
    /// The host's, where the firmware has no driver of its own (a PC BIOS).
    #[default]
    Default,
    /// None.
    Off,
    /// This file.
    File(PathBuf),
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum NetArgError {
    #[error("queues= belongs to tap=: descriptors are given one for each queue, fd=3:4")]
    QueuesOfFds,
    #[error("queues={0:?} is no number of queues: write {first} to {last}", first = QUEUES.start(), last = QUEUES.end())]
    Queues(String),
    #[error(
        "the TAP is missing: write tap=NAME or fd=NUMBER, then [,queues=N][,vhost=on|auto|off][,mac=MAC][,mtu=BYTES][,bootindex=N][,rom=FILE|off]"
    )]
    NoSource,
    #[error("tap= and fd= exclude each other")]
    TwoSources,
    #[error(
        "{0:?} is not known: write tap=NAME or fd=NUMBER, then [,queues=N][,vhost=on|auto|off][,mac=MAC][,mtu=BYTES][,bootindex=N][,rom=FILE|off]"
    )]
    Unknown(String),
    #[error("{0}= is given twice")]
    Twice(&'static str),
    #[error("{0}= has no value")]
    Empty(&'static str),
    #[error("fd={0:?} is not the number of a descriptor")]
    Fd(String),
    #[error("vhost={0:?} is not known: write on, auto, off, or numbers of descriptors, 5:6, one for each queue")]
    Vhost(String),
    #[error("mtu={0:?} is no MTU: write a number of bytes from {first} to {last}", first = MTU.start(), last = MTU.end())]
    Mtu(String),
    #[error("bootindex={0:?} is no number: devices are tried from the least on")]
    BootIndex(String),
    #[error(transparent)]
    Mac(#[from] MacAddressError),
}

impl FromStr for NetArg {
    type Err = NetArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut tap, mut fd, mut mac, mut mtu) = (None, None, None, None);
        let (mut boot_index, mut rom, mut queues, mut vhost) = (None, None, None, None);
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("tap", value)) => set(&mut tap, "tap", value)?,
                Some(("fd", value)) => set(&mut fd, "fd", value)?,
                Some(("mac", value)) => set(&mut mac, "mac", value)?,
                Some(("mtu", value)) => set(&mut mtu, "mtu", value)?,
                Some(("queues", value)) => set(&mut queues, "queues", value)?,
                Some(("vhost", value)) => set(&mut vhost, "vhost", value)?,
                Some(("bootindex", value)) => set(&mut boot_index, "bootindex", value)?,
                Some(("rom", value)) => set(&mut rom, "rom", value)?,
                _ => return Err(NetArgError::Unknown(part.into())),
            }
        }
        let source = match (tap, fd) {
            (Some(name), None) => NetSource::Tap(name.to_owned(), queues.map_or(Ok(1), count)?),
            (None, Some(_)) if queues.is_some() => return Err(NetArgError::QueuesOfFds),
            (None, Some(numbers)) => NetSource::Fds(numbers.split(':').map(descriptor).collect::<Result<_, _>>()?),
            (None, None) => return Err(NetArgError::NoSource),
            (Some(_), Some(_)) => return Err(NetArgError::TwoSources),
        };
        let vhost = vhost.map_or(Ok(VhostArg::Off), vhost_arg)?;
        let mac = mac.map(str::parse).transpose()?;
        let mtu = mtu.map(|bytes| {
            let known = bytes.parse().ok().filter(|bytes| MTU.contains(bytes));
            known.ok_or_else(|| NetArgError::Mtu(bytes.into()))
        });
        let boot_index = boot_index.map(|index| index.parse().map_err(|_| NetArgError::BootIndex(index.into())));
        let rom =
            rom.map_or(RomArg::Default, |name| if name == "off" { RomArg::Off } else { RomArg::File(name.into()) });
        Ok(Self { source, vhost, mac, mtu: mtu.transpose()?, boot_index: boot_index.transpose()?, rom })
    }
}

fn set<'a>(place: &mut Option<&'a str>, key: &'static str, value: &'a str) -> Result<(), NetArgError> {
    if value.is_empty() {
        return Err(NetArgError::Empty(key));
    }
    match place.replace(value) {
        Some(_) => Err(NetArgError::Twice(key)),
        None => Ok(()),
    }
}

fn count(queues: &str) -> Result<u16, NetArgError> {
    let known = queues.parse().ok().filter(|queues| QUEUES.contains(queues));
    known.ok_or_else(|| NetArgError::Queues(queues.into()))
}

fn vhost_arg(value: &str) -> Result<VhostArg, NetArgError> {
    let unknown = |_| NetArgError::Vhost(value.into());
    Ok(match value {
        "off" => VhostArg::Off,
        "on" => VhostArg::On,
        "auto" => VhostArg::Auto,
        numbers => VhostArg::Fds(numbers.split(':').map(descriptor).collect::<Result<_, _>>().map_err(unknown)?),
    })
}

fn descriptor(number: &str) -> Result<i32, NetArgError> {
    number.parse().ok().filter(|number| *number >= 0).ok_or_else(|| NetArgError::Fd(number.into()))
}

/// An address for a device that was given none: of the range that every owner of a network hands out itself (IEEE 802:
/// bit 1 of the first byte), and otherwise random, so that machines of several hosts do not meet.
///
/// # Errors
/// The host gives no random bytes.
pub(crate) fn random_mac() -> io::Result<MacAddress> {
    let mut bytes = [0; 6];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    let [_, rest @ ..] = bytes;
    let [a, b, c, d, e] = rest;
    MacAddress::new([0x02, a, b, c, d, e]).map_err(io::Error::other)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_a_tap_with_options_in_any_order() {
        let net = |source, mac: Option<&str>, mtu| NetArg {
            source,
            vhost: VhostArg::Off,
            mac: mac.map(|mac| mac.parse().unwrap()),
            mtu,
            boot_index: None,
            rom: RomArg::Default,
        };
        let vhost = |vhost, source| NetArg { vhost, ..net(source, None, None) };
        let booting = |boot_index, rom| NetArg { boot_index, rom, ..net(NetSource::Fds(vec![3]), None, None) };
        let cases = [
            ("tap=tap0", net(NetSource::Tap("tap0".into(), 1), None, None)),
            ("queues=256,tap=tap0", net(NetSource::Tap("tap0".into(), 256), None, None)),
            ("fd=3:0:17", net(NetSource::Fds(vec![3, 0, 17]), None, None)),
            ("fd=3", net(NetSource::Fds(vec![3]), None, None)),
            (
                "mtu=9000,mac=02:00:00:00:00:01,tap=a b",
                net(NetSource::Tap("a b".into(), 1), Some("02:00:00:00:00:01"), Some(9000)),
            ),
            ("fd=0,mtu=68", net(NetSource::Fds(vec![0]), None, Some(68))),
            ("tap=t,vhost=off", net(NetSource::Tap("t".into(), 1), None, None)),
            ("vhost=on,tap=t", vhost(VhostArg::On, NetSource::Tap("t".into(), 1))),
            ("fd=3,vhost=auto", vhost(VhostArg::Auto, NetSource::Fds(vec![3]))),
            ("fd=3:4,vhost=5:6", vhost(VhostArg::Fds(vec![5, 6]), NetSource::Fds(vec![3, 4]))),
            ("fd=3,bootindex=0,rom=off", booting(Some(0), RomArg::Off)),
            ("rom=/a=b.rom,fd=3", booting(None, RomArg::File("/a=b.rom".into()))),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<NetArg>().unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let unknown = |part: &str| NetArgError::Unknown(part.into());
        let mac = |mac: &str| NetArgError::Mac(mac.parse::<MacAddress>().unwrap_err());
        let cases = [
            ("", unknown("")),
            ("tap0", unknown("tap0")),
            ("user", unknown("user")),
            ("tap=t,vhost=yes", NetArgError::Vhost("yes".into())),
            ("tap=t,vhost=5:", NetArgError::Vhost("5:".into())),
            ("tap=t,vhost=on,vhost=off", NetArgError::Twice("vhost")),
            ("tap=t,queues=0", NetArgError::Queues("0".into())),
            ("tap=t,queues=257", NetArgError::Queues("257".into())),
            ("fd=3,queues=1", NetArgError::QueuesOfFds),
            ("fd=3:", NetArgError::Fd(String::new())),
            ("fd=3:x", NetArgError::Fd("x".into())),
            ("mtu=1500", NetArgError::NoSource),
            ("tap=", NetArgError::Empty("tap")),
            ("tap=t,mac=", NetArgError::Empty("mac")),
            ("tap=t,tap=u", NetArgError::Twice("tap")),
            ("tap=t,fd=3", NetArgError::TwoSources),
            ("fd=three", NetArgError::Fd("three".into())),
            ("fd=-1", NetArgError::Fd("-1".into())),
            ("fd=4294967296", NetArgError::Fd("4294967296".into())),
            ("tap=t,rom=", NetArgError::Empty("rom")),
            ("tap=t,bootindex=first", NetArgError::BootIndex("first".into())),
            ("tap=t,mtu=67", NetArgError::Mtu("67".into())),
            ("tap=t,mtu=65536", NetArgError::Mtu("65536".into())),
            ("tap=t,mtu=1.5k", NetArgError::Mtu("1.5k".into())),
            ("tap=t,mac=02:00:00:00:00", mac("02:00:00:00:00")),
            ("tap=t,mac=01:00:00:00:00:00", mac("01:00:00:00:00:00")),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<NetArg>(), Err(error), "{text:?}");
        }
        let text = "tap=t,mtu=9".parse::<NetArg>().unwrap_err().to_string();
        assert_eq!(text, "mtu=\"9\" is no MTU: write a number of bytes from 68 to 65535");
    }

    #[test]
    fn an_address_of_our_own_is_locally_administered_and_another_each_time() {
        let [first, second] = [random_mac().unwrap(), random_mac().unwrap()];
        assert_eq!((first.bytes()[0], second.bytes()[0]), (0x02, 0x02));
        assert_ne!(first, second);
    }
}
