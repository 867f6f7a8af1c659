//! Every part of a configuration, by its name.

use std::error::Error;
use vmm::{
    Backing, BalloonConfig, BlockSize, BoardConfig, CacheMode, ConfigError, ConsoleConfig, CpuPlacement, CpuTopology,
    CpusConfig, DiskBus, DiskConfig, DiskKind, FirmwareInterface, HostCpus, HugePageSize, IdentityConfig,
    IoThreadsConfig, IoThreadsPolicy, KernelEntry, MacAddress, MachineUuid, MemoryConfig, NetConfig, OnError, OnReboot,
    OnTripleFault, PayloadConfig, Rate, RateLimit, RngConfig, TransparentHugePages, VmConfig, VsockConfig,
};

/// A machine with one of everything.
fn everything() -> Result<VmConfig, Box<dyn Error>> {
    let uuid: MachineUuid = "5d307ca9-b3ef-428c-8861-06e72d69f223".parse()?;
    assert_eq!(uuid.bytes()[0], 0x5d);
    let host: HostCpus = "0-1".parse()?;
    assert_eq!(host.iter().collect::<Vec<u32>>(), [0, 1]);
    let mac = MacAddress::new([0x52, 0x54, 0, 0x12, 0x34, 0x56])?;
    assert_eq!((mac.to_string().parse::<MacAddress>()?, mac.bytes()[5]), (mac, 0x56));
    let rate = Rate { per_second: 1000, burst: 100 };
    let identity = IdentityConfig {
        uuid: Some(uuid),
        manufacturer: Some("Somebody".into()),
        product: Some("Else".into()),
        version: Some("1".into()),
        serial: Some("2".into()),
        sku: Some("3".into()),
        family: Some("4".into()),
        asset_tag: Some("5".into()),
    };
    let disk = DiskConfig {
        bus: DiskBus::Virtio,
        kind: DiskKind::Disk,
        readonly: true,
        serial: Some("root".into()),
        root_port: true,
        boot_index: Some(0),
        on_error: OnError::Stop,
        cache: CacheMode::WriteThrough,
        queues: Some(2),
        block_size: BlockSize { logical: 512, physical: 4096 },
        discard: false,
        rate_limit: RateLimit { operations: Some(rate), bytes: Some(rate) },
        ..DiskConfig::new("disk0")
    };
    let drive = DiskConfig { bus: DiskBus::Scsi, kind: DiskKind::Cdrom, ..DiskConfig::new(String::from("cdrom0")) };
    assert!(drive.is_readonly() && drive.id.as_str() == "cdrom0");
    let net = NetConfig {
        mtu: Some(1400),
        queues: 2,
        link_up: false,
        root_port: false,
        boot_index: Some(1),
        rom: true,
        ..NetConfig::new("net0", mac)
    };
    let topology = CpuTopology { sockets: 2, cores: 2, threads: 1 };
    let placement = CpuPlacement { vcpus: [(0, host.clone())].into(), others: Some(host) };
    Ok(VmConfig {
        version: VmConfig::VERSION,
        board: BoardConfig::Q35 {},
        cpus: CpusConfig { boot: 2, max: Some(4), topology: Some(topology), placement: Some(placement) },
        memory: MemoryConfig {
            boot: 128 << 20,
            max: Some(256 << 20),
            backing: Backing::Memfd,
            transparent_huge_pages: TransparentHugePages::Off,
        },
        payload: PayloadConfig::Firmware {
            interface: FirmwareInterface::Uefi,
            log: true,
            files: [("opt/org.example/text".to_owned(), "text".to_owned())].into(),
        },
        disks: vec![disk, drive],
        nets: vec![net],
        rng: RngConfig { bytes: Some(rate) },
        vsock: Some(VsockConfig { root_port: true, ..VsockConfig::new("vsock0", 3) }),
        console: Some(ConsoleConfig { ports: vec!["org.example.0".into()], ..ConsoleConfig::new("console0") }),
        balloon: Some(BalloonConfig {
            size: 1 << 20,
            deflate_on_oom: false,
            free_page_reporting: false,
            statistics_seconds: 5,
            ..BalloonConfig::new("balloon0")
        }),
        io_threads: IoThreadsConfig { policy: IoThreadsPolicy::Pool, count: Some(2), io_uring: false },
        on_reboot: OnReboot::Exit,
        on_triple_fault: Some(OnTripleFault::Reset),
        identity,
        marker_port: 0x80,
    })
}

