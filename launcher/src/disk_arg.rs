//! `--disk path=P[,readonly][,serial=S]`.

use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// One disk as the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiskArg {
    pub(crate) path: PathBuf,
    pub(crate) readonly: bool,
    pub(crate) serial: Option<String>,
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum DiskArgError {
    #[error("the path is missing: write path=FILE[,readonly][,serial=TEXT]")]
    NoPath,
    #[error(
        "{0:?} is not known: write path=FILE[,readonly][,serial=TEXT]; a path with a comma needs a configuration file"
    )]
    Unknown(String),
    #[error("{0} is given twice")]
    Twice(&'static str),
    #[error("{0}= has no value")]
    Empty(&'static str),
}

impl FromStr for DiskArg {
    type Err = DiskArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut path, mut readonly, mut serial) = (None, false, None);
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("path", value)) => set(&mut path, "path", value)?,
                Some(("serial", value)) => set(&mut serial, "serial", value)?,
                None if part == "readonly" && readonly => return Err(DiskArgError::Twice("readonly")),
                None if part == "readonly" => readonly = true,
                _ => return Err(DiskArgError::Unknown(part.into())),
            }
        }
        let path = path.ok_or(DiskArgError::NoPath)?.into();
        Ok(Self { path, readonly, serial })
    }
}

fn set(place: &mut Option<String>, key: &'static str, value: &str) -> Result<(), DiskArgError> {
    if value.is_empty() {
        return Err(DiskArgError::Empty(key));
    }
    match place.replace(value.to_owned()) {
        Some(_) => Err(DiskArgError::Twice(key)),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_a_path_with_options_in_any_order() {
        let disk = |path: &str, readonly, serial: Option<&str>| DiskArg {
            path: path.into(),
            readonly,
            serial: serial.map(Into::into),
        };
        let cases = [
            ("path=/a.img", disk("/a.img", false, None)),
            ("path=a=b.img", disk("a=b.img", false, None)),
            ("path=/dev/vg/data,readonly", disk("/dev/vg/data", true, None)),
            ("serial=ROOT 1,readonly,path=r", disk("r", true, Some("ROOT 1"))),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<DiskArg>().unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let unknown = |part: &str| DiskArgError::Unknown(part.into());
        let cases = [
            ("", unknown("")),
            ("/a.img", unknown("/a.img")),
            ("readonly", DiskArgError::NoPath),
            ("path=", DiskArgError::Empty("path")),
            ("path=a,serial=", DiskArgError::Empty("serial")),
            ("path=a,path=b", DiskArgError::Twice("path")),
            ("path=a,readonly,readonly", DiskArgError::Twice("readonly")),
            ("path=a,readonly=true", unknown("readonly=true")),
            ("path=a,format=qcow2", unknown("format=qcow2")),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<DiskArg>(), Err(error), "{text:?}");
        }
    }
}
