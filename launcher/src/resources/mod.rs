//! Opens what the machine needs of this host; the machine itself opens nothing.

mod file;
mod inherited;
mod port;
mod shared_disks;
mod variables;
mod vsock;

pub(crate) use file::{FileError, read_small_file};

use crate::cleanup::Cleanup;
use crate::console::ConsoleArg;
use crate::run_config::{ResourceSpec, RunConfig};
use crate::socket_file::SocketFileError;
use file::{Wanted, open_file};
use inherited::InheritedError;
use port::open_port;
use shared_disks::{SharedDiskError, SharedDisks};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use thiserror::Error;
use variables::open_variables;
use vmm::{
    DeviceId, FIRMWARE, INITRD, KERNEL, NetConfig, PayloadConfig, Resource, ResourceError, Resources, SERIAL, TapError,
    VhostError, open_tap, open_vhost_net, port_of, rom_of, vhost_of,
};
use vsock::{VsockError, open_vsock};

/// Why the machine's parts cannot be had.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error("No kernel is given: name one with --kernel, or as the resource \"kernel\" of the configuration file")]
    NoKernel,
    #[error(
        "No firmware is given: name one with --firmware, or as the resource \"firmware\" of the configuration file"
    )]
    NoFirmware,
    #[error("Cannot use {path} as {id}", path = path.display())]
    File {
        id: DeviceId,
        path: PathBuf,
        #[source]
        source: FileError,
    },
    #[error("Cannot use descriptor {number} as {id}")]
    Descriptor {
        id: DeviceId,
        number: i32,
        #[source]
        source: FileError,
    },
    #[error("Cannot use the TAP interface {name} as {id}")]
    Tap {
        id: DeviceId,
        name: String,
        #[source]
        source: TapError,
    },
    #[error("Cannot have the host's kernel carry the frames ({0})")]
    Vhost(DeviceId, #[source] VhostError),
    #[error("Cannot use the socket {path} as {id}", path = path.display())]
    Port {
        id: DeviceId,
        path: PathBuf,
        #[source]
        source: SocketFileError,
    },
    #[error("Cannot use the socket {path} as {id}", path = path.display())]
    Vsock {
        id: DeviceId,
        path: PathBuf,
        #[source]
        source: VsockError,
    },
    #[error("Cannot take descriptor {number} for {id}")]
    Inherited {
        id: DeviceId,
        number: i32,
        #[source]
        source: InheritedError,
    },
    #[error("{id} needs {wanted}, not {given}")]
    Sort { id: DeviceId, wanted: &'static str, given: &'static str },
    #[error("The disks cannot be used together")]
    SharedDisk(#[from] SharedDiskError),
    #[error("The resources cannot be handed over")]
    Resource(#[from] ResourceError),
}

/// What was opened for a machine.
pub(crate) struct Opened {
    pub(crate) resources: Resources,
    /// The console's choice: it is opened by whoever moves its bytes.
    pub(crate) console: ConsoleArg,
    /// The virtio console's, if there is one.
    pub(crate) virtio_console: Option<(DeviceId, ConsoleArg)>,
    /// Removes the files of sockets, once the machine has ended.
    pub(crate) sockets: Vec<Cleanup>,
}

/// Opens everything but the console, whose choice is returned.
///
/// # Errors
/// The first thing that is missing or unusable.
pub(crate) fn open(config: &RunConfig) -> Result<Opened, OpenError> {
    let (payload, missing) = match config.vm.payload {
        PayloadConfig::Kernel { .. } => (KERNEL, OpenError::NoKernel),
        PayloadConfig::Firmware { .. } => (FIRMWARE, OpenError::NoFirmware),
    };
    if !config.resources.contains_key(&payload.into()) {
        return Err(missing);
    }
    let console = console_at(config, &SERIAL.into(), ConsoleArg::Stdio)?;
    let virtio_console = match &config.vm.console {
        Some(vm) => Some((vm.id.clone(), console_at(config, &vm.id, ConsoleArg::Off)?)),
        None => None,
    };
    let is_console =
        |id: &DeviceId| id.as_str() == SERIAL || virtio_console.as_ref().is_some_and(|(console, _)| console == id);
    let mut inherited = take_inherited(config)?;
    let mut resources = Resources::new();
    let mut disks = SharedDisks::default();
    let mut sockets = Vec::new();
    for (id, spec) in config.resources.iter().filter(|(id, _)| !is_console(id)) {
        let resource = if let Some(net) = config.vm.nets.iter().find(|net| net.id == *id) {
            open_net(net, spec, &mut inherited)?
        } else if let Some(net) = config.vm.nets.iter().find(|net| vhost_of(&net.id) == *id) {
            open_vhost(net, id, spec, &mut inherited)?
        } else if config.vm.vsock.iter().any(|vsock| vsock.id == *id) {
            let (resource, socket) = open_vsock(id, spec)?;
            sockets.push(socket);
            resource
        } else if config.vm.console.iter().flat_map(|console| &console.ports).any(|name| port_of(name) == *id) {
            let (resource, socket) = open_port(id, spec)?;
            sockets.push(socket);
            resource
        } else if let ResourceSpec::Variables(variables) = spec {
            open_variables(id, variables)?
        } else {
            open_disk_or_payload(config, id, spec, &mut inherited, &mut disks)?
        };
        resources.insert(id.as_str(), resource)?;
    }
    Ok(Opened { resources, console, virtio_console, sockets })
}

fn open_net(
    net: &NetConfig,
    spec: &ResourceSpec,
    inherited: &mut BTreeMap<DeviceId, Vec<OwnedFd>>,
) -> Result<Resource, OpenError> {
    let id = &net.id;
    match spec {
        ResourceSpec::Tap(name) => {
            let tap = open_tap(name, net.queues).map_err(|source| OpenError::Tap {
                id: id.clone(),
                name: name.clone(),
                source,
            })?;
            Ok(Resource::Tap(tap))
        }
        ResourceSpec::Fd(_) | ResourceSpec::Fds(_) => inherited_for(id, inherited).map(Resource::Tap),
        other => {
            let wanted = "a TAP interface or a descriptor of one";
            Err(OpenError::Sort { id: id.clone(), wanted, given: sort_name(other) })
        }
    }
}

/// The vhost-net devices of a network.
fn open_vhost(
    net: &NetConfig,
    id: &DeviceId,
    spec: &ResourceSpec,
    inherited: &mut BTreeMap<DeviceId, Vec<OwnedFd>>,
) -> Result<Resource, OpenError> {
    match spec {
        ResourceSpec::Path(path) => {
            let fds = open_vhost_net(path, net.queues).map_err(|source| OpenError::Vhost(id.clone(), source))?;
            Ok(Resource::VhostNet(fds))
        }
        ResourceSpec::Fd(_) | ResourceSpec::Fds(_) => inherited_for(id, inherited).map(Resource::VhostNet),
        other => {
            let wanted = "the path of a vhost-net device or descriptors of it";
            Err(OpenError::Sort { id: id.clone(), wanted, given: sort_name(other) })
        }
    }
}

/// The descriptors that were inherited for a network. Whether they are what they should be is for the machine to see.
fn inherited_for(id: &DeviceId, inherited: &mut BTreeMap<DeviceId, Vec<OwnedFd>>) -> Result<Vec<OwnedFd>, OpenError> {
    Ok(inherited.remove(id).ok_or_else(|| ResourceError::Missing(id.clone(), "descriptors"))?)
}

fn open_disk_or_payload(
    config: &RunConfig,
    id: &DeviceId,
    spec: &ResourceSpec,
    inherited: &mut BTreeMap<DeviceId, Vec<OwnedFd>>,
    disks: &mut SharedDisks,
) -> Result<Resource, OpenError> {
    let disk = config.vm.disks.iter().find(|disk| disk.id == *id);
    let wanted = match disk {
        // An id that nothing has is opened as a disk is, and the machine refuses it by name.
        None if [KERNEL, INITRD, FIRMWARE].contains(&id.as_str()) => Wanted::Regular,
        None if config.vm.nets.iter().any(|net| rom_of(&net.id) == *id) => Wanted::Regular,
        Some(disk) if !disk.is_readonly() => Wanted::WritableDisk,
        _ => Wanted::ReadOnlyDisk,
    };
    let file = match spec {
        ResourceSpec::Path(path) => {
            open_file(path, wanted).map_err(|source| OpenError::File { id: id.clone(), path: path.clone(), source })?
        }
        ResourceSpec::Fd(number) => {
            let file = File::from(take(inherited, id)?);
            wanted.check(&file).map_err(|source| OpenError::Descriptor { id: id.clone(), number: *number, source })?;
            file
        }
        other => {
            let wanted = "a path or a descriptor";
            return Err(OpenError::Sort { id: id.clone(), wanted, given: sort_name(other) });
        }
    };
    if disk.is_some() {
        disks.add(id, &file, wanted == Wanted::WritableDisk)?;
    }
    Ok(Resource::File(file))
}

fn take(inherited: &mut BTreeMap<DeviceId, Vec<OwnedFd>>, id: &DeviceId) -> Result<OwnedFd, OpenError> {
    let fd = inherited.remove(id).and_then(|mut fds| fds.pop());
    Ok(fd.ok_or_else(|| ResourceError::Missing(id.clone(), "a descriptor"))?)
}

/// Takes every inherited descriptor first: what this process opens itself gets the free numbers.
fn take_inherited(config: &RunConfig) -> Result<BTreeMap<DeviceId, Vec<OwnedFd>>, OpenError> {
    let numbers = config.resources.iter().filter_map(|(id, spec)| match spec {
        ResourceSpec::Fd(number) => Some((id, std::slice::from_ref(number))),
        ResourceSpec::Fds(numbers) => Some((id, numbers.as_slice())),
        _ => None,
    });
    numbers
        .map(|(id, numbers)| {
            let one = |number: &i32| {
                let failed = |source| OpenError::Inherited { id: id.clone(), number: *number, source };
                inherited::take(*number).map_err(failed)
            };
            Ok((id.clone(), numbers.iter().map(one).collect::<Result<_, _>>()?))
        })
        .collect()
}

/// What console `id` is connected to.
fn console_at(config: &RunConfig, id: &DeviceId, default: ConsoleArg) -> Result<ConsoleArg, OpenError> {
    match config.resources.get(id) {
        None => Ok(default),
        Some(ResourceSpec::Stdio) => Ok(ConsoleArg::Stdio),
        Some(ResourceSpec::Pty) => Ok(ConsoleArg::Pty),
        Some(ResourceSpec::Socket(path)) => Ok(ConsoleArg::Socket(path.clone())),
        Some(ResourceSpec::Off) => Ok(ConsoleArg::Off),
        Some(other) => {
            let wanted = "\"stdio\", \"pty\", {\"socket\": PATH} or \"off\"";
            Err(OpenError::Sort { id: id.clone(), wanted, given: sort_name(other) })
        }
    }
}

fn sort_name(spec: &ResourceSpec) -> &'static str {
    match spec {
        ResourceSpec::Path(_) => "a path",
        ResourceSpec::Fd(_) => "a descriptor",
        ResourceSpec::Fds(_) => "descriptors",
        ResourceSpec::Tap(_) => "a TAP interface",
        ResourceSpec::Variables(_) => "a firmware's variables",
        ResourceSpec::Socket(_) => "a socket",
        ResourceSpec::Pty | ResourceSpec::Stdio | ResourceSpec::Off => "a console",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::error::Error;
    use std::os::fd::AsRawFd;
    use std::path::Path;
    use tempfile::NamedTempFile;
    use vmm::DiskConfig;

    fn config(resources: &[(&str, ResourceSpec)], disks: &[(&str, bool)]) -> RunConfig {
        let resources = resources.iter().map(|(id, spec)| (DeviceId::new(*id), spec.clone())).collect();
        let mut config = RunConfig { resources, ..RunConfig::default() };
        let disk = |&(id, readonly): &(&str, bool)| DiskConfig { readonly, ..DiskConfig::new(id) };
        config.vm.disks = disks.iter().map(disk).collect();
        config
    }

    fn path(path: impl AsRef<Path>) -> ResourceSpec {
        ResourceSpec::Path(path.as_ref().into())
    }

    fn refusal(resources: &[(&str, ResourceSpec)], disks: &[(&str, bool)]) -> String {
        let error = open(&config(resources, disks)).map(drop).unwrap_err();
        match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    }

    #[test]
    fn a_kernel_is_enough_and_the_console_is_the_terminal() {
        let kernel = NamedTempFile::new().unwrap();
        let opened = open(&config(&[("kernel", path(&kernel))], &[])).unwrap();
        assert_eq!(opened.console, ConsoleArg::Stdio);
    }

    #[test]
    fn without_a_kernel_the_way_to_give_one_is_told() {
        assert!(refusal(&[], &[]).starts_with("No kernel is given: name one with --kernel"));
    }

    #[test]
    fn a_directory_is_refused_whatever_it_is_given_as() {
        let kernel = NamedTempFile::new().unwrap();
        for id in ["kernel", "initrd", "disk0", "elsewhere"] {
            let text = refusal(&[("kernel", path(&kernel)), (id, path("/"))], &[("disk0", true)]);
            assert!(text.starts_with(&format!("Cannot use / as {id}: It is a directory, not a ")), "{text}");
        }
    }

    #[test]
    fn an_inherited_descriptor_is_a_disk_when_it_may_be_written() {
        let kernel = NamedTempFile::new().unwrap();
        let disk = NamedTempFile::new().unwrap();
        let read_only = File::open(disk.path()).unwrap();
        let with = |number| [("kernel", path(&kernel)), ("disk0", ResourceSpec::Fd(number))];
        open(&config(&with(disk.as_raw_fd()), &[("disk0", false)])).unwrap();
        open(&config(&with(read_only.as_raw_fd()), &[("disk0", true)])).unwrap();
        let text = refusal(&with(read_only.as_raw_fd()), &[("disk0", false)]);
        assert!(text.contains(" as disk0: It is open for reading only"), "{text}");
        let text = refusal(&with(1_000_000), &[("disk0", false)]);
        assert!(text.starts_with("Cannot take descriptor 1000000 for disk0: This process has inherited no"), "{text}");
    }

    #[test]
    fn a_disk_is_given_once_unless_nobody_writes_to_it() {
        let kernel = NamedTempFile::new().unwrap();
        let disk = NamedTempFile::new().unwrap();
        let link = disk.path().with_extension("link");
        std::fs::hard_link(disk.path(), &link).unwrap();
        let resources = [("kernel", path(&kernel)), ("a", path(&disk)), ("b", path(&link))];
        open(&config(&resources, &[("a", true), ("b", true)])).unwrap();
        for disks in [[("a", false), ("b", false)], [("a", true), ("b", false)], [("a", false), ("b", true)]] {
            let text = refusal(&resources, &disks);
            assert!(text.contains("a and b are the same disk"), "{text}");
        }
        std::fs::remove_file(link).unwrap();
    }

    /// Why a machine with a network cannot have this as resource `id`.
    fn network_refusal(id: &str, spec: ResourceSpec) -> OpenError {
        let kernel = NamedTempFile::new().unwrap();
        let mut config = config(&[("kernel", path(&kernel)), (id, spec)], &[]);
        let mac = "02:00:00:00:00:01".parse().unwrap();
        config.vm.nets.push(NetConfig::new("net0", mac));
        open(&config).map(drop).unwrap_err()
    }

    #[test]
    fn the_kernel_carries_frames_by_a_device_that_is_there() {
        let error = network_refusal("vhost:net0", ResourceSpec::Path("/dev/podvisor-none".into()));
        assert_eq!(error.to_string(), "Cannot have the host's kernel carry the frames (vhost:net0)");
        let text = error.source().unwrap().to_string();
        assert!(text.starts_with("/dev/podvisor-none cannot be opened: load the driver with `modprobe"), "{text}");
        let error = network_refusal("vhost:net0", ResourceSpec::Tap("tap0".into()));
        let text = "vhost:net0 needs the path of a vhost-net device or descriptors of it, not a TAP interface";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_network_needs_a_tap() {
        let refused = |spec| network_refusal("net0", spec);
        let error = refused(ResourceSpec::Tap("podvisor-none".into()));
        assert_eq!(error.to_string(), "Cannot use the TAP interface podvisor-none as net0");
        assert!(matches!(error, OpenError::Tap { source: TapError::Missing(_), .. }), "{error:?}");
        let error = refused(ResourceSpec::Path("/x".into()));
        assert_eq!(error.to_string(), "net0 needs a TAP interface or a descriptor of one, not a path");
        let error = refused(ResourceSpec::Fd(1_000_000));
        assert_eq!(error.to_string(), "Cannot take descriptor 1000000 for net0");
    }

    #[test]
    fn the_socket_of_a_socket_device_goes_with_it() {
        let kernel = NamedTempFile::new().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("vm.vsock");
        let with = |socket: &Path| {
            let spec = ResourceSpec::Socket(socket.into());
            let mut config = config(&[("kernel", path(&kernel)), ("vsock0", spec)], &[]);
            config.vm.vsock = Some(vmm::VsockConfig { id: "vsock0".into(), cid: 3, root_port: false });
            open(&config)
        };
        let opened = with(&socket).unwrap();
        std::os::unix::net::UnixStream::connect(&socket).unwrap();
        drop(opened);
        assert!(!socket.exists());
        let error = with(Path::new("/nowhere/vm.vsock")).map(drop).unwrap_err();
        assert_eq!(error.to_string(), "Cannot use the socket /nowhere/vm.vsock as vsock0");
    }

    #[test]
    fn a_resource_of_the_wrong_sort_is_refused() {
        let kernel = NamedTempFile::new().unwrap();
        let cases = [
            ("disk0", ResourceSpec::Pty, "disk0 needs a path or a descriptor, not a console"),
            ("disk0", ResourceSpec::Tap("tap0".into()), "disk0 needs a path or a descriptor, not a TAP interface"),
            ("serial0", path("/x"), "serial0 needs \"stdio\", \"pty\", {\"socket\": PATH} or \"off\", not a path"),
        ];
        for (id, spec, text) in cases {
            assert_eq!(refusal(&[("kernel", path(&kernel)), (id, spec)], &[("disk0", true)]), text);
        }
    }
}
