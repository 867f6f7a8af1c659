//! `--port name=NAME,socket=PATH`.

use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// One port of the virtio console as the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortArg {
    pub(crate) name: String,
    pub(crate) socket: PathBuf,
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum PortArgError {
    #[error("{0}= is missing: write name=NAME,socket=PATH")]
    Missing(&'static str),
    #[error("{0:?} is not known: write name=NAME,socket=PATH; a path with a comma needs a configuration file")]
    Unknown(String),
    #[error("{0}= is given twice")]
    Twice(&'static str),
}

impl FromStr for PortArg {
    type Err = PortArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut name, mut socket) = (None, None);
        for part in text.split(',') {
            let (key, twice) = match part.split_once('=') {
                Some(("name", value)) if !value.is_empty() => ("name", name.replace(value).is_some()),
                Some(("socket", value)) if !value.is_empty() => ("socket", socket.replace(value).is_some()),
                _ => return Err(PortArgError::Unknown(part.into())),
            };
            if twice {
                return Err(PortArgError::Twice(key));
            }
        }
        let name = name.ok_or(PortArgError::Missing("name"))?.to_owned();
        let socket = socket.ok_or(PortArgError::Missing("socket"))?.into();
        Ok(Self { name, socket })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_name_and_a_socket_and_nothing_else() {
        let agent = PortArg { name: "org.qemu.guest_agent.0".into(), socket: "/run/agent".into() };
        assert_eq!("name=org.qemu.guest_agent.0,socket=/run/agent".parse(), Ok(agent));
        let cases = [
            ("", PortArgError::Unknown(String::new())),
            ("name=,socket=a", PortArgError::Unknown("name=".into())),
            ("name=a,pty", PortArgError::Unknown("pty".into())),
            ("name=a", PortArgError::Missing("socket")),
            ("socket=a", PortArgError::Missing("name")),
            ("name=a,name=b,socket=c", PortArgError::Twice("name")),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<PortArg>(), Err(error), "{text:?}");
        }
    }
}
