//! A slot whose medium comes and goes while the machine runs: what is behind a drive.
//!
//! It outlives the drive: a reset of the machine makes a new drive over the same slot. The slot numbers its media, so
//! that a drive, and each channel, knows whether its medium is still the one there.

use super::{BlockBackend, BlockChannel, DiskError};
use crate::id::DeviceId;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// Why a medium cannot be changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediumError {
    /// The guest uses it; it has been asked to let it go.
    #[error("The guest keeps the medium of {0}: it has been asked to give it back; try again, or force it")]
    Locked(DeviceId),
    /// The new one cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// What a drive's owner sees of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriveStatus {
    /// There is a medium, in the drive or in its tray.
    pub full: bool,
    /// The guest has opened the tray; a medium that is put in closes it.
    pub open: bool,
    /// The guest keeps the medium.
    pub kept: bool,
}

/// A slot for a medium, which guests can only read.
pub struct RemovableDisk {
    id: DeviceId,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    medium: Option<Arc<dyn BlockBackend>>,
    generation: u64,
    /// The guest keeps the medium.
    locked: bool,
    /// The guest has opened the tray.
    open: bool,
    /// The host wants it back, and the guest has not been told.
    wanted: bool,
    /// The machine has the right to run: so must each medium be locked.
    in_use: bool,
}

impl RemovableDisk {
    /// The slot of drive `id`, with `medium` in it or empty.
    pub fn new(id: DeviceId, medium: Option<Arc<dyn BlockBackend>>) -> Self {
        Self { id, slot: Mutex::new(Slot { medium, ..Slot::default() }) }
    }

    /// Puts `medium` in, in place of what is there. The guest finds out.
    ///
    /// # Errors
    /// The guest keeps the medium that is there, unless `force` says that it is pulled out; the new one is in use
    /// elsewhere.
    pub fn insert(&self, medium: Arc<dyn BlockBackend>, force: bool) -> Result<(), MediumError> {
        self.replace(Some(medium), force)
    }

    /// Takes the medium out; without one nothing happens.
    ///
    /// # Errors
    /// The guest keeps it, unless `force` says that it is pulled out.
    pub fn eject(&self, force: bool) -> Result<(), MediumError> {
        if self.is_present() { self.replace(None, force) } else { Ok(()) }
    }

