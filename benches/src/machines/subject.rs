//! Who is started: the floor, our programs, the peers; and by which command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;

use super::place::Place;

/// MiB of RAM of every machine.
pub const MEMORY_MIB: u64 = 128;

/// Somebody whose start is measured.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The name of its series.
    pub name: String,
    /// The revision it was built from; empty for this tree's and for peers.
    pub revision: String,
    /// Its program.
    pub program: PathBuf,
    /// How it is called.
    pub kind: Kind,
}

/// Whose command line it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `programs/floor.rs`.
    Floor,
    /// `programs/bare_vmm.rs`.
    BareVmm(Board),
    /// Our launcher.
    Launcher(Board),
    /// Firecracker, configured by a file, without its API.
    Firecracker,
    /// Cloud Hypervisor.
    CloudHypervisor,
    /// QEMU's microvm with qboot.
    Qemu,
}

/// Our boards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Board {
    /// virtio-mmio.
    Microvm,
    /// PCI.
    Q35,
}

impl Subject {
    /// Whether it is a machine of this project.
    pub fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::BareVmm(_) | Kind::Launcher(_))
    }
}

impl Board {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Microvm => "microvm",
            Self::Q35 => "q35",
        }
    }
}

/// What runs in a machine.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// The test guest.
    pub image: &'a Path,
    /// Its commands.
    pub script: &'a str,
    /// How many vCPUs it has.
    pub cpus: u32,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself after the first byte.
    FirstByte,
    /// By itself, when the guest powers off.
    PowerOff,
    /// It is killed after the guest's first line.
    Killed,
}

impl Kind {
    /// How its runs end. Peers are killed: nothing is read from them at their end.
    pub fn end(self) -> End {
        match self {
            Self::Floor => End::FirstByte,
            Self::BareVmm(_) | Self::Launcher(_) => End::PowerOff,
            Self::Firecracker | Self::CloudHypervisor | Self::Qemu => End::Killed,
        }
    }

    /// The arguments that start `guest` with the place's disk and network, and its serial port on standard output. The
    /// floor looks at its image only.
    ///
    /// # Errors
    /// A file that they name cannot be written.
    pub fn arguments(self, guest: &Guest<'_>, place: &Place) -> Result<Vec<OsString>> {
        let Guest { image, script, cpus } = *guest;
        let kernel = image.display();
        let disk = place.disk();
        let (disk, mac) = (disk.display(), place.mac());
        let tap = place.held_tap.as_ref().and_then(crate::network::Tap::number);
        Ok(match self {
            Self::Floor => words([kernel]),
            Self::BareVmm(board) => {
                let config = library_config(board, guest, tap.map(|_| mac.as_str()));
                let machine = json!({
                    "config": config, "kernel": image, "disks": [place.disk()], "taps": tap.as_slice(),
                });
                words([json!({ "machines": [machine], "hold": false })])
            }
            Self::Launcher(board) => {
                let mut all = words(["run", "--board", board.name(), "--boot-report", "json", "--cmdline", script]);
                all.extend(words(["--kernel", &kernel.to_string(), "--memory", &format!("{MEMORY_MIB}Mi")]));
                all.extend(words(["--cpus", &cpus.to_string(), "--disk", &format!("path={disk}")]));
                all.extend(tap.iter().flat_map(|tap| words(["--net", &format!("fd={tap},mac={mac}")])));
                all
            }
            Self::Firecracker => {
                let network = |tap: &crate::network::Tap| json!({"iface_id": "net0", "guest_mac": mac, "host_dev_name": tap.name});
                let nets: Vec<_> = place.named_tap.iter().map(network).collect();
                let config = json!({
                    "boot-source": { "kernel_image_path": image, "boot_args": script },
                    "drives": [{
                        "drive_id": "disk0", "path_on_host": place.disk(), "is_root_device": false, "is_read_only": false,
                    }],
                    "network-interfaces": nets,
                    "machine-config": { "vcpu_count": cpus, "mem_size_mib": MEMORY_MIB },
                });
                let config = place.write("firecracker.json", &config.to_string())?;
                // Its log would be on standard output, which is the guest's.
                let log = place.write("firecracker.log", "")?;
                words(
                    [Path::new("--no-api"), Path::new("--log-path"), &log, Path::new("--config-file"), &config]
                        .map(Path::display),
                )
            }
            Self::CloudHypervisor => {
                let mut all = words(["--serial", "tty", "--console", "off", "--cpus", &format!("boot={cpus}")]);
                all.extend(words(["--memory", &format!("size={MEMORY_MIB}M"), "--kernel", &kernel.to_string()]));
                all.extend(words(["--cmdline", script, "--disk", &format!("path={disk}")]));
                all.extend(tap.iter().flat_map(|tap| words(["--net", &format!("fd={tap},mac={mac}")])));
                all
            }
            Self::Qemu => {
                let mut all =
                    words(["-machine", QEMU_MACHINE, "-bios", "qboot.rom", "-accel", "kvm", "-cpu", QEMU_CPU]);
                all.extend(words(["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"]));
                all.extend(words(["-smp", &cpus.to_string(), "-m", &MEMORY_MIB.to_string()]));
                all.extend(words(["-kernel", &kernel.to_string(), "-append", script]));
                all.extend(words(["-drive", &format!("id=disk0,file={disk},format=raw,if=none")]));
                all.extend(words(["-device", "virtio-blk-device,drive=disk0"]));
                all.extend(tap.iter().flat_map(|tap| {
                    let device = format!("virtio-net-device,netdev=net0,mac={mac}");
                    words(["-netdev", &format!("tap,id=net0,fd={tap}"), "-device", &device])
                }));
                all
            }
        })
    }
}

