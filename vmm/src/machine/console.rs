//! The virtio console device, from its configuration and its ports' other ends.

use super::MachineError;
use super::virtio::Planned;
use crate::config::ConsoleConfig;
use crate::handle::VmError;
use crate::resources::{Resource, ResourceError, Resources, port_of};
use crate::snapshot::SavedMachine;
use devices::backend::port::PortEnd;
use devices::id::DeviceId;
use devices::virtio::console::{self, ConsolePorts, ConsoleState, NamedPort, VirtioConsole};
use std::sync::Arc;

/// A virtio console device to be, and its ports.
pub(crate) struct VirtioConsoleParts {
    config: ConsoleConfig,
    pub(crate) ports: Arc<ConsolePorts>,
}

impl VirtioConsoleParts {
    /// Takes the other ends of the console and of the ports of `config`.
    pub(super) fn take(config: &ConsoleConfig, resources: &mut Resources) -> Result<Self, VmError> {
        let failed = |id: &DeviceId| {
            let id = id.clone();
            move |source| MachineError::ConsolePort { id, source }
        };
        let console = take_end(&config.id, resources)?;
        let console = console.map_or_else(|| PortEnd::stream(None, None), Ok).map_err(failed(&config.id))?;
        let mut named = Vec::with_capacity(config.ports.len());
        for name in &config.ports {
            let id = port_of(name);
            let end = take_end(&id, resources)?;
            let end = end.ok_or(ResourceError::Missing(id, NEEDS))?;
            named.push(NamedPort { name: name.clone(), end });
        }
        let ports = ConsolePorts::new(console, named).map_err(failed(&config.id))?;
        Ok(Self { config: config.clone(), ports: Arc::new(ports) })
    }

    /// The device, as `saved` has it or new.
    pub(super) fn device(&self, saved: &mut SavedMachine) -> Result<Planned, MachineError> {
        let ConsoleConfig { id, root_port, .. } = &self.config;
        let state: Option<ConsoleState> = saved.take(id)?;
        let config = console::ConsoleConfig { id: id.clone() };
        let device = VirtioConsole::new(config, Arc::clone(&self.ports), state.as_ref())?;
        Ok(Planned { device: Box::new(device), root_port: *root_port, rom: None })
    }
}

const NEEDS: &str = "a character stream or a listening socket";

fn take_end(id: &DeviceId, resources: &mut Resources) -> Result<Option<PortEnd>, VmError> {
    let end = match resources.take(id) {
        None => return Ok(None),
        Some(Resource::Stream { input, output }) => PortEnd::stream(input, output),
        Some(Resource::Listener(listener)) => PortEnd::listener(listener),
        Some(_) => return Err(ResourceError::WrongSort(id.clone(), NEEDS).into()),
    };
    Ok(Some(end.map_err(|source| MachineError::ConsolePort { id: id.clone(), source })?))
}
