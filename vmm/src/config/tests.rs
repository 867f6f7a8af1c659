//! What a configuration must hold, and its JSON form.

use super::*;
use crate::arch::x86_64::topology::TopologyError;
use devices::id::DeviceId;

const MICROVM: BoardConfig = BoardConfig::Microvm { acpi: true };

fn valid() -> VmConfig {
    VmConfig::default()
}

/// The board with the narrower limits.
fn microvm() -> VmConfig {
    VmConfig { board: BoardConfig::Microvm { acpi: true }, ..valid() }
}

fn disk(id: &str) -> DiskConfig {
    DiskConfig::new(id)
}

#[test]
fn a_disk_has_1_to_64_queues_and_block_sizes_that_there_are() {
    let config = |change: fn(&mut DiskConfig)| {
        let mut disk = disk("disk0");
        change(&mut disk);
        VmConfig { disks: vec![disk], ..valid() }.validate()
    };
    config(|disk| disk.queues = Some(64)).unwrap();
    config(|disk| disk.block_size = BlockSize { logical: 4096, physical: 4096 }).unwrap();
    for queues in [0, 65] {
        let mut disk = disk("disk0");
        disk.queues = Some(queues);
        let error = VmConfig { disks: vec![disk], ..valid() }.validate().unwrap_err();
        assert_eq!(error.to_string(), "disk0 has an impossible number of queues: use 1 to 64");
    }
    for (logical, physical) in [(256, 4096), (513, 4096), (4096, 512), (65536, 65536), (0, 0)] {
        let mut disk = disk("disk0");
        disk.block_size = BlockSize { logical, physical };
        assert!(VmConfig { disks: vec![disk], ..valid() }.validate().is_err(), "{logical} {physical}");
    }
}

#[test]
fn a_disk_has_a_queue_for_each_vcpu_up_to_four_unless_it_says_otherwise() {
    let counts: Vec<_> = [0, 1, 3, 4, 100].iter().map(|vcpus| disk("disk0").queue_count(*vcpus)).collect();
    assert_eq!(counts, [1, 1, 3, 4, 4]);
    assert_eq!(DiskConfig { queues: Some(9), ..disk("disk0") }.queue_count(1), 9);
}

#[test]
fn only_a_pool_of_threads_has_a_count() {
    let refusal = |policy, count| {
        let io_threads = IoThreadsConfig { policy, count, ..IoThreadsConfig::default() };
        VmConfig { io_threads, ..valid() }.validate().err().map(|error| error.to_string())
    };
    assert_eq!(refusal(IoThreadsPolicy::Pool, Some(1)), None);
    assert_eq!(refusal(IoThreadsPolicy::Shared, None), None);
    for count in [None, Some(0), Some(65)] {
        assert_eq!(refusal(IoThreadsPolicy::Pool, count).unwrap(), "A pool of I/O threads needs a count of 1 to 64");
    }
    let text = "I/O threads can be counted only in a pool: set their policy to pool, or leave the count out";
    assert_eq!(refusal(IoThreadsPolicy::Auto, Some(2)).unwrap(), text);
}

fn scsi(id: &str) -> DiskConfig {
    DiskConfig { bus: DiskBus::Scsi, ..disk(id) }
}

fn net(id: &str, last: u8) -> NetConfig {
    NetConfig::new(id, format!("52:54:00:12:34:{last:02x}").parse().unwrap())
}

fn vsock(id: &str, cid: u32) -> Option<VsockConfig> {
    Some(VsockConfig::new(id, cid))
}

fn console(ports: &[&str]) -> Option<ConsoleConfig> {
    let ports = ports.iter().map(ToString::to_string).collect();
    Some(ConsoleConfig { ports, ..ConsoleConfig::new("console0") })
}

fn balloon(size: u64) -> Option<BalloonConfig> {
    Some(BalloonConfig { size, ..BalloonConfig::new("balloon0") })
}

