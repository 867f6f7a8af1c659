//! The manager over controllers that only take notes.
#![allow(clippy::unwrap_used)]

mod lines;
mod messages;

use super::*;
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Default)]
struct Notes {
    /// (GSI, descriptor)
    connected: Mutex<Vec<(u32, i32)>>,
    /// (line, level), in order.
    levels: Mutex<Vec<(u32, bool)>>,
    /// Each table that was set.
    tables: Mutex<Vec<Vec<(u32, MsiMessage)>>>,
    refuse: AtomicBool,
}

impl Notes {
    fn answer(&self, call: &'static str) -> Result<(), KvmError> {
        match self.refuse.load(Ordering::Relaxed) {
            true => Err(KvmError::new(call, std::io::Error::from_raw_os_error(libc::ENOMEM))),
            false => Ok(()),
        }
    }

    fn refuse(&self, refuse: bool) {
        self.refuse.store(refuse, Ordering::Relaxed);
    }

    fn levels(&self) -> Vec<(u32, bool)> {
        std::mem::take(&mut *self.levels.lock().unwrap())
    }

    fn tables(&self) -> Vec<Vec<(u32, MsiMessage)>> {
        std::mem::take(&mut *self.tables.lock().unwrap())
    }

    fn connected(&self) -> Vec<u32> {
        self.connected.lock().unwrap().iter().map(|(gsi, _)| *gsi).collect()
    }
}

impl Controllers for Notes {
    fn connect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        self.answer("KVM_IRQFD")?;
        self.connected.lock().unwrap().push((gsi, event.as_raw_fd()));
        Ok(())
    }

    fn disconnect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        let mut connected = self.connected.lock().unwrap();
        let place = connected.iter().position(|known| *known == (gsi, event.as_raw_fd())).unwrap();
        connected.remove(place);
        Ok(())
    }

    fn set_level(&self, gsi: u32, asserted: bool) -> Result<(), KvmError> {
        self.levels.lock().unwrap().push((gsi, asserted));
        self.answer("KVM_IRQ_LINE")
    }

    fn set_messages(&self, messages: &[(u32, MsiMessage)]) -> Result<(), KvmError> {
        self.tables.lock().unwrap().push(messages.to_vec());
        self.answer("KVM_SET_GSI_ROUTING")
    }
}

fn manager() -> (Arc<Notes>, KvmInterruptManager<Notes>) {
    let notes = Arc::new(Notes::default());
    (Arc::clone(&notes), KvmInterruptManager::over(notes))
}
