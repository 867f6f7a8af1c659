//! The items, and the directory of those that are files.

use std::collections::BTreeMap;
use thiserror::Error;

/// Keys with a meaning of their own.
pub mod key {
    /// `QEMU`: there is such a device.
    pub const SIGNATURE: u16 = 0x0000;
    /// What the device can do.
    pub const FEATURES: u16 = 0x0001;
    /// The machine's UUID, 16 bytes.
    pub const UUID: u16 = 0x0002;
    /// How many vCPUs start with the machine: 2 bytes, little-endian.
    pub const BOOT_CPUS: u16 = 0x0005;
    /// How many vCPUs there may be: 2 bytes, little-endian.
    pub const MAX_CPUS: u16 = 0x000f;
    /// The directory of files.
    pub const DIRECTORY: u16 = 0x0019;
    /// The first file.
    pub const FIRST_FILE: u16 = 0x0020;
    /// Added to a key, the guest wants to write: it does so by DMA only, and the bit says nothing there.
    pub const WRITE: u16 = 0x4000;
}

/// Ports and DMA.
const FEATURES: u32 = 0b11;
/// Bytes of a name in the directory, its NUL included.
const NAME: usize = 56;
/// Keys of files end below [`key::WRITE`].
const MAX_FILES: usize = (key::WRITE - key::FIRST_FILE) as usize;
/// The longest item.
const MAX_ITEM: usize = 16 << 20;

/// Why an item cannot be there.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FwCfgError {
    /// The directory has no room for the name.
    #[error("{0:?} cannot name a file for the firmware: use 1 to 55 printable ASCII characters")]
    Name(String),
    /// Two files have one name.
    #[error("There are two files {0} for the firmware: name them apart")]
    Twice(String),
    /// The item is longer than firmware would read.
    #[error("{name} has {size} bytes: the firmware can be given at most 16 MiB in one piece")]
    TooLarge {
        /// The file, or the key.
        name: String,
        /// Its bytes.
        size: usize,
    },
    /// There are more files than keys.
    #[error("There are more than {MAX_FILES} files for the firmware")]
    TooMany,
    /// What was built does not fit the room that the directory promised.
    #[error("{name} has {size} bytes where {room} were promised to the firmware, and stays empty")]
    Outgrown {
        /// The file.
        name: String,
        /// Its bytes.
        size: usize,
        /// Bytes in the directory.
        room: usize,
    },
}

/// Files that depend on what the firmware has made of the machine.
pub trait LateFiles: Send {
    /// Names and sizes: they never change. What is built is padded to them with zeros.
    fn sizes(&self) -> Vec<(&'static str, usize)>;
    /// Builds all of them, in the order of [`LateFiles::sizes`]. Called once between two resets, on the thread of the
    /// vCPU that selects the first.
    fn build(&self) -> Vec<Vec<u8>>;
}

/// What a device is made of.
#[derive(Default)]
pub struct FwCfgItems {
    keys: BTreeMap<u16, Vec<u8>>,
    files: BTreeMap<String, Content>,
    late: Option<Box<dyn LateFiles>>,
}

impl FwCfgItems {
    /// No items but those that every device has.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an item that the firmware knows by its key, below [`key::FIRST_FILE`].
    ///
    /// # Errors
    /// It is too large.
    pub fn add_item(&mut self, key: u16, bytes: Vec<u8>) -> Result<(), FwCfgError> {
        check_size(&format!("Item {key:#x}"), bytes.len())?;
        self.keys.insert(key, bytes);
        Ok(())
    }

    /// Adds a file.
    ///
    /// # Errors
    /// Its name is taken or cannot be told, it is too large, or one too many.
    pub fn add_file(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), FwCfgError> {
        self.add(name, Content::Fixed(bytes))
    }

    /// Adds a file that the guest can write, at its size.
    ///
    /// # Errors
    /// As [`FwCfgItems::add_file`].
    pub fn add_writable_file(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), FwCfgError> {
        self.add(name, Content::Writable(bytes))
    }

    /// Sets the files that are built when one of them is selected.
    ///
    /// # Errors
    /// As [`FwCfgItems::add_file`].
    pub fn set_late_files(&mut self, late: Box<dyn LateFiles>) -> Result<(), FwCfgError> {
        for (name, room) in late.sizes() {
            self.add(name, Content::Late { room, built: None })?;
        }
        self.late = Some(late);
        Ok(())
    }

    fn add(&mut self, name: &str, content: Content) -> Result<(), FwCfgError> {
        if name.is_empty() || name.len() >= NAME || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(FwCfgError::Name(name.into()));
        }
        check_size(name, content.size())?;
        if self.files.len() == MAX_FILES {
            return Err(FwCfgError::TooMany);
        }
        match self.files.insert(name.into(), content) {
            Some(_) => Err(FwCfgError::Twice(name.into())),
            None => Ok(()),
        }
    }
}

fn check_size(name: &str, size: usize) -> Result<(), FwCfgError> {
    if size > MAX_ITEM { Err(FwCfgError::TooLarge { name: name.into(), size }) } else { Ok(()) }
}

