//! `--disk path=P[,bus=B][,kind=K][,readonly][,serial=S][,bootindex=N]`.

use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;
use vmm::{DiskBus, DiskKind};

/// One disk as the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiskArg {
    /// `None`: an empty drive.
    pub(crate) path: Option<PathBuf>,
    pub(crate) bus: DiskBus,
    pub(crate) kind: DiskKind,
    pub(crate) readonly: bool,
    pub(crate) serial: Option<String>,
    pub(crate) boot_index: Option<u32>,
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum DiskArgError {
    #[error("the path is missing: write path=FILE[,bus=BUS][,kind=KIND][,readonly][,serial=TEXT][,bootindex=N]")]
    NoPath,
    #[error(
        "{0:?} is not known: write path=FILE[,bus=BUS][,kind=KIND][,readonly][,serial=TEXT][,bootindex=N]; a path with a comma needs a configuration file"
    )]
    Unknown(String),
    #[error("{0} is given twice")]
    Twice(&'static str),
    #[error("{0}= has no value")]
    Empty(&'static str),
    #[error("{key}={value:?} is not known: use {known}")]
    Value { key: &'static str, value: String, known: &'static str },
    #[error("bootindex={0:?} is no number: devices are tried from the least on")]
    BootIndex(String),
}

impl FromStr for DiskArg {
    type Err = DiskArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut path, mut readonly, mut serial, mut boot_index) = (None, false, None, None);
        let (mut bus, mut kind) = (None, None);
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("path", value)) => set(&mut path, "path", value)?,
                Some(("bus", value)) => set(&mut bus, "bus", value)?,
                Some(("kind", value)) => set(&mut kind, "kind", value)?,
                Some(("serial", value)) => set(&mut serial, "serial", value)?,
                Some(("bootindex", value)) => set(&mut boot_index, "bootindex", value)?,
                None if part == "readonly" && readonly => return Err(DiskArgError::Twice("readonly")),
                None if part == "readonly" => readonly = true,
                _ => return Err(DiskArgError::Unknown(part.into())),
            }
        }
        let bus = bus.map_or(Ok(DiskBus::default()), parse_bus)?;
        let kind = kind.map_or(Ok(DiskKind::default()), parse_kind)?;
        let path = path.map(PathBuf::from);
        if path.is_none() && kind != DiskKind::Cdrom {
            return Err(DiskArgError::NoPath);
        }
        let boot_index = boot_index.map(|index| index.parse().map_err(|_| DiskArgError::BootIndex(index)));
        Ok(Self { path, bus, kind, readonly, serial, boot_index: boot_index.transpose()? })
    }
}

fn parse_bus(value: String) -> Result<DiskBus, DiskArgError> {
    match value.as_str() {
        "virtio" => Ok(DiskBus::Virtio),
        "scsi" => Ok(DiskBus::Scsi),
        "sata" => Ok(DiskBus::Sata),
        _ => Err(DiskArgError::Value { key: "bus", value, known: "virtio, sata or scsi" }),
    }
}

fn parse_kind(value: String) -> Result<DiskKind, DiskArgError> {
    match value.as_str() {
        "disk" => Ok(DiskKind::Disk),
        "cdrom" => Ok(DiskKind::Cdrom),
        "lun" => Ok(DiskKind::Lun),
        _ => Err(DiskArgError::Value { key: "kind", value, known: "disk, cdrom or lun" }),
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
            path: Some(path.into()),
            bus: DiskBus::Virtio,
            kind: DiskKind::Disk,
            readonly,
            serial: serial.map(Into::into),
            boot_index: None,
        };
        let cases = [
            ("path=/a.img", disk("/a.img", false, None)),
            ("path=a=b.img", disk("a=b.img", false, None)),
            ("path=/dev/vg/data,readonly", disk("/dev/vg/data", true, None)),
            ("serial=ROOT 1,readonly,path=r", disk("r", true, Some("ROOT 1"))),
            ("path=d,bus=scsi,kind=lun", DiskArg { bus: DiskBus::Scsi, kind: DiskKind::Lun, ..disk("d", false, None) }),
            (
                "bus=scsi,kind=cdrom",
                DiskArg { path: None, bus: DiskBus::Scsi, kind: DiskKind::Cdrom, ..disk("", false, None) },
            ),
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
            ("bus=scsi,kind=disk", DiskArgError::NoPath),
            ("path=a,bus=ide", DiskArgError::Value { key: "bus", value: "ide".into(), known: "virtio, sata or scsi" }),
            (
                "path=a,kind=floppy",
                DiskArgError::Value { key: "kind", value: "floppy".into(), known: "disk, cdrom or lun" },
            ),
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
