//! The firmware's files, boot after boot: its code, and its variables as they are now.

use crate::config::{Backing, FirmwareInterface};
use crate::firmware::variables::{VariableFile, VariableFileError, VariableSaver};
use crate::handle::VmError;
use crate::machine::MachineError;
use crate::memory::{MappingError, RamRegion, layout};
use crate::resources::{FIRMWARE, KeptFile, Resource, ResourceError, Resources, VARIABLES};
use crate::thread::Threads;
use devices::firmware::flash::BLOCK_SIZE;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use vm_memory::{Bytes, GuestMemoryError, MemoryRegionAddress};

/// Room for all chips.
const FLASH_SIZE: u64 = layout::FLASH.end - layout::FLASH.start;
/// Where a firmware volume has its signature (UEFI PI 1.7, volume 3, 3.2.1).
const VOLUME_SIGNATURE: Range<usize> = 40..44;
/// What does not change of a volume: its file system, length, signature and attributes.
const VOLUME_KIND: Range<usize> = 16..48;
/// Bytes at the end, where a processor begins: there is room for nothing but a jump.
const RESET_VECTOR: usize = 16;
/// Near, far and short.
const JUMPS: [u8; 3] = [0xe9, 0xea, 0xeb];

/// Why a firmware cannot be started.
#[derive(Debug, Error)]
pub(crate) enum FirmwareError {
    /// A file's size is none of a flash chip.
    #[error(
        "The {what} has {size} bytes: firmware is whole pages of 4096 bytes, and code and variables at most 16 MiB together"
    )]
    Size {
        /// Which file.
        what: &'static str,
        /// Its bytes.
        size: u64,
    },
    /// The code is something else.
    #[error("The firmware is none: there is no jump at its reset vector, 16 bytes before its end")]
    NotCode,
    /// The variable store is something else.
    #[error("The variable store is none: it does not begin with a firmware volume")]
    NotVariables,
    /// The variable store is that of another firmware.
    #[error(
        "The variable store belongs to another firmware: its volume is none of this one's; remove it to start with empty variables"
    )]
    OtherVariables,
    /// A file cannot be read.
    #[error("The {what} cannot be read")]
    Read {
        /// Which file.
        what: &'static str,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// The kept store cannot be used.
    #[error("The firmware's variables cannot be used")]
    Variables(#[from] VariableFileError),
    /// There is neither a store nor what it is to begin with.
    #[error("There are no variables yet, and no empty store to begin with: give one")]
    NoTemplate,
    /// No thread.
    #[error("The thread that saves the firmware's variables cannot be started")]
    Thread(#[source] io::Error),
    /// No memory.
    #[error("The firmware's memory cannot be had")]
    Memory(#[from] MappingError),
    /// The memory cannot be written.
    #[error("The firmware's variables cannot be put into memory")]
    Write(#[source] GuestMemoryError),
}

/// Code and variables.
pub(crate) struct FirmwareFiles {
    pub(crate) code: File,
    code_size: u64,
    variables: Option<Arc<Variables>>,
}

/// The chip with the variables.
pub(in crate::machine) struct VariablesChip {
    /// Its memory.
    pub(super) region: Arc<RamRegion>,
    /// Who keeps what the guest changes.
    pub(super) variables: Arc<Variables>,
}

/// The variables as they are now: a reset finds them so.
pub(super) struct Variables {
    contents: Mutex<Vec<u8>>,
    saver: Option<VariableSaver>,
}

impl Variables {
    /// The guest has changed them.
    pub(super) fn save(&self, contents: &[u8]) {
        *self.contents.lock().unwrap_or_else(PoisonError::into_inner) = contents.to_vec();
        if let Some(saver) = &self.saver {
            saver.save(contents);
        }
    }
}

impl FirmwareFiles {
    /// Takes the files out of `resources`.
    ///
    /// # Errors
    /// The code is missing, or a file is none of a firmware.
    pub(crate) fn new(
        interface: FirmwareInterface,
        resources: &mut Resources,
        threads: &Threads,
    ) -> Result<Self, VmError> {
        let code = match resources.take(&FIRMWARE.into()) {
            Some(Resource::File(file)) => file,
            Some(_) => return Err(ResourceError::WrongSort(FIRMWARE.into(), "the file of a firmware").into()),
            None => return Err(ResourceError::Missing(FIRMWARE.into(), "the file of a firmware").into()),
        };
        // A BIOS keeps nothing: variables that are given for it stay, and are refused with what else is left over.
        let variables = match interface {
            FirmwareInterface::Bios => None,
            FirmwareInterface::Uefi => resources.take(&VARIABLES.into()),
        };
        let variables = match variables {
            None => None,
            Some(Resource::Variables { template, kept }) => Some((template, kept)),
            Some(_) => return Err(ResourceError::WrongSort(VARIABLES.into(), "a variable store").into()),
        };
        Ok(Self::open(code, variables, threads).map_err(MachineError::from)?)
    }

    fn open(
        code: File,
        variables: Option<(Option<File>, Option<KeptFile>)>,
        threads: &Threads,
    ) -> Result<Self, FirmwareError> {
        const WHAT: &str = "firmware";
        let code_size = code.metadata().map_err(|source| FirmwareError::Read { what: WHAT, source })?.len();
        check_size(WHAT, code_size, FLASH_SIZE)?;
        let mut vector = [0; RESET_VECTOR];
        let read = code.read_exact_at(&mut vector, code_size - RESET_VECTOR as u64);
        read.map_err(|source| FirmwareError::Read { what: WHAT, source })?;
        if !vector.iter().any(|byte| JUMPS.contains(byte)) {
            return Err(FirmwareError::NotCode);
        }
        let variables = variables.map(|(template, kept)| read_variables(template, kept, threads)).transpose()?;
        if let Some(variables) = &variables {
            let size = variables.contents.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
            check_size("variable store", size, FLASH_SIZE - code_size)?;
        }
        Ok(Self { code, code_size, variables: variables.map(Arc::new) })
    }

    fn code_start(&self) -> u64 {
        layout::FLASH.end - self.code_size
    }

    /// Memory for the code, which ends at 4 GiB; it is read there later.
    pub(super) fn code_region(&self) -> Result<Arc<RamRegion>, FirmwareError> {
        Ok(Arc::new(RamRegion::new(self.code_start()..layout::FLASH.end, Backing::Anonymous)?))
    }

    /// Memory with the variables, right below the code.
    pub(super) fn variables_chip(&self) -> Result<Option<VariablesChip>, FirmwareError> {
        let Some(variables) = &self.variables else { return Ok(None) };
        let contents = variables.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, size) = (self.code_start(), contents.len() as u64);
        let region = RamRegion::new(end - size..end, Backing::Anonymous)?;
        region.write_slice(&contents, MemoryRegionAddress(0)).map_err(FirmwareError::Write)?;
        Ok(Some(VariablesChip { region: Arc::new(region), variables: Arc::clone(variables) }))
    }
}

fn check_size(what: &'static str, size: u64, room: u64) -> Result<(), FirmwareError> {
    let fits = size > 0 && size.is_multiple_of(BLOCK_SIZE) && size <= room;
    if fits { Ok(()) } else { Err(FirmwareError::Size { what, size }) }
}

/// What is kept already, or else the template.
fn read_variables(
    template: Option<File>,
    kept: Option<KeptFile>,
    threads: &Threads,
) -> Result<Variables, FirmwareError> {
    const WHAT: &str = "empty variable store";
    let read = |file: File| {
        let mut contents = Vec::new();
        let result = file.take(FLASH_SIZE).read_to_end(&mut contents);
        result.map(|_| contents).map_err(|source| FirmwareError::Read { what: WHAT, source })
    };
    let template = template.map(read).transpose()?;
    let kept = kept.map(|KeptFile { directory, name }| VariableFile::new(directory, &name)).transpose()?;
    let expected = template.as_ref().map(|contents| contents.len() as u64);
    let found = kept.as_ref().map(|file| file.load(expected)).transpose()?.flatten();
    for contents in [&found, &template].into_iter().flatten() {
        if contents.get(VOLUME_SIGNATURE) != Some(b"_FVH") {
            return Err(FirmwareError::NotVariables);
        }
    }
    if found.as_ref().zip(template.as_ref()).is_some_and(|(old, new)| old.get(VOLUME_KIND) != new.get(VOLUME_KIND)) {
        return Err(FirmwareError::OtherVariables);
    }
    let contents = found.or(template).ok_or(FirmwareError::NoTemplate)?;
    let saver = kept.map(|file| VariableSaver::start(threads, file)).transpose().map_err(FirmwareError::Thread)?;
    Ok(Variables { contents: Mutex::new(contents), saver })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};
    use std::os::fd::OwnedFd;
    use std::path::Path;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    /// Its length field says `length`, and all the rest is `fill`.
    fn volume(length: u8, fill: u8) -> Vec<u8> {
        let mut bytes = vec![fill; 8192];
        bytes[VOLUME_KIND].fill(0);
        bytes[33] = length;
        bytes[VOLUME_SIGNATURE].copy_from_slice(b"_FVH");
        bytes
    }

    fn store(fill: u8) -> Vec<u8> {
        volume(0x20, fill)
    }

    /// As many bytes as these, with a jump where a processor begins.
    fn code(size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        if let Some(at) = size.checked_sub(14) {
            bytes[at] = 0xe9;
        }
        bytes
    }

    fn kept(directory: &Path) -> KeptFile {
        KeptFile { directory: OwnedFd::from(File::open(directory).unwrap()), name: "vm.fd".into() }
    }

    fn open(size: usize, template: Option<&[u8]>, kept: Option<KeptFile>) -> Result<FirmwareFiles, FirmwareError> {
        FirmwareFiles::open(file(&code(size)), Some((template.map(file), kept)), &Threads::unconfined())
    }

    fn first_bytes(files: &FirmwareFiles) -> [u8; 2] {
        let chip = files.variables_chip().unwrap().unwrap();
        chip.region.read_obj(MemoryRegionAddress(0)).unwrap()
    }

    #[test]
    fn variables_lie_right_below_the_code_which_ends_at_4_gib() {
        let files = open(0x37_c000, Some(&store(7)), None).unwrap();
        assert_eq!(files.code_region().unwrap().range(), 0xffc8_4000..0x1_0000_0000);
        assert_eq!(files.variables_chip().unwrap().unwrap().region.range(), 0xffc8_2000..0xffc8_4000);
    }

    #[test]
    fn what_was_saved_is_found_after_a_reset_and_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let files = open(4096, Some(&store(1)), Some(kept(directory.path()))).unwrap();
        assert_eq!(first_bytes(&files), [1, 1], "the template at first");
        files.variables_chip().unwrap().unwrap().variables.save(&store(2));
        assert_eq!(first_bytes(&files), [2, 2]);
        drop(files);
        for template in [Some(&store(1)[..]), None] {
            assert_eq!(first_bytes(&open(4096, template, Some(kept(directory.path()))).unwrap()), [2, 2]);
        }
    }

    #[test]
    fn variables_of_another_firmware_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("vm.fd"), [0; 4096]).unwrap();
        let refused = |template: Option<&[u8]>| open(4096, template, Some(kept(directory.path()))).err().unwrap();
        assert!(matches!(refused(Some(&store(1))), FirmwareError::Variables(VariableFileError::Size { .. })));
        assert!(matches!(refused(None), FirmwareError::NotVariables));
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(open(4096, None, Some(kept(empty.path()))), Err(FirmwareError::NoTemplate)));
    }

    #[test]
    fn variables_of_another_volume_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("vm.fd"), volume(0x10, 2)).unwrap();
        let refused = open(4096, Some(&store(1)), Some(kept(directory.path()))).err().unwrap();
        assert!(matches!(refused, FirmwareError::OtherVariables), "{refused}");
        std::fs::write(directory.path().join("vm.fd"), volume(0x20, 2)).unwrap();
        open(4096, Some(&store(1)), Some(kept(directory.path()))).unwrap();
        assert!(matches!(open(4096, Some(&[0xff; 8192]), None), Err(FirmwareError::NotVariables)));
    }

    #[test]
    fn what_no_processor_can_begin_with_is_no_firmware() {
        for bytes in [vec![0; 4096], vec![0xff; 4096], b"no firmware ".repeat(1024)] {
            let refused = FirmwareFiles::open(file(&bytes), None, &Threads::unconfined());
            assert!(matches!(refused, Err(FirmwareError::NotCode)));
        }
    }

    #[test]
    fn files_that_are_no_flash_are_refused() {
        for code in [0, 1, 4097, (16 << 20) + 4096, 16 << 20] {
            assert!(matches!(open(code, Some(&store(1)), None), Err(FirmwareError::Size { .. })), "{code}");
        }
    }
}