/// What else there is to choose from.
fn choices() -> impl Iterator<Item = VmConfig> {
    let boards = [BoardConfig::Microvm { acpi: true }, BoardConfig::Microvm { acpi: false }];
    let boards = boards.map(|board| VmConfig { board, ..VmConfig::default() });
    let raw = KernelEntry::Raw { load: 1 << 21, entry: 1 << 21 };
    let payloads = [KernelEntry::Auto, KernelEntry::Pvh, KernelEntry::Linux64, raw].map(|entry| {
        let payload = PayloadConfig::Kernel { cmdline: "quiet".into(), initrd: true, entry };
        VmConfig { payload, ..VmConfig::default() }
    });
    let bios = PayloadConfig::Firmware { interface: FirmwareInterface::Bios, log: false, files: [].into() };
    let pages = [HugePageSize::Size2Mi, HugePageSize::Size1Gi].map(|page| {
        let memory =
            MemoryConfig { boot: 16 * page.bytes(), backing: Backing::Hugetlb(page), ..MemoryConfig::default() };
        VmConfig { memory, ..VmConfig::default() }
    });
    let errors = [OnError::Report, OnError::Enospace, OnError::Ignore];
    let caches = [CacheMode::None, CacheMode::WriteBack, CacheMode::WriteThrough];
    let kinds = [(DiskBus::Sata, DiskKind::Disk), (DiskBus::Scsi, DiskKind::Lun), (DiskBus::Sata, DiskKind::Cdrom)];
    let disks = errors.into_iter().zip(caches).zip(kinds).zip(0..).map(|(((on_error, cache), (bus, kind)), number)| {
        DiskConfig { on_error, cache, bus, kind, ..DiskConfig::new(format!("disk{number}")) }
    });
    let policies = [IoThreadsPolicy::Auto, IoThreadsPolicy::Shared].map(|policy| {
        let io_threads = IoThreadsConfig { policy, ..IoThreadsConfig::default() };
        VmConfig { io_threads, on_triple_fault: Some(OnTripleFault::Exit), ..VmConfig::default() }
    });
    let disks = VmConfig { disks: disks.collect(), payload: bios, on_reboot: OnReboot::Restart, ..VmConfig::default() };
    boards.into_iter().chain(payloads).chain(pages).chain(policies).chain([disks])
}

/// The saved form of version 1, as users have stored it.
const STORED: &str = r#"{
    "version": 1,
    "board": {"kind": "microvm", "acpi": false},
    "cpus": {"boot": 2},
    "memory": {"boot": 268435456, "backing": "memfd"},
    "payload": {"kind": "kernel", "cmdline": "quiet"},
    "disks": [{"id": "disk0", "on_error": "stop", "cache": "none"}],
    "nets": [{"id": "net0", "mac": "52:54:00:12:34:56"}],
    "vsock": {"id": "vsock0", "cid": 3},
    "on_reboot": "exit"
}"#;

/// It is valid, is written and read back as it was, and refuses what it does not know.
pub fn is_as_it_was() -> Result<(), Box<dyn Error>> {
    for config in choices().chain([everything()?]) {
        config.validate()?;
        let text = serde_json::to_string(&config)?;
        assert_eq!(serde_json::from_str::<VmConfig>(&text)?, config, "{text}");
    }
    let stored: VmConfig = serde_json::from_str(STORED)?;
    stored.validate()?;
    assert_eq!((stored.board, stored.payload), (BoardConfig::Microvm { acpi: false }, PayloadConfig::kernel("quiet")));
    let newer = STORED.replace("\"on_reboot\"", "\"in_a_later_version\"");
    assert!(serde_json::from_str::<VmConfig>(&newer).is_err());
    let other = VmConfig { version: VmConfig::VERSION + 1, ..VmConfig::default() };
    assert_eq!(other.validate(), Err(ConfigError::Version(VmConfig::VERSION + 1)));
    Ok(())
}
