//! What machines boot from, on one disk of L1: Debian's programs behind GRUB, and firmware.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use integration::images::{FirmwareSuite, Images, Kernel};
use integration::nested::{
    BUS_MODULES, Board, BootDisk, GuestDisk, ROOT_PARTITION, ROOT_PARTITION_OF_BUSES, UEFI_LOADER, grub_config,
    guest_initramfs, make_ext4, write_grub_for_pxe,
};
use tempfile::TempDir;

const INIT: &str = include_str!("init.sh");

/// Room for everything on L1's disk, and for the 200 MiB that a guest writes on its own.
const DISK_MIB: u32 = 768;
const ROOT_MIB: u32 = 320;

/// A boot medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// This kernel of Debian with busybox: an ordinary one for SATA and SCSI, the others for virtio.
    Linux(Kernel),
    /// Debian's kernel and busybox, by systemd-boot, which is for UEFI alone.
    SystemdBoot,
    /// memtest86+, which runs until it is stopped.
    Memtest,
    /// iPXE.
    Ipxe,
    /// iPXE as its makers put it on a CD-ROM, for PC BIOSes and for UEFI.
    IpxeDisc,
    /// GRUB as Debian puts it on a CD-ROM, for PC BIOSes.
    GrubDisc,
    /// Debian's installer.
    Installer,
    /// The network, from which the firmware's own driver gets GRUB; Linux is on a disk without a boot loader.
    Network,
    /// The same by iPXE in the network device's expansion ROM.
    Rom,
    /// A disk with nothing on it.
    Nothing,
}

/// What UEFI gets from the network.
pub const UEFI_NETWORK_LOADER: &str = "grubnetx64.efi";
/// What a PC BIOS gets.
pub const BIOS_NETWORK_LOADER: &str = "grub.pxe";

impl Medium {
    /// The image's name.
    pub fn name(self) -> String {
        match self {
            Self::Linux(kernel) => format!("linux-{kernel}"),
            Self::SystemdBoot => "systemd-boot".into(),
            Self::Memtest => "memtest".into(),
            Self::Ipxe => "ipxe".into(),
            Self::IpxeDisc => "ipxe-disc".into(),
            Self::GrubDisc => "grub-disc".into(),
            Self::Installer => "installer".into(),
            Self::Network => "network".into(),
            Self::Rom => "rom".into(),
            Self::Nothing => "nothing".into(),
        }
    }

    /// It is a disc for a drive.
    pub fn is_disc(self) -> bool {
        matches!(self, Self::IpxeDisc | Self::GrubDisc)
    }

    /// Writes the image to `contents`.
    fn write(self, images: &Images, contents: &Path) -> Result<()> {
        let image = contents.join(self.name());
        let media = images.media();
        match self {
            Self::Linux(kernel) => {
                let linux = Linux::new(images, kernel)?;
                BootDisk::new(images, &Linux::commands("", Linux::root_of(kernel)))?
                    .file(&linux.kernel, "vmlinuz")
                    .file(&linux.initramfs(), "initramfs")
                    .file(&images.grub_for_efi(), "EFI/podvisor/grubx64.efi")
                    .root(&linux.root, ROOT_MIB)
                    .write_image(&image)
            }
            Self::SystemdBoot => {
                let linux = Linux::new(images, Kernel::Bookworm)?;
                let options = Linux::options(ROOT_PARTITION, "systemd-boot");
                let entry = format!("title Linux\nlinux /vmlinuz\ninitrd /initramfs\noptions {options}\n");
                BootDisk::for_uefi(images)?
                    .file(&media.join("usr/lib/systemd/boot/efi/systemd-bootx64.efi"), UEFI_LOADER)
                    .file(&linux.kernel, "vmlinuz")
                    .file(&linux.initramfs(), "initramfs")
                    .text(&entry, "loader/entries/linux.conf")?
                    .root(&linux.root, ROOT_MIB)
                    .write_image(&image)
            }
            Self::Network | Self::Rom => {
                let linux = Linux::new(images, Kernel::Bookworm)?;
                for (source, path) in [(&linux.kernel, "vmlinuz"), (&linux.initramfs(), "initramfs")] {
                    let bytes = fs::read(source).with_context(|| format!("Cannot read {}", source.display()))?;
                    linux.root.add_program(path, &bytes)?;
                }
                linux.root.write_image(&image, ROOT_MIB)?;
                let tftp = contents.join("tftp");
                fs::create_dir_all(tftp.join("grub")).context("Cannot make a directory")?;
                fs::copy(images.grub_for_network(), tftp.join(UEFI_NETWORK_LOADER)).context("Cannot copy GRUB")?;
                write_grub_for_pxe(images, &tftp.join(BIOS_NETWORK_LOADER))?;
                let config = grub_config(&Linux::commands("(hd0)", "/dev/vda"));
                fs::write(tftp.join("grub/grub.cfg"), config).context("Cannot write GRUB's configuration")
            }
            Self::Memtest => {
                let commands = "if [ $grub_platform = efi ]; then\n  chainloader /memtest console=ttyS0,115200\n\
                                else\n  linux16 /memtest console=ttyS0,115200\nfi\nboot";
                BootDisk::new(images, commands)?.file(&images.memtest(), "memtest").write_image(&image)
            }
            Self::Ipxe => {
                let commands =
                    "if [ $grub_platform = efi ]; then\n  chainloader /ipxe.efi\nelse\n  linux16 /ipxe.lkrn\nfi\nboot";
                BootDisk::new(images, commands)?
                    .file(&media.join("boot/ipxe.efi"), "ipxe.efi")
                    .file(&media.join("boot/ipxe.lkrn"), "ipxe.lkrn")
                    .write_image(&image)
            }
            Self::IpxeDisc => fs::copy(images.ipxe_disc(), &image).map(drop).context("Cannot copy iPXE's disc"),
            Self::GrubDisc => fs::copy(images.grub_disc(), &image).map(drop).context("Cannot copy GRUB's disc"),
            Self::Installer => {
                let commands = "linux /linux console=ttyS0 DEBIAN_FRONTEND=text quiet mitigations=off tsc=reliable\ninitrd /initrd.gz\nboot";
                let place = images.installer();
                BootDisk::new(images, commands)?
                    .file(&place.join("linux"), "linux")
                    .file(&place.join("initrd.gz"), "initrd.gz")
                    .write_image(&image)
            }
            Self::Nothing => {
                fs::File::create(&image).and_then(|file| file.set_len(1 << 20)).context("Cannot make a disk")
            }
        }
    }
}

