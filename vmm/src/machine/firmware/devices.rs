//! The devices that firmware talks to, on the board's buses.

use super::files::{Variables, VariablesChip};
use super::memory::SHADOW;
use super::{BootOrder, FirmwareMemory, FirmwareParts};
use crate::arch::x86_64::cpuid::address_bits;
use crate::config::{FirmwareInterface, VmConfig};
use crate::firmware::acpi::{AcpiBoard, AcpiConfig, PciHost};
use crate::firmware::smbios::{self, EntryPoint, SmbiosConfig};
use crate::firmware::table_loader::FirmwareTables;
use crate::firmware::{Cpu, e820};
use crate::machine::MachineError;
use crate::machine::board::Parts;
use crate::memory::{Memory, RamRegion, layout};
use crate::snapshot::SavedMachine;
use devices::firmware::DebugConsole;
use devices::firmware::flash::{Flash, FlashHost};
use devices::firmware::fw_cfg::{FwCfg, FwCfgError, FwCfgItems, key};
use devices::pci::{HostBridge, PciFunction};
use devices::state::Section;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

const FW_CFG: &str = "fw-cfg";
const VARIABLES: &str = "variables";
const DEBUG_CONSOLE: &str = "debug-console";
/// Where SeaBIOS and BIOS boot loaders find their screen: the serial port.
const SERIAL_CONSOLE: &str = "etc/sercon-port";
/// What SeaBIOS does when nothing boots: it waits for so many milliseconds, or for ever.
const BOOT_FAIL_WAIT: &str = "etc/boot-fail-wait";

/// fw_cfg, and the chip with the variables. Dropping it hands over what the guest has changed.
pub(in crate::machine) struct FirmwareDevices {
    fw_cfg: Arc<Mutex<FwCfg<Memory>>>,
    variables: Option<Arc<Mutex<Flash<RamRegion>>>>,
}

impl FirmwareDevices {
    /// Makes them, as `saved` has them or new, and puts them on the buses.
    pub(in crate::machine) fn new(
        parts: &Parts<'_>,
        firmware: &FirmwareParts,
        host_bridge: &Arc<HostBridge>,
        order: BootOrder,
        saved: &mut SavedMachine,
    ) -> Result<Self, MachineError> {
        let (config, kvm) = (&parts.blueprint.config, &parts.blueprint.kvm);
        let window64 = layout::firmware_window64(config.memory.boot, address_bits(kvm.supported_cpuid()?.as_slice()));
        let items = items(config, firmware, tables(firmware.cpus.clone(), window64, Arc::clone(host_bridge)), order)?;
        let fw_cfg = FwCfg::new(FW_CFG.into(), parts.memory.clone(), items, saved.take(&FW_CFG.into())?)?;
        let fw_cfg = Arc::new(Mutex::new(fw_cfg));
        parts.buses.pio.insert(layout::FW_CFG_PORTS, Arc::clone(&fw_cfg) as _)?;
        if firmware.log {
            let console = Mutex::new(DebugConsole::new(DEBUG_CONSOLE.into()));
            parts.buses.pio.insert(layout::DEBUG_CONSOLE_PORTS, Arc::new(console))?;
        }
        parts.buses.mmio.insert(SHADOW, Arc::clone(&firmware.memory) as _)?;
        let chip = firmware.variables.as_ref().map(|VariablesChip { region, variables }| {
            let host = Chip { memory: Arc::clone(&firmware.memory), variables: Arc::clone(variables) };
            let range = region.range();
            let (size, state) = (range.end - range.start, saved.take(&VARIABLES.into())?);
            let flash = Flash::new(VARIABLES.into(), Arc::clone(region), size, true, Arc::new(host), state)?;
            let flash = Arc::new(Mutex::new(flash));
            parts.buses.mmio.insert(range, Arc::clone(&flash) as _)?;
            Ok::<_, MachineError>(flash)
        });
        Ok(Self { fw_cfg, variables: chip.transpose()? })
    }