/// The bytes of an item.
#[derive(Debug)]
enum Content {
    Fixed(Vec<u8>),
    Writable(Vec<u8>),
    Late { room: usize, built: Option<Vec<u8>> },
}

impl Content {
    fn size(&self) -> usize {
        match self {
            Self::Fixed(bytes) | Self::Writable(bytes) => bytes.len(),
            Self::Late { room, .. } => *room,
        }
    }
}

/// All items by their keys.
pub(super) struct Catalogue {
    items: BTreeMap<u16, Content>,
    /// Keys of the late files, in the order in which they are built, and their names.
    late_keys: Vec<(u16, &'static str)>,
    late: Option<Box<dyn LateFiles>>,
}

impl Catalogue {
    /// The directory's order is that of the names, and so is that of the keys.
    pub(super) fn new(items: FwCfgItems) -> Self {
        let FwCfgItems { keys, files, late } = items;
        let mut catalogue: BTreeMap<_, _> = keys.into_iter().map(|(key, bytes)| (key, Content::Fixed(bytes))).collect();
        let count = u32::try_from(files.len()).unwrap_or(u32::MAX); // bounded by MAX_FILES
        let mut directory = count.to_be_bytes().to_vec();
        let mut by_name = BTreeMap::new();
        for (key, (name, content)) in (key::FIRST_FILE..).zip(files) {
            directory.extend(entry(&name, key, content.size()));
            by_name.insert(name, key);
            catalogue.insert(key, content);
        }
        catalogue.insert(key::SIGNATURE, Content::Fixed(b"QEMU".to_vec()));
        catalogue.insert(key::FEATURES, Content::Fixed(FEATURES.to_le_bytes().to_vec()));
        catalogue.insert(key::DIRECTORY, Content::Fixed(directory));
        let sizes = late.as_ref().map(|late| late.sizes()).unwrap_or_default();
        let late_keys = sizes.into_iter().filter_map(|(name, _)| Some((*by_name.get(name)?, name))).collect();
        Self { items: catalogue, late_keys, late }
    }

    /// What reads find; nothing where there is no item, or one that is not built yet.
    pub(super) fn bytes(&self, key: u16) -> &[u8] {
        match self.items.get(&key) {
            Some(Content::Fixed(bytes) | Content::Writable(bytes) | Content::Late { built: Some(bytes), .. }) => bytes,
            Some(Content::Late { built: None, .. }) | None => &[],
        }
    }

    /// What the guest may write.
    pub(super) fn writable(&mut self, key: u16) -> Option<&mut Vec<u8>> {
        match self.items.get_mut(&key) {
            Some(Content::Writable(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Builds the late files when `key` is the first of them.
    ///
    /// # Errors
    /// One is larger than it may be: it reads as zeros.
    pub(super) fn complete(&mut self, key: u16) -> Result<(), FwCfgError> {
        let Some(late) = self.late.as_ref().filter(|_| self.is_unbuilt(key)) else { return Ok(()) };
        let mut result = Ok(());
        let mut contents = late.build().into_iter();
        for (key, name) in &self.late_keys {
            let Some(Content::Late { room, built }) = self.items.get_mut(key) else { continue };
            let mut bytes = contents.next().unwrap_or_default();
            if bytes.len() > *room {
                result = Err(FwCfgError::Outgrown { name: (*name).into(), size: bytes.len(), room: *room });
                bytes.clear();
            }
            bytes.resize(*room, 0);
            *built = Some(bytes);
        }
        result
    }

    fn is_unbuilt(&self, key: u16) -> bool {
        matches!(self.items.get(&key), Some(Content::Late { built: None, .. }))
    }

    /// What differs from machine to machine and time to time: the files that the guest can write, and those that were
    /// built.
    pub(super) fn changeable(&self) -> BTreeMap<u16, Vec<u8>> {
        let items = self.items.iter();
        let bytes = items.filter_map(|(key, content)| match content {
            Content::Writable(bytes) | Content::Late { built: Some(bytes), .. } => Some((*key, bytes.clone())),
            Content::Fixed(_) | Content::Late { built: None, .. } => None,
        });
        bytes.collect()
    }

    /// Undoes [`Catalogue::changeable`]; `false`, and nothing changed, when there is no such item of this size.
    pub(super) fn replace(&mut self, key: u16, bytes: Vec<u8>) -> bool {
        let fits = |place: usize| place == bytes.len();
        match self.items.get_mut(&key) {
            Some(Content::Writable(old)) if fits(old.len()) => *old = bytes,
            Some(Content::Late { room, built }) if fits(*room) => *built = Some(bytes),
            _ => return false,
        }
        true
    }
}

/// An entry of the directory.
fn entry(name: &str, key: u16, size: usize) -> Vec<u8> {
    let size = u32::try_from(size).unwrap_or(u32::MAX); // bounded by MAX_ITEM
    let mut bytes = size.to_be_bytes().to_vec();
    bytes.extend(key.to_be_bytes());
    bytes.extend([0, 0]); // reserved
    bytes.extend(name.bytes().chain(std::iter::repeat(0)).take(NAME));
    bytes
}
