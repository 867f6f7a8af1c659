//! What firmware finds on the board, driven by the test guest, which is started by a firmware of its own.

use std::fs::File;
use std::path::Path;

use integration::machine::{Answer, Guest, TestDisk, TestMachine};
use integration::namespace::{in_namespace, tap};
use vmm::{FirmwareInterface, KeptFile, ResetSource, Resource, VmEvent};

/// Bytes of the test's variable store.
const STORE: usize = 64 << 10;

fn machine(script: &str, interface: FirmwareInterface) -> Option<TestMachine> {
    Some(TestMachine::script(script)?.by_firmware(interface))
}

/// An empty store: a volume's signature, and what an erased chip has.
fn template(directory: &Path) -> File {
    let mut bytes = vec![0xff; STORE];
    bytes[40..44].copy_from_slice(b"_FVH");
    let path = directory.join("template.fd");
    std::fs::write(&path, bytes).unwrap();
    File::open(path).unwrap()
}

/// Variables that are kept in `directory`.
fn variables(directory: &Path) -> Resource {
    let kept = KeptFile { directory: File::open(directory).unwrap().into(), name: "vm.fd".into() };
    Resource::Variables { template: Some(template(directory)), kept: Some(kept) }
}

/// The number at the start of the second block of the kept store.
fn kept_count(directory: &Path) -> u32 {
    let store = std::fs::read(directory.join("vm.fd")).unwrap();
    assert_eq!(store.len(), STORE);
    u32::from_le_bytes(store[4096..4100].try_into().unwrap())
}

fn bytes(answer: &Answer) -> Vec<u8> {
    let digits = answer.value("start");
    (0..digits.len() / 2).map(|byte| u8::from_str_radix(&digits[2 * byte..2 * byte + 2], 16).unwrap()).collect()
}

fn files(guest: &mut Guest) -> (Vec<Answer>, Answer) {
    guest.lines_until("file ", "ok fwcfg")
}

#[test]
fn every_file_of_fw_cfg_is_the_same_by_ports_and_by_requests_in_memory() {
    for (interface, anchor) in [(FirmwareInterface::Uefi, &b"_SM3_"[..]), (FirmwareInterface::Bios, b"_SM_")] {
        let Some(machine) = machine("fwcfg", interface) else { return };
        let disks = [TestDisk::empty(8), TestDisk::empty(8)];
        let machine = machine.disk_behind_a_root_port("a", &disks[0]).disk("b", &disks[1]);
        let (files, answer) = files(&mut machine.start());
        assert_eq!((answer.value("signature"), answer.value("dma")), ("QEMU", "QEMU_CFG"));
        assert_eq!((answer.value("features"), answer.number("files")), ("03000000", files.len() as u64));
        let names: Vec<_> = files.iter().map(|file| file.value("name")).collect();
        assert!(names.is_sorted(), "{names:?}");
        let file = |name: &str| files.iter().find(|file| file.value("name") == name).unwrap();
        for name in ["etc/acpi/rsdp", "etc/acpi/tables", "etc/table-loader", "etc/smbios/smbios-tables"] {
            assert!(file(name).number("size") > 0, "{name}");
        }
        assert!(bytes(file("etc/smbios/smbios-anchor")).starts_with(anchor));
        assert_eq!(bytes(file("etc/sercon-port")), 0x3f8_u16.to_le_bytes());
        assert_eq!(bytes(file("etc/e820"))[..16], [0, 64 << 20].map(u64::to_le_bytes).concat());
        let order = String::from_utf8(bytes(file("bootorder"))).unwrap();
        assert_eq!(order, "/pci@i0cf8/pci-bridge@3/scsi@0/disk@0,0\n/pci@i0cf8/scsi@2/disk@0,0\0");
    }
}

