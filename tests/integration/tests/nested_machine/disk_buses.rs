//! An ordinary Linux with disks and drives on each bus: what it writes stays, what it says of them, and discs that come
//! and go.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use integration::images::{Images, Kernel};
use integration::nested::{
    BUS_MODULES, Board, GuestDisk, L1, check_complaints, ensure_says, full, guest_initramfs, make_ext4,
};
use integration::paths;
use tempfile::TempDir;
use vmm::{BoardConfig, DiskBus, DiskConfig, DiskKind, KernelEntry, PayloadConfig, VmConfig};

use crate::scene::LIMIT;

const INIT: &str = include_str!("disk-buses-init.sh");

const BUSES: [(&str, DiskBus); 3] = [("virtio", DiskBus::Virtio), ("sata", DiskBus::Sata), ("scsi", DiskBus::Scsi)];
/// Of the disks that are written.
const DISK_MIB: u32 = 64;
/// Of those that are not, by which the guest knows them.
const READ_ONLY_MIB: u32 = 4;
/// What is written to each disk, in full runs and else.
const WRITTEN_MIB: [u32; 2] = [64, 6];

/// The machine, and the files of its disks in L1 by id.
fn machine() -> (VmConfig, Vec<(String, String)>) {
    let mut config = VmConfig { board: BoardConfig::Q35 {}, ..VmConfig::default() };
    let cmdline = format!("{} quiet mib={}", Board::Q35.cmdline(), WRITTEN_MIB[usize::from(!full())]);
    config.payload = PayloadConfig::Kernel { cmdline, initrd: true, entry: KernelEntry::default() };
    config.memory.boot = 512 << 20;
    let mut files = vec![("root".to_owned(), "/tmp/root".to_owned())];
    config.disks.push(disk("root", DiskBus::Virtio));
    for (name, bus) in BUSES {
        for (id, path, readonly) in
            [(name.to_owned(), format!("/tmp/{name}"), false), (format!("ro-{name}"), "/tmp/ro".into(), true)]
        {
            config.disks.push(DiskConfig { readonly, ..disk(&id, bus) });
            files.push((id, path));
        }
        if bus != DiskBus::Virtio {
            let id = format!("cd-{name}");
            config.disks.push(DiskConfig { kind: DiskKind::Cdrom, ..disk(&id, bus) });
            files.push((id, "/media/first".into()));
        }
    }
    (config, files)
}

fn disk(id: &str, bus: DiskBus) -> DiskConfig {
    DiskConfig { bus, ..DiskConfig::new(id) }
}

/// A disk of L1 with a kernel that has drivers for all buses, the guest's root and the first disc.
fn medium(images: &Images, image: &Path) -> Result<()> {
    let contents = TempDir::with_prefix("podvisor-medium-").context("Cannot make a directory for a medium")?;
    let at = |name| contents.path().join(name);
    let kernel = images.kernel(Kernel::Ordinary)?;
    fs::copy(&kernel.bzimage, at("kernel")).context("Cannot copy the kernel")?;
    guest_initramfs(images, &kernel, &BUS_MODULES, &at("initrd"))?;
    let root = GuestDisk::new(images, INIT)?;
    for tool in ["fio", "smartctl", "eject"] {
        root.add_tool(&images.disk_tools(), tool)?;
    }
    // fio brings 80 MiB of libraries.
    root.write_image(&at("root"), 144)?;
    fs::copy(images.ipxe_disc(), at("first")).context("Cannot copy a disc")?;
    make_ext4(contents.path(), image, 256)
}

/// What the guest must say of the disk and the drive of each bus.
fn check(text: &str) -> Result<()> {
    for (bus, _) in BUSES {
        let written = WRITTEN_MIB[usize::from(!full())] * 1024;
        ensure_says(text, &format!("fio on {bus} ended with 0: 0;{written};{written}"))?;
        ensure_says(text, &format!("reading on {bus} succeeds"))?;
        ensure_says(text, &format!("writing on {bus} fails"))?;
        // ATA has no word for a disk that grows, and none for one that cannot be written.
        let (bytes, ro) = if bus == "sata" { (DISK_MIB, 0) } else { (2 * DISK_MIB, 1) };
        ensure_says(text, &format!("host answers to grow {bus} /tmp/{bus} 134217728: ok 134217728"))?;
        ensure_says(text, &format!("disk on {bus} has {} bytes", u64::from(bytes) << 20))?;
        ensure_says(text, &format!(": {} bytes ro={ro} removable=0", u64::from(READ_ONLY_MIB) << 20))?;
    }
    ensure_says(text, "messages of sata: 1")?;
    ensure_says(text, "smartctl on sata: Device Model:     PODVISOR HARDDISK")?;
    ensure_says(text, "smartctl on sata: Serial Number:    sata")?;
    ensure_says(text, "smartctl on scsi: Vendor:               PODVISOR")?;
    ensure_says(text, "smartctl on scsi: Serial number:        scsi")?;
    for bus in ["sata", "scsi"] {
        let drive = format!("host answers to drive cd-{bus}: ok");
        let eject = format!("host answers to eject cd-{bus}:");
        for said in [
            &format!("{drive} full closed kept") as &str,
            &format!("{eject} failed: The medium cannot be changed: The guest keeps the medium of cd-{bus}"),
            &format!("guest ejects on {bus}"),
            &format!("{drive} full open free"),
            &format!("no disc on {bus}"),
            &format!("guest loads on {bus}"),
            &format!("{drive} full closed free"),
            &format!("{eject} ok"),
            &format!("disc on {bus} has gone"),
            &format!("host answers to insert cd-{bus} /tmp/second: ok"),
            &format!("disc on {bus} has 131072 bytes"),
            &format!("disc on {bus} is the second"),
        ] {
            ensure_says(text, said)?;
        }
    }
    ensure_says(text, "guest done")?;
    check_complaints(text)
}

#[test]
fn bookworm_keeps_its_data_on_each_bus_and_sees_discs_come_and_go() {
    let images = Images::ensure().unwrap();
    let directory = TempDir::new().unwrap();
    let image = directory.path().join("image");
    medium(&images, &image).unwrap();
    let (config, files) = machine();
    let config = serde_json::to_string(&config).unwrap();
    let files: String = files.iter().map(|(id, path)| format!(" --file {id}={path}")).collect();
    let script = format!(
        "mkdir /media && mount -o ro /dev/vda /media || exit 1\ncp /media/root /tmp/root\n\
         for disk in virtio sata scsi; do truncate -s {DISK_MIB}M /tmp/$disk; done\n\
         head -c $(({READ_ONLY_MIB} << 20)) /dev/urandom >/tmp/ro\n\
         yes 'another disc' | head -c 131072 >/tmp/second\n\
         timeout 1400 attend --config /l2 --file kernel=/media/kernel --file initrd=/media/initrd{files}\n"
    );
    let l1 = L1::new(&images).unwrap().module("crc32c_generic").module("ext4").text("/l2", &config);
    let attend = Path::new(env!("CARGO_BIN_EXE_attend"));
    let text = l1.program(attend, "/bin/attend").disk(&image).run(&script, LIMIT).unwrap().text;
    fs::write(paths::target().join("disk-buses.log"), &text).unwrap();
    check(&text).with_context(|| text.clone()).unwrap();
}
