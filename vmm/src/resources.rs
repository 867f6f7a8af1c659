//! Opened descriptors, keyed by device id: the library opens no path itself.

use devices::id::DeviceId;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use thiserror::Error;

/// Id of the kernel's file.
pub const KERNEL: &str = "kernel";
/// Id of the initial RAM disk's file.
pub const INITRD: &str = "initrd";
/// Id of the file with the firmware's code.
pub const FIRMWARE: &str = "firmware";
/// Id of the firmware's variable store ([`Resource::Variables`]).
pub const VARIABLES: &str = "variables";
/// Id of the first serial port ([`Resource::Stream`]). Without it the guest's output is discarded.
pub const SERIAL: &str = "serial0";

/// Id of the expansion ROM of network device `net`.
pub fn rom_of(net: &DeviceId) -> DeviceId {
    // No device of a configuration has a colon in its id.
    DeviceId::new(format!("rom:{net}"))
}

/// Id of the vhost-net devices of network device `net`: with them the host's kernel carries its frames.
pub fn vhost_of(net: &DeviceId) -> DeviceId {
    // No device of a configuration has a colon in its id.
    DeviceId::new(format!("vhost:{net}"))
}

/// Id of the other end of console port `name`.
pub fn port_of(name: &str) -> DeviceId {
    // No device of a configuration has a colon in its id.
    DeviceId::new(format!("port:{name}"))
}

/// Names of the board's own devices and of the payload: no disk may have one.
pub(crate) const RESERVED: &[&str] = &[
    KERNEL,
    INITRD,
    FIRMWARE,
    VARIABLES,
    SERIAL,
    "fw-cfg",
    "debug-console",
    "rng0",
    "scsi0",
    "sata0",
    "rtc",
    "i8042",
    "debug-exit",
    "ged",
    "host-bridge",
    "lpc",
    "power-management",
    "reset-control",
    "config-ports",
    "machine",
    "irqchip",
    "clock",
];

/// What a device needs of the host.
///
/// ```
/// use std::io::{Read, pipe};
/// use vmm::{Resource, Resources, SERIAL};
/// # mod tiny { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tiny.rs")); }
/// # let Some((config, mut resources)) = tiny::machine(tiny::SAYS_HI) else { return Ok(()) };
///
/// // The console's other end: what the guest writes to its serial port is read from a pipe.
/// let (mut output, ours) = pipe()?;
/// resources.insert(SERIAL, Resource::Stream { input: None, output: Some(ours.into()) })?;
/// let machine = vmm::Vm::build(config, resources)?;
/// machine.start()?;
/// machine.wait(None);
/// drop(machine); // the last writer of the pipe
/// let mut said = String::new();
/// output.read_to_string(&mut said)?;
/// assert_eq!(said, "Hi\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Resource {
    /// A regular file or a block device: a disk, a kernel, an initrd.
    File(File),
    /// Descriptors that are attached to the queues of one TAP interface, as [`crate::open_tap`] gives them: a network. One
    /// for each pair of the device's queues.
    Tap(Vec<OwnedFd>),
    /// Opened vhost-net devices, as [`crate::open_vhost_net`] gives them: one for each pair of a network device's queues.
    VhostNet(Vec<OwnedFd>),
    /// Variables of a firmware.
    Variables {
        /// What they are at first: an empty store, as it comes with the firmware. `None`: they are kept already.
        template: Option<File>,
        /// Where they are kept; `None`: they are lost with the machine.
        kept: Option<KeptFile>,
    },
    /// The host's side of a virtio socket device.
    Vsock(VsockSockets),
    /// A Unix stream socket that listens: a console port, whose other end is one client after the other.
    Listener(OwnedFd),
    /// The two ends of a character stream; both may be the same file description.
    Stream {
        /// Where the guest's input comes from; `None`: there is no input.
        input: Option<OwnedFd>,
        /// Where the guest's output goes; `None`: it is discarded.
        output: Option<OwnedFd>,
    },
}

impl From<File> for Resource {
    fn from(file: File) -> Self {
        Self::File(file)
    }
}

