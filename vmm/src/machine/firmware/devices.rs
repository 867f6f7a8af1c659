//! The devices that firmware talks to, on the board's buses.

use super::files::{Variables, VariablesChip};
use super::memory::SHADOW;
use super::{BootOrder, FirmwareMemory, FirmwareParts, FlashUnit};
use crate::arch::x86_64::cpuid::address_bits;
use crate::config::{FirmwareInterface, PayloadConfig, VmConfig};
use crate::firmware::acpi::{AcpiBoard, AcpiConfig, PciHost};
use crate::firmware::smbios::{self, EntryPoint};
use crate::firmware::table_loader::FirmwareTables;
use crate::firmware::{Cpu, e820};
use crate::machine::MachineError;
use crate::machine::board::Parts;
use crate::machine::identity::identity;
use crate::memory::{Memory, RamRegion, layout};
use crate::resources::{FIRMWARE, VARIABLES};
use crate::snapshot::SavedMachine;
use devices::firmware::DebugConsole;
use devices::firmware::flash::{Flash, FlashHost};
use devices::firmware::fw_cfg::{FwCfg, FwCfgError, FwCfgItems, key};
use devices::pci::{HostBridge, PciFunction};
use devices::state::Section;
use std::sync::{Arc, Mutex, PoisonError};

const FW_CFG: &str = "fw-cfg";
const DEBUG_CONSOLE: &str = "debug-console";
/// Where SeaBIOS and BIOS boot loaders find their screen: the serial port.
const SERIAL_CONSOLE: &str = "etc/sercon-port";
/// What SeaBIOS does when nothing boots: it waits for so many milliseconds, or for ever.
const BOOT_FAIL_WAIT: &str = "etc/boot-fail-wait";

/// fw_cfg, and the flash chips. Dropping it hands over what the guest has changed.
pub(in crate::machine) struct FirmwareDevices {
    fw_cfg: Arc<Mutex<FwCfg<Memory>>>,
    /// With the code, and with the variables.
    chips: Vec<Arc<Mutex<Flash<RamRegion>>>>,
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
        let address_bits = address_bits(kvm.supported_cpuid()?.as_slice());
        let pci = PciHost {
            window32: layout::firmware_window32(config.memory.boot),
            window64: layout::firmware_window64(config.memory.boot, address_bits),
            ..PciHost::at_power_on(config.memory.boot)
        };
        let tables = tables(firmware.cpus.clone(), pci, Arc::clone(host_bridge));
        let items = items(config, firmware, tables, order)?;
        let fw_cfg = FwCfg::new(FW_CFG.into(), parts.memory.clone(), items, saved.take(&FW_CFG.into())?)?;
        let fw_cfg = Arc::new(Mutex::new(fw_cfg));
        parts.buses.pio.insert(layout::FW_CFG_PORTS, Arc::clone(&fw_cfg) as _)?;
        if firmware.log {
            let console = Mutex::new(DebugConsole::new(DEBUG_CONSOLE.into()));
            parts.buses.pio.insert(layout::DEBUG_CONSOLE_PORTS, Arc::new(console))?;
        }
        parts.buses.mmio.insert(SHADOW, Arc::clone(&firmware.memory) as _)?;
        let mut devices = Self { fw_cfg, chips: Vec::new() };
        // A PC BIOS is in a ROM.
        if firmware.interface == FirmwareInterface::Uefi {
            devices.add_chip(parts, firmware, FlashUnit::Code, (FIRMWARE, &firmware.code), None, saved)?;
        }
        if let Some(VariablesChip { region, variables }) = &firmware.variables {
            devices.add_chip(parts, firmware, FlashUnit::Variables, (VARIABLES, region), Some(variables), saved)?;
        }
        Ok(devices)
    }

    /// Adds the chip `id`, which the guest can write where `variables` keep that.
    fn add_chip(
        &mut self,
        parts: &Parts<'_>,
        firmware: &FirmwareParts,
        unit: FlashUnit,
        (id, region): (&str, &Arc<RamRegion>),
        variables: Option<&Arc<Variables>>,
        saved: &mut SavedMachine,
    ) -> Result<(), MachineError> {
        let host = Chip { memory: Arc::clone(&firmware.memory), unit, variables: variables.cloned() };
        let range = region.range();
        let (size, state) = (range.end - range.start, saved.take(&id.into())?);
        let flash = Flash::new(id.into(), Arc::clone(region), size, variables.is_some(), Arc::new(host), state)?;
        let flash = Arc::new(Mutex::new(flash));
        parts.buses.mmio.insert(range, Arc::clone(&flash) as _)?;
        self.chips.push(flash);
        Ok(())
    }

    /// The state of each.
    pub(in crate::machine) fn save(&self) -> Result<Vec<Section>, MachineError> {
        let mut sections = vec![self.fw_cfg.lock().unwrap_or_else(PoisonError::into_inner).save()?];
        for chip in &self.chips {
            sections.push(chip.lock().unwrap_or_else(PoisonError::into_inner).save()?);
        }
        Ok(sections)
    }
}

impl Drop for FirmwareDevices {
    fn drop(&mut self) {
        for chip in &self.chips {
            chip.lock().unwrap_or_else(PoisonError::into_inner).flush();
        }
    }
}

/// The machine's side of a chip.
struct Chip {
    memory: Arc<FirmwareMemory>,
    unit: FlashUnit,
    /// `None`: the guest cannot write.
    variables: Option<Arc<Variables>>,
}

impl FlashHost for Chip {
    fn show_array(&self, shown: bool) {
        self.memory.show(self.unit, shown);
    }

    fn save(&self, contents: &[u8]) {
        if let Some(variables) = &self.variables {
            variables.save(contents);
        }
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
    if let Some(uuid) = config.identity.uuid {
        items.add_item(key::UUID, uuid.bytes().to_vec())?;
    }
    if let PayloadConfig::Firmware { files, .. } = &config.payload {
        for (name, text) in files {
            items.add_file(name, text.as_bytes().to_vec())?;
        }
    }
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
fn tables(cpus: Vec<Cpu>, pci: PciHost, host_bridge: Arc<HostBridge>) -> FirmwareTables {
    FirmwareTables::new(Box::new(move || {
        let placed = host_bridge.decoded().into_iter().next();
        let ecam = placed.map_or_else(|| pci.ecam.clone(), |window| window.range);
        AcpiConfig { cpus: cpus.clone(), board: AcpiBoard::Q35(PciHost { ecam, ..pci.clone() }) }
    }))
}
