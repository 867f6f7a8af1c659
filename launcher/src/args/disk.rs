//! `--disk path=P[,readonly][,serial=S][,bootindex=N]`.

use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// One disk as the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiskArg {
    pub(crate) path: PathBuf,
    pub(crate) readonly: bool,
    pub(crate) serial: Option<String>,
    pub(crate) boot_index: Option<u32>,
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum DiskArgError {
    #[error("the path is missing: write path=FILE[,readonly][,serial=TEXT][,bootindex=N]")]
    NoPath,
    #[error(
        "{0:?} is not known: write path=FILE[,readonly][,serial=TEXT][,bootindex=N]; a path with a comma needs a configuration file"
    )]
    Unknown(String),
    #[error("{0} is given twice")]
    Twice(&'static str),
    #[error("{0}= has no value")]
    Empty(&'static str),
    #[error("bootindex={0:?} is no number: devices are tried from the least on")]
    BootIndex(String),
}

impl FromStr for DiskArg {
    type Err = DiskArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut path, mut readonly, mut serial, mut boot_index) = (None, false, None, None);
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("path", value)) => set(&mut path, "path", value)?,
                Some(("serial", value)) => set(&mut serial, "serial", value)?,
                Some(("bootindex", value)) => set(&mut boot_index, "bootindex", value)?,
                None if part == "readonly" && readonly => return Err(DiskArgError::Twice("readonly")),
                None if part == "readonly" => readonly = true,
                _ => return Err(DiskArgError::Unknown(part.into())),
            }
        }
        let path = path.ok_or(DiskArgError::NoPath)?.into();
        let boot_index = boot_index.map(|index| index.parse().map_err(|_| DiskArgError::BootIndex(index)));
        Ok(Self { path, readonly, serial, boot_index: boot_index.transpose()? })
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
            boot_index: None,
        };
        let cases = [
            ("path=/a.img", disk("/a.img", false, None)),
            ("path=a=b.img", disk("a=b.img", false, None)),
            ("path=/dev/vg/data,readonly", disk("/dev/vg/data", true, None)),
            ("serial=ROOT 1,readonly,path=r", disk("r", true, Some("ROOT 1"))),
            ("path=b,bootindex=2", DiskArg { boot_index: Some(2), ..disk("b", false, None) }),
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
            ("path=a,bootindex=-1", DiskArgError::BootIndex("-1".into())),
            ("path=a,readonly,readonly", DiskArgError::Twice("readonly")),
            ("path=a,readonly=true", unknown("readonly=true")),
            ("path=a,format=qcow2", unknown("format=qcow2")),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<DiskArg>(), Err(error), "{text:?}");
        }
    }
}
