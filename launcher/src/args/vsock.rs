//! `--vsock cid=N,path=SOCKET`.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// The addresses that a guest can have.
const CIDS: RangeInclusive<u32> = 3..=u32::MAX - 1;

/// The socket device as the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VsockArg {
    pub(crate) cid: u32,
    pub(crate) path: PathBuf,
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum VsockArgError {
    #[error("{0}= is missing: write cid=N,path=SOCKET")]
    Missing(&'static str),
    #[error("{0:?} is not known: write cid=N,path=SOCKET; a path with a comma needs a configuration file")]
    Unknown(String),
    #[error("{0}= is given twice")]
    Twice(&'static str),
    #[error("cid={0:?} is no address of a guest: write a number from {first} to {last}", first = CIDS.start(), last = CIDS.end())]
    Cid(String),
}

impl FromStr for VsockArg {
    type Err = VsockArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut cid, mut path) = (None, None);
        for part in text.split(',') {
            let (key, twice) = match part.split_once('=') {
                Some(("cid", value)) => ("cid", cid.replace(value).is_some()),
                Some(("path", value)) if !value.is_empty() => ("path", path.replace(value).is_some()),
                _ => return Err(VsockArgError::Unknown(part.into())),
            };
            if twice {
                return Err(VsockArgError::Twice(key));
            }
        }
        let cid = cid.ok_or(VsockArgError::Missing("cid"))?;
        let path = path.ok_or(VsockArgError::Missing("path"))?.into();
        let number = cid.parse().ok().filter(|cid| CIDS.contains(cid));
        Ok(Self { cid: number.ok_or_else(|| VsockArgError::Cid(cid.into()))?, path })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_device_is_an_address_and_a_path_in_any_order() {
        for text in ["cid=3,path=/run/vm.vsock", "path=/run/vm.vsock,cid=3"] {
            assert_eq!(text.parse(), Ok(VsockArg { cid: 3, path: "/run/vm.vsock".into() }));
        }
        assert_eq!("cid=4294967294,path=a=b".parse::<VsockArg>().unwrap().cid, u32::MAX - 1);
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let cases = [
            ("", VsockArgError::Unknown(String::new())),
            ("cid=3,path=", VsockArgError::Unknown("path=".into())),
            ("cid=3,path=a,b", VsockArgError::Unknown("b".into())),
            ("cid=3", VsockArgError::Missing("path")),
            ("path=a", VsockArgError::Missing("cid")),
            ("cid=3,cid=4,path=a", VsockArgError::Twice("cid")),
            ("cid=2,path=a", VsockArgError::Cid("2".into())),
            ("cid=4294967295,path=a", VsockArgError::Cid("4294967295".into())),
            ("cid=x,path=a", VsockArgError::Cid("x".into())),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<VsockArg>(), Err(error), "{text:?}");
        }
    }
}