    /// The state of each.
    pub(in crate::machine) fn save(&self) -> Result<Vec<Section>, MachineError> {
        let mut sections = vec![self.fw_cfg.lock().unwrap_or_else(PoisonError::into_inner).save()?];
        if let Some(chip) = &self.variables {
            sections.push(chip.lock().unwrap_or_else(PoisonError::into_inner).save()?);
        }
        Ok(sections)
    }
}

impl Drop for FirmwareDevices {
    fn drop(&mut self) {
        if let Some(chip) = &self.variables {
            chip.lock().unwrap_or_else(PoisonError::into_inner).flush();
        }
    }
}

/// The machine's side of the chip with the variables.
struct Chip {
    memory: Arc<FirmwareMemory>,
    variables: Arc<Variables>,
}

impl FlashHost for Chip {
    fn show_array(&self, shown: bool) {
        self.memory.show_vars(shown);
    }

    fn save(&self, contents: &[u8]) {
        self.variables.save(contents);
    }
}

/// What the firmware is told.
fn items(
    config: &VmConfig,
    firmware: &FirmwareParts,
    tables: FirmwareTables,
    order: BootOrder,
) -> Result<FwCfgItems, FwCfgError> {
    let mut items = FwCfgItems::new();
    let word = |count: u32| u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes().to_vec();
    items.add_item(key::BOOT_CPUS, word(config.cpus.boot))?;
    items.add_item(key::MAX_CPUS, word(config.max_cpus()))?;
    items.add_file("etc/e820", e820::build(config.memory.boot))?;
    let entry_point = match firmware.interface {
        FirmwareInterface::Uefi => EntryPoint::Modern,
        FirmwareInterface::Bios => EntryPoint::Legacy,
    };
    let smbios = smbios::build(&identity(config), entry_point);
    items.add_file("etc/smbios/smbios-tables", smbios.structures)?;
    items.add_file("etc/smbios/smbios-anchor", smbios.entry_point)?;
    let port = u16::try_from(layout::SERIAL_PORTS.start).unwrap_or(0); // a port fits
    items.add_file(SERIAL_CONSOLE, port.to_le_bytes().to_vec())?;
    items.add_file(BOOT_FAIL_WAIT, u32::MAX.to_le_bytes().to_vec())?;
    if let Some(order) = order.into_file() {
        items.add_file("bootorder", order)?;
    }
    items.set_late_files(Box::new(tables))?;
    Ok(items)
}

/// The ACPI tables: of configuration space as the firmware has placed it by then.
fn tables(cpus: Vec<Cpu>, window64: Range<u64>, host_bridge: Arc<HostBridge>) -> FirmwareTables {
    FirmwareTables::new(Box::new(move || {
        let placed = host_bridge.decoded().into_iter().next();
        let ecam = placed.map_or(layout::ECAM, |window| window.range);
        let pci = PciHost { ecam, highest_bus: u8::MAX, window64: window64.clone() };
        AcpiConfig { cpus: cpus.clone(), board: AcpiBoard::Q35(pci) }
    }))
}

/// What the machine calls itself.
fn identity(config: &VmConfig) -> SmbiosConfig {
    let topology = config.topology();
    let count = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    let (cores, threads) = (count(topology.cores), count(topology.threads));
    let per_socket = topology.cores.saturating_mul(topology.threads).max(1);
    SmbiosConfig {
        manufacturer: "Podvisor".into(),
        product: "Virtual Machine".into(),
        version: "q35".into(),
        serial: String::new(),
        sku: String::new(),
        family: String::new(),
        asset_tag: String::new(),
        uuid: [0; 16],
        firmware_version: env!("CARGO_PKG_VERSION").into(),
        sockets: count(config.cpus.boot.div_ceil(per_socket)),
        cores,
        threads,
        ram: layout::ram_ranges(config.memory.boot),
    }
}