#[test]
fn texts_and_the_machines_names_are_told() {
    let Some(machine) = machine("fwcfg", FirmwareInterface::Uefi) else { return };
    let machine = machine.firmware_file("opt/org.example/role", "database").configured(|config| {
        config.identity.uuid = Some("00112233-4455-6677-8899-aabbccddeeff".parse().unwrap());
        config.identity.product = Some("A product".into());
    });
    let (files, _) = files(&mut machine.start());
    let file = |name: &str| bytes(files.iter().find(|file| file.value("name") == name).unwrap());
    assert_eq!(file("opt/org.example/role"), b"database");
    let smbios = file("etc/smbios/smbios-tables");
    // SMBIOS has the first three fields the other way round (3.6, 7.2.1).
    let uuid = [0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
    assert!(smbios.windows(16).any(|window| window == uuid), "{smbios:02x?}");
    assert!(smbios.windows(9).any(|window| window == b"A product"), "{smbios:02x?}");
}

#[test]
fn an_event_tells_when_the_firmware_finds_nothing_to_start_and_the_machine_runs_on() {
    let Some(machine) = machine("say=No_bootable_device. say=No_bootable_device. echo=on", FirmwareInterface::Bios)
    else {
        return;
    };
    let mut guest = machine.start();
    guest.line("No bootable device.");
    guest.line("ok echo on");
    assert_eq!(guest.handle.state(), vmm::VmState::Running);
    guest.handle.reset().unwrap();
    guest.line("ok echo on");
    guest.handle.stop().unwrap();
    let told = |event: &VmEvent| match event {
        VmEvent::NothingToBoot { message } => Some(message.clone()),
        _ => None,
    };
    let told: Vec<String> = guest.events_to_the_end().iter().filter_map(told).collect();
    assert_eq!(told, ["No bootable device", "No bootable device"], "once a boot");
}

#[test]
fn a_kernel_that_says_so_is_no_firmware() {
    let Some(machine) = TestMachine::script("say=No_bootable_device. exit=0") else { return };
    let events = machine.start().events_to_the_end();
    assert!(!events.iter().any(|event| matches!(event, VmEvent::NothingToBoot { .. })), "{events:?}");
}

/// An image of 4096 bytes for virtio devices, all its bytes but the structures' 0x5a.
fn rom_image() -> Vec<u8> {
    let mut image = vec![0x5a; 4096];
    image[..2].copy_from_slice(&[0x55, 0xaa]);
    image[0x18..0x1a].copy_from_slice(&[0x1c, 0]);
    image[0x1c..0x22].copy_from_slice(b"PCIR\xf4\x1a");
    image[0x2c..0x2e].copy_from_slice(&8_u16.to_le_bytes());
    image[0x31] = 0x80;
    image
}

#[test]
fn firmware_reads_the_expansion_rom_of_a_network_device_where_it_puts_it() {
    in_namespace(|| {
        tap("tap0", "10.99.0");
        let Some(machine) = machine("rom=0xc0800000", FirmwareInterface::Bios) else { return };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rom");
        std::fs::write(&path, rom_image()).unwrap();
        let machine = machine.net("net0", "52:54:00:99:00:02", "tap0").rom("net0", File::open(path).unwrap());
        let answer = machine.start().answer("rom");
        assert_eq!((answer.value("at"), answer.number("size")), ("00:02.0", 4096));
        let words = rom_image();
        let words = words.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
        let sum = words.fold(0u32, |sum, word| sum.wrapping_mul(31).wrapping_add(word));
        assert_eq!(
            (answer.number("first"), answer.number("sum")),
            (0x5a5a_aa55, sum.into()),
            "a write changed nothing"
        );
        assert_eq!(answer.number("gone"), 0xffff_ffff);
    });
}

#[test]
fn without_a_rom_a_network_device_asks_for_no_place_for_one() {
    in_namespace(|| {
        tap("tap0", "10.99.0");
        let Some(machine) = machine("rom=0xc0800000", FirmwareInterface::Bios) else { return };
        let answer = machine.net("net0", "52:54:00:99:00:02", "tap0").start().answer("rom");
        assert_eq!(answer.value("at"), "absent");
    });
}

#[test]
fn the_acpi_tables_tell_where_firmware_put_configuration_space_when_it_first_asked_until_a_reset() {
    for address in [0xb000_0000, 0xe000_0000] {
        let Some(machine) = machine(&format!("fwcfg={address:#x}"), FirmwareInterface::Bios) else { return };
        let mut guest = machine.start();
        for _ in 0..2 {
            let answer = guest.answer("fwcfg");
            assert_eq!((answer.number("told"), answer.number("later")), (address, address));
            guest.handle.reset().unwrap();
        }
    }
}

#[test]
fn the_chip_with_the_variables_is_programmed_and_its_contents_outlive_resets_and_the_machine() {
    let directory = tempfile::tempdir().unwrap();
    let mut count = 0;
    for _ in 0..2 {
        let Some(machine) = machine("flash flash", FirmwareInterface::Uefi) else { return };
        let mut guest = machine.variables(variables(directory.path())).start();
        for boot in 0..3 {
            for _ in 0..2 {
                let answer = guest.answer("flash");
                assert_eq!((answer.number("size"), answer.value("cfi")), (STORE as u64, "QRY"));
                assert_eq!(answer.number("count"), count, "an erased block counts from 0 on");
                count += 1;
            }
            guest.line("done");
            if boot < 2 {
                guest.handle.reset().unwrap();
            }
        }
        guest.handle.stop().unwrap();
        assert_eq!(u64::from(kept_count(directory.path())), count - 1);
    }
}

#[test]
fn exits_slot_updates_and_switches_of_the_flash_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let Some(machine) = machine("flash echo=x", FirmwareInterface::Uefi) else { return };
    let mut guest = machine.variables(variables(directory.path())).start();
    guest.line("ok flash");
    guest.line("ok echo");
    let first = guest.handle.statistics();
    // Away for the first command, back when the erased block is read, and away to be programmed.
    assert_eq!(first.flash_switches, 3);
    // RAM in two, the code twice and the store at power-on; each switch takes one slot away or makes it.
    assert_eq!(first.slot_updates, 5 + 3);
    let [exits] = first.exits[..] else { panic!("{first:?}") };
    assert!(exits.port_writes > 100 && exits.mmio_writes > 10 && exits.mmio_reads > 5, "{exits:?}");
    guest.line("done");
    guest.handle.reset().unwrap();
    guest.line("ok echo");
    let second = guest.handle.statistics();
    assert_eq!((second.flash_switches, second.slot_updates), (6, 16), "counted on after a reset");
}

#[test]
fn ranges_below_1_mib_become_read_only_and_writable_at_run_time() {
    for interface in [FirmwareInterface::Bios, FirmwareInterface::Uefi] {
        let Some(machine) = machine("pam", interface) else { return };
        let mut guest = machine.start();
        let answer = guest.answer("pam");
        assert_eq!(answer.number("segments"), 13);
        assert_eq!((answer.number("smram"), answer.number("smi_en")), (0x1a, 0x20));
    }
}

#[test]
fn a_triple_fault_of_firmware_resets_the_machine_unless_told_otherwise() {
    let Some(machine) = machine("reset=triple", FirmwareInterface::Bios) else { return };
    let mut guest = machine.start();
    assert_eq!(guest.event(), VmEvent::Started);
    for _ in 0..3 {
        assert_eq!(guest.event(), VmEvent::Reset { source: ResetSource::TripleFault });
        guest.line("hello");
    }
}
