//! The host's side of a virtio socket device.

use super::{OpenError, sort_name};
use crate::cleanup::Cleanup;
use crate::run_config::ResourceSpec;
use crate::socket_file::{SocketFile, SocketFileError};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use std::path::Path;
use thiserror::Error;
use vmm::{DeviceId, Resource, VsockSockets};

/// Why there is none.
#[derive(Debug, Error)]
pub(crate) enum VsockError {
    #[error("It cannot be listened on")]
    Listen(#[from] SocketFileError),
    #[error("Its directory cannot be opened")]
    Directory(#[source] Errno),
    #[error("It has no name")]
    Name,
}

/// Listens on the socket that `spec` names; its file is removed with the second value.
pub(super) fn open_vsock(id: &DeviceId, spec: &ResourceSpec) -> Result<(Resource, Cleanup), OpenError> {
    let ResourceSpec::Socket(path) = spec else {
        return Err(OpenError::Sort { id: id.clone(), wanted: "{\"socket\": PATH}", given: sort_name(spec) });
    };
    listen(path).map_err(|source| OpenError::Vsock { id: id.clone(), path: path.clone(), source })
}

fn listen(path: &Path) -> Result<(Resource, Cleanup), VsockError> {
    let name = path.file_name().ok_or(VsockError::Name)?.to_owned();
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, directory, flags, Mode::empty()).map_err(VsockError::Directory)?;
    let (listener, removal) = SocketFile::listen(path)?.into_parts();
    Ok((Resource::Vsock(VsockSockets { listener, directory, name }), removal))
}
