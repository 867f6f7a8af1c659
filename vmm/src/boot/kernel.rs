//! Direct kernel boot.

use super::bzimage::BzImage;
use super::elf::{self, ElfKernel};
use super::error::BootError;
use super::memory_map::memory_map;
use super::payload::Payload;
use super::raw::RawImage;
use super::{BootContext, BootMethod, Entry, cmdline, initramfs, initrd, linux64, place, pvh};
use crate::config::KernelEntry;
use crate::memory::GuestRam;
use crate::memory::layout::{BOOT_PARAMS, START_INFO};
use linux_loader::bootparam::setup_header;
use std::fs::File;
use std::ops::Range;
use vm_memory::{GuestMemoryBackend, GuestMemoryRegion};

/// Starts a Linux kernel, or another one with a PVH entry, directly. It can be loaded again and again (reset): the
/// files' positions are neither used nor moved.
#[derive(Debug)]
pub(crate) struct KernelBoot {
    /// An ELF file or a bzImage; anything, where the entry is a raw one.
    pub(crate) kernel: File,
    /// The initial RAM disk.
    pub(crate) initrd: Option<File>,
    /// Which entry it is started by.
    pub(crate) entry: KernelEntry,
}

impl BootMethod for KernelBoot {
    fn load(&self, ram: &GuestRam, context: &BootContext) -> Result<Entry, BootError> {
        let kernel = Payload::open("kernel", &self.kernel)?;
        let image = Image::parse(&kernel, self.entry)?;
        let start = image.start(self.entry)?;
        let room = place::room(ram);
        image.load(&kernel, ram, &room)?;
        let disk = self.load_initrd(ram, &room, start.initrd_limit(), &image.memory())?;
        cmdline::write(ram, &context.cmdline, start.cmdline_max())?;
        let map = memory_map(ram.iter().map(|region| region.range()), context.reserved.clone(), context.rsdp.is_some());
        match start {
            Start::Pvh { rip } => {
                pvh::write(ram, disk, context.rsdp, &map)?;
                Ok(Entry::Pvh { rip, start_info: START_INFO.start })
            }
            Start::Linux64 { rip, header } => {
                linux64::write(ram, header, disk, context.rsdp, &map)?;
                Ok(Entry::Linux64 { rip, boot_params: BOOT_PARAMS.start })
            }
        }
    }
}

impl KernelBoot {
    fn load_initrd(
        &self,
        ram: &GuestRam,
        room: &Range<u64>,
        limit: u64,
        kernel: &Range<u64>,
    ) -> Result<Option<Range<u64>>, BootError> {
        let Some(file) = &self.initrd else { return Ok(None) };
        let disk = Payload::open("initrd", file)?;
        let start = initrd::place(disk.size(), room, limit, kernel)?;
        disk.load(0, disk.size(), ram, start)?;
        let ram_size = ram.iter().map(|region| region.len()).sum();
        initramfs::check(ram, ram_size, start, disk.size())?;
        Ok(Some(start..start + disk.size()))
    }
}

/// A kernel whose headers were read and checked.
enum Image {
    Elf(ElfKernel),
    BzImage(BzImage),
    Raw(RawImage),
}

/// How it will be entered.
enum Start {
    Pvh { rip: u64 },
    Linux64 { rip: u64, header: setup_header },
}

impl Image {
    fn parse(kernel: &Payload<'_>, entry: KernelEntry) -> Result<Self, BootError> {
        if let KernelEntry::Raw { load, entry } = entry {
            return RawImage::new(kernel, load, entry).map(Self::Raw);
        }
        if kernel.peek::<[u8; 4]>(0)? == Some(elf::MAGIC) {
            return ElfKernel::parse(kernel).map(Self::Elf);
        }
        BzImage::parse(kernel)?.map(Self::BzImage).ok_or(BootError::UnknownFormat)
    }

    fn start(&self, wanted: KernelEntry) -> Result<Start, BootError> {
        match (self, wanted) {
            (Self::Elf(elf), KernelEntry::Auto | KernelEntry::Pvh) => match elf.pvh_entry()? {
                Some(rip) => Ok(Start::Pvh { rip }),
                None if wanted == KernelEntry::Pvh => Err(BootError::NoPvhEntry),
                None => Ok(Start::Linux64 { rip: elf.entry()?, header: linux64::header_of_elf() }),
            },
            (Self::Elf(elf), KernelEntry::Linux64 | KernelEntry::Raw { .. }) => {
                Ok(Start::Linux64 { rip: elf.entry()?, header: linux64::header_of_elf() })
            }
            (Self::Raw(image), _) => Ok(Start::Linux64 { rip: image.entry(), header: linux64::header_of_elf() }),
            (Self::BzImage(_), KernelEntry::Pvh) => Err(BootError::NoPvhEntry),
            (Self::BzImage(image), _) => Ok(Start::Linux64 { rip: image.entry(), header: image.header() }),
        }
    }

    fn memory(&self) -> Range<u64> {
        match self {
            Self::Elf(elf) => elf.memory(),
            Self::BzImage(image) => image.memory(),
            Self::Raw(image) => image.memory(),
        }
    }

    fn load(&self, kernel: &Payload<'_>, ram: &GuestRam, room: &Range<u64>) -> Result<(), BootError> {
        match self {
            Self::Elf(elf) => elf.load(kernel, ram, room),
            Self::BzImage(image) => image.load(kernel, ram, room),
            Self::Raw(image) => image.load(kernel, ram, room),
        }
    }
}

impl Start {
    /// The address that the initrd must end below. A kernel without a setup header has no limit of its own.
    fn initrd_limit(&self) -> u64 {
        match self {
            Self::Linux64 { header, .. } if header.initrd_addr_max != 0 => u64::from(header.initrd_addr_max) + 1,
            _ => 1 << 32,
        }
    }

    fn cmdline_max(&self) -> u32 {
        match self {
            Self::Linux64 { header, .. } if header.cmdline_size != 0 => header.cmdline_size,
            _ => cmdline::DEFAULT_MAX,
        }
    }
}
