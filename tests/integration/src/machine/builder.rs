//! What a test machine is made of.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use vmm::{
    BalloonConfig, BoardConfig, ConsoleConfig, CpuTopology, DiskBus, DiskConfig, DiskKind, FIRMWARE, FirmwareInterface,
    KERNEL, KernelEntry, NetConfig, OnReboot, OnTripleFault, PayloadConfig, Resource, Resources, SERIAL, VARIABLES, Vm,
    VmConfig, VmError, VsockConfig, VsockSockets, port_of,
};

use super::console::Console;
use super::disk::TestDisk;
use super::firmware::test_firmware;
use super::running::Guest;
use super::{kvm_or_skip, test_guest};

/// A machine to be: 1 vCPU and 64 MiB unless something else is asked for.
#[derive(Debug)]
pub struct TestMachine {
    config: VmConfig,
    resources: Resources,
    serial: Option<Resource>,
    firmware: Option<FirmwareInterface>,
    firmware_files: BTreeMap<String, String>,
}

impl TestMachine {
    /// A machine whose guest runs `script` (commands of the test guest); `None` when this host cannot run any, which
    /// is then recorded as a skip of the calling test.
    pub fn script(script: &str) -> Option<Self> {
        kvm_or_skip().then(|| Self::new(script))
    }

    /// As [`TestMachine::script`], where `/dev/kvm` is known to be there.
    pub fn new(script: &str) -> Self {
        let mut config = VmConfig { board: BoardConfig::Microvm { acpi: true }, ..VmConfig::default() };
        config.memory.boot = 64 << 20;
        config.payload = PayloadConfig::kernel(script);
        Self { config, resources: Resources::new(), serial: None, firmware: None, firmware_files: BTreeMap::new() }
    }

    /// So many vCPUs.
    #[must_use]
    pub fn cpus(mut self, boot: u32) -> Self {
        self.config.cpus.boot = boot;
        self
    }

    /// vCPUs in sockets, cores and threads; all of them are there from the start unless [`Self::cpus`] says less.
    #[must_use]
    pub fn topology(mut self, sockets: u32, cores: u32, threads: u32) -> Self {
        self.config.cpus.topology = Some(CpuTopology { sockets, cores, threads });
        self.cpus(sockets * cores * threads)
    }

    /// vCPUs that may come later.
    #[must_use]
    pub fn max_cpus(mut self, max: u32) -> Self {
        self.config.cpus.max = Some(max);
        self
    }

    /// So much RAM.
    #[must_use]
    pub fn memory_mib(mut self, mib: u64) -> Self {
        self.config.memory.boot = mib << 20;
        self
    }

    /// The guest's entry point.
    #[must_use]
    pub fn entry(mut self, wanted: KernelEntry) -> Self {
        if let PayloadConfig::Kernel { entry, .. } = &mut self.config.payload {
            *entry = wanted;
        }
        self
    }

    /// The board.
    #[must_use]
    pub fn board(mut self, board: BoardConfig) -> Self {
        self.config.board = board;
        self
    }

    /// The guest is started by firmware: the machine is a q35 as at power-on, with all that firmware finds there.
    #[must_use]
    pub fn by_firmware(self, interface: FirmwareInterface) -> Self {
        Self { firmware: Some(interface), ..self }.board(BoardConfig::Q35 {})
    }