/// In either form, what is not said is the same.
#[test]
fn a_device_that_is_made_is_one_that_is_read_with_nothing_else_said() {
    let text = r#"{
        "version": 1,
        "disks": [{"id": "disk0"}],
        "nets": [{"id": "net0", "mac": "52:54:00:12:34:01"}],
        "vsock": {"id": "vsock0", "cid": 3},
        "console": {"id": "console0"},
        "balloon": {"id": "balloon0"}
    }"#;
    let made = VmConfig {
        disks: vec![DiskConfig::new("disk0")],
        nets: vec![net("net0", 1)],
        vsock: vsock("vsock0", 3),
        console: console(&[]),
        balloon: balloon(0),
        ..VmConfig::default()
    };
    assert_eq!(serde_json::from_str::<VmConfig>(text).unwrap(), made);
}

fn topology(sockets: u32, cores: u32, threads: u32) -> Option<CpuTopology> {
    Some(CpuTopology { sockets, cores, threads })
}

/// Each change of a valid configuration, and what it is refused with.
#[test]
fn every_rule_refuses_its_own_mistake() {
    type Change = fn(&mut VmConfig);
    let table: [(Change, ConfigError); 58] = [
        (|c| c.version = 0, ConfigError::Version(0)),
        (|c| c.version = 2, ConfigError::Version(2)),
        (|c| c.cpus.boot = 0, ConfigError::NoCpus),
        (|c| c.cpus.boot = 256, too_many_ids(256, 256, 1, 255)),
        (|c| (c.cpus.boot, c.cpus.topology) = (252, topology(84, 3, 1)), too_many_ids(252, 84, 3, 334)),
        (|c| (c.cpus.boot, c.cpus.max) = (3, Some(2)), ConfigError::CpusMaxBelowBoot { boot: 3, max: 2 }),
        (
            |c| (c.cpus.boot, c.cpus.topology) = (3, topology(1, 2, 1)),
            ConfigError::CpusMaxBelowBoot { boot: 3, max: 2 },
        ),
        (|c| c.cpus.topology = topology(0, 1, 1), empty(0, 1, 1)),
        (|c| c.cpus.topology = topology(1, 1, 0), empty(1, 1, 0)),
        (
            |c| (c.cpus.max, c.cpus.topology) = (Some(5), topology(2, 3, 1)),
            ConfigError::TopologyMismatch { sockets: 2, cores: 3, threads: 1, product: 6, max: 5 },
        ),
        (|c| c.memory.boot = 4097 * 4096 + 1, ConfigError::MemoryNotPages(4097 * 4096 + 1)),
        (|c| c.memory.max = Some((1 << 30) + 512), ConfigError::MemoryNotPages((1 << 30) + 512)),
        (|c| c.memory.boot = 0, ConfigError::TooLittleMemory(0)),
        (|c| c.memory.boot = (16 << 20) - 4096, ConfigError::TooLittleMemory((16 << 20) - 4096)),
        (|c| c.memory.max = Some(256 << 20), ConfigError::MemoryMaxBelowBoot { boot: 512 << 20, max: 256 << 20 }),
        (|c| c.disks = vec![disk("a"), disk("b"), disk("a")], ConfigError::DuplicateId(DeviceId::new("a"))),
        (|c| c.disks = vec![disk("kernel")], ConfigError::ReservedId(DeviceId::new("kernel"))),
        (|c| c.disks = vec![disk("")], ConfigError::BadId(String::new())),
        (|c| c.disks = vec![disk("a/b")], ConfigError::BadId("a/b".into())),
        (
            |c| {
                c.board = MICROVM;
                c.disks = (0..16).map(|n| disk(&format!("d{n}"))).collect();
            },
            ConfigError::TooManyDevices { board: "microvm", count: 17, max: 16 },
        ),
        (
            |c| {
                c.board = MICROVM;
                c.disks = vec![DiskConfig { root_port: true, ..disk("a") }];
            },
            ConfigError::NoRootPorts("a".into()),
        ),
        (
            |c| {
                c.board = MICROVM;
                c.nets = vec![NetConfig { root_port: true, ..net("n", 2) }];
            },
            ConfigError::NoRootPorts("n".into()),
        ),
        (|c| (c.disks, c.nets) = (vec![disk("a")], vec![net("a", 2)]), ConfigError::DuplicateId(DeviceId::new("a"))),
        (
            |c| c.disks = vec![DiskConfig { kind: DiskKind::Cdrom, ..disk("a") }],
            ConfigError::WrongBus { disk: "a".into(), kind: "CD-ROM drive", buses: "sata or scsi" },
        ),
        (
            |c| c.disks = vec![DiskConfig { kind: DiskKind::Lun, ..disk("a") }],
            ConfigError::WrongBus { disk: "a".into(), kind: "SCSI unit", buses: "scsi" },
        ),
        (
            |c| c.disks = vec![DiskConfig { bus: DiskBus::Sata, kind: DiskKind::Lun, ..disk("a") }],
            ConfigError::WrongBus { disk: "a".into(), kind: "SCSI unit", buses: "scsi" },
        ),
        (
            |c| (c.board, c.disks) = (MICROVM, vec![DiskConfig { bus: DiskBus::Sata, ..disk("a") }]),
            ConfigError::NoSata("a".into()),
        ),
        (
            |c| {
                c.board = BoardConfig::Q35 {};
                c.disks = (0..7).map(|n| DiskConfig { bus: DiskBus::Sata, ..disk(&format!("d{n}")) }).collect();
            },
            ConfigError::TooManyOnBus { bus: "sata", count: 7, max: 6 },
        ),
        (|c| c.disks = vec![DiskConfig { root_port: true, ..scsi("a") }], ConfigError::SharedBus("a".into())),
        (
            |c| c.disks = (0..257).map(|n| scsi(&format!("d{n}"))).collect(),
            ConfigError::TooManyOnBus { bus: "scsi", count: 257, max: 256 },
        ),
        (|c| c.nets = vec![net("rng0", 2)], ConfigError::ReservedId(DeviceId::new("rng0"))),
        (|c| c.nets = vec![net("n 1", 2)], ConfigError::BadId("n 1".into())),
        (
            |c| c.nets = vec![NetConfig { mtu: Some(67), ..net("n", 2) }],
            ConfigError::BadMtu { net: "n".into(), mtu: 67 },
        ),
        (
            |c| c.nets = vec![NetConfig { queues: 0, ..net("n", 2) }],
            ConfigError::BadQueues { net: "n".into(), queues: 0 },
        ),
        (
            |c| c.nets = vec![NetConfig { queues: 257, ..net("n", 2) }],
            ConfigError::BadQueues { net: "n".into(), queues: 257 },
        ),
        (
            |c| c.nets = vec![net("a", 2), net("b", 4), net("c", 2)],
            ConfigError::DuplicateMac { first: "a".into(), second: "c".into(), mac: net("a", 2).mac },
        ),
        (
            |c| {
                c.disks = (0..10).map(|n| disk(&format!("d{n}"))).collect();
                c.nets = (0..6).map(|n| net(&format!("n{n}"), 2 * n)).collect();
            },
            ConfigError::TooManyDevices { board: "microvm", count: 17, max: 16 },
        ),
        (|c| c.console = console(&["a/b"]), ConfigError::BadPort("a/b".into())),
        (|c| c.console = console(&[""]), ConfigError::BadPort(String::new())),
        (|c| c.console = console(&["a", "b", "a"]), ConfigError::DuplicatePort("a".into())),
        (|c| c.console = console(&["a"; 31]), ConfigError::TooManyPorts(31)),
        (|c| (c.console, c.vsock) = (console(&[]), vsock("console0", 3)), ConfigError::DuplicateId("console0".into())),
        (|c| c.balloon = balloon(4097), ConfigError::BadBalloon { size: 4097 }),
        (|c| c.balloon = balloon(c.memory.boot + 4096), ConfigError::BadBalloon { size: (512 << 20) + 4096 }),
        (|c| c.vsock = vsock("v", 2), ConfigError::BadCid { vsock: "v".into(), cid: 2 }),
        (|c| c.vsock = vsock("v", u32::MAX), ConfigError::BadCid { vsock: "v".into(), cid: u32::MAX }),
        (|c| (c.nets, c.vsock) = (vec![net("v", 2)], vsock("v", 3)), ConfigError::DuplicateId(DeviceId::new("v"))),
        (
            |c| {
                c.board = MICROVM;
                c.vsock = Some(VsockConfig { id: "v".into(), cid: 3, root_port: true });
            },
            ConfigError::NoRootPorts("v".into()),
        ),
        (|c| (c.board, c.marker_port) = (BoardConfig::Q35 {}, 0x67f), ConfigError::MarkerPort(0x67f)),
        (|c| c.nets = vec![NetConfig { rom: true, ..net("n", 2) }], ConfigError::RomWithoutFirmware("n".into())),
        (
            |c| {
                c.disks = vec![DiskConfig { boot_index: Some(1), ..disk("a") }];
                c.nets = vec![NetConfig { boot_index: Some(1), ..net("n", 2) }];
            },
            ConfigError::DuplicateBootIndex { first: "a".into(), second: "n".into(), index: 1 },
        ),
        (
            |c| (c.board, c.payload) = (BoardConfig::Q35 {}, firmware("etc/e820", 1)),
            ConfigError::FirmwareFile("etc/e820".into()),
        ),
        (
            |c| (c.board, c.payload) = (BoardConfig::Q35 {}, firmware("opt/", 1)),
            ConfigError::FirmwareFile("opt/".into()),
        ),
        (
            |c| (c.board, c.payload) = (BoardConfig::Q35 {}, firmware("opt/a", (1 << 20) + 1)),
            ConfigError::FirmwareFilesTooLarge((1 << 20) + 1),
        ),
        (|c| c.identity.serial = Some("a\nb".into()), ConfigError::Identity("serial")),
        (|c| c.identity.asset_tag = Some("x".repeat(65)), ConfigError::Identity("asset_tag")),
        (|c| c.payload = kernel("quiet\0"), ConfigError::BadCmdline(5)),
        (|c| c.payload = kernel("\u{e9}"), ConfigError::BadCmdline(0)),
    ];
    valid().validate().unwrap();
    for (change, expected) in table {
        let mut config = microvm();
        change(&mut config);
        assert_eq!(config.validate(), Err(expected));
    }
}

