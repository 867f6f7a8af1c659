//! One machine in L1: its firmware, what it boots from, and what its console must say.

use std::fmt;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::images::{FirmwareSuite, Images};
use integration::nested::{L1, check_complaints, check_memory, compile, ensure_says};
use integration::paths;
use tempfile::TempDir;

use crate::media::{BIOS_NETWORK_LOADER, Media, Medium, UEFI_NETWORK_LOADER};
use crate::table;

/// Functions of L1.
const HOST: &str = include_str!("host.sh");

/// For each scene; it takes half a minute, on a loaded machine many times that.
const LIMIT: Duration = Duration::from_secs(1500);
/// For one start of the launcher, in seconds.
const START_LIMIT: u32 = 1400;

/// A firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    Ovmf,
    Seabios,
}

/// What a boot medium is connected to. Beside SATA and SCSI there is always a virtio disk with memtest86+, which boots
/// where the order does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    Virtio,
    Sata,
    Scsi,
}

/// What boots where the order does not count.
const DECOY: Medium = Medium::Memtest;

/// A machine and what it boots.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub medium: Medium,
    pub bus: Bus,
    pub cpus: u32,
    pub mib: u32,
    /// Steps of `init.sh`, separated by commas.
    pub steps: &'static str,
    /// How often the launcher is started, with the same disk and variables.
    pub starts: u32,
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { medium, bus, cpus, mib, steps, starts } = self;
        let bus = match bus {
            Bus::Virtio => "",
            Bus::Sata => " sata",
            Bus::Scsi => " scsi",
        };
        write!(f, "{}{bus} cpus={cpus} {mib} MiB {steps} x{starts}", medium.name())
    }
}

impl Scene {
    /// A machine of one CPU and 512 MiB that is started once.
    pub const fn of(medium: Medium) -> Self {
        Self { medium, bus: Bus::Virtio, cpus: 1, mib: 512, steps: "", starts: 1 }
    }

    /// The shell's lines that run it, between `begin NAME` and `end NAME`.
    fn script(self, firmware: Firmware) -> String {
        let Self { medium, cpus, mib, steps, starts, .. } = self;
        let (prepare, firmware, loader) = match firmware {
            Firmware::Ovmf => {
                let room = if self.does("no-room") { "no_room\n" } else { "" };
                let prepare = format!("mkdir -p /tmp/vars\n{room}cp /media/OVMF_VARS_4M.fd /tmp/vars/vars.fd\n");
                (prepare, "uefi:/media/OVMF_CODE_4M.fd,/tmp/vars/vars.fd", UEFI_NETWORK_LOADER)
            }
            Firmware::Seabios => (String::new(), "bios:/media/bios-256k.bin", BIOS_NETWORK_LOADER),
        };
        let until = self.said().1;
        let (up, down, net) = match medium {
            Medium::Network => (format!("network_up {loader}\n"), "network_down\n", "--net tap=tap0"),
            Medium::Rom => {
                (format!("network_up {loader}\n"), "network_down\n", "--net tap=tap0,rom=/media/efi-virtio.rom")
            }
            _ => (String::new(), "", ""),
        };
        let clean = if self.does("no-room") { "umount /tmp/vars\n" } else { "" };
        let start = format!(
            "start {START_LIMIT} '{until}' --firmware {firmware} --cpus {cpus} --memory {mib}Mi \
             {} --disk path=/tmp/steps,readonly {net}\n",
            self.disks()
        );
        let starts = start.repeat(usize::try_from(starts).unwrap_or(1));
        format!(
            "{prepare}cp /media/{} /tmp/disk\nsteps '{steps}'\n{up}echo 'begin {self}'\n{starts}{down}\
             echo 'end {self}'\nrm /tmp/disk\n{clean}",
            medium.name()
        )
    }

