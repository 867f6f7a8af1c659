//! The virtio socket device, from its configuration and its sockets.

use super::MachineError;
use super::virtio::Planned;
use crate::config::VsockConfig;
use crate::handle::VmError;
use crate::resources::{Resource, ResourceError, Resources, VsockSockets};
use crate::snapshot::SavedMachine;
use devices::backend::vsock::{UnixSockets, VsockBackend};
use devices::virtio::vsock;
use std::sync::Arc;

/// A virtio socket device to be, and its host's side.
pub(crate) struct Vsock {
    config: VsockConfig,
    backend: Arc<dyn VsockBackend>,
}

impl Vsock {
    /// Takes the sockets of `config`.
    pub(super) fn take(config: &VsockConfig, resources: &mut Resources) -> Result<Self, VmError> {
        const NEEDS: &str = "a listening socket and its directory";
        let id = || config.id.clone();
        let VsockSockets { listener, directory, name } = match resources.take(&config.id) {
            Some(Resource::Vsock(sockets)) => sockets,
            Some(_) => return Err(ResourceError::WrongSort(id(), NEEDS).into()),
            None => return Err(ResourceError::Missing(id(), NEEDS).into()),
        };
        let backend = UnixSockets::new(listener, directory, name);
        let backend = backend.map_err(|source| MachineError::Vsock { id: id(), source })?;
        Ok(Self { config: config.clone(), backend: Arc::new(backend) })
    }

    /// The device, as `saved` has it or new.
    pub(super) fn device(&self, saved: &mut SavedMachine) -> Result<Planned, MachineError> {
        let VsockConfig { id, cid, root_port } = &self.config;
        let config = vsock::VsockConfig { id: id.clone(), guest_cid: *cid };
        let device = vsock::VirtioVsock::new(config, Arc::clone(&self.backend), saved.take(id)?);
        Ok(Planned { device: Box::new(device), root_port: *root_port, rom: None })
    }
}