fn too_many_ids(boot: u32, sockets: u32, cores: u32, apic_id: u128) -> ConfigError {
    TopologyError::TooManyIds { boot, sockets, cores, threads: 1, apic_id }.into()
}

fn empty(sockets: u32, cores: u32, threads: u32) -> ConfigError {
    TopologyError::Empty { sockets, cores, threads }.into()
}

fn kernel(cmdline: &str) -> PayloadConfig {
    PayloadConfig::Kernel { cmdline: cmdline.into(), initrd: false, entry: KernelEntry::Auto }
}

fn firmware(file: &str, bytes: usize) -> PayloadConfig {
    let files = [(file.to_owned(), "x".repeat(bytes))].into();
    PayloadConfig::Firmware { interface: FirmwareInterface::Bios, log: false, files }
}

#[test]
fn a_triple_fault_ends_a_kernels_machine_and_resets_a_firmwares_unless_told_otherwise() {
    let config = |payload, on_triple_fault| VmConfig { payload, on_triple_fault, ..valid() };
    assert_eq!(config(kernel(""), None).triple_fault(), OnTripleFault::Exit);
    assert_eq!(config(firmware("opt/a", 1), None).triple_fault(), OnTripleFault::Reset);
    assert_eq!(config(kernel(""), Some(OnTripleFault::Reset)).triple_fault(), OnTripleFault::Reset);
    assert_eq!(config(firmware("opt/a", 1), Some(OnTripleFault::Exit)).triple_fault(), OnTripleFault::Exit);
}