/// A machine with one disk, and a network where it has an address, for the library.
pub fn library_config(board: Board, guest: &Guest<'_>, mac: Option<&str>) -> serde_json::Value {
    let nets: Vec<_> = mac.iter().map(|mac| json!({"id": "net0", "mac": mac})).collect();
    json!({
        "version": 1,
        "board": { "kind": board.name() },
        "cpus": { "boot": guest.cpus },
        "memory": { "boot": MEMORY_MIB << 20 },
        "payload": { "kind": "kernel", "cmdline": guest.script },
        "disks": [{ "id": "disk0" }],
        "nets": nets,
    })
}

/// What QEMU's documentation names for the fastest start, less what this guest cannot do without.
const QEMU_MACHINE: &str = "microvm,acpi=off,x-option-roms=off,rtc=off,isa-serial=on";
/// The host's processor, without a register that hosts of the PVM kind refuse to set.
const QEMU_CPU: &str = "host,-arch-capabilities";

fn words<W: ToString>(words: impl IntoIterator<Item = W>) -> Vec<OsString> {
    words.into_iter().map(|word| word.to_string().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> Guest<'static> {
        Guest { image: Path::new("/guest"), script: "poweroff", cpus: 2 }
    }

    /// What starts the guest `/guest`, with the directory of the place written as `DIR`.
    fn line(kind: Kind) -> String {
        let place = Place::new(7, false).unwrap();
        let directory = place.disk().parent().unwrap().display().to_string();
        let arguments = kind.arguments(&guest(), &place).unwrap();
        let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy().replace(&directory, "DIR")).collect();
        words.join(" ")
    }

    #[test]
    fn a_launcher_is_called_as_a_user_would_and_tells_its_times() {
        let expected = "run --board q35 --boot-report json --cmdline poweroff --kernel /guest --memory 128Mi --cpus 2 \
                        --disk path=DIR/disk.img";
        assert_eq!(line(Kind::Launcher(Board::Q35)), expected);
    }

    #[test]
    fn cloud_hypervisor_has_its_serial_port_on_standard_output() {
        let expected = "--serial tty --console off --cpus boot=2 --memory size=128M --kernel /guest --cmdline poweroff --disk path=DIR/disk.img";
        assert_eq!(line(Kind::CloudHypervisor), expected);
    }

    #[test]
    fn qemu_is_a_microvm_with_qboot() {
        let expected = "-machine microvm,acpi=off,x-option-roms=off,rtc=off,isa-serial=on -bios qboot.rom -accel kvm \
                        -cpu host,-arch-capabilities -nodefaults -no-user-config -display none -serial stdio -smp 2 -m 128 \
                        -kernel /guest -append poweroff -drive id=disk0,file=DIR/disk.img,format=raw,if=none \
                        -device virtio-blk-device,drive=disk0";
        assert_eq!(line(Kind::Qemu), expected);
    }

    #[test]
    fn firecracker_reads_a_file_and_prints_nothing_of_its_own() {
        let place = Place::new(7, false).unwrap();
        let arguments = Kind::Firecracker.arguments(&guest(), &place).unwrap();
        assert_eq!(
            line(Kind::Firecracker),
            "--no-api --log-path DIR/firecracker.log --config-file DIR/firecracker.json"
        );
        let text = std::fs::read_to_string(arguments.last().unwrap()).unwrap();
        let config: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(config["boot-source"]["kernel_image_path"], "/guest");
        assert_eq!(config["drives"][0]["path_on_host"], place.disk().display().to_string());
        assert_eq!(config["machine-config"]["mem_size_mib"], MEMORY_MIB);
        assert_eq!(config["network-interfaces"], json!([]));
    }

    #[test]
    fn bare_vmm_gets_a_machine_that_the_library_takes() {
        let place = Place::new(7, false).unwrap();
        let arguments = Kind::BareVmm(Board::Microvm).arguments(&guest(), &place).unwrap();
        let machine: serde_json::Value = serde_json::from_str(arguments[0].to_str().unwrap()).unwrap();
        let config: vmm::VmConfig = serde_json::from_value(machine["machines"][0]["config"].clone()).unwrap();
        config.validate().unwrap();
        assert_eq!((config.memory.boot, config.cpus.boot, config.disks.len(), config.nets.len()), (128 << 20, 2, 1, 0));
    }
}