/// A kernel of Debian, and what it runs.
struct Linux {
    kernel: PathBuf,
    directory: TempDir,
    root: GuestDisk,
}

impl Linux {
    fn new(images: &Images, which: Kernel) -> Result<Self> {
        let kernel = images.kernel(which)?;
        let directory = TempDir::new().context("Cannot make a directory")?;
        let root = GuestDisk::new(images, INIT)?;
        for tool in ["efibootmgr", "dmidecode"] {
            root.add_tool(&images.firmware_tools(), tool)?;
        }
        let linux = Self { kernel: kernel.bzimage.clone(), directory, root };
        let modules: &[&str] = if which == Kernel::Ordinary { &BUS_MODULES } else { &[] };
        guest_initramfs(images, &kernel, modules, &linux.initramfs())?;
        Ok(linux)
    }

    /// Where this kernel finds its root.
    fn root_of(kernel: Kernel) -> &'static str {
        if kernel == Kernel::Ordinary { ROOT_PARTITION_OF_BUSES } else { ROOT_PARTITION }
    }

    fn initramfs(&self) -> PathBuf {
        self.directory.path().join("initramfs")
    }

    /// The kernel's command line, which says by what it was started.
    fn options(root: &str, via: &str) -> String {
        format!("{} quiet disk={root} via={via}", Board::Q35.cmdline())
    }

    /// What GRUB does, with its files on `device`.
    fn commands(device: &str, root: &str) -> String {
        let options = Self::options(root, "$grub_platform:$cmdpath");
        format!("linux {device}/vmlinuz {options}\ninitrd {device}/initramfs\nboot")
    }
}

/// A disk of L1 with these media and the firmware of `suite`.
#[derive(Debug)]
pub struct Media {
    directory: TempDir,
}

impl Media {
    /// Makes them.
    pub fn new(images: &Images, suite: FirmwareSuite, media: &[Medium]) -> Result<Self> {
        let directory = TempDir::with_prefix("podvisor-media-").context("Cannot make a directory for media")?;
        let contents = directory.path().join("contents");
        fs::create_dir(&contents).context("Cannot make a directory for media")?;
        let firmware = images.firmware(suite);
        let files =
            ["OVMF/OVMF_CODE_4M.fd", "OVMF/OVMF_VARS_4M.fd", "seabios/bios-256k.bin"].map(|file| firmware.join(file));
        for source in files.into_iter().chain([images.network_rom(suite)]) {
            let name = source.file_name().context("A file has a name")?;
            fs::copy(&source, contents.join(name)).with_context(|| format!("Cannot copy {}", source.display()))?;
        }
        for (at, medium) in media.iter().enumerate() {
            if !media[..at].contains(medium) {
                medium.write(images, &contents)?;
            }
        }
        let media = Self { directory };
        make_ext4(&contents, &media.image(), DISK_MIB)?;
        fs::remove_dir_all(&contents).context("Cannot remove what is on the disk now")?;
        Ok(media)
    }

    /// L1's disk.
    pub fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }
}