#[test]
fn serials_are_one_to_twenty_printable_characters() {
    let with = |serial: &str| {
        let disk = DiskConfig { serial: Some(serial.into()), ..disk("a") };
        VmConfig { disks: vec![disk], ..valid() }.validate()
    };
    for serial in ["x", "WD 1234", &"s".repeat(20)] {
        assert_eq!(with(serial), Ok(()));
    }
    for serial in ["", "caf\u{e9}", "a\nb", &"s".repeat(21)] {
        assert_eq!(with(serial), Err(ConfigError::BadSerial { disk: "a".into() }), "{serial:?}");
    }
}

#[test]
fn the_limits_themselves_are_allowed() {
    let mut config = microvm();
    config.cpus = CpusConfig { boot: 64, max: Some(256), topology: topology(256, 1, 1), ..CpusConfig::default() };
    config.memory.boot = 16 << 20;
    config.disks = (0..15).map(|n| disk(&format!("{}{n:02}", "d".repeat(62)))).collect();
    config.validate().unwrap();
}

#[test]
fn root_ports_of_q35_share_slots_by_eight() {
    let disks = |ports: usize, plain: usize| {
        let disk = |n: usize| DiskConfig { root_port: n < ports, ..disk(&format!("d{n}")) };
        VmConfig { disks: (0..ports + plain).map(disk).collect(), ..valid() }.validate()
    };
    assert_eq!(disks(0, 29), Ok(()));
    assert_eq!(disks(16, 27), Ok(()));
    let error = ConfigError::TooManyDevices { board: "q35", count: 45, max: 30 };
    assert_eq!(disks(17, 27), Err(error));
}

