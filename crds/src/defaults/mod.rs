//! What upstream's mutating webhook makes of a new object: defaults, and fields in the form in which they are stored.
//!
//! The order of the steps is upstream's, because later ones see what earlier ones set.

mod cpu;
mod devices;
mod features;
mod hotplug;
mod hyperv;
mod memory;
mod network;
mod presets;
mod probe;
mod stored;
mod vmi;
mod volumes;

pub(crate) use devices::add_disks_of_volumes;
pub use hotplug::memory_obstacle;
pub use hyperv::{REQUIREMENTS as HYPERV_REQUIREMENTS, wants_enlightened_vmcs};
pub(crate) use network::set_default_interface;
pub use presets::{PresetError, apply_presets};
pub use stored::{as_stored, with_canonical_quantities};
pub use vmi::{NewInstance, set_defaults, set_spec_defaults};
pub(crate) use vmi::{set_architecture, set_machine_type, set_pci_topology};

use thiserror::Error;

/// Why an object can have no defaults.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DefaultsError {
    /// The default binding is one that the configuration forbids.
    #[error("bridge interface is not enabled in kubevirt-config")]
    BridgeForbidden,
    /// The default binding is one that is no more.
    #[error("slirp interface is deprecated as of v1.3")]
    SlirpGone,
}

/// Whether a text is absent or empty, which is the same to upstream.
fn is_unset(text: Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}