    fn replace(&self, medium: Option<Arc<dyn BlockBackend>>, force: bool) -> Result<(), MediumError> {
        let mut slot = self.slot();
        if slot.locked && slot.medium.is_some() && !force {
            slot.wanted = true;
            return Err(MediumError::Locked(self.id.clone()));
        }
        if let Some(medium) = medium.as_ref().filter(|_| slot.in_use) {
            medium.lock()?;
        }
        let old = std::mem::replace(&mut slot.medium, medium);
        slot.open &= slot.medium.is_none();
        slot.generation = slot.generation.wrapping_add(1);
        slot.wanted = false;
        match old.filter(|_| slot.in_use).map(|old| old.unlock()) {
            Some(Err(error)) => {
                tracing::warn!(drive = %self.id, "A medium stays locked until its descriptor is closed: {error}");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// There is a medium.
    pub fn is_present(&self) -> bool {
        self.slot().medium.is_some()
    }

    /// What its owner sees.
    pub fn status(&self) -> DriveStatus {
        let slot = self.slot();
        DriveStatus { full: slot.medium.is_some(), open: slot.open, kept: slot.locked }
    }

    /// Counts the changes of medium.
    pub(crate) fn generation(&self) -> u64 {
        self.slot().generation
    }

    /// The guest keeps the medium, or not.
    pub(crate) fn set_locked(&self, locked: bool) {
        self.slot().locked = locked;
    }

    /// The guest opened the tray, or closed it.
    pub(crate) fn set_open(&self, open: bool) {
        self.slot().open = open;
    }

    /// Whether the host has asked for the medium since the last call.
    pub(crate) fn take_eject_request(&self) -> bool {
        std::mem::take(&mut self.slot().wanted)
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        // A panic in another thread leaves plain data behind.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RemovableDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemovableDisk").field("id", &self.id).finish_non_exhaustive()
    }
}

impl BlockBackend for RemovableDisk {
    fn capacity(&self) -> u64 {
        self.slot().medium.as_ref().map_or(0, |medium| medium.capacity())
    }

    fn refresh(&self) -> Result<u64, DiskError> {
        self.slot().medium.as_ref().map_or(Ok(0), |medium| medium.refresh())
    }

    fn readonly(&self) -> bool {
        true
    }

    fn channel(&self) -> io::Result<Box<dyn BlockChannel>> {
        let medium = self.slot().medium.clone();
        medium.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no medium"))?.channel()
    }

    fn lock(&self) -> Result<(), DiskError> {
        let mut slot = self.slot();
        if let Some(medium) = &slot.medium {
            medium.lock()?;
        }
        slot.in_use = true;
        Ok(())
    }

    fn unlock(&self) -> Result<(), DiskError> {
        let mut slot = self.slot();
        slot.in_use = false;
        slot.medium.as_ref().map_or(Ok(()), |medium| medium.unlock())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::backend::block::RawDisk;
    use std::fs::File;

    fn disc(file: &File) -> Arc<dyn BlockBackend> {
        Arc::new(RawDisk::new("cd0".into(), file.try_clone().unwrap(), true).unwrap())
    }

    fn file(bytes: u64) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(bytes).unwrap();
        file
    }

    #[test]
    fn a_medium_comes_and_goes_and_is_numbered() {
        let slot = RemovableDisk::new("cd0".into(), None);
        assert_eq!((slot.is_present(), slot.capacity(), slot.generation()), (false, 0, 0));
        assert_eq!(slot.channel().err().unwrap().kind(), io::ErrorKind::NotFound);
        slot.insert(disc(&file(4096)), false).unwrap();
        assert_eq!((slot.is_present(), slot.capacity(), slot.generation()), (true, 4096, 1));
        slot.channel().unwrap();
        slot.insert(disc(&file(8192)), false).unwrap();
        assert_eq!((slot.capacity(), slot.generation()), (8192, 2));
        slot.eject(false).unwrap();
        assert_eq!((slot.is_present(), slot.capacity(), slot.generation()), (false, 0, 3));
        slot.eject(false).unwrap();
        assert_eq!(slot.generation(), 3, "nothing changed");
    }

    #[test]
    fn a_medium_that_the_guest_keeps_is_asked_for_or_pulled_out() {
        let slot = RemovableDisk::new("cd0".into(), Some(disc(&file(4096))));
        slot.set_locked(true);
        let text = "The guest keeps the medium of cd0: it has been asked to give it back; try again, or force it";
        assert_eq!(slot.eject(false).unwrap_err().to_string(), text);
        assert!(matches!(slot.insert(disc(&file(512)), false), Err(MediumError::Locked(_))));
        assert!(slot.take_eject_request() && !slot.take_eject_request());
        assert_eq!(slot.generation(), 0);
        slot.eject(true).unwrap();
        // An empty slot that is locked takes a medium.
        slot.insert(disc(&file(512)), false).unwrap();
        assert_eq!(slot.generation(), 2);
    }

    #[test]
    fn a_medium_is_locked_while_it_is_in_a_machine_that_may_run() {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(4096).unwrap();
        let medium = || disc(&File::open(image.path()).unwrap());
        let opened = File::options().read(true).write(true).open(image.path()).unwrap();
        let writer = RawDisk::new("disk0".into(), opened, false).unwrap();
        let slot = RemovableDisk::new("cd0".into(), None);
        slot.insert(medium(), false).unwrap();
        writer.lock().unwrap();
        assert!(matches!(slot.lock(), Err(DiskError::InUse(_))));
        slot.eject(false).unwrap();
        slot.lock().unwrap();
        assert!(matches!(slot.insert(medium(), false), Err(MediumError::Disk(DiskError::InUse(_)))));
        assert!(!slot.is_present());
        writer.unlock().unwrap();
        slot.insert(medium(), false).unwrap();
        assert!(matches!(writer.lock(), Err(DiskError::InUse(_))));
        slot.eject(false).unwrap();
        writer.lock().unwrap();
    }
}