#[test]
fn the_topology_follows_from_what_is_given() {
    let mut config = valid();
    config.cpus.boot = 3;
    assert_eq!((config.max_cpus(), config.topology()), (3, CpuTopology { sockets: 3, cores: 1, threads: 1 }));
    config.cpus.max = Some(8);
    assert_eq!((config.max_cpus(), config.topology()), (8, CpuTopology { sockets: 8, cores: 1, threads: 1 }));
    config.cpus = CpusConfig { boot: 1, max: None, topology: topology(2, 3, 1), ..CpusConfig::default() };
    assert_eq!((config.max_cpus(), config.topology()), (6, CpuTopology { sockets: 2, cores: 3, threads: 1 }));
}

#[test]
fn a_configuration_survives_its_json_form() {
    let mut config = valid();
    config.board = BoardConfig::Microvm { acpi: false };
    config.cpus = CpusConfig { boot: 2, max: Some(4), topology: topology(2, 1, 2), ..CpusConfig::default() };
    let vcpus = [(1, "0-1,3".parse().unwrap())].into();
    config.cpus.placement = Some(CpuPlacement { vcpus, others: Some("2".parse().unwrap()) });
    config.memory.backing = Backing::Hugetlb(HugePageSize::Size1Gi);
    config.memory.transparent_huge_pages = TransparentHugePages::Off;
    config.disks = vec![DiskConfig { serial: Some("s".into()), readonly: true, ..disk("root") }];
    config.nets = vec![NetConfig { mtu: Some(1400), queues: 4, link_up: false, ..net("net0", 1) }, net("net1", 2)];
    config.on_reboot = OnReboot::Exit;
    config.on_triple_fault = Some(OnTripleFault::Reset);
    config.payload = firmware("opt/org.example/name", 3);
    config.identity.uuid = Some("5d307ca9-b3ef-428c-8861-06e72d69f223".parse().unwrap());
    config.identity.family = Some("a family".into());
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<VmConfig>(&text).unwrap(), config);
}

