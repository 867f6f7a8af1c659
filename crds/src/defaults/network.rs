//! The interface of a machine that names none.

use super::DefaultsError;
use crate::api::Empty;
use crate::api::vmi::{Interface, Network, PodNetwork, VirtualMachineInstanceSpec};
use crate::config::ClusterConfig;

/// Connects a machine without interfaces and networks to the pod's network, unless it wants none.
pub(crate) fn set_default_interface(
    spec: &mut VirtualMachineInstanceSpec,
    config: &ClusterConfig,
) -> Result<(), DefaultsError> {
    let devices = &mut spec.domain.devices;
    let has_interfaces = devices.interfaces.as_ref().is_some_and(|interfaces| !interfaces.is_empty());
    let has_networks = spec.networks.as_ref().is_some_and(|networks| !networks.is_empty());
    if devices.autoattach_pod_interface == Some(false) || has_interfaces || has_networks {
        return Ok(());
    }
    let interface = Interface { name: "default".to_owned(), ..Interface::default() };
    let interface = match config.default_network_interface() {
        "bridge" if !config.permits_bridge_on_pod_network() => return Err(DefaultsError::BridgeForbidden),
        "bridge" => Some(Interface { bridge: Some(Empty {}), ..interface }),
        "masquerade" => Some(Interface { masquerade: Some(Empty {}), ..interface }),
        "slirp" => return Err(DefaultsError::SlirpGone),
        _ => None,
    };
    if let Some(interface) = interface {
        devices.interfaces = Some(vec![interface]);
    }
    let pod = Some(PodNetwork::default());
    spec.networks = Some(vec![Network { name: "default".to_owned(), pod, ..Network::default() }]);
    Ok(())
}