    /// The launcher's flags for the boot medium and what is beside it.
    fn disks(self) -> String {
        let bus = match self.bus {
            Bus::Virtio => return "--disk path=/tmp/disk".into(),
            Bus::Sata => "sata",
            Bus::Scsi => "scsi",
        };
        let kind = if self.medium.is_disc() { "cdrom" } else { "disk" };
        format!(
            "--disk path=/media/{},readonly,bootindex=2 --disk path=/tmp/disk,bus={bus},kind={kind},bootindex=1",
            DECOY.name()
        )
    }

    /// Whether its guest does `step`.
    pub fn does(self, step: &str) -> bool {
        self.steps.split(',').any(|own| own == step)
    }

    /// What the console must say, and the pattern at which the machine is ended; an empty one where it ends itself.
    fn said(self) -> (&'static str, &'static str) {
        match self.medium {
            Medium::Linux(_) | Medium::SystemdBoot | Medium::Network | Medium::Rom => ("guest done", ""),
            Medium::Memtest => ("Memtest86+", "Pass +[0-9]+%|Testing:"),
            Medium::Ipxe | Medium::IpxeDisc => ("iPXE", "iPXE 1|Open Source Network Boot"),
            Medium::GrubDisc => ("GNU GRUB", "GNU GRUB"),
            // With little memory it does not ask for a language.
            Medium::Installer => ("Starting system log daemon", "anguage|low memory mode"),
            Medium::Nothing => ("The firmware found nothing to start", "The firmware found nothing to start"),
        }
    }

    /// Checks what it printed, and returns it.
    fn check(self, text: &str) -> Result<&str> {
        let (_, printed) = text.split_once(&format!("begin {self}\n")).context("It was not run")?;
        let (printed, _) = printed.split_once(&format!("end {self}\n")).unwrap_or((printed, ""));
        let check = || -> Result<()> {
            ensure_says(printed, self.said().0)?;
            if self.said().1.is_empty() {
                if self.does("memory") {
                    check_memory(printed, self.mib, 85)?;
                }
                ensure_says(printed, &format!("guest done cpus={}", self.cpus))?;
                let starts = usize::try_from(self.starts)?;
                ensure!(printed.matches("launcher ended with 0").count() == starts, "The launcher did not end with 0");
            }
            check_complaints(printed)
        };
        check().with_context(|| format!("{self} printed:\n{printed}"))?;
        Ok(printed)
    }
}

/// Runs `scenes` one after the other in one L1 and checks each; returns what each printed. All of it is left in
/// `target/firmware-NAME.log`, each line with the milliseconds since its launcher's start, and a table of what it cost.
pub fn run(name: &str, firmware: Firmware, suite: FirmwareSuite, scenes: &[Scene]) -> Vec<String> {
    let images = Images::ensure().unwrap();
    let mut media: Vec<Medium> = scenes.iter().map(|scene| scene.medium).collect();
    if scenes.iter().any(|scene| scene.bus != Bus::Virtio) {
        media.push(DECOY);
    }
    let media = Media::new(&images, suite, &media).unwrap();
    let programs = TempDir::new().unwrap();
    let stamp = compile("stamp.c", programs.path()).unwrap();
    let script: String = scenes.iter().map(|scene| scene.script(firmware)).collect();
    let script = format!("{HOST}\nmkdir /media && mount -o ro /dev/vda /media || exit 1\n{script}");
    let output = L1::new(&images)
        .unwrap()
        .tool(&images.dnsmasq(), "dnsmasq", "/net")
        .unwrap()
        .memory_mib(3072)
        .module("crc32c_generic")
        .module("ext4")
        .module("tun")
        .program(&paths::launcher(), "/bin/launcher")
        .program(&stamp, "/bin/stamp")
        .disk(&media.image())
        .run(&script, LIMIT * u32::try_from(scenes.len()).unwrap())
        .unwrap();
    let text = output.text;
    let log = paths::target().join(format!("firmware-{name}.log"));
    fs::write(&log, &text).unwrap();
    let printed: Vec<&str> = scenes.iter().map(|scene| scene.check(&text).unwrap()).collect();
    fs::write(&log, format!("{text}\n{}", table::of(name, scenes.iter().zip(printed.iter().copied())))).unwrap();
    printed.into_iter().map(str::to_owned).collect()
}
