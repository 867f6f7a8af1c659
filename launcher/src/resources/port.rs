//! The other end of a port of the virtio console.

use super::{OpenError, sort_name};
use crate::cleanup::Cleanup;
use crate::run_config::ResourceSpec;
use crate::socket_file::SocketFile;
use vmm::{DeviceId, Resource};

/// Listens on the socket that `spec` names; its file is removed with the second value.
pub(super) fn open_port(id: &DeviceId, spec: &ResourceSpec) -> Result<(Resource, Cleanup), OpenError> {
    let ResourceSpec::Socket(path) = spec else {
        return Err(OpenError::Sort { id: id.clone(), wanted: "{\"socket\": PATH}", given: sort_name(spec) });
    };
    let file = SocketFile::listen(path);
    let file = file.map_err(|source| OpenError::Port { id: id.clone(), path: path.clone(), source })?;
    let (listener, removal) = file.into_parts();
    Ok((Resource::Listener(listener), removal))
}
