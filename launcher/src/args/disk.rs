//! `--disk path=P[,bus=B][,kind=K][,readonly][,serial=S][,cache=MODE]...`.

use super::memory_size::MemorySize;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;
use vmm::{BlockSize, CacheMode, DeviceId, DiskBus, DiskConfig, DiskKind, OnError, Rate};

/// How a disk is written on the command line.
pub(crate) const FORM: &str = "path=FILE[,bus=BUS][,kind=KIND][,readonly][,serial=TEXT][,bootindex=N][,cache=none|writethrough|writeback]\
     [,on-error=report|stop|enospace|ignore][,queues=N][,iops=N[/BURST]][,bandwidth=BYTES[/BURST]][,blocksize=N][,nodiscard]";

/// One disk as the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiskArg {
    /// `None`: an empty drive.
    pub(crate) path: Option<PathBuf>,
    /// What it is called is decided later.
    disk: DiskConfig,
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum DiskArgError {
    #[error("the path is missing: write {FORM}")]
    NoPath,
    #[error("{0:?} is not known: write {FORM}; a path with a comma needs a configuration file")]
    Unknown(String),
    #[error("{0} is given twice")]
    Twice(&'static str),
    #[error("{0}= has no value")]
    Empty(&'static str),
    #[error("bootindex={0:?} is no number: devices are tried from the least on")]
    BootIndex(String),
    #[error("{key}={value:?} is not possible: write {key}={choices}")]
    Value { key: &'static str, value: String, choices: &'static str },
}

/// The options with a value.
const KEYS: [&str; 11] =
    ["path", "bus", "kind", "serial", "bootindex", "cache", "on-error", "queues", "iops", "bandwidth", "blocksize"];
/// The options without.
const FLAGS: [&str; 2] = ["readonly", "nodiscard"];

/// The options that were given, in the order of their keys.
#[derive(Default)]
struct Given {
    values: [Option<String>; KEYS.len()],
    flags: [bool; FLAGS.len()],
}

impl Given {
    fn read(text: &str) -> Result<Self, DiskArgError> {
        let mut given = Self::default();
        for part in text.split(',') {
            let unknown = || DiskArgError::Unknown(part.into());
            match part.split_once('=') {
                Some((key, value)) => {
                    let (key, place) =
                        KEYS.iter().zip(&mut given.values).find(|(known, _)| **known == key).ok_or_else(unknown)?;
                    if value.is_empty() {
                        return Err(DiskArgError::Empty(key));
                    }
                    if place.replace(value.to_owned()).is_some() {
                        return Err(DiskArgError::Twice(key));
                    }
                }
                None => {
                    let (flag, place) =
                        FLAGS.iter().zip(&mut given.flags).find(|(known, _)| **known == part).ok_or_else(unknown)?;
                    if std::mem::replace(place, true) {
                        return Err(DiskArgError::Twice(flag));
                    }
                }
            }
        }
        Ok(given)
    }
}

impl DiskArg {
    /// It is a drive.
    pub(crate) fn is_cdrom(&self) -> bool {
        self.disk.kind == DiskKind::Cdrom
    }

    /// The disk, by its name.
    pub(crate) fn named(&self, id: DeviceId) -> DiskConfig {
        DiskConfig { id, ..self.disk.clone() }
    }
}

impl FromStr for DiskArg {
    type Err = DiskArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Given {
            values: [path, bus, kind, serial, boot_index, cache, on_error, queues, iops, bandwidth, block_size],
            flags: [readonly, no_discard],
        } = Given::read(text)?;
        let mut disk = DiskConfig { readonly, serial, discard: !no_discard, ..DiskConfig::new("") };
        let boot_index = boot_index.map(|index| index.parse().map_err(|_| DiskArgError::BootIndex(index)));
        disk.boot_index = boot_index.transpose()?;
        let bad = |key, choices| move |value: String| DiskArgError::Value { key, value, choices };
        if let Some(value) = bus {
            disk.bus = match value.as_str() {
                "virtio" => DiskBus::Virtio,
                "scsi" => DiskBus::Scsi,
                "sata" => DiskBus::Sata,
                _ => return Err(bad("bus", "virtio|sata|scsi")(value)),
            };
        }
        if let Some(value) = kind {
            disk.kind = match value.as_str() {
                "disk" => DiskKind::Disk,
                "cdrom" => DiskKind::Cdrom,
                "lun" => DiskKind::Lun,
                _ => return Err(bad("kind", "disk|cdrom|lun")(value)),
            };
        }
        if path.is_none() && disk.kind != DiskKind::Cdrom {
            return Err(DiskArgError::NoPath);
        }
        if let Some(value) = cache {
            disk.cache = match value.as_str() {
                "none" => CacheMode::None,
                "writethrough" => CacheMode::WriteThrough,
                "writeback" => CacheMode::WriteBack,
                _ => return Err(bad("cache", "none|writethrough|writeback")(value)),
            };
        }
        if let Some(value) = on_error {
            disk.on_error = match value.as_str() {
                "report" => OnError::Report,
                "stop" => OnError::Stop,
                "enospace" => OnError::Enospace,
                "ignore" => OnError::Ignore,
                _ => return Err(bad("on-error", "report|stop|enospace|ignore")(value)),
            };
        }
        if let Some(value) = queues {
            disk.queues = Some(value.parse().map_err(|_| bad("queues", "N")(value))?);
        }
        if let Some(value) = block_size {
            let logical = value.parse().map_err(|_| bad("blocksize", "N, a power of two of at least 512")(value))?;
            disk.block_size = BlockSize { logical, physical: BlockSize::default().physical.max(logical) };
        }
        disk.rate_limit.operations =
            iops.map(|value| rate(&value).ok_or_else(|| bad("iops", "N[/BURST]")(value))).transpose()?;
        disk.rate_limit.bytes =
            bandwidth.map(|value| rate(&value).ok_or_else(|| bad("bandwidth", "BYTES[/BURST]")(value))).transpose()?;
        Ok(Self { path: path.map(PathBuf::from), disk })
    }
}

/// `RATE[/BURST]`, each a quantity of at least one; without a burst, that of a tenth of a second.
fn rate(text: &str) -> Option<Rate> {
    let quantity = |text: &str| text.parse::<MemorySize>().ok().map(|MemorySize(number)| number).filter(|n| *n > 0);
    match text.split_once('/') {
        Some((rate, burst)) => Some(Rate { per_second: quantity(rate)?, burst: quantity(burst)? }),
        None => quantity(text).map(|per_second| Rate { per_second, burst: (per_second / 10).max(1) }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_a_path_with_options_in_any_order() {
        let disk = |path: &str, disk| DiskArg { path: Some(path.into()), disk };
        let scsi = |kind| DiskConfig { bus: DiskBus::Scsi, kind, ..DiskConfig::new("") };
        let plain = || DiskConfig::new("");
        let serial = Some("ROOT 1".to_owned());
        let mut limited = plain();
        limited.rate_limit.operations = Some(Rate { per_second: 1000, burst: 100 });
        limited.rate_limit.bytes = Some(Rate { per_second: 10 << 20, burst: 1 << 20 });
        let block_size = BlockSize { logical: 8192, physical: 8192 };
        let cases = [
            ("path=/a.img", disk("/a.img", plain())),
            ("path=a=b.img", disk("a=b.img", plain())),
            ("path=/dev/vg/data,readonly", disk("/dev/vg/data", DiskConfig { readonly: true, ..plain() })),
            ("serial=ROOT 1,readonly,path=r", disk("r", DiskConfig { readonly: true, serial, ..plain() })),
            ("path=d,bus=scsi,kind=lun", disk("d", scsi(DiskKind::Lun))),
            ("bus=scsi,kind=cdrom", DiskArg { path: None, disk: scsi(DiskKind::Cdrom) }),
            ("path=b,bootindex=2", disk("b", DiskConfig { boot_index: Some(2), ..plain() })),
            (
                "path=b,cache=none,nodiscard",
                disk("b", DiskConfig { cache: CacheMode::None, discard: false, ..plain() }),
            ),
            ("path=b,on-error=enospace", disk("b", DiskConfig { on_error: OnError::Enospace, ..plain() })),
            ("path=b,queues=3,blocksize=8192", disk("b", DiskConfig { queues: Some(3), block_size, ..plain() })),
            ("path=b,iops=1000,bandwidth=10Mi/1Mi", disk("b", limited)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<DiskArg>().unwrap(), expected, "{text}");
        }
        assert_eq!("path=a".parse::<DiskArg>().unwrap().named("disk7".into()), DiskConfig::new("disk7"));
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let unknown = |part: &str| DiskArgError::Unknown(part.into());
        let value = |key, value: &str, choices| DiskArgError::Value { key, value: value.into(), choices };
        let cases = [
            ("", unknown("")),
            ("/a.img", unknown("/a.img")),
            ("readonly", DiskArgError::NoPath),
            ("bus=scsi,kind=disk", DiskArgError::NoPath),
            ("path=a,bus=ide", value("bus", "ide", "virtio|sata|scsi")),
            ("path=a,kind=floppy", value("kind", "floppy", "disk|cdrom|lun")),
            ("path=", DiskArgError::Empty("path")),
            ("path=a,serial=", DiskArgError::Empty("serial")),
            ("path=a,path=b", DiskArgError::Twice("path")),
            ("path=a,bootindex=-1", DiskArgError::BootIndex("-1".into())),
            ("path=a,readonly,readonly", DiskArgError::Twice("readonly")),
            ("path=a,readonly=true", unknown("readonly=true")),
            ("path=a,format=qcow2", unknown("format=qcow2")),
            ("path=a,cache=unsafe", value("cache", "unsafe", "none|writethrough|writeback")),
            ("path=a,on-error=panic", value("on-error", "panic", "report|stop|enospace|ignore")),
            ("path=a,queues=many", value("queues", "many", "N")),
            ("path=a,iops=0", value("iops", "0", "N[/BURST]")),
            ("path=a,bandwidth=1Mi/", value("bandwidth", "1Mi/", "BYTES[/BURST]")),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<DiskArg>(), Err(error), "{text:?}");
        }
    }
}
