//! `--net tap=NAME|fd=N[,mac=M][,mtu=N][,bootindex=N][,rom=FILE|off]`.

use rustix::rand::{GetRandomFlags, getrandom};
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;
use vmm::{MacAddress, MacAddressError};

/// The MTUs that a network device can have.
const MTU: RangeInclusive<u16> = 68..=u16::MAX;

/// Where a network device's packets go to and come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NetSource {
    /// The TAP interface of this name.
    Tap(String),
    /// A descriptor of a TAP interface that this process has inherited under this number.
    Fd(i32),
}

/// One network device as the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetArg {
    pub(crate) source: NetSource,
    pub(crate) mac: Option<MacAddress>,
    pub(crate) mtu: Option<u16>,
    pub(crate) boot_index: Option<u32>,
    pub(crate) rom: RomArg,
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
    #[error(
        "the TAP is missing: write tap=NAME or fd=NUMBER, then [,mac=MAC][,mtu=BYTES][,bootindex=N][,rom=FILE|off]"
    )]
    NoSource,
    #[error("tap= and fd= exclude each other")]
    TwoSources,
    #[error(
        "{0:?} is not known: write tap=NAME or fd=NUMBER, then [,mac=MAC][,mtu=BYTES][,bootindex=N][,rom=FILE|off]"
    )]
    Unknown(String),
    #[error("{0}= is given twice")]
    Twice(&'static str),
    #[error("{0}= has no value")]
    Empty(&'static str),
    #[error("fd={0:?} is not the number of a descriptor")]
    Fd(String),
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
        let (mut boot_index, mut rom) = (None, None);
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("tap", value)) => set(&mut tap, "tap", value)?,
                Some(("fd", value)) => set(&mut fd, "fd", value)?,
                Some(("mac", value)) => set(&mut mac, "mac", value)?,
                Some(("mtu", value)) => set(&mut mtu, "mtu", value)?,
                Some(("bootindex", value)) => set(&mut boot_index, "bootindex", value)?,
                Some(("rom", value)) => set(&mut rom, "rom", value)?,
                _ => return Err(NetArgError::Unknown(part.into())),
            }
        }
        let source = match (tap, fd) {
            (Some(name), None) => NetSource::Tap(name.to_owned()),
            (None, Some(number)) => NetSource::Fd(descriptor(number)?),
            (None, None) => return Err(NetArgError::NoSource),
            (Some(_), Some(_)) => return Err(NetArgError::TwoSources),
        };
        let mac = mac.map(str::parse).transpose()?;
        let mtu = mtu.map(|bytes| {
            let known = bytes.parse().ok().filter(|bytes| MTU.contains(bytes));
            known.ok_or_else(|| NetArgError::Mtu(bytes.into()))
        });
        let boot_index = boot_index.map(|index| index.parse().map_err(|_| NetArgError::BootIndex(index.into())));
        let rom =
            rom.map_or(RomArg::Default, |name| if name == "off" { RomArg::Off } else { RomArg::File(name.into()) });
        Ok(Self { source, mac, mtu: mtu.transpose()?, boot_index: boot_index.transpose()?, rom })
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
            mac: mac.map(|mac| mac.parse().unwrap()),
            mtu,
            boot_index: None,
            rom: RomArg::Default,
        };
        let booting = |boot_index, rom| NetArg { boot_index, rom, ..net(NetSource::Fd(3), None, None) };
        let cases = [
            ("tap=tap0", net(NetSource::Tap("tap0".into()), None, None)),
            ("fd=3", net(NetSource::Fd(3), None, None)),
            (
                "mtu=9000,mac=02:00:00:00:00:01,tap=a b",
                net(NetSource::Tap("a b".into()), Some("02:00:00:00:00:01"), Some(9000)),
            ),
            ("fd=0,mtu=68", net(NetSource::Fd(0), None, Some(68))),
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
            ("tap=t,queues=2", unknown("queues=2")),
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
