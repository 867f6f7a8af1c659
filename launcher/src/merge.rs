//! From the command line to one [`RunConfig`]: the file first, the flags over it.

use crate::args::disk::DiskArg;
use crate::args::net::{NetArg, NetSource, RomArg, VhostArg, random_mac};
use crate::args::rng::RngArg;
use crate::args::vsock::VsockArg;
use crate::args::{Board, RunArgs};
use crate::console::ConsoleArg;
use crate::firmware::{FirmwareArg, FirmwareError, find_bios, find_network_rom, find_uefi, find_variables_of};
use crate::resources::{FileError, read_small_file};
use crate::run_config::{ResourceSpec, RunConfig, VariablesSpec};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;
use vmm::{
    BalloonConfig, BoardConfig, ConsoleConfig, DeviceId, FIRMWARE, FirmwareInterface, INITRD, KERNEL, NetConfig,
    PayloadConfig, SERIAL, VARIABLES, VmConfig, VsockConfig, open_vhost_net, port_of, rom_of, vhost_of,
};

/// Where vhost-net devices come from.
const VHOST_NET: &str = "/dev/vhost-net";

/// More than any sensible configuration has; keeps a wrong file from being read for ever.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Why there is no configuration.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("Cannot read the configuration file {}", .0.display())]
    Read(PathBuf, #[source] FileError),
    #[error("Cannot understand the configuration file {}", .0.display())]
    Parse(PathBuf, #[source] serde_json::Error),
    #[error("The configuration file {} has version {version}: this program reads version {known}", path.display(), known = RunConfig::VERSION)]
    Version { path: PathBuf, version: u32 },
    #[error("Cannot start the machine by firmware")]
    Firmware(#[from] FirmwareError),
    #[error("--fw-cfg gives a text to firmware, and this machine has none: give --firmware too")]
    FwCfgWithoutFirmware,
    #[error("Two ports are called {0}: give each a name of its own")]
    PortTwice(String),
    #[error(
        "The serial port and the virtio console cannot both have the terminal: give one of them another --console or --virtio-console"
    )]
    TwoConsoles,
    #[error("Cannot make up a MAC address: give one with --net ...,mac=")]
    Mac(#[source] std::io::Error),
}

/// Reads the file that `args` name, if any, and puts the flags over it.
///
/// # Errors
/// The file cannot be read, or is no configuration; or the host has no random numbers for a MAC address.
pub(crate) fn load(args: &RunArgs) -> Result<RunConfig, LoadError> {
    let base = match &args.config {
        Some(path) => read(path)?,
        None => RunConfig::default(),
    };
    merge(base, args)
}

fn read(path: &Path) -> Result<RunConfig, LoadError> {
    let bytes = read_small_file(path, MAX_CONFIG_BYTES).map_err(|e| LoadError::Read(path.into(), e))?;
    let config: RunConfig = serde_json::from_slice(&bytes).map_err(|e| LoadError::Parse(path.into(), e))?;
    match config.version {
        RunConfig::VERSION => Ok(config),
        version => Err(LoadError::Version { path: path.into(), version }),
    }
}

fn merge(mut config: RunConfig, args: &RunArgs) -> Result<RunConfig, LoadError> {
    set_kernel(&mut config, args);
    set_firmware(&mut config, args)?;
    let vm = &mut config.vm;
    if let Some(cpus) = &args.cpus {
        vm.cpus = vmm::CpusConfig { placement: vm.cpus.placement.take(), ..cpus.0.clone() };
    }
    for pin in &args.pin {
        pin.apply(vm.cpus.placement.get_or_insert_default());
    }
    if let Some(memory) = args.memory {
        memory.apply(&mut vm.memory);
    }
    match (args.board, &vm.board) {
        // It is this board already: what the file says of it stays.
        (None, _)
        | (Some(Board::Microvm), BoardConfig::Microvm { .. })
        | (Some(Board::Q35), BoardConfig::Q35 { .. }) => {}
        (Some(Board::Microvm), _) => vm.board = BoardConfig::Microvm { acpi: true },
        (Some(Board::Q35), _) => vm.board = BoardConfig::Q35 {},
    }
    if let Some(on_reboot) = args.on_reboot {
        vm.on_reboot = on_reboot.into();
    }
    if let Some(on_triple_fault) = args.on_triple_fault {
        vm.on_triple_fault = Some(on_triple_fault.into());
    }
    if let Some(smbios) = &args.smbios {
        smbios.apply(&mut vm.identity);
    }
    if let Some(io_threads) = args.io_threads {
        io_threads.apply(&mut vm.io_threads);
    }
    for disk in &args.disks {
        add_disk(&mut config, disk);
    }
    for net in &args.nets {
        add_net(&mut config, net)?;
    }
    if let Some(vsock) = &args.vsock {
        set_vsock(&mut config, vsock);
    }
    set_console(&mut config, args)?;
    set_balloon(&mut config, args);
    match &args.console {
        Some(console) => drop(config.resources.insert(SERIAL.into(), console.clone().into())),
        None => drop(config.resources.entry(SERIAL.into()).or_insert(ResourceSpec::Stdio)),
    }
    Ok(config)
}

/// The flags for a kernel; any of them takes the file's firmware away.
fn set_kernel(config: &mut RunConfig, args: &RunArgs) {
    if args.kernel.is_none() && args.initrd.is_none() && args.cmdline.is_none() {
        return;
    }
    if matches!(config.vm.payload, PayloadConfig::Firmware { .. }) {
        config.vm.payload = PayloadConfig::default();
        config.resources.retain(|id, _| ![FIRMWARE, VARIABLES].contains(&id.as_str()));
    }
    if let PayloadConfig::Kernel { cmdline, initrd, .. } = &mut config.vm.payload {
        *initrd |= args.initrd.is_some();
        if let Some(text) = &args.cmdline {
            cmdline.clone_from(text);
        }
    }
    for (id, path) in [(INITRD, &args.initrd), (KERNEL, &args.kernel)] {
        if let Some(path) = path {
            config.resources.insert(id.into(), ResourceSpec::Path(path.clone()));
        }
    }
}

/// The flags for firmware, which take the file's kernel away.
fn set_firmware(config: &mut RunConfig, args: &RunArgs) -> Result<(), LoadError> {
    if let Some(firmware) = &args.firmware {
        config.resources.retain(|id, _| ![KERNEL, INITRD, VARIABLES].contains(&id.as_str()));
        let (interface, code) = match firmware {
            FirmwareArg::Bios { file } => (FirmwareInterface::Bios, file.clone().map_or_else(find_bios, Ok)?),
            FirmwareArg::Uefi { code, vars } => {
                let (code, template) = match code {
                    Some(code) => (code.clone(), find_variables_of(code)),
                    None => find_uefi().map(|found| (found.code, Some(found.vars)))?,
                };
                if template.is_some() || vars.is_some() {
                    let variables = VariablesSpec { path: vars.clone(), template };
                    config.resources.insert(VARIABLES.into(), ResourceSpec::Variables(variables));
                }
                (FirmwareInterface::Uefi, code)
            }
        };
        config.vm.payload = PayloadConfig::Firmware { interface, log: false, files: BTreeMap::new() };
        config.resources.insert(FIRMWARE.into(), ResourceSpec::Path(code));
    }
    match &mut config.vm.payload {
        PayloadConfig::Firmware { log, files, .. } => {
            *log |= args.firmware_log;
            files.extend(args.fw_cfg.iter().map(|file| (file.name.clone(), file.text.clone())));
            Ok(())
        }
        PayloadConfig::Kernel { .. } if !args.fw_cfg.is_empty() => Err(LoadError::FwCfgWithoutFirmware),
        PayloadConfig::Kernel { .. } => Ok(()),
    }
}

fn add_disk(config: &mut RunConfig, disk: &DiskArg) {
    let id = free_id(&config.vm, if disk.is_cdrom() { "cd" } else { "disk" });
    config.vm.disks.push(disk.named(id.clone()));
    if let Some(path) = &disk.path {
        config.resources.insert(id, ResourceSpec::Path(path.clone()));
    }
}

fn add_net(config: &mut RunConfig, net: &NetArg) -> Result<(), LoadError> {
    let id = free_id(&config.vm, "net");
    // UEFI firmware has a driver of its own.
    let is_bios = matches!(config.vm.payload, PayloadConfig::Firmware { interface: FirmwareInterface::Bios, .. });
    let rom = match &net.rom {
        RomArg::File(path) => Some(path.clone()),
        RomArg::Default if is_bios => find_network_rom(),
        RomArg::Default | RomArg::Off => None,
    };
    config.vm.nets.push(NetConfig {
        mtu: net.mtu,
        queues: net.source.queues(),
        boot_index: net.boot_index,
        rom: rom.is_some(),
        ..NetConfig::new(id.clone(), net.mac.map_or_else(random_mac, Ok).map_err(LoadError::Mac)?)
    });
    if let Some(rom) = rom {
        config.resources.insert(rom_of(&id), ResourceSpec::Path(rom));
    }
    let descriptors = |numbers: &Vec<i32>| match numbers.as_slice() {
        [number] => ResourceSpec::Fd(*number),
        _ => ResourceSpec::Fds(numbers.clone()),
    };
    let vhost = match &net.vhost {
        VhostArg::On => Some(ResourceSpec::Path(VHOST_NET.into())),
        VhostArg::Auto => vhost_net_if_usable(),
        VhostArg::Off => None,
        VhostArg::Fds(numbers) => Some(descriptors(numbers)),
    };
    if let Some(vhost) = vhost {
        config.resources.insert(vhost_of(&id), vhost);
    }
    let source = match &net.source {
        NetSource::Tap(name, _) => ResourceSpec::Tap(name.clone()),
        NetSource::Fds(numbers) => descriptors(numbers),
    };
    config.resources.insert(id, source);
    Ok(())
}

/// The vhost-net device, where this process may use it.
fn vhost_net_if_usable() -> Option<ResourceSpec> {
    match open_vhost_net(Path::new(VHOST_NET), 1) {
        Ok(_) => Some(ResourceSpec::Path(VHOST_NET.into())),
        Err(error) => {
            tracing::info!(error = &error as &dyn std::error::Error, "The network does without vhost-net");
            None
        }
    }
}

/// There is one at most: that of the flag takes the place of the file's.
fn set_vsock(config: &mut RunConfig, arg: &VsockArg) {
    if let Some(old) = config.vm.vsock.take() {
        config.resources.remove(&old.id);
    }
    let id = free_id(&config.vm, "vsock");
    config.vm.vsock = Some(VsockConfig::new(id.clone(), arg.cid));
    config.resources.insert(id, ResourceSpec::Socket(arg.path.clone()));
}

/// The virtio console: the file's, if there is one, with what the flags add.
fn set_console(config: &mut RunConfig, args: &RunArgs) -> Result<(), LoadError> {
    if args.virtio_console.is_none() && args.ports.is_empty() {
        return Ok(());
    }
    let id = config.vm.console.as_ref().map_or_else(|| free_id(&config.vm, "console"), |console| console.id.clone());
    let console = config.vm.console.get_or_insert_with(|| ConsoleConfig::new(id.clone()));
    for port in &args.ports {
        if console.ports.contains(&port.name) {
            return Err(LoadError::PortTwice(port.name.clone()));
        }
        console.ports.push(port.name.clone());
        config.resources.insert(port_of(&port.name), ResourceSpec::Socket(port.socket.clone()));
    }
    match &args.virtio_console {
        Some(arg) => drop(config.resources.insert(id, arg.clone().into())),
        None => drop(config.resources.entry(id).or_insert(ResourceSpec::Off)),
    }
    // One of them has the terminal.
    let serial = config.resources.get(&SERIAL.into());
    match (&args.virtio_console, &args.console, serial) {
        (Some(ConsoleArg::Stdio), Some(ConsoleArg::Stdio), _) => Err(LoadError::TwoConsoles),
        (Some(ConsoleArg::Stdio), None, Some(ResourceSpec::Stdio)) => Err(LoadError::TwoConsoles),
        (Some(ConsoleArg::Stdio), None, None) => {
            config.resources.insert(SERIAL.into(), ResourceSpec::Off);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn set_balloon(config: &mut RunConfig, args: &RunArgs) {
    if let Some(arg) = &args.balloon {
        let id = free_id(&config.vm, "balloon");
        let balloon = config.vm.balloon.get_or_insert_with(|| BalloonConfig::new(id));
        (balloon.size, balloon.statistics_seconds) = (arg.size, arg.statistics_seconds);
    }
    if let Some(RngArg(rate)) = args.rng {
        config.vm.rng.bytes = Some(rate);
    }
}

/// `disk0`, `disk1`, ... for the sort `disk`: the first that no device of the machine has.
fn free_id(vm: &VmConfig, sort: &str) -> DeviceId {
    let taken = |id: &DeviceId| {
        let disks = vm.disks.iter().map(|disk| &disk.id).chain(vm.nets.iter().map(|net| &net.id));
        let others = [
            vm.vsock.as_ref().map(|vsock| &vsock.id),
            vm.console.as_ref().map(|console| &console.id),
            vm.balloon.as_ref().map(|balloon| &balloon.id),
        ];
        disks.chain(others.into_iter().flatten()).any(|taken| taken == id)
    };
    let mut number = 0_usize;
    loop {
        let id = DeviceId::new(format!("{sort}{number}"));
        if !taken(&id) {
            return id;
        }
        number += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::args::{RebootArg, TripleFaultArg};
    use crate::console::ConsoleArg;
    use std::error::Error;
    use vmm::{KernelEntry, OnReboot, OnTripleFault};

    const FILE: &str = r#"{
        "version": 1,
        "vm": {
            "version": 1,
            "board": {"kind": "microvm", "acpi": false},
            "cpus": {"boot": 4, "max": 4},
            "memory": {"boot": 134217728, "backing": "memfd"},
            "payload": {"kind": "kernel", "cmdline": "quiet", "initrd": true},
            "disks": [{"id": "disk1", "serial": "one"}],
            "marker_port": 146
        },
        "resources": {
            "kernel": {"path": "/file/kernel"},
            "initrd": {"path": "/file/initrd"},
            "disk1": {"fd": 9},
            "serial0": "off"
        }
    }"#;

    fn file() -> RunConfig {
        serde_json::from_str(FILE).unwrap()
    }

    #[test]
    fn flags_alone_fill_the_same_type() {
        let args = RunArgs {
            kernel: Some("k".into()),
            cmdline: Some("a b".into()),
            disks: vec!["path=x,readonly".parse().unwrap(), "path=y,serial=s".parse().unwrap()],
            ..RunArgs::default()
        };
        let config = merge(RunConfig::default(), &args).unwrap();
        assert_eq!(
            config.vm.payload,
            PayloadConfig::Kernel { cmdline: "a b".into(), initrd: false, entry: KernelEntry::Auto }
        );
        let disks: Vec<_> = config.vm.disks.iter().map(|d| (d.id.as_str(), d.readonly, d.serial.as_deref())).collect();
        assert_eq!(disks, [("disk0", true, None), ("disk1", false, Some("s"))]);
        assert_eq!(config.resources[&KERNEL.into()], ResourceSpec::Path("k".into()));
        assert_eq!(config.resources[&"disk1".into()], ResourceSpec::Path("y".into()));
        assert_eq!(config.resources[&SERIAL.into()], ResourceSpec::Stdio);
        assert_eq!(config.resources.len(), 4);
    }

    #[test]
    fn without_flags_the_file_stays_as_it_is() {
        assert_eq!(merge(file(), &RunArgs::default()).unwrap(), file());
        assert_eq!(merge(file(), &RunArgs { board: Some(Board::Microvm), ..RunArgs::default() }).unwrap(), file());
    }

    #[test]
    fn the_board_is_q35_unless_file_or_flag_say_otherwise() {
        let board = |base: RunConfig, board| merge(base, &RunArgs { board, ..RunArgs::default() }).unwrap().vm.board;
        assert_eq!(board(RunConfig::default(), None), BoardConfig::Q35 {});
        assert_eq!(board(RunConfig::default(), Some(Board::Microvm)), BoardConfig::Microvm { acpi: true });
        assert_eq!(board(file(), None), BoardConfig::Microvm { acpi: false });
        assert_eq!(board(file(), Some(Board::Q35)), BoardConfig::Q35 {});
        let silent: RunConfig = serde_json::from_str(r#"{"version": 1, "vm": {"version": 1}}"#).unwrap();
        assert_eq!(board(silent, None), BoardConfig::Q35 {});
    }

    #[test]
    fn flags_override_the_file_and_leave_the_rest() {
        let args = RunArgs {
            kernel: Some("/flag/kernel".into()),
            initrd: Some("/flag/initrd".into()),
            cmdline: Some("verbose".into()),
            cpus: Some("2".parse().unwrap()),
            memory: Some("1Gi".parse().unwrap()),
            console: Some(ConsoleArg::Pty),
            on_reboot: Some(RebootArg::Exit),
            on_triple_fault: Some(TripleFaultArg::Reset),
            disks: vec!["path=a".parse().unwrap(), "path=b".parse().unwrap()],
            ..RunArgs::default()
        };
        let mut expected = file();
        expected.vm.payload =
            PayloadConfig::Kernel { cmdline: "verbose".into(), initrd: true, entry: KernelEntry::Auto };
        expected.vm.cpus = vmm::CpusConfig { boot: 2, max: None, topology: None, placement: None };
        expected.vm.memory.boot = 1 << 30;
        expected.vm.on_reboot = OnReboot::Exit;
        expected.vm.on_triple_fault = Some(OnTripleFault::Reset);
        let merged = merge(file(), &args).unwrap();
        let ids: Vec<_> = merged.vm.disks.iter().map(|disk| disk.id.as_str()).collect();
        assert_eq!(ids, ["disk1", "disk0", "disk2"], "a new disk gets the first free id and comes after the file's");
        assert_eq!(merged.resources[&KERNEL.into()], ResourceSpec::Path("/flag/kernel".into()));
        assert_eq!(merged.resources[&INITRD.into()], ResourceSpec::Path("/flag/initrd".into()));
        assert_eq!(merged.resources[&SERIAL.into()], ResourceSpec::Pty);
        assert_eq!(merged.resources[&"disk1".into()], ResourceSpec::Fd(9));
        assert_eq!(merged.resources[&"disk2".into()], ResourceSpec::Path("b".into()));
        expected.vm.disks.clone_from(&merged.vm.disks);
        assert_eq!(merged.vm, expected.vm);
    }

    #[test]
    fn firmware_takes_the_place_of_a_kernel_and_a_kernel_that_of_firmware() {
        let args = RunArgs {
            firmware: Some("uefi:/none/code.fd,/vm/vars.fd".parse().unwrap()),
            firmware_log: true,
            fw_cfg: vec!["opt/a=b".parse().unwrap()],
            smbios: Some("serial=7".parse().unwrap()),
            ..RunArgs::default()
        };
        let merged = merge(file(), &args).unwrap();
        let files = [("opt/a".to_owned(), "b".to_owned())].into();
        assert_eq!(merged.vm.payload, PayloadConfig::Firmware { interface: FirmwareInterface::Uefi, log: true, files });
        assert_eq!(merged.vm.on_triple_fault, None, "the payload decides");
        assert_eq!(merged.vm.identity.serial.as_deref(), Some("7"));
        assert_eq!(merged.resources[&FIRMWARE.into()], ResourceSpec::Path("/none/code.fd".into()));
        let variables = VariablesSpec { path: Some("/vm/vars.fd".into()), template: None };
        assert_eq!(merged.resources[&VARIABLES.into()], ResourceSpec::Variables(variables));
        assert!(!merged.resources.contains_key(&KERNEL.into()) && !merged.resources.contains_key(&INITRD.into()));

        let back = merge(merged, &RunArgs { kernel: Some("k".into()), ..RunArgs::default() }).unwrap();
        assert_eq!(back.vm.payload, PayloadConfig::default());
        assert!(!back.resources.contains_key(&FIRMWARE.into()) && !back.resources.contains_key(&VARIABLES.into()));
        let explicit = RunArgs { on_triple_fault: Some(TripleFaultArg::Exit), ..args };
        assert_eq!(merge(file(), &explicit).unwrap().vm.on_triple_fault, Some(OnTripleFault::Exit));
    }

    #[test]
    fn networks_come_after_the_files_and_have_an_address_of_their_own() {
        let mut base = file();
        base.vm.disks[0].id = "net0".into();
        let mac = "02:00:00:00:00:01".parse().unwrap();
        base.vm.nets = vec![NetConfig { link_up: false, ..NetConfig::new("net2", mac) }];
        let args = RunArgs {
            nets: ["tap=a,mac=02:00:00:00:00:02,mtu=1400,queues=2", "fd=7", "fd=8:9"]
                .map(|net| net.parse().unwrap())
                .into(),
            ..RunArgs::default()
        };
        let merged = merge(base.clone(), &args).unwrap();
        assert_eq!(merged.vm.nets[0], base.vm.nets[0]);
        let told: Vec<_> = merged.vm.nets.iter().map(|net| (net.id.as_str(), net.mtu, net.link_up)).collect();
        let expected = [("net2", None, false), ("net1", Some(1400), true), ("net3", None, true), ("net4", None, true)];
        assert_eq!(told, expected);
        assert_eq!(merged.vm.nets.iter().map(|net| net.queues).collect::<Vec<_>>(), [1, 2, 1, 2]);
        assert_eq!(merged.resources[&"net4".into()], ResourceSpec::Fds(vec![8, 9]));
        assert_eq!(merged.vm.nets[1].mac, "02:00:00:00:00:02".parse().unwrap());
        assert_eq!(merged.vm.nets[2].mac.bytes()[0], 0x02);
        assert_eq!(merged.resources[&"net1".into()], ResourceSpec::Tap("a".into()));
        assert_eq!(merged.resources[&"net3".into()], ResourceSpec::Fd(7));
        merged.vm.validate().unwrap();
    }

    #[test]
    fn a_network_has_the_vhost_net_devices_that_are_given() {
        let args = RunArgs {
            nets: ["tap=a,queues=2,vhost=on", "tap=b,vhost=off", "fd=7,vhost=8", "fd=9:10,vhost=11:12"]
                .map(|net| net.parse().unwrap())
                .into(),
            ..RunArgs::default()
        };
        let merged = merge(RunConfig::default(), &args).unwrap();
        let vhost = |net| merged.resources.get(&vhost_of(&DeviceId::new(net)));
        assert_eq!(vhost("net0"), Some(&ResourceSpec::Path("/dev/vhost-net".into())));
        assert_eq!((vhost("net1"), vhost("net2")), (None, Some(&ResourceSpec::Fd(8))));
        assert_eq!(vhost("net3"), Some(&ResourceSpec::Fds(vec![11, 12])));
    }

    #[test]
    fn the_socket_device_of_the_flag_takes_the_place_of_the_files() {
        let args = RunArgs { vsock: Some("cid=7,path=/run/new".parse().unwrap()), ..RunArgs::default() };
        let mut base = file();
        base.vm.vsock = Some(VsockConfig { id: "old".into(), cid: 3, root_port: true });
        base.resources.insert("old".into(), ResourceSpec::Socket("/run/old".into()));
        let merged = merge(base, &args).unwrap();
        assert_eq!(merged.vm.vsock, Some(VsockConfig { id: "vsock0".into(), cid: 7, root_port: false }));
        assert_eq!(merged.resources[&"vsock0".into()], ResourceSpec::Socket("/run/new".into()));
        assert!(!merged.resources.contains_key(&"old".into()));
        merged.vm.validate().unwrap();
    }

    #[test]
    fn ports_are_added_to_the_console_which_has_the_terminal_when_it_asks_for_it() {
        let port = |text: &str| text.parse().unwrap();
        let args = RunArgs {
            virtio_console: Some(ConsoleArg::Stdio),
            ports: vec![port("name=a,socket=/run/a")],
            ..RunArgs::default()
        };
        let mut base = RunConfig::default();
        let merged = merge(base.clone(), &args).unwrap();
        assert_eq!(merged.resources[&"console0".into()], ResourceSpec::Stdio);
        assert_eq!(merged.resources[&SERIAL.into()], ResourceSpec::Off);
        assert_eq!(merged.resources[&"port:a".into()], ResourceSpec::Socket("/run/a".into()));
        merged.vm.validate().unwrap();

        let twice = RunArgs { console: Some(ConsoleArg::Stdio), ..args };
        assert!(matches!(merge(base.clone(), &twice), Err(LoadError::TwoConsoles)));
        base.vm.console = Some(ConsoleConfig { id: "hvc".into(), ports: vec!["a".into()], root_port: false });
        let more = RunArgs { ports: vec![port("name=b,socket=/run/b")], ..RunArgs::default() };
        let merged = merge(base.clone(), &more).unwrap();
        assert_eq!(merged.vm.console.unwrap().ports, ["a", "b"]);
        assert_eq!(merged.resources[&"hvc".into()], ResourceSpec::Off);
        let again = RunArgs { ports: vec![port("name=a,socket=/run/b")], ..RunArgs::default() };
        assert!(matches!(merge(base, &again), Err(LoadError::PortTwice(name)) if name == "a"));
    }

    #[test]
    fn the_balloon_and_the_limit_of_the_flags_are_the_machines() {
        let args = RunArgs {
            balloon: Some("size=1Mi,stats=5".parse().unwrap()),
            rng: Some("bytes=10".parse().unwrap()),
            ..RunArgs::default()
        };
        let vm = merge(RunConfig::default(), &args).unwrap().vm;
        let balloon = vm.balloon.as_ref().unwrap();
        assert_eq!((balloon.size, balloon.statistics_seconds, balloon.free_page_reporting), (1 << 20, 5, true));
        assert_eq!(vm.rng.bytes.unwrap().per_second, 10);
        vm.validate().unwrap();
    }

    #[test]
    fn a_text_for_firmware_needs_firmware() {
        let args = RunArgs { fw_cfg: vec!["opt/a=b".parse().unwrap()], ..RunArgs::default() };
        assert!(matches!(merge(file(), &args), Err(LoadError::FwCfgWithoutFirmware)));
    }

    #[test]
    fn a_network_has_the_rom_and_the_boot_index_that_are_given() {
        let args = RunArgs {
            firmware: Some("bios:/none/bios.bin".parse().unwrap()),
            nets: ["fd=7,rom=/a.rom,bootindex=1", "fd=8,rom=off"].map(|net| net.parse().unwrap()).into(),
            disks: vec!["path=a,bootindex=2".parse().unwrap()],
            ..RunArgs::default()
        };
        let merged = merge(RunConfig::default(), &args).unwrap();
        let told: Vec<_> = merged.vm.nets.iter().map(|net| (net.rom, net.boot_index)).collect();
        assert_eq!(told, [(true, Some(1)), (false, None)]);
        assert_eq!(merged.resources[&"rom:net0".into()], ResourceSpec::Path("/a.rom".into()));
        assert!(!merged.resources.contains_key(&"rom:net1".into()));
        assert_eq!(merged.vm.disks[0].boot_index, Some(2));
        merged.vm.validate().unwrap();

        let uefi = RunArgs {
            firmware: Some("uefi:/none/code.fd".parse().unwrap()),
            nets: vec!["fd=7".parse().unwrap()],
            ..RunArgs::default()
        };
        assert!(!merge(RunConfig::default(), &uefi).unwrap().vm.nets[0].rom, "OVMF has a driver of its own");
    }

    #[test]
    fn a_file_with_a_mistake_is_named_with_line_and_column() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vm.json");
        std::fs::write(&path, FILE.replace("\"quiet\"", "quiet")).unwrap();
        let error = load(&RunArgs { config: Some(path.clone()), ..RunArgs::default() }).unwrap_err();
        assert_eq!(error.to_string(), format!("Cannot understand the configuration file {}", path.display()));
        assert_eq!(error.source().unwrap().to_string(), "expected value at line 8 column 54");
    }

    #[test]
    fn a_file_of_another_version_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vm.json");
        std::fs::write(&path, FILE.replacen("\"version\": 1", "\"version\": 2", 1)).unwrap();
        let error = load(&RunArgs { config: Some(path), ..RunArgs::default() }).unwrap_err();
        assert!(matches!(error, LoadError::Version { version: 2, .. }), "{error}");
    }
}