/// A file that is replaced as a whole whenever it changes, so that it needs the directory it is in.
#[derive(Debug)]
pub struct KeptFile {
    /// The directory.
    pub directory: OwnedFd,
    /// The file's name in it. It need not exist yet.
    pub name: OsString,
}

/// Unix sockets by the convention of Firecracker. The host connects to `listener`, writes `CONNECT <port>` and a
/// newline, and is answered `OK <its own port>`; a connection of the guest to port N of the host goes to the socket
/// `NAME_N` in `directory`.
#[derive(Debug)]
pub struct VsockSockets {
    /// A Unix stream socket that listens.
    pub listener: OwnedFd,
    /// The directory of those that the guest reaches.
    pub directory: OwnedFd,
    /// What their names begin with.
    pub name: OsString,
}

/// All descriptors of a machine. `/dev/kvm` is among them, so that a sandboxed caller can hand it over.
///
/// [`crate::Vm::build`] takes them all: it refuses a device without its resource, and a resource without its device. They
/// stay open through resets, and are closed when the machine's last handle is dropped.
///
/// ```
/// use std::error::Error;
/// use std::fs::File;
/// use vmm::{KERNEL, Resources, Vm, VmConfig};
///
/// let mut resources = Resources::new();
/// resources.insert(KERNEL, File::open("/dev/null")?)?;
/// resources.insert("disk0", File::open("/dev/null")?)?;
/// // The configuration has no disk0.
/// let error = Vm::build(VmConfig::default(), resources).unwrap_err();
/// assert_eq!(
///     error.source().unwrap().to_string(),
///     "A resource is given for disk0, but the configuration has no such device"
/// );
/// # Ok::<(), Box<dyn Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Resources {
    /// The opened `/dev/kvm`; `None`: the library opens it.
    pub kvm: Option<OwnedFd>,
    by_device: BTreeMap<DeviceId, Resource>,
}

impl Resources {
    /// No resources yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the resource of `device`: of [`KERNEL`], [`SERIAL`] and the like, of [`rom_of`], [`vhost_of`] or [`port_of`], or
    /// of a device of the configuration by its id.
    ///
    /// # Errors
    /// It has one already.
    pub fn insert(&mut self, device: impl Into<DeviceId>, resource: impl Into<Resource>) -> Result<(), ResourceError> {
        let device = device.into();
        if self.by_device.contains_key(&device) {
            return Err(ResourceError::Twice(device));
        }
        self.by_device.insert(device, resource.into());
        Ok(())
    }

    /// Takes the resource of `device` out.
    pub(crate) fn take(&mut self, device: &DeviceId) -> Option<Resource> {
        self.by_device.remove(device)
    }

    /// The ids of what is left.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &DeviceId> {
        self.by_device.keys()
    }
}

/// Why resources do not fit the configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The device has a resource already.
    #[error("{0} has a resource already")]
    Twice(DeviceId),
    /// The device has none.
    #[error("{0} has no resource: it needs {1}")]
    Missing(DeviceId, &'static str),
    /// No such device is configured.
    #[error("A resource is given for {0}, but the configuration has no such device")]
    Unused(DeviceId),
    /// The resource is of another sort than the device needs.
    #[error("The resource of {0} is of the wrong sort: it needs {1}")]
    WrongSort(DeviceId, &'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zero() -> Resource {
        Resource::File(File::open("/dev/zero").unwrap())
    }

    #[test]
    fn a_device_has_one_resource() {
        let mut resources = Resources::new();
        resources.insert("disk0", zero()).unwrap();
        let error = resources.insert("disk0", zero()).unwrap_err();
        assert_eq!(error.to_string(), "disk0 has a resource already");
    }

    #[test]
    fn what_is_taken_is_gone() {
        let mut resources = Resources::new();
        resources.insert("disk0", zero()).unwrap();
        resources.insert(KERNEL, zero()).unwrap();
        assert!(resources.take(&KERNEL.into()).is_some());
        assert!(resources.take(&KERNEL.into()).is_none());
        assert_eq!(resources.ids().collect::<Vec<_>>(), [&DeviceId::new("disk0")]);
    }
}