    /// A text for the firmware.
    #[must_use]
    pub fn firmware_file(mut self, name: &str, text: &str) -> Self {
        self.firmware_files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// The network device `net` has this expansion ROM.
    #[must_use]
    pub fn rom(mut self, net: &str, rom: File) -> Self {
        self.config.nets.iter_mut().for_each(|device| device.rom |= device.id.as_str() == net);
        self.resources.insert(vmm::rom_of(&net.into()), Resource::File(rom)).expect("one ROM");
        self
    }

    /// The firmware's variables.
    #[must_use]
    pub fn variables(mut self, variables: Resource) -> Self {
        self.resources.insert(VARIABLES, variables).expect("one variable store");
        self
    }

    /// What a reboot does.
    #[must_use]
    pub fn on_reboot(mut self, policy: OnReboot) -> Self {
        self.config.on_reboot = policy;
        self
    }

    /// What a triple fault does.
    #[must_use]
    pub fn on_triple_fault(mut self, policy: OnTripleFault) -> Self {
        self.config.on_triple_fault = Some(policy);
        self
    }

    /// A disk more, which the guest can write.
    #[must_use]
    pub fn disk(self, id: &str, disk: &TestDisk) -> Self {
        self.attach(id, disk, false, None)
    }

    /// A disk more, which the guest can only read.
    #[must_use]
    pub fn read_only_disk(self, id: &str, disk: &TestDisk) -> Self {
        self.attach(id, disk, true, None)
    }

    /// A disk more, which tells the guest this serial.
    #[must_use]
    pub fn disk_with_serial(self, id: &str, disk: &TestDisk, serial: &str) -> Self {
        self.attach(id, disk, false, Some(serial.to_owned()))
    }

    /// A disk more, which the guest finds behind a root port of its own.
    #[must_use]
    pub fn disk_behind_a_root_port(mut self, id: &str, disk: &TestDisk) -> Self {
        self = self.attach(id, disk, false, None);
        self.config.disks.iter_mut().for_each(|disk| disk.root_port |= disk.id.as_str() == id);
        self
    }

    /// A disk more, on the SCSI bus.
    #[must_use]
    pub fn scsi_disk(mut self, id: &str, disk: &TestDisk) -> Self {
        self = self.attach(id, disk, false, None);
        self.configured_disk(id, |disk| disk.bus = DiskBus::Scsi)
    }

    /// A drive more, on the SCSI bus, with a disc or empty.
    #[must_use]
    pub fn scsi_cdrom(mut self, id: &str, disc: Option<&TestDisk>) -> Self {
        match disc {
            Some(disc) => self = self.attach(id, disc, true, None),
            None => self.config.disks.push(DiskConfig::new(id)),
        }
        self.configured_disk(id, |disk| (disk.bus, disk.kind) = (DiskBus::Scsi, DiskKind::Cdrom))
    }

    /// A disk more, on a port of the SATA controller.
    #[must_use]
    pub fn sata_disk(mut self, id: &str, disk: &TestDisk) -> Self {
        self = self.attach(id, disk, false, None);
        self.configured_disk(id, |disk| disk.bus = DiskBus::Sata)
    }

    /// A drive more, on a port of the SATA controller, with a disc or empty.
    #[must_use]
    pub fn sata_cdrom(self, id: &str, disc: Option<&TestDisk>) -> Self {
        self.scsi_cdrom(id, disc).configured_disk(id, |disk| disk.bus = DiskBus::Sata)
    }

    fn configured_disk(mut self, id: &str, change: impl Fn(&mut DiskConfig)) -> Self {
        self.config.disks.iter_mut().filter(|disk| disk.id.as_str() == id).for_each(change);
        self
    }

    fn attach(mut self, id: &str, disk: &TestDisk, readonly: bool, serial: Option<String>) -> Self {
        self.config.disks.push(DiskConfig { readonly, serial, ..DiskConfig::new(id) });
        self.resources.insert(id, Resource::File(disk.open(readonly))).expect("one disk of this id");
        self
    }

    /// A network device more, over the TAP interface `tap` of this process's network namespace.
    #[must_use]
    pub fn net(self, id: &str, mac: &str, tap: &str) -> Self {
        let fds = vmm::open_tap(tap, 1).expect("a TAP interface");
        self.net_over(id, mac, Resource::Tap(fds))
    }

    /// A network device more with so many pairs of queues, over the TAP interface `tap`, which has as many.
    #[must_use]
    pub fn net_with_queues(self, id: &str, mac: &str, tap: &str, queues: u16) -> Self {
        let fds = vmm::open_tap(tap, queues).expect("a TAP interface with several queues");
        let mut machine = self.net_over(id, mac, Resource::Tap(fds));
        machine.config.nets.iter_mut().filter(|net| net.id.as_str() == id).for_each(|net| net.queues = queues);
        machine
    }

    /// The host's kernel carries the frames of network device `id`.
    #[must_use]
    pub fn vhost(self, id: &str) -> Self {
        let queues = self.config.nets.iter().filter(|net| net.id.as_str() == id).map(|net| net.queues).sum();
        let fds = vmm::open_vhost_net(Path::new("/dev/vhost-net"), queues).expect("vhost-net devices");
        self.vhost_over(id, Resource::VhostNet(fds))
    }

    /// The same, by whatever is given.
    #[must_use]
    pub fn vhost_over(mut self, id: &str, vhost: Resource) -> Self {
        self.resources.insert(vmm::vhost_of(&id.into()), vhost).expect("one vhost-net for each network");
        self
    }

    /// A network device more, over whatever is given.
    #[must_use]
    pub fn net_over(mut self, id: &str, mac: &str, network: Resource) -> Self {
        let mac = mac.parse().expect("a MAC address");
        self.config.nets.push(NetConfig::new(id, mac));
        self.resources.insert(id, network).expect("one network of this id");
        self
    }

    /// A virtio socket device: the host reaches the guest by `vm.vsock` in `directory`, the guest the host's port N by
    /// `vm.vsock_N` beside it.
    #[must_use]
    pub fn vsock(mut self, cid: u32, directory: &Path) -> Self {
        let listener = UnixListener::bind(directory.join("vm.vsock")).expect("a socket");
        let opened = File::open(directory).expect("a directory");
        let sockets = VsockSockets { listener: listener.into(), directory: opened.into(), name: "vm.vsock".into() };
        self.config.vsock = Some(VsockConfig::new("vsock0", cid));
        self.resources.insert("vsock0", Resource::Vsock(sockets)).expect("one socket device");
        self
    }

    /// A virtio console over `console`, and a port that is called as QEMU's guest agent has it, whose socket is `agent`
    /// in `directory`.
    #[must_use]
    pub fn virtio_console(mut self, console: UnixStream, directory: &Path) -> Self {
        const AGENT: &str = "org.qemu.guest_agent.0";
        let listener = UnixListener::bind(directory.join("agent")).expect("a socket");
        let input = console.try_clone().expect("a descriptor");
        let stream = Resource::Stream { input: Some(input.into()), output: Some(console.into()) };
        self.config.console = Some(ConsoleConfig { ports: vec![AGENT.into()], ..ConsoleConfig::new("console0") });
        self.resources.insert("console0", stream).expect("one console");
        self.resources.insert(port_of(AGENT), Resource::Listener(listener.into())).expect("one port");
        self
    }

    /// A balloon without a wish.
    #[must_use]
    pub fn balloon(mut self) -> Self {
        self.config.balloon = Some(BalloonConfig::new("balloon0"));
        self
    }

    /// Hands an opened `/dev/kvm` over.
    #[must_use]
    pub fn kvm(mut self, kvm: OwnedFd) -> Self {
        self.resources.kvm = Some(kvm);
        self
    }

    /// Connects the serial port to `serial` and not to [`Guest::console`].
    #[must_use]
    pub fn serial(mut self, serial: Resource) -> Self {
        self.serial = Some(serial);
        self
    }

    /// Changes what no method here changes.
    #[must_use]
    pub fn configured(mut self, change: impl FnOnce(&mut VmConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// The guest as a kernel, or within firmware.
    fn load_guest(&mut self) {
        let Some(interface) = self.firmware else {
            let kernel = File::open(test_guest()).expect("the test guest can be read");
            return self.resources.insert(KERNEL, Resource::File(kernel)).expect("one kernel");
        };
        if let PayloadConfig::Kernel { cmdline, .. } = &self.config.payload {
            // Not more than lies below the PCI hole: the guest needs no more.
            let ram = [0..0x9_fc00, 1 << 20..self.config.memory.boot.min(2 << 30)];
            let firmware = test_firmware(cmdline, &ram);
            self.resources.insert(FIRMWARE, Resource::File(firmware)).expect("one firmware");
        }
        self.config.payload = PayloadConfig::Firmware { interface, log: false, files: self.firmware_files.clone() };
    }

    /// Builds the machine.
    ///
    /// # Errors
    /// What [`Vm::build`] says.
    pub fn try_build(mut self) -> Result<Guest, VmError> {
        self.load_guest();
        let (console, theirs) = Console::pair();
        let input = theirs.try_clone().expect("a descriptor");
        let ours = Resource::Stream { input: Some(input), output: Some(theirs) };
        self.resources.insert(SERIAL, self.serial.unwrap_or(ours)).expect("one console");
        let handle = Vm::build(self.config, self.resources)?;
        Ok(Guest::new(handle, console))
    }

    /// Builds the machine.
    ///
    /// # Panics
    /// It cannot be built.
    pub fn build(self) -> Guest {
        self.try_build().unwrap_or_else(|error| panic!("the machine cannot be built: {:#}", anyhow::Error::from(error)))
    }

    /// Builds and starts the machine.
    ///
    /// # Panics
    /// It cannot be built or started.
    pub fn start(self) -> Guest {
        let guest = self.build();
        guest.handle.start().expect("the machine starts");
        guest
    }
}
