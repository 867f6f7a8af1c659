//! What the machine calls itself, and what it has, for its SMBIOS tables.

use crate::config::{BoardConfig, IdentityConfig, MachineUuid, VmConfig};
use crate::firmware::smbios::SmbiosConfig;
use crate::memory::layout;

/// What the tables are to tell.
pub(super) fn identity(config: &VmConfig) -> SmbiosConfig {
    let board = match config.board {
        BoardConfig::Q35 {} => "q35",
        BoardConfig::Microvm { .. } => "microvm",
    };
    let topology = config.topology();
    let count = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    let (cores, threads) = (count(topology.cores), count(topology.threads));
    let per_socket = topology.cores.saturating_mul(topology.threads).max(1);
    let text = |given: &Option<String>, else_: &str| given.clone().unwrap_or_else(|| else_.into());
    let IdentityConfig { uuid, manufacturer, product, version, serial, sku, family, asset_tag } = &config.identity;
    SmbiosConfig {
        manufacturer: text(manufacturer, "Podvisor"),
        product: text(product, "Virtual Machine"),
        version: text(version, board),
        serial: text(serial, ""),
        sku: text(sku, ""),
        family: text(family, ""),
        asset_tag: text(asset_tag, ""),
        // All zeros: not told.
        uuid: uuid.map_or([0; 16], MachineUuid::bytes),
        firmware_version: env!("CARGO_PKG_VERSION").into(),
        sockets: count(config.cpus.boot.div_ceil(per_socket)),
        cores,
        threads,
        ram: layout::ram_ranges(config.memory.boot),
    }
}
