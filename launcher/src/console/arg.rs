//! `--console stdio|pty|socket=PATH|off`.

use crate::run_config::ResourceSpec;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// What the first serial port is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConsoleArg {
    /// Standard input and output.
    Stdio,
    /// A new pseudo-terminal.
    Pty,
    /// A Unix socket to be listened on.
    Socket(PathBuf),
    /// Nothing.
    Off,
}

/// The text names no console.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("write stdio, pty, socket=PATH or off")]
pub(crate) struct ConsoleArgError;

impl FromStr for ConsoleArg {
    type Err = ConsoleArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            None if text == "stdio" => Ok(Self::Stdio),
            None if text == "pty" => Ok(Self::Pty),
            None if text == "off" => Ok(Self::Off),
            Some(("socket", path)) if !path.is_empty() => Ok(Self::Socket(path.into())),
            _ => Err(ConsoleArgError),
        }
    }
}

impl From<ConsoleArg> for ResourceSpec {
    fn from(arg: ConsoleArg) -> Self {
        match arg {
            ConsoleArg::Stdio => Self::Stdio,
            ConsoleArg::Pty => Self::Pty,
            ConsoleArg::Socket(path) => Self::Socket(path),
            ConsoleArg::Off => Self::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_consoles_are_read_and_nothing_else() {
        assert_eq!("stdio".parse(), Ok(ConsoleArg::Stdio));
        assert_eq!("pty".parse(), Ok(ConsoleArg::Pty));
        assert_eq!("off".parse(), Ok(ConsoleArg::Off));
        assert_eq!("socket=/run/a=b".parse(), Ok(ConsoleArg::Socket("/run/a=b".into())));
        for text in ["", "none", "socket", "socket=", "pty=/dev/pts/1", "Stdio", "stdio "] {
            assert_eq!(text.parse::<ConsoleArg>(), Err(ConsoleArgError), "{text:?}");
        }
    }
}