#[test]
fn a_version_alone_is_a_whole_configuration() {
    assert_eq!(serde_json::from_str::<VmConfig>(r#"{"version": 1}"#).unwrap(), valid());
}

#[test]
fn unknown_fields_are_refused_at_every_level() {
    for text in [
        r#"{"version": 1, "cpu": {}}"#,
        r#"{"version": 1, "cpus": {"boot": 1, "cores": 2}}"#,
        r#"{"version": 1, "memory": {"boot": 16777216, "size": 1}}"#,
        r#"{"version": 1, "board": {"kind": "microvm", "pci": true}}"#,
        r#"{"version": 1, "payload": {"kind": "kernel", "path": "/vmlinux"}}"#,
        r#"{"version": 1, "disks": [{"id": "a", "path": "/disk"}]}"#,
        r#"{"version": 1, "nets": [{"id": "a", "mac": "52:54:00:12:34:56", "tap": "tap0"}]}"#,
    ] {
        let error = serde_json::from_str::<VmConfig>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{text}: {error}");
    }
}

#[test]
fn a_network_device_needs_an_id_and_an_address() {
    let parse = |text| serde_json::from_str::<VmConfig>(text).map_err(|error| error.to_string());
    let config = parse(r#"{"version": 1, "nets": [{"id": "net0", "mac": "52:54:00:12:34:02"}]}"#).unwrap();
    assert_eq!(config, VmConfig { nets: vec![net("net0", 2)], ..valid() });
    let error = parse(r#"{"version": 1, "nets": [{"id": "net0", "mac": "53:54:00:12:34:02"}]}"#).unwrap_err();
    assert!(error.starts_with("53:54:00:12:34:02 is the MAC address of a group"), "{error}");
    assert!(parse(r#"{"version": 1, "nets": [{"id": "net0"}]}"#).unwrap_err().starts_with("missing field `mac`"));
}

#[test]
fn an_mtu_is_68_to_65535_bytes() {
    for mtu in [68, 1500, 65535] {
        VmConfig { nets: vec![NetConfig { mtu: Some(mtu), ..net("net0", 2) }], ..valid() }.validate().unwrap();
    }
}

#[test]
fn only_vcpus_that_are_there_are_placed() {
    let place = |vcpu: u32| {
        let placement = CpuPlacement { vcpus: [(vcpu, "0".parse().unwrap())].into(), others: None };
        VmConfig { cpus: CpusConfig { boot: 2, placement: Some(placement), ..CpusConfig::default() }, ..valid() }
    };
    place(1).validate().unwrap();
    assert_eq!(place(2).validate(), Err(ConfigError::Placement { vcpu: 2, boot: 2 }));
}

#[test]
fn memory_of_huge_pages_fills_them() {
    let machine = |boot: u64, page: HugePageSize| {
        let memory = MemoryConfig { boot, backing: Backing::Hugetlb(page), ..MemoryConfig::default() };
        VmConfig { memory, ..valid() }.validate()
    };
    assert_eq!(machine(3 << 30, HugePageSize::Size1Gi), Ok(()));
    assert_eq!(machine(34 << 20, HugePageSize::Size2Mi), Ok(()));
    for (boot, page) in [(33 << 20, HugePageSize::Size2Mi), (512 << 20, HugePageSize::Size1Gi)] {
        assert_eq!(machine(boot, page), Err(ConfigError::MemoryNotHugePages { boot, page }));
    }
}

#[test]
fn a_network_has_1_to_256_pairs_of_queues() {
    for queues in [1, 256] {
        VmConfig { nets: vec![NetConfig { queues, ..net("net0", 2) }], ..valid() }.validate().unwrap();
    }
}

#[test]
fn the_disks_of_a_shared_bus_take_one_slot_together() {
    let mut config = VmConfig { disks: (0..256).map(|n| scsi(&format!("d{n}"))).collect(), ..microvm() };
    config.validate().unwrap();
    config.disks.extend((0..14).map(|n| disk(&format!("v{n}"))));
    config.validate().unwrap();
    config.disks.push(disk("last"));
    assert_eq!(config.validate(), Err(ConfigError::TooManyDevices { board: "microvm", count: 17, max: 16 }));
}
